/* core/host/stub.h: the node's side of a call that a plugin makes from its own process: decode,
 * call the adapter as a trusted plugin would, and encode the answer. Internal to core/host. */
#pragma once
#include "core/frame/frame.h"
#include "core/frame/pack.h"
#include "core/host/cap.h"

typedef struct qc_isolated qc_isolated;

typedef struct qc_stub_call {
    qc_isolated *iso;
    qn_cap *cap;
    qc_unpack *in;
    qc_pack *out;
    qn_status status;
    bool cast;            /* no reply is expected */
    int fd[QC_FRAME_FDS]; /* to go with the reply; borrowed */
    uint32_t n_fd;
} qc_stub_call;

/** False: malformed, the runner is not to be trusted any further. */
typedef bool qc_stub(qc_stub_call *c);

/** The generated stubs of an interface, by slot; NULL where one is written by hand. */
typedef struct qc_stubs {
    const char *id;
    qc_stub *const *stub;
    uint32_t n;
} qc_stubs;
extern const qc_stubs QC_STUBS[]; /* stubs.c; ended by id NULL */

/** Run method `method` of c->cap. False: malformed, or no such method. */
bool qc_stub_run(qc_stub_call *c, uint16_t method);

/** What stands in the node for a callback of the plugin: (function, argument) as the argument of a
 *  thunk. Reads its number from the call; NULL for none. */
void *qc_stub_callback(qc_stub_call *c, uint32_t number);
/** A thunk's last step: send the callback `number` with `out` (taken) and a descriptor (taken; -1:
 *  none). `callback` as given by qc_stub_callback(). */
void qc_stub_call_back(void *callback, uint16_t number, qc_pack *out, int fd);

/* Interfaces with stubs written by hand. */
bool qc_serve_host(qc_stub_call *c, uint16_t method);
bool qc_serve_follow(qc_stub_call *c, uint16_t method);
bool qc_serve_block_read(qc_stub_call *c, uint16_t method);
