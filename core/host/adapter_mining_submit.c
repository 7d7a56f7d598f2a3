/* mining.submit/1 and mining.check/1: blocks that plugins hand in or ask about. What costs nothing
 * to refuse is refused on the plugin's thread; the rest is the chain thread's. A block that was
 * handed in is processed whether its plugin still waits or not. */
#include "core/host/adapter_mining.h"
#include "core/host/ask.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/chain/testblock.h"
#include "core/consensus/check.h"
#include "core/methods/submit.h"

#include <errno.h>
#include <time.h>

#define COINBASE_MAX 1000000u
#define VALID_MAX 4000000u  /* bytes of a block that may be valid */
#define BLOCK_MAX 16000000u /* of one of which is said what is wrong: all that RPC lets in */
#define PATIENCE_S 60       /* a block may come in the middle of another */
#define US_PER_CHECK 20000u
#define US_PER_REFUSED 10000u /* of a valid size: its maker chooses what it costs to refuse it */
#define US_PER_LESS 1000u     /* than the best chain: it is kept, or was known */
#define READ_PER_US 2000u     /* bytes of a block that is only looked at */
#define NEAR_TIP 144u         /* blocks of work behind the tip: cheaper ones anybody could make */
#define TRIES 16u             /* of one header with this body and that */
#define HEADERS 64u           /* that are counted so: as much work as half a day of blocks */

/* What a cap of mining.submit remembers: the newest headers that had the work for it. */
typedef struct tried {
    struct {
        qc_hash hash;
        uint32_t n; /* how often it came */
    } head[HEADERS];
    uint32_t next; /* to be forgotten for a new one */
} tried;

/* What was found is proof of work that was done once: its body may be wrong now and then, but not
 * again and again without being paid for. */
static qn_status try_header(qn_cap *cap, const qc_hash *hash)
{
    tried *t = cap->state;
    uint32_t i = 0;
    while (i < HEADERS && !(t->head[i].n && qc_hash_eq(&t->head[i].hash, hash)))
        i++;
    if (i == HEADERS) {
        i = t->next;
        t->next = (t->next + 1) % HEADERS;
        t->head[i].hash = *hash;
        t->head[i].n = 0;
    }
    if (t->head[i].n == TRIES)
        return qc_cap_ask(cap);
    t->head[i].n++;
    return QN_OK;
}

/* ---- results ---- */

void qc_mining_say(qn_mining_result *r, uint32_t is, const char *reason, const char *debug)
{
    r->is = is;
    memset(r->reason, 0, sizeof r->reason);
    memset(r->debug, 0, sizeof r->debug);
    qc_host_text(r->reason, sizeof r->reason, reason);
    qc_host_text(r->debug, sizeof r->debug, debug);
}

void qc_mining_result_out(qn_mining_result *out, const qn_mining_result *r)
{
    uint32_t size = QC_MIN(out->size, (uint32_t)sizeof *r);
    memcpy(out, r, size);
    out->size = size;
}

static bool bad_room(const qn_mining_result *r)
{
    return !r || r->size < sizeof(uint32_t);
}

static void say_verdict(qn_mining_result *r, const qc_verdict *v)
{
    if (qc_verdict_ok(v))
        qc_mining_say(r, QN_BLOCK_IS_ACCEPTED, "", "");
    else
        qc_mining_say(r, QN_BLOCK_IS_REJECTED, *v->reason ? v->reason : "rejected", v->debug);
}

/* It is known: as what? False: only its header, or not at all. */
static bool say_known(qn_mining_result *r, const qc_index *i, bool proposal)
{
    if (!i)
        return false;
    bool here = atomic_load(&i->status) & QC_BLOCK_HAVE_DATA;
    if (qc_index_valid(i, QC_BLOCK_VALID_SCRIPTS)) {
        if (!proposal && !here)
            return false; /* it was pruned: handing it in puts it back */
        qc_mining_say(r, QN_BLOCK_IS_DUPLICATE, "duplicate", "");
    } else if (atomic_load(&i->status) & (QC_BLOCK_FAILED_VALID | QC_BLOCK_FAILED_CHILD))
        qc_mining_say(r, QN_BLOCK_IS_DUPLICATE_INVALID, "duplicate-invalid", "");
    else if (proposal)
        qc_mining_say(r, QN_BLOCK_IS_DUPLICATE_INCONCLUSIVE, "duplicate-inconclusive", "");
    else
        return false;
    return true;
}

