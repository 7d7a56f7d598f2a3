/* mining.template.unstable/1: sets of transactions that a plugin declares by their wtxids. What the
 * mempool has is kept by reference; what it has not the plugin gives. Fees and sigops of those are
 * found out when a template is made, from the coins of the moment. What a set keeps alive is on its
 * plugin's shelf in the book; a set whose prev is no tip any more keeps nothing. */
#include "core/host/adapter_mining.h"
#include "core/host/ask.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/consensus/check.h"
#include "core/mempool/keymap.h"

#define TXS_MAX 16384u
#define BYTES_MAX 4000000u /* of what a plugin adds to one set */
#define US_PER_TEMPLATE 30000u
#define PER_TX (sizeof(qn_hash) + sizeof(void *) + sizeof(bool))

typedef struct qc_txset {
    uint64_t id;
    qn_hash prev;
    uint32_t n, missing;
    qn_hash *wtxid;
    const qc_mempool_entry **e; /* one reference each; NULL: missing */
    bool *own; /* the plugin gave it, and no template has it yet: what it pays may be written */
    uint64_t added;  /* bytes of those */
    uint64_t charge; /* bytes of all, and of the lists; on the shelf */
    bool gone;       /* prev is no tip any more: it is empty */
} qc_txset;

static void set_empty(qc_txset *s)
{
    for (uint32_t i = 0; s->e && i < s->n; i++)
        qc_mempool_entry_unref(s->e[i]);
    qc_free(s->wtxid);
    qc_free(s->e);
    qc_free(s->own);
    s->wtxid = NULL;
    s->e = NULL;
    s->own = NULL;
    s->n = s->missing = 0;
}

/* Its charge is off. NULL is allowed. */
static void set_free(qc_txset *s)
{
    if (s)
        set_empty(s);
    qc_free(s);
}

static void charge_off(const qn_cap *cap, qc_txset *s, uint64_t bytes)
{
    qc_book_uncharge(cap->plugin->host->book, cap->plugin->label, bytes);
    s->charge -= bytes;
}

static qn_status charge(const qn_cap *cap, qc_txset *s, uint64_t bytes)
{
    const qc_mining_state *st = cap->state;
    qn_status err = qc_book_charge(cap->plugin->host->book, cap->plugin->label, &st->limits, bytes);
    s->charge += err == QN_OK ? bytes : 0;
    return err;
}

static void set_drop(const qn_cap *cap, qc_txset *s)
{
    if (s)
        charge_off(cap, s, s->charge);
    set_free(s);
}

/* Those of a block that cannot come any more. Their ids stay until set_free(). */
static void empty_gone(const qn_cap *cap)
{
    const qc_mining_state *st = cap->state;
    const qc_index *tip = qc_miner_tip(cap->plugin->host->o.node->miner);
    for (unsigned i = 0; tip && i < QC_MINING_SETS; i++) {
        qc_txset *s = st->set[i];
        if (!s || s->gone || memcmp(tip->hash.b, s->prev.b, 32) == 0)
            continue;
        charge_off(cap, s, s->charge);
        set_empty(s);
        s->gone = true;
    }
}

static qc_txset **find(const qn_cap *cap, uint64_t id)
{
    qc_mining_state *st = cap->state;
    for (unsigned i = 0; id && i < QC_MINING_SETS; i++)
        if (st->set[i] && st->set[i]->id == id)
            return &st->set[i];
    return NULL;
}

void qc_mining_sets_clear(qn_cap *cap)
{
    qc_mining_state *st = cap->state;
    for (unsigned i = 0; i < QC_MINING_SETS; i++) {
        set_drop(cap, st->set[i]);
        st->set[i] = NULL;
    }
}

uint32_t qc_mining_sets(const qn_cap *cap)
{
    const qc_mining_state *st = cap->state;
    uint32_t n = 0;
    empty_gone(cap);
    for (unsigned i = 0; i < QC_MINING_SETS; i++)
        n += st->set[i] != NULL;
    return n;
}

/* ---- declare ---- */

