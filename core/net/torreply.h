/* core/net/torreply.h: what Tor says on its control port, as bytes in and replies out (control-spec
 * sections 2.3, 3.21, 3.24, 3.27). Limits are Core's (torcontrol.cpp). Pure. Thread: any, one at a
 * time per object. */
#pragma once
#include "core/base/bytes.h"

#define QC_TOR_LINE_MAX 100000u   /* bytes of a line, its end not counted */
#define QC_TOR_LINES_MAX 1000u    /* of one reply */
#define QC_TOR_REPLY_MAX 1000000u /* bytes of one reply that are kept */

typedef struct qc_tor_reply {
    int code;
    char **line; /* without code and separator */
    size_t n;
} qc_tor_reply;

/** Bytes become replies. Zero-initialised is a valid start. */
typedef struct qc_tor_reader {
    qc_bytes in;
    size_t at;   /* of `in`: read so far */
    size_t kept; /* bytes of the lines below */
    qc_tor_reply reply;
    bool whole; /* the reply has been handed out */
} qc_tor_reader;

typedef enum qc_tor_result {
    QC_TOR_MORE,  /* nothing whole is left */
    QC_TOR_REPLY, /* *out is one, borrowed until the next call */
    QC_TOR_BAD    /* a limit is passed, or no memory: hang up */
} qc_tor_result;

/** Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_tor_feed(qc_tor_reader *r, qc_span data);
qc_tor_result qc_tor_next(qc_tor_reader *r, const qc_tor_reply **out);
void qc_tor_reader_clear(qc_tor_reader *r);

/** What follows the first word of a line, when that is `word`: "AUTH METHODS=NULL". NULL: another
 *  line. */
const char *qc_tor_after(const char *line, const char *word);
/** The value of a key among KEY=VALUE or KEY="VALUE" with C's escapes; of equal keys the last.
 *  False: not there, longer than fits, with a NUL in it, or the whole is malformed. */
bool qc_tor_value(const char *args, const char *key, char *out, size_t cap);
/** Is `word` one of a list with commas? */
bool qc_tor_has(const char *list, const char *word);
/** The SOCKS listener to use of a line "net/listeners/socks=\"127.0.0.1:9050\" ...": one on
 *  127.0.0.1 if there is any, else the last. False: none. */
bool qc_tor_socks(const char *line, char *out, size_t cap);