static void log_use(const qn_cap *cap, const char *what, const qn_mining_result *r)
{
    char hex[QC_HASH_HEX_LEN + 1], on[QC_HASH_HEX_LEN + 80];
    qc_hash h;
    memcpy(h.b, r->hash.b, 32);
    qc_hash_hex(&h, hex);
    snprintf(on, sizeof on, "%s: %s", hex,
             r->is == QN_BLOCK_IS_ACCEPTED ? "accepted"
             : *r->reason                  ? r->reason
                                           : "no verdict");
    if (r->is == QN_BLOCK_IS_ACCEPTED || qc_plugin_may_log(cap->plugin))
        qc_cap_acted(cap, what, on);
}

/* ---- the chain thread's part ---- */

/* Shared: whoever is last frees it. */
typedef struct job {
    _Atomic int holders;
    qc_host *host;
    qc_block *b;
    const qc_template *t; /* of which it was made, with a reference; NULL: none */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
    qc_err err;
    qn_mining_result r;
} job;

static void job_let_go(job *j)
{
    if (atomic_fetch_sub(&j->holders, 1) != 1)
        return;
    qc_block_unref(j->b);
    qc_template_unref(j->t);
    pthread_mutex_destroy(&j->lock);
    pthread_cond_destroy(&j->changed);
    qc_free(j);
}

static job *job_new(qc_host *h, qc_block *b, const qc_template *t)
{
    pthread_condattr_t attr;
    job *j = qc_alloc(sizeof *j);
    *j = (job){.holders = 2, .host = h, .b = b, .t = t ? qc_template_ref(t) : NULL};
    pthread_mutex_init(&j->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&j->changed, &attr);
    pthread_condattr_destroy(&attr);
    return j;
}

static void say_submitted(qn_mining_result *r, const qc_submit_result *res)
{
    if (res->accepted && !res->is_new)
        qc_mining_say(r, QN_BLOCK_IS_DUPLICATE_INCONCLUSIVE, "duplicate", "");
    else if (!res->checked)
        qc_mining_say(r, QN_BLOCK_IS_INCONCLUSIVE, "inconclusive", "");
    else
        say_verdict(r, &res->verdict);
}

static void run_submit(qc_chain *c, void *arg)
{
    job *j = arg;
    qc_submit_result res = {.err = QC_OK};
    qn_mining_result r = {.size = sizeof r};
    if (!say_known(&r, qc_chain_find(c, qc_block_hash(j->b)), false)) {
        qc_m_submit_here(j->host->o.node, c, j->b, &res);
        say_submitted(&r, &res);
    }
    memcpy(r.hash.b, qc_block_hash(j->b)->b, 32);
    if (j->t && (r.is == QN_BLOCK_IS_ACCEPTED || r.is == QN_BLOCK_IS_DUPLICATE))
        qc_template_set_found(j->t, qc_chain_find(c, qc_block_hash(j->b)));
    pthread_mutex_lock(&j->lock);
    j->r = r;
    j->err = res.err;
    j->done = true;
    pthread_cond_signal(&j->changed);
    pthread_mutex_unlock(&j->lock);
    job_let_go(j);
}

/* `b` is taken. Out: *r. */
static qn_status submit(qn_cap *cap, const qc_template *t, qc_block *b, qn_mining_result *r)
{
    qc_host *h = cap->plugin->host;
    job *j = job_new(h, b, t);
    struct timespec until;
    int late = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += h->o.ask_ms ? (time_t)(h->o.ask_ms / 1000) + 1 : PATIENCE_S;
    qc_host_on_chain(h, run_submit, j);
    pthread_mutex_lock(&j->lock);
    while (!j->done && late != ETIMEDOUT)
        late = pthread_cond_timedwait(&j->changed, &j->lock, &until);
    qn_status st = !j->done ? QN_E_TIMEOUT : j->err ? qc_status_of(j->err) : QN_OK;
    *r = j->r;
    pthread_mutex_unlock(&j->lock);
    job_let_go(j);
    return st;
}

