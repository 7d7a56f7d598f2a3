/* core/cli/http.h: one HTTP POST. Blocks. Thread: any. */
#pragma once
#include "core/base/bytes.h"

typedef struct qc_http_reply {
    int status;
    qc_bytes body; /* owned, qc_bytes_free() */
} qc_http_reply;

/** Connect, post, read the whole reply. timeout_s 0: none. Out: *r on success; *why a short reason
 *  (owned) on failure. Returns: QC_OK; QC_EIO (no connection, or it broke). */
QC_MUST_CHECK qc_err qc_http_post(const char *host, uint16_t port, const char *path,
                                  const char *credentials, qc_span body, int64_t timeout_s,
                                  qc_http_reply *r, char **why);