typedef struct new_job {
    const qc_host *host;
    qc_txset *s;
    bool stale, no_tip;
    int64_t weight;
} new_job;

static void drop_new(void *arg)
{
    new_job *j = arg;
    set_free(j->s);
    qc_free(j);
}

static bool on_tip(const qc_chain *c, const qn_hash *prev)
{
    const qc_index *tip = qc_chain_tip(c);
    return tip && memcmp(tip->hash.b, prev->b, 32) == 0;
}

static void run_new(qc_chain *c, void *arg)
{
    new_job *j = arg;
    qc_txset *s = j->s;
    j->no_tip = !qc_chain_tip(c);
    j->stale = !on_tip(c, &s->prev);
    for (uint32_t i = 0; i < s->n && !j->stale && j->weight <= QC_MAX_BLOCK_WEIGHT; i++) {
        qc_hash h;
        memcpy(h.b, s->wtxid[i].b, 32);
        const qc_mempool_entry *e = j->host->pool ? qc_mempool_find_wtxid(j->host->pool, &h) : NULL;
        s->e[i] = e ? qc_mempool_entry_ref(e) : NULL;
        s->missing += !e;
        j->weight += e ? e->tx.rec->weight : 0;
        s->charge += e ? e->tx.rec->len : 0;
    }
}

/* NULL: no memory. */
static qc_txset *set_new(const qn_hash *prev, const qn_hash *wtxids, uint32_t n)
{
    qc_txset *s = qc_alloc(sizeof *s);
    *s = (qc_txset){.prev = *prev, .n = n};
    s->wtxid = qc_try_calloc(n + 1u, sizeof *s->wtxid);
    s->e = qc_try_calloc(n + 1u, sizeof *s->e);
    s->own = qc_try_calloc(n + 1u, sizeof *s->own);
    if (!s->wtxid || !s->e || !s->own) {
        set_free(s);
        return NULL;
    }
    if (n)
        memcpy(s->wtxid, wtxids, n * sizeof *wtxids);
    return s;
}

static qn_status charge_new(const qn_cap *cap, qc_txset *s)
{
    uint64_t bytes = s->charge + s->n * PER_TX;
    s->charge = 0;
    return charge(cap, s, bytes);
}

qn_status qc_mining_set_new(qn_cap *cap, const qn_hash *prev, const qn_hash *wtxids, uint32_t n,
                            uint64_t *set, uint32_t *missing)
{
    qc_mining_state *st = cap->state;
    qn_status err = qc_cap_ask(cap);
    unsigned slot = 0;
    if (err != QN_OK)
        return err;
    if (!prev || n > TXS_MAX || (n && !wtxids) || !set || !missing)
        return QN_E_INVAL;
    empty_gone(cap);
    while (slot < QC_MINING_SETS && st->set[slot])
        slot++;
    if (slot == QC_MINING_SETS)
        return QN_E_LIMIT;
    new_job *j = qc_alloc(sizeof *j);
    *j = (new_job){.host = cap->plugin->host, .s = set_new(prev, wtxids, n)};
    if (!j->s) {
        qc_free(j);
        return QN_E_NOMEM;
    }
    if ((err = qc_host_ask(cap->plugin->host, 0, run_new, j, drop_new)) != QN_OK)
        return err;
    qc_cap_worked(cap, n);
    err = j->no_tip ? QN_E_NOTREADY : j->stale ? QN_E_STALE : QN_OK;
    if (err == QN_OK && j->weight > QC_MAX_BLOCK_WEIGHT)
        err = QN_E_LIMIT;
    if (err == QN_OK)
        err = charge_new(cap, j->s);
    if (err == QN_OK) {
        st->set[slot] = j->s;
        j->s->id = ++st->next_set;
        *set = j->s->id;
        *missing = j->s->missing;
        j->s = NULL;
    }
    drop_new(j);
    return err;
}