/* ---- solutions ---- */

static qn_status read_solution(const qn_mining_solution *in, qc_solution *out)
{
    qn_mining_solution s = {.size = sizeof s};
    if (!in || in->size < sizeof s)
        return QN_E_INVAL;
    memcpy(&s, in, sizeof s);
    *out = (qc_solution){.version = s.version, .time = s.time, .nonce = s.nonce};
    return QN_OK;
}

/* No work: said without asking anybody. */
static bool enough_work(const qc_host *h, const qc_header *head, const qc_hash *hash,
                        qn_mining_result *out)
{
    qn_mining_result r = {.size = sizeof r};
    memcpy(r.hash.b, hash->b, 32);
    if (qc_pow_ok(qc_chain_params(h->o.chain), hash, head->bits))
        return true;
    qc_mining_say(&r, QN_BLOCK_IS_REJECTED, "high-hash", "proof of work failed");
    qc_mining_result_out(out, &r);
    return false;
}

static uint64_t cost_of(qn_status st, const qn_mining_result *r, size_t len)
{
    if (st != QN_OK || r->is == QN_BLOCK_IS_REJECTED)
        return US_PER_REFUSED * (1 + len / VALID_MAX);
    return r->is == QN_BLOCK_IS_ACCEPTED ? 0 : US_PER_LESS;
}

/* `b` is taken. What is no good is charged for, whether its plugin has room to be told or not. */
static qn_status hand_in(qn_cap *cap, const qc_template *t, qc_block *b, qn_mining_result *out)
{
    qn_mining_result r = {.size = sizeof r};
    const size_t len = qc_block_bytes(b).len;
    qn_status st = submit(cap, t, b, &r);
    qc_cap_worked(cap, cost_of(st, &r, len));
    if (st != QN_OK)
        return st;
    log_use(cap, t ? "solution" : "block", &r);
    qc_mining_result_out(out, &r);
    return QN_OK;
}

/* Its header first: a block is made of it only when that has the work. */
static qn_status solve(qn_cap *cap, const qc_template *t, const qn_mining_solution *in,
                       const void *coinbase, uint32_t len, qn_mining_result *result)
{
    qc_solution s;
    qc_header head;
    qc_hash hash;
    qc_block *b;
    qn_status st = read_solution(in, &s);
    if (st != QN_OK)
        return st;
    if (t->parent && !qc_template_found(t->parent))
        return QN_E_NOTREADY;
    s.prev = t->parent ? &qc_template_on(t)->hash : NULL;
    s.bits = qc_template_bits(t, s.time);
    s.coinbase = qc_span_of(coinbase, len);
    qc_err err = qc_template_header(t, &s, &head);
    if (!err) {
        qc_header_hash(&head, &hash);
        if (!enough_work(cap->plugin->host, &head, &hash, result))
            return QN_OK;
        if ((st = try_header(cap, &hash)) != QN_OK)
            return st;
        err = qc_template_block(t, &s, &b);
    }
    if (err)
        return err == QC_EINVAL ? QN_E_INVAL : qc_status_of(err);
    return hand_in(cap, t, b, result);
}

static qn_status solution(qn_cap *cap, uint64_t id, bool held, const qn_mining_solution *in,
                          const void *coinbase, uint32_t len, qn_mining_result *result)
{
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    if (!coinbase || !len || len > COINBASE_MAX || bad_room(result))
        return QN_E_INVAL;
    const qc_host *h = cap->plugin->host;
    const qc_template *t = qc_book_find(h->book, cap->plugin->label, id, held);
    if (!t)
        return held ? QN_E_CLOSED : QN_E_NOTFOUND;
    qc_mono left = qc_miner_tip_left(h->o.node->miner, t->parent ? t->parent->tip : t->tip);
    if (held && left && !t->parent && qc_clock_mono() - left > QC_BOOK_KEPT)
        st = QN_E_STALE;
    else
        st = solve(cap, t, in, coinbase, len, result);
    qc_template_unref(t);
    return st;
}

