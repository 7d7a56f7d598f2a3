/* core/net/sam.h: the words of an I2P router's SAM bridge, version 3.1 (geti2p.net/en/docs/api/
 * samv3), and a connection to one that asks and is answered line by line. Internal to core/net.
 * Thread: any for the words; that of the loop for the rest. */
#pragma once
#include "core/base/bytes.h"
#include "core/net/dial.h"
#include "core/net/netaddr.h"

#define QC_SAM_LINE_MAX 65536u /* bytes of an answer (Core MAX_MSG_SIZE) */
#define QC_SAM_KEY_MAX 4096u   /* bytes of a private key; an Ed25519 one has 679 */

/** The value of KEY=VALUE among words with single spaces between them; of equal keys the first.
 *  Out: *value points into `line`. False: not there. */
bool qc_sam_value(const char *line, const char *key, qc_span *value);
/** Is RESULT what is asked for? */
bool qc_sam_result_is(const char *line, const char *result);
/** Base64 in I2P's alphabet, to at most QC_SAM_KEY_MAX bytes. Out: *out owned, qc_bytes_free().
 *  Returns: QC_OK; QC_EINVAL; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_i2p_decode(qc_span text, qc_bytes *out);
/** Out: text, owned, qc_free(). */
char *qc_i2p_encode(qc_span data);
/** The address of a destination: its hash. */
qc_netaddr qc_i2p_address(qc_span destination);
/** The destination that a private key begins with. False: the key is too short for it. */
bool qc_i2p_destination(qc_span key, qc_span *out);

/** One connection to the router. Zero-initialised but for fd is closed. */
typedef struct qc_sam qc_sam;
/** Told of one answer without its end, or with line NULL why none comes; the connection is closed
 *  then. `line` is borrowed for the call, in which the connection may be closed or taken. */
typedef void qc_sam_fn(void *arg, const char *line, const char *problem);
struct qc_sam {
    qc_loop *loop;
    qc_dial *dial;
    int fd;
    qc_watch *watch;
    qc_timer *timer;
    qc_bytes in;
    char where[QC_PROXY_TEXT];
    bool greeted;
    qc_sam_fn *fn;
    void *arg;
};

/** Connect and greet; the router's greeting, checked, is the first answer. Returns: QC_OK; QC_EIO.
 */
QC_MUST_CHECK qc_err qc_sam_open(qc_sam *s, qc_loop *l, const qc_proxy *at, qc_sam_fn *fn,
                                 void *arg);
/** Send a line, without its end; an answer is due. */
void qc_sam_ask(qc_sam *s, const char *line);
/** Whoever is asked may take as long as he likes. */
void qc_sam_be_patient(qc_sam *s);
/** The connection becomes the caller's: nothing behind the last answer has been read. */
int qc_sam_take(qc_sam *s);
/** Harmless when it is closed. */
void qc_sam_close(qc_sam *s);