qn_status qc_mining_set_free(qn_cap *cap, uint64_t set)
{
    if (qc_plugin_here != cap->plugin)
        return QN_E_THREAD;
    qc_txset **s = find(cap, set);
    if (!s)
        return QN_E_CLOSED;
    set_drop(cap, *s);
    *s = NULL;
    return QN_OK;
}

qn_status qc_mining_set_missing(qn_cap *cap, uint64_t set, qn_template_place *places, uint32_t max,
                                uint32_t *n)
{
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    if (!n || (!places && max))
        return QN_E_INVAL;
    qc_txset **at = find(cap, set);
    if (!at)
        return QN_E_CLOSED;
    const qc_txset *s = *at;
    *n = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->e[i])
            continue;
        if (*n < max)
            places[*n].place = i + 1;
        ++*n;
    }
    return *n <= max ? QN_OK : QN_E_SPACE;
}

/* ---- add ---- */

static bool parts_fit(const qn_mining_part *part, uint32_t n, uint32_t len)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += part[i].len;
        if (part[i].off > len || part[i].len > len - part[i].off || sum > len)
            return false;
    }
    return true;
}

/* Places by wtxid, those that are missing. The values are a place and one more. */
static void places_of(const qc_txset *s, qc_keymap *k)
{
    qc_keymap_init(k, 32);
    qc_keymap_must_reserve(k, s->missing);
    for (uint32_t i = 0; i < s->n; i++)
        if (!s->e[i] && !qc_keymap_get(k, s->wtxid[i].b))
            qc_keymap_put(k, s->wtxid[i].b, (void *)(uintptr_t)(i + 1));
}

/* All are read before any is taken. NULL: one is no transaction, or no memory (*no_memory). */
static qc_mempool_entry **read_all(const uint8_t *txs, const qn_mining_part *part, uint32_t n,
                                   bool *no_memory)
{
    qc_mempool_entry **e = qc_try_calloc(n + 1u, sizeof *e);
    bool ok = e != NULL;
    *no_memory = !e;
    for (uint32_t i = 0; i < n && ok; i++) {
        qc_txbuf b;
        qc_wire_fail fail = qc_tx_parse(qc_span_of(txs + part[i].off, part[i].len), true, &b);
        *no_memory = fail == QC_WIRE_NOMEM;
        ok = fail == QC_WIRE_OK;
        if (!ok)
            break;
        e[i] = qc_entry_new(NULL, &b.tx);
        qc_txbuf_clear(&b);
        *no_memory = !e[i];
        ok = e[i] != NULL;
    }
    for (uint32_t i = 0; i < n && !ok && e; i++)
        qc_mempool_entry_unref(e[i]);
    if (!ok) {
        qc_free(e);
        e = NULL;
    }
    return e;
}

static void take_all(qc_txset *s, qc_mempool_entry **e, uint32_t n)
{
    qc_keymap k;
    places_of(s, &k);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t place = (uint32_t)(uintptr_t)qc_keymap_get(&k, e[i]->tx.rec->wtxid);
        if (place && !s->e[place - 1]) {
            s->e[place - 1] = e[i];
            s->own[place - 1] = true;
            s->added += e[i]->tx.rec->len;
            s->missing--;
        } else {
            qc_mempool_entry_unref(e[i]);
        }
    }
    qc_keymap_clear(&k);
}

qn_status qc_mining_set_add(qn_cap *cap, uint64_t set, const void *txs, uint32_t len,
                            const qn_mining_part *parts, uint32_t n, uint32_t *missing)
{
    qn_status st = qc_cap_enter(cap);
    bool no_memory;
    if (st != QN_OK)
        return st;
    if (len > BYTES_MAX || (len && !txs) || n > TXS_MAX || (n && !parts) || !missing ||
        !parts_fit(parts, n, len))
        return QN_E_INVAL;
    qc_txset **at = find(cap, set);
    if (!at)
        return QN_E_CLOSED;
    empty_gone(cap);
    if ((*at)->added + len > BYTES_MAX || charge(cap, *at, len) != QN_OK)
        return QN_E_LIMIT;
    uint64_t before = (*at)->added;
    qc_mempool_entry **e = read_all(txs, parts, n, &no_memory);
    if (e)
        take_all(*at, e, n);
    charge_off(cap, *at, len - ((*at)->added - before));
    if (!e)
        return no_memory ? QN_E_NOMEM : QN_E_INVAL;
    qc_free(e);
    *missing = (*at)->missing;
    return QN_OK;
}