static qn_status ms_solution(qn_cap *cap, uint64_t id, const qn_mining_solution *s,
                             const void *coinbase, uint32_t len, qn_mining_result *result)
{
    return solution(cap, id, true, s, coinbase, len, result);
}

static qn_status ms_by_id(qn_cap *cap, uint64_t id, const qn_mining_solution *s,
                          const void *coinbase, uint32_t len, qn_mining_result *result)
{
    return solution(cap, id, false, s, coinbase, len, result);
}

/* ---- blocks ---- */

static qn_status parse(const void *data, uint32_t len, qc_block **out)
{
    if (!data || !len || len > BLOCK_MAX)
        return QN_E_INVAL;
    qc_wire_fail fail = qc_block_parse(qc_span_of(data, len), out);
    if (fail == QC_WIRE_OK)
        return QN_OK;
    return fail == QC_WIRE_NOMEM ? QN_E_NOMEM : QN_E_INVAL;
}

/* So much work lies behind it that nobody makes others like it for nothing. */
static bool near_tip(const qc_chain *c, const qc_index *parent)
{
    const qc_index *tip = qc_chain_tip(c);
    qc_u256 work = parent->chain_work, last;
    if (!tip)
        return false;
    qc_header_work(tip->header.bits, &last);
    qc_u256_mul32(&last, NEAR_TIP);
    qc_u256_add(&work, &last);
    return qc_u256_cmp(&work, &tip->chain_work) >= 0;
}

/* What the header of a block says. */
typedef struct offer {
    qc_header head;
    bool known, work;   /* work: as much as it says of itself */
    qn_mining_result r; /* with the hash, and as what it is known */
} offer;

static void look_at(const qc_chain *c, const void *block, offer *o)
{
    qc_hash hash;
    *o = (offer){.r.size = sizeof o->r};
    qc_header_read(block, &o->head);
    qc_header_hash(&o->head, &hash);
    memcpy(o->r.hash.b, hash.b, 32);
    o->known = say_known(&o->r, qc_chain_find(c, &hash), false);
    o->work = qc_pow_ok(qc_chain_params(c), &hash, o->head.bits);
}

/* It is new, and solved as hard as a block on its parent must be. */
static bool is_found(const qc_chain *c, const offer *o)
{
    if (o->known || !o->work)
        return false;
    const qc_index *parent = qc_chain_find(c, &o->head.prev);
    return parent && near_tip(c, parent) &&
           o->head.bits == qc_chain_next_bits(c, parent, o->head.time);
}

/* No budget stands in the way of what was found. */
static qn_status may_hand_in(qn_cap *cap, const offer *o)
{
    qc_hash hash;
    memcpy(hash.b, o->r.hash.b, 32);
    return is_found(cap->plugin->host->o.chain, o) ? try_header(cap, &hash) : qc_cap_ask(cap);
}

/* What its header alone decides is answered without hashing the rest, but only for what is a block.
 * QN_OK: *out is filled in. QN_E_AGAIN: it does not. */
static qn_status judge_header(qn_cap *cap, offer *o, qc_span bytes, qn_mining_result *out)
{
    qc_block *b;
    if (!o->known && o->work)
        return QN_E_AGAIN;
    qc_cap_worked(cap, bytes.len / READ_PER_US);
    qc_wire_fail fail = qc_block_parse_bare(bytes, &b);
    if (fail != QC_WIRE_OK)
        return fail == QC_WIRE_NOMEM ? QN_E_NOMEM : QN_E_INVAL;
    qc_block_unref(b);
    if (o->known)
        log_use(cap, "block", &o->r);
    else
        qc_mining_say(&o->r, QN_BLOCK_IS_REJECTED, "high-hash", "proof of work failed");
    qc_mining_result_out(out, &o->r);
    return QN_OK;
}

