/* core/net/upnptalk.h: what quoin-upnp answers. It talks to devices of the local network in a
 * process of its own, and what it says is believed no more than they are. Each message is one
 * packet of printable ASCII, words with one space between.
 *
 * The node asks       quoin-upnp answers
 *  find URL|-          found EXTERNAL LAN CONTROL SERVICE
 *  map PORT LEASE      mapped LEASE
 *  unmap CONTROL SERVICE PORT
 *                      unmapped
 *  any                 failed CODE TEXT
 *                      unable TEXT         the helper itself is: it talks to nobody
 *
 * `find` looks for a gateway (URL: of its description; -: whoever answers a search); `map` has the
 * gateway found forward TCP to us at the port of the same number, for LEASE seconds (0: until it is
 * told otherwise). Pure. Thread: any. */
#pragma once
#include "core/base/bytes.h"
#include "core/net/netaddr.h"

#define QC_UPNP_MESSAGE_MAX 1024u /* bytes */
#define QC_UPNP_PLACE 512u        /* bytes, NUL included */
#define QC_UPNP_WHY 128u

typedef enum qc_upnp_word {
    QC_UPNP_FOUND,
    QC_UPNP_MAPPED,
    QC_UPNP_UNMAPPED,
    QC_UPNP_FAILED,
    QC_UPNP_UNABLE,
    QC_UPNP_GARBAGE /* none of them */
} qc_upnp_word;

/** Each member is set with the word that it belongs to, and untouched with the others. */
typedef struct qc_upnp_reply {
    qc_netaddr external, lan;  /* found: IPv4, neither of them judged */
    char place[QC_UPNP_PLACE]; /* found: "CONTROL SERVICE" */
    uint32_t lease;            /* mapped: seconds */
    unsigned code;             /* failed: of the gateway or the library; 0: none */
    char why[QC_UPNP_WHY];     /* failed, unable: cut at its size */
} qc_upnp_reply;

qc_upnp_word qc_upnp_read(qc_span message, qc_upnp_reply *out);
