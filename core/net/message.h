/* core/net/message.h: messages on the wire, transport version 1 (24-byte header). Limits are Core's
 * (net.h, protocol.h). Thread: any. */
#pragma once
#include "core/base/bytes.h"

#define QC_MSG_HEADER 24
#define QC_MSG_MAX 4000000u /* Core MAX_PROTOCOL_MESSAGE_LENGTH */
#define QC_MSG_NAME 12

typedef enum qc_msg_fail {
    QC_MSG_OK = 0,
    QC_MSG_MORE,      /* not all of it is here yet */
    QC_MSG_MAGIC,     /* foreign message start */
    QC_MSG_NAME_BAD,  /* the name is not printable text padded with zeros */
    QC_MSG_TOO_LARGE, /* longer than QC_MSG_MAX */
    QC_MSG_CHECKSUM,  /* payload and checksum do not agree */
} qc_msg_fail;
/** A few words for the log. */
const char *qc_msg_fail_text(qc_msg_fail f);

typedef struct qc_message {
    char name[QC_MSG_NAME + 1];
    qc_span payload; /* borrowed from the bytes that were read */
    size_t total;    /* bytes with the header */
} qc_message;
/** The message at the start of `in`. Out: *m on QC_MSG_OK and QC_MSG_CHECKSUM. */
qc_msg_fail qc_message_read(qc_span in, const uint8_t magic[static 4], qc_message *m);
/** Append a framed message. Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_message_write(qc_bytes *out, const uint8_t magic[static 4],
                                      const char *name, qc_span payload);

/** What `version` says (Core net_processing.cpp). */
typedef struct qc_version {
    int32_t version;
    uint64_t services;
    int64_t time;
    uint64_t nonce;
    char user_agent[257]; /* escaped: printable characters only */
    int32_t start_height;
    bool relay;
} qc_version;
/** False: it ends too early, or its user agent is longer than 256 bytes. */
bool qc_version_read(qc_span payload, qc_version *out);
QC_MUST_CHECK qc_err qc_version_write(qc_bytes *out, const qc_version *v);