static qn_status ms_block(qn_cap *cap, const void *block, uint32_t len, uint32_t flags,
                          qn_mining_result *result)
{
    qc_block *b;
    offer o;
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    if (flags & ~(uint32_t)QN_BLOCK_ADD_WITNESS || bad_room(result) || !block ||
        len <= QC_HEADER_LEN || len > BLOCK_MAX)
        return QN_E_INVAL;
    look_at(cap->plugin->host->o.chain, block, &o);
    if ((st = may_hand_in(cap, &o)) != QN_OK)
        return st;
    st = judge_header(cap, &o, qc_span_of(block, len), result);
    if (st != QN_E_AGAIN)
        return st;
    if ((st = parse(block, len, &b)) != QN_OK) {
        qc_cap_worked(cap, len / READ_PER_US);
        return st;
    }
    if (flags & QN_BLOCK_ADD_WITNESS)
        b = qc_m_with_reserved_value(cap->plugin->host->o.node, b);
    return hand_in(cap, NULL, b, result);
}

static const qn_mining_submit_1 SUBMIT = {
    .h = {sizeof(qn_mining_submit_1), QN_MINING_SUBMIT_1_REVISION},
    .solution = ms_solution,
    .solution_by_id = ms_by_id,
    .block = ms_block};

/* ---- mining.check ---- */

typedef struct check_job {
    qc_block *b;
    uint32_t flags;
    int64_t took; /* ns */
    qn_mining_result r;
} check_job;

static void drop_check(void *arg)
{
    check_job *j = arg;
    qc_block_unref(j->b);
    qc_free(j);
}

static void run_check(qc_chain *c, void *arg)
{
    check_job *j = arg;
    qc_verdict v = {.code = QC_V_OK};
    memcpy(j->r.hash.b, qc_block_hash(j->b)->b, 32);
    if (say_known(&j->r, qc_chain_find(c, qc_block_hash(j->b)), true))
        return;
    int64_t began = qc_ask_worked(c);
    (void)qc_chain_test_block_until(c, j->b, !(j->flags & QN_CHECK_NO_POW),
                                    !(j->flags & QN_CHECK_NO_MERKLE),
                                    qc_clock_mono() + QC_MINING_PATIENCE, &v);
    j->took = qc_ask_worked(c) - began;
    say_verdict(&j->r, &v);
}

static qn_status mc_block(qn_cap *cap, const void *block, uint32_t len, uint32_t flags,
                          qn_mining_result *result)
{
    qc_block *b;
    qn_status st = qc_cap_ask(cap);
    if (st != QN_OK)
        return st;
    if (flags & ~(uint32_t)(QN_CHECK_NO_POW | QN_CHECK_NO_MERKLE) || bad_room(result))
        return QN_E_INVAL;
    if ((st = parse(block, len, &b)) != QN_OK) {
        qc_cap_worked(cap, QC_MIN(len, BLOCK_MAX) / READ_PER_US);
        return st;
    }
    check_job *j = qc_alloc(sizeof *j);
    *j = (check_job){.b = b, .flags = flags, .r.size = sizeof j->r};
    if ((st = qc_host_ask(cap->plugin->host, 0, run_check, j, drop_check)) != QN_OK)
        return st;
    qc_cap_worked(cap, QC_MAX(len / (VALID_MAX / US_PER_CHECK), (uint64_t)j->took / 1000));
    qc_mining_result_out(result, &j->r);
    drop_check(j);
    return QN_OK;
}

static const qn_mining_check_1 CHECK = {
    .h = {sizeof(qn_mining_check_1), QN_MINING_CHECK_1_REVISION}, .block = mc_block};

/* ---- the tables ---- */

static qc_err open_check(qn_cap *cap, const char **why)
{
    if (!cap->plugin->host->o.node || !cap->plugin->host->o.node->miner) {
        *why = QC_NO_MINER;
        return QC_EINVAL;
    }
    return QC_OK;
}

static qc_err open_submit(qn_cap *cap, const char **why)
{
    qc_err err = open_check(cap, why);
    if (!err)
        cap->state = qc_alloc(sizeof(tried));
    return err;
}

static void close_submit(qn_cap *cap)
{
    qc_free(cap->state); /* what was given lies in the book */
}

static void close_check(qn_cap *cap)
{
    (void)cap; /* it has no state */
}

const qc_adapter QC_ADAPTER_MINING_SUBMIT = {QN_MINING_SUBMIT_1_ID, &SUBMIT, open_submit, NULL,
                                             close_submit};
const qc_adapter QC_ADAPTER_MINING_CHECK = {QN_MINING_CHECK_1_ID, &CHECK, open_check, NULL,
                                            close_check};
