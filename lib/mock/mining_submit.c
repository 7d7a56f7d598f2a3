/* The mock's mining.submit and mining.check: judged by the proof of work alone, unless the test
 * says what becomes of it. */
#include "lib/mock/mining.h"

#include "lib/hash.h"
#include "lib/tx.h"

#include <stdio.h>
#include <string.h>

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static void say(qn_mining_result *r, uint32_t is, const char *reason)
{
    r->is = is;
    snprintf(r->reason, sizeof r->reason, "%s", reason);
}

static bool known(struct qn_mk_mining *g, const qn_hash *h)
{
    for (uint32_t i = 0; i < g->n_known; i++)
        if (memcmp(&g->known[i], h, sizeof *h) == 0)
            return true;
    return false;
}

static void remember(struct qn_mk_mining *g, const qn_hash *h)
{
    g->known = qn_mk_grow(g->known, (g->n_known + 1) * sizeof *g->known);
    g->known[g->n_known++] = *h;
}

/* By what the test said, else by the proof of work that regtest asks for. */
static void judge(qn_mock *m, const uint8_t header[static 80], bool pow, bool hand_in,
                  qn_mining_result *out)
{
    struct qn_mk_mining *g = m->mining;
    qn_mining_result r = {.is = QN_BLOCK_IS_ACCEPTED};
    qn_hash hash;
    qn_sha256d(header, 80, hash.b);
    if (g->n_result) {
        r = *g->result++;
        g->n_result--;
    } else if (known(g, &hash)) {
        say(&r, QN_BLOCK_IS_DUPLICATE, "duplicate");
    } else if (pow && hash.b[31] > 0x7f) {
        say(&r, QN_BLOCK_IS_REJECTED, "high-hash");
    }
    if (hand_in && r.is == QN_BLOCK_IS_ACCEPTED && !known(g, &hash))
        remember(g, &hash);
    r.hash = hash;
    r.size = out->size < sizeof r ? out->size : (uint32_t)sizeof r;
    memcpy(out, &r, r.size);
}

static void note(qn_mock *m, const char *what, const qn_mining_result *r)
{
    char hex[65], line[160];
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", r->hash.b[31 - i]);
    snprintf(line, sizeof line, "%s %s", hex, r->is == QN_BLOCK_IS_ACCEPTED ? "ok" : r->reason);
    qn_mk_logf(m, "mining", what, line);
}

static qn_status solve(qn_mock *m, const qn_mk_made *t, const qn_mining_solution *s,
                       const void *coinbase, uint32_t len, qn_mining_result *result)
{
    uint8_t header[80], pair[64], root[32];
    qn_tx_view cb;
    char what[48];
    if (!s || s->size < sizeof *s || !result || result->size < sizeof *result || !coinbase ||
        !qn_tx_read(coinbase, len, &cb) || cb.len != len)
        return QN_E_INVAL;
    qn_tx_id(&cb, root);
    for (uint32_t i = 0; i < t->view.n_path; i++) {
        memcpy(pair, root, 32);
        memcpy(pair + 32, t->view.path[i].b, 32);
        qn_sha256d(pair, sizeof pair, root);
    }
    put32(header, (uint32_t)s->version);
    memcpy(header + 4, t->view.prev.b, 32);
    memcpy(header + 36, root, 32);
    put32(header + 68, s->time);
    put32(header + 72, t->view.bits);
    put32(header + 76, s->nonce);
    judge(m, header, true, true, result);
    snprintf(what, sizeof what, "solution %llu", (unsigned long long)t->view.id);
    note(m, what, result);
    return QN_OK;
}

static qn_status s_solution(qn_cap *cap, uint64_t id, const qn_mining_solution *s,
                            const void *coinbase, uint32_t len, qn_mining_result *result)
{
    qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    const qn_mk_made *t = qn_mk_template(m, id);
    if (st != QN_OK)
        return st;
    if (!t || !t->refs || !t->given)
        return QN_E_CLOSED;
    return solve(m, t, s, coinbase, len, result);
}

static qn_status s_by_id(qn_cap *cap, uint64_t id, const qn_mining_solution *s,
                         const void *coinbase, uint32_t len, qn_mining_result *result)
{
    qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    qn_mk_templates_prune(m);
    const qn_mk_made *t = qn_mk_template(m, id);
    if (!t || !t->given)
        return QN_E_NOTFOUND;
    return solve(m, t, s, coinbase, len, result);
}

static qn_status s_block(qn_cap *cap, const void *block, uint32_t len, uint32_t flags,
                         qn_mining_result *result)
{
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    if (!block || len < 81 || flags & ~QN_BLOCK_ADD_WITNESS || !result ||
        result->size < sizeof *result)
        return QN_E_INVAL;
    judge(cap->mock, block, true, true, result);
    note(cap->mock, "block", result);
    return QN_OK;
}

const qn_mining_submit_1 QN_MK_MINING_SUBMIT = {
    .h = {sizeof(qn_mining_submit_1), QN_MINING_SUBMIT_1_REVISION},
    .solution = s_solution,
    .solution_by_id = s_by_id,
    .block = s_block};

static qn_status c_block(qn_cap *cap, const void *block, uint32_t len, uint32_t flags,
                         qn_mining_result *result)
{
    qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    if (!block || len < 81 || flags & ~(QN_CHECK_NO_POW | QN_CHECK_NO_MERKLE) || !result ||
        result->size < sizeof *result)
        return QN_E_INVAL;
    judge(m, block, !(flags & QN_CHECK_NO_POW), false, result);
    bool on_tip = memcmp((const uint8_t *)block + 4, m->active[m->height]->view->hash, 32) == 0;
    if (result->is == QN_BLOCK_IS_ACCEPTED && !on_tip)
        say(result, QN_BLOCK_IS_REJECTED, "inconclusive-not-best-prevblk");
    note(m, "check", result);
    return QN_OK;
}

const qn_mining_check_1 QN_MK_MINING_CHECK = {
    .h = {sizeof(qn_mining_check_1), QN_MINING_CHECK_1_REVISION}, .block = c_block};

void qn_mock_blocks_with(qn_mock *m, const qn_mining_result *list, uint32_t n)
{
    m->mining->result = list;
    m->mining->n_result = n;
}
