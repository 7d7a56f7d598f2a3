/* core/net/addrfile.h: peers.dat and anchors.dat in Core's format (addrman.cpp, addrdb.cpp). May
 * block on disk where a path is given. Thread: one at a time per manager. */
#pragma once
#include "core/base/bytes.h"
#include "core/net/addrman.h"

#define QC_ANCHORS_MAX 2 /* addresses in anchors.dat that count */

typedef enum qc_peers_end {
    QC_PEERS_OK,
    QC_PEERS_NEWER,   /* written by a later version in a format that this one cannot read */
    QC_PEERS_CORRUPT, /* see why */
    QC_PEERS_NOMEM
} qc_peers_end;
/** Why a file is corrupt, in Core's words. */
typedef struct qc_peers_fault {
    char text[160];
} qc_peers_fault;

/** Read the bytes of a file into a new manager. On failure `m` is only good to be freed. */
qc_peers_end qc_peers_decode(qc_addrman *m, const uint8_t magic[static 4], qc_span file,
                             qc_peers_fault *why);
/** Append the bytes of a file. Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_peers_encode(qc_addrman *m, const uint8_t magic[static 4], qc_bytes *out);

/** Open `path`. A missing file is made; one from the future is set aside as <path>.bak. Logs which.
 *  Out: *out owned, qc_addrman_free(); *error on failure: a sentence for the operator, owned,
 *  qc_free(). Returns: QC_OK; QC_ECORRUPT; QC_ENOMEM; QC_EIO. */
QC_MUST_CHECK qc_err qc_peers_load(const char *path, const uint8_t magic[static 4],
                                   const qc_addrman_options *o, qc_addrman **out, char **error);
/** Replace `path` atomically. Returns: QC_OK; QC_ENOMEM; QC_EIO and its kin. */
QC_MUST_CHECK qc_err qc_peers_save(qc_addrman *m, const char *path, const uint8_t magic[static 4]);

/** The addresses of `path`, which is removed: they are tried once. Any fault: none.
 *  Returns how many. */
size_t qc_anchors_take(const char *path, const uint8_t magic[static 4],
                       qc_peer_addr out[static QC_ANCHORS_MAX]);
QC_MUST_CHECK qc_err qc_anchors_save(const char *path, const uint8_t magic[static 4],
                                     const qc_peer_addr *a, size_t n);
