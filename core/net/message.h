/* core/net/message.h: messages on the wire, transport version 1 (24-byte header). Limits are Core's
 * (net.h, protocol.h). Thread: any. */
#pragma once
#include "core/base/bytes.h"
#include "core/net/netaddr.h"

#define QC_MSG_HEADER 24
#define QC_MSG_MAX 4000000u /* Core MAX_PROTOCOL_MESSAGE_LENGTH */
#define QC_MSG_SEND_MAX                                                                            \
    16000000u /* what we may be told to send all the same; BIP324 counts to 2^24 */
#define QC_MSG_NAME 12
#define QC_NODE_P2P_V2 (UINT64_C(1) << 11) /* service: transport version 2 */

typedef enum qc_msg_fail {
    QC_MSG_OK = 0,
    QC_MSG_MORE,      /* not all of it is here yet */
    QC_MSG_MAGIC,     /* foreign message start */
    QC_MSG_TOO_LARGE, /* longer than QC_MSG_MAX */
    QC_MSG_CHECKSUM,  /* payload and checksum do not agree */
    QC_MSG_NAME_BAD,  /* the name is not printable text padded with zeros */
} qc_msg_fail;

typedef struct qc_message {
    char name[QC_MSG_NAME + 1];
    qc_span payload; /* borrowed from the bytes that were read */
    size_t total;    /* bytes with the header */
} qc_message;
/** The message at the start of `in`. Out: *m but with QC_MSG_MORE and QC_MSG_MAGIC; where it is
 *  refused, name holds what is printable of it. */
qc_msg_fail qc_message_read(qc_span in, const uint8_t magic[static 4], qc_message *m);
/** Append a framed message (QC_MSG_SEND_MAX at most). Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_message_write(qc_bytes *out, const uint8_t magic[static 4],
                                      const char *name, qc_span payload);

/** Copy a name of QC_MSG_NAME bytes. False: it is not printable text padded with zeros; `out` then
 *  holds what is printable of it. */
bool qc_message_name(const uint8_t in[static QC_MSG_NAME], char out[static QC_MSG_NAME + 1]);
/** What is harmless in a log line of text that a peer chose (Core SanitizeString). */
void qc_message_printable(qc_span in, char *out, size_t cap);
/** The one-byte id that a name has in version 2, 0 when it has none; and the name of an id, or
 * NULL. */
uint8_t qc_message_id(const char *name);
const char *qc_message_of_id(uint8_t id);
/** A name that Core knows: those are counted apart. */
bool qc_message_known(const char *name);

/** What `version` says (Core net_processing.cpp). */
typedef struct qc_version {
    int32_t version;
    uint64_t services;
    int64_t time;
    qc_netaddr you; /* where the sender sees the receiver */
    uint16_t your_port;
    uint64_t nonce;
    char user_agent[257]; /* harmless characters only */
    int32_t start_height;
    bool relay;
} qc_version;
/** False: it ends too early, or its user agent is longer than 256 bytes; version is read even then
 *  when the first 4 bytes are there. */
bool qc_version_read(qc_span payload, qc_version *out);
QC_MUST_CHECK qc_err qc_version_write(qc_bytes *out, const qc_version *v);