/* ---- make a template ---- */

typedef struct template_job {
    const qc_host *host;
    qc_template_options o;
    qn_hash prev;
    const qc_mempool_entry **e; /* with a reference each */
    bool *own;
    uint32_t n;
    const qc_template *t;
    bool stale;
    qc_mono until;
    int64_t took; /* ns */
    qc_err err;
    qc_verdict v;
} template_job;

static void drop_template(void *arg)
{
    template_job *j = arg;
    for (uint32_t i = 0; i < j->n; i++)
        qc_mempool_entry_unref(j->e[i]);
    qc_template_unref(j->t);
    qc_free(j->e);
    qc_free(j->own);
    qc_free(j);
}

/* The coin that an input spends: of the chain or the mempool, or of one that comes before in the
 * set.
 */
static bool coin_of(const template_job *j, const qc_keymap *before, const qc_outpoint *o,
                    qc_spent *out)
{
    const qc_mempool_entry *e = qc_keymap_get(before, o->txid.b);
    if (!e)
        return j->host->pool && qc_mempool_coin(j->host->pool, o, out) == QC_OK;
    if (o->n >= e->tx.rec->n_out)
        return false;
    *out = (qc_spent){.value = e->tx.out[o->n].value,
                      .script = qc_tx_script(&e->tx, o->n),
                      .height = QC_MEMPOOL_HEIGHT};
    return true;
}

/* What its outputs hold. False: more than there is. */
static bool value_out(const qc_tx *tx, qc_amount *out)
{
    *out = 0;
    for (uint32_t i = 0; i < tx->rec->n_out; i++) {
        if (!qc_money_range(tx->out[i].value) || !qc_money_range(*out + tx->out[i].value))
            return false;
        *out += tx->out[i].value;
    }
    return true;
}

/* Fee and sigops of a transaction of the plugin's; what is missing or wrong the check will name. */
static void reckon(const template_job *j, const qc_keymap *before, qc_mempool_entry *e)
{
    qc_spent *spent = qc_alloc((e->tx.rec->n_in + 1u) * sizeof *spent);
    qc_amount in = 0, out;
    bool all = value_out(&e->tx, &out);
    for (uint32_t i = 0; i < e->tx.rec->n_in && all; i++) {
        const qc_outpoint o = qc_tx_prevout(&e->tx, i);
        all = qc_clock_mono() < j->until && coin_of(j, before, &o, &spent[i]) &&
              qc_money_range(spent[i].value) && qc_money_range(in + spent[i].value);
        in += all ? spent[i].value : 0;
    }
    e->fee = e->modified_fee = all ? in - out : 0;
    e->adjusted_weight = e->tx.rec->weight;
    if (all)
        e->sigop_cost =
            (uint32_t)qc_tx_sigop_cost(&e->tx, spent, qc_tx_legacy_sigops(&e->tx), QC_POLICY_FLAGS);
    qc_free(spent);
}

static void reckon_all(template_job *j)
{
    qc_keymap before;
    qc_keymap_init(&before, 32);
    qc_keymap_must_reserve(&before, j->n);
    for (uint32_t i = 0; i < j->n; i++) {
        if (j->own[i])
            reckon(j, &before, (qc_mempool_entry *)(uintptr_t)j->e[i]);
        if (!qc_keymap_get(&before, j->e[i]->tx.rec->txid))
            qc_keymap_put(&before, j->e[i]->tx.rec->txid, (void *)(uintptr_t)j->e[i]);
    }
    qc_keymap_clear(&before);
}

