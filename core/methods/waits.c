/* Methods that wait for the chain (Core rpc/blockchain.cpp waitfor*). They park: no thread is held.
 */
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/methods/common.h"

typedef enum wait_kind { WAIT_NEW, WAIT_HASH, WAIT_HEIGHT } wait_kind;

typedef struct wait_state {
    const qc_node *node;
    wait_kind kind;
    qc_hash hash; /* NEW: the tip to differ from; HASH: the tip to become */
    int32_t height;
    qc_mono deadline; /* 0: none */
} wait_state;

static bool reached(const wait_state *s, const qc_index *tip)
{
    switch (s->kind) {
    case WAIT_NEW:
        return !qc_hash_eq(&tip->hash, &s->hash);
    case WAIT_HASH:
        return qc_hash_eq(&tip->hash, &s->hash);
    case WAIT_HEIGHT:
        return (int64_t)tip->height >= s->height;
    }
    return true;
}

static void answer(qc_rpc_req *r, wait_state *s)
{
    const qc_index *tip = qc_chain_tip(s->node->chain);
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    qc_jw_khash(w, "hash", &tip->hash);
    qc_jw_kuint(w, "height", tip->height);
    qc_jw_obj_end(w);
    qc_free(s);
}

static void resume(qc_rpc_req *r, void *arg, qc_rpc_why why);

static void wait_more(qc_rpc_req *r, wait_state *s)
{
    qc_rpc_waitlist_join(s->node->tip_waiters, r);
    if (reached(s, qc_chain_tip(s->node->chain))) {
        answer(r, s);
        return;
    }
    int64_t ms = -1;
    if (s->deadline) {
        ms = (s->deadline - qc_clock_mono() + 999999) / 1000000;
        if (ms <= 0) {
            answer(r, s);
            return;
        }
    }
    qc_rpc_park(r, ms, resume, s);
}

static void resume(qc_rpc_req *r, void *arg, qc_rpc_why why)
{
    if (why == QC_RPC_WOKEN)
        wait_more(r, arg);
    else
        answer(r, arg);
}

static void begin(qc_rpc_req *r, wait_state want, size_t timeout_at)
{
    int32_t timeout = 0;
    if (!qc_rpc_i32(r, timeout_at, &timeout))
        return;
    if (timeout < 0) {
        qc_rpc_fail(r, QC_RPC_MISC_ERROR, "Negative timeout");
        return;
    }
    if (timeout)
        want.deadline = qc_clock_mono() + (qc_mono)timeout * 1000000;
    wait_state *s = qc_alloc(sizeof *s);
    *s = want;
    wait_more(r, s);
}

static void waitfornewblock(qc_rpc_req *r, void *arg)
{
    wait_state s = {.node = arg, .kind = WAIT_NEW};
    s.hash = qc_chain_tip(s.node->chain)->hash;
    if (qc_rpc_hash(r, 1, "current_tip", &s.hash))
        begin(r, s, 0);
}

static void waitforblock(qc_rpc_req *r, void *arg)
{
    wait_state s = {.node = arg, .kind = WAIT_HASH};
    if (qc_rpc_hash(r, 0, "blockhash", &s.hash))
        begin(r, s, 1);
}

static void waitforblockheight(qc_rpc_req *r, void *arg)
{
    wait_state s = {.node = arg, .kind = WAIT_HEIGHT};
    if (qc_rpc_i32(r, 0, &s.height))
        begin(r, s, 1);
}

#define TIMEOUT_PARAM                                                                              \
    {                                                                                              \
        "timeout", QC_T_NUM, .dflt = "0", .help = "Milliseconds; 0: for ever"                      \
    }

static const qc_rpc_param P_NEW[] = {
    TIMEOUT_PARAM,
    {"current_tip", QC_T_HEX, .help = "Answer as soon as the tip is not this one"},
    {.names = NULL}};
static const qc_rpc_param P_HASH[] = {
    {"blockhash", QC_T_HEX, true, .help = "The tip to wait for"}, TIMEOUT_PARAM, {.names = NULL}};
static const qc_rpc_param P_HEIGHT[] = {
    {"height", QC_T_NUM, true, .help = "The height to wait for"}, TIMEOUT_PARAM, {.names = NULL}};

#define AT_END " When the time is over or the node stops, the answer is the tip of that moment."

const qc_rpc_method QC_METHODS_WAIT[] = {
    {"blockchain", "waitfornewblock", "Answer when the tip changes." AT_END, P_NEW,
     .result = "{ hash, height }", .examples = "waitfornewblock 1000", .fn = waitfornewblock},
    {"blockchain", "waitforblock", "Answer when a certain block is the tip." AT_END, P_HASH,
     .result = "{ hash, height }", .examples = "waitforblock \"blockhash\" 1000",
     .fn = waitforblock},
    {"blockchain", "waitforblockheight", "Answer when the tip is at a height or above." AT_END,
     P_HEIGHT, .result = "{ hash, height }", .examples = "waitforblockheight 100 1000",
     .fn = waitforblockheight},
    {.name = NULL}};
