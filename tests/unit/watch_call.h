/* tests/unit/watch_call.h: a stream of watch beside that of the plugin of watch_play.h, opened in
 * its name: a test makes each call when it wants to. What is passed to rig_on_loop() takes a call.
 */
#pragma once
#include "tests/unit/watch_play.h"

#include "core/host/adapter_watch.h"

typedef struct call {
    play *p;
    const qn_watch_unstable_1 *t;
    qn_cap *cap;
    uint64_t watch;
    uint64_t seq; /* of the last event that was taken */
    qn_status st;
    qn_watch_event ev[64];
    uint32_t n, n_data, lowest;
    uint8_t data[70000];
    uint64_t id;
    qn_watch_options o;
    uint32_t room;
    const char *text;
    uint32_t max;      /* events of one call */
    uint64_t seen[80]; /* events by type */
    struct {
        uint32_t type, reason;
        uint64_t rescan;
        qn_hash txid;
    } log[512]; /* the first of those that speak of transactions */
    unsigned n_log;
    qn_hash at; /* newest block, once one was told */
    bool stands;
    qn_block_ref last;
    qn_hash txid;
    unsigned canceled;
    _Atomic int ready;
} call;

/** A node whose plugin has these grants, and an open stream. Out: all of *c and *p, which are
 *  static as a rule, for they are large. */
void call_begin(call *c, play *p, const char *grants);
/** The same with a mempool whose file is not read yet. */
void call_begin_unread(call *c, play *p, const char *grants);
void call_end(call *c);

/* ---- for rig_on_loop() ---- */

void call_open(void *arg);
void call_close(void *arg);
void call_next(void *arg);
/** Everything there is, counted and acknowledged. */
void call_take_all(void *arg);
/** Watch script 3, with the cookie 30. */
void call_add_three(void *arg);
/** On the loop: watch script i. */
void call_add(call *c, uint32_t i, uint64_t cookie, uint32_t flags);

/** Acknowledge everything that was taken. */
void call_ack(void *arg);
/** As call_take_all(), but with one call of next() and without an acknowledgement. */
void call_take(void *arg);

/** Take all until so many events of a type were told. */
void call_until(call *c, uint32_t type, uint64_t n);
/** What was told of a transaction: S, C, U, G, in their order, and R for a C of a rescan. Out: room
 *  for 32. */
void call_story(const call *c, const tb_tx *tx, char *out);
/** Take all until it stands on our tip and has nothing more. */
void call_drain(call *c);