static void run_template(qc_chain *c, void *arg)
{
    template_job *j = arg;
    j->stale = !on_tip(c, &j->prev);
    if (j->stale)
        return;
    int64_t began = qc_ask_worked(c);
    j->until = qc_clock_mono() + QC_MINING_PATIENCE;
    reckon_all(j);
    j->err = qc_miner_template_of(j->host->o.node->miner, &j->o, j->e, j->n, qc_clock_now(), &j->t);
    if (!j->err && !qc_template_check_until(c, j->t, j->until, &j->v)) {
        qc_template_unref(j->t);
        j->t = NULL;
    }
    j->took = qc_ask_worked(c) - began;
}

static template_job *job_new(const qc_host *h, const qc_txset *s, const qc_template_options *o)
{
    template_job *j = qc_alloc(sizeof *j);
    *j = (template_job){.host = h, .o = *o, .prev = s->prev, .n = s->n};
    j->e = qc_alloc((s->n + 1u) * sizeof *j->e);
    j->own = qc_alloc((s->n + 1u) * sizeof *j->own);
    memcpy(j->own, s->own, s->n * sizeof *s->own);
    for (uint32_t i = 0; i < s->n; i++)
        j->e[i] = qc_mempool_entry_ref(s->e[i]);
    return j;
}

static bool too_large(const template_job *j, qn_mining_result *r)
{
    int64_t weight = j->o.reserved_weight;
    for (uint32_t i = 0; i < j->n; i++)
        weight += j->e[i]->tx.rec->weight;
    if (weight <= j->o.max_weight)
        return false;
    qc_mining_say(r, QN_BLOCK_IS_REJECTED, "bad-blk-weight", "more than the options allow");
    return true;
}

static qn_status finish(qn_cap *cap, template_job *j, qn_mining_result *r, qn_template_view *view)
{
    qn_status st = j->stale ? QN_E_STALE : j->err ? qc_status_of(j->err) : QN_OK;
    if (st != QN_OK)
        return st;
    if (!j->t) {
        qc_mining_say(r, QN_BLOCK_IS_REJECTED, j->v.reason, j->v.debug);
        return QN_OK;
    }
    qc_mining_say(r, QN_BLOCK_IS_ACCEPTED, "", "");
    return qc_mining_give(cap, qc_template_ref(j->t), view);
}

static qn_status make(qn_cap *cap, qc_txset *s, const qc_template_options *o,
                      qn_mining_result *result, qn_template_view *view)
{
    qn_mining_result r = {.size = sizeof r};
    template_job *j = job_new(cap->plugin->host, s, o);
    qn_status st = QN_OK;
    if (!too_large(j, &r)) {
        st = qc_host_ask(cap->plugin->host, 0, run_template, j, drop_template);
        if (st != QN_OK)
            return st;
        qc_cap_worked(cap,
                      QC_MAX(US_PER_TEMPLATE * (s->n + 1) / TXS_MAX, (uint64_t)j->took / 1000));
        if (j->t) /* its transactions never change, whatever comes of the set's next template */
            memset(s->own, 0, s->n * sizeof *s->own);
        st = finish(cap, j, &r, view);
    }
    drop_template(j);
    if (st == QN_OK)
        qc_mining_result_out(result, &r);
    return st;
}

qn_status qc_mining_set_template(qn_cap *cap, uint64_t set, const qn_mining_options *options,
                                 qn_mining_result *result, qn_template_view *view)
{
    qc_template_options o;
    bool always;
    qn_status st = qc_cap_ask(cap);
    if (st != QN_OK)
        return st;
    if (!result || result->size < sizeof(uint32_t) || !view || view->size < sizeof(uint32_t) ||
        !qc_mining_options(cap->plugin->host, options, &o, &always))
        return QN_E_INVAL;
    qc_txset **at = find(cap, set);
    if (!at)
        return QN_E_CLOSED;
    empty_gone(cap);
    if ((*at)->gone)
        return QN_E_STALE;
    if ((*at)->missing)
        return QN_E_NOTFOUND;
    if ((st = qc_mining_ready(cap, always)) != QN_OK || (st = qc_mining_room(cap)) != QN_OK)
        return st;
    return make(cap, *at, &o, result, view);
}
