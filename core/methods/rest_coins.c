/* REST: which of some outputs are unspent (BIP64's question, asked by path or body). */
#include "core/base/alloc.h"
#include "core/methods/common.h"
#include "core/methods/hexarg.h"
#include "core/methods/rest_impl.h"
#include "core/methods/tx_json.h"

#define MAX_OUTPOINTS 15u                /* Core MAX_GETUTXOS_OUTPOINTS */
#define POOL_HEIGHT UINT32_C(0x7fffffff) /* Core MEMPOOL_HEIGHT */

typedef struct question {
    const qc_node *n;
    bool mempool;
    qc_outpoint o[MAX_OUTPOINTS];
    size_t count; /* may be more than there is room for: refused later */
    /* the answer */
    qc_coin coin[MAX_OUTPOINTS];
    bool hit[MAX_OUTPOINTS];
    const qc_index *tip;
    qc_err err;
} question;

static void add(question *q, const qc_outpoint *o)
{
    if (q->count < MAX_OUTPOINTS)
        q->o[q->count] = *o;
    q->count++;
}

/* ---- reading ---- */

/* "txid-n" */
static bool read_part(question *q, const char *text)
{
    const char *dash = strchr(text, '-');
    char hex[QC_HASH_HEX_LEN + 1];
    qc_outpoint o;
    uint64_t n;
    if (!dash || dash - text != QC_HASH_HEX_LEN || strchr(dash + 1, '-'))
        return false;
    memcpy(hex, text, QC_HASH_HEX_LEN);
    hex[QC_HASH_HEX_LEN] = 0;
    if (qc_hash_parse(hex, &o.txid) || !qc_rest_number(dash + 1, UINT32_MAX, &n))
        return false;
    o.n = (uint32_t)n;
    add(q, &o);
    return true;
}

/* "/checkmempool/txid-n/...". False: the call has ended. */
static bool read_path(qc_rest_call *c, question *q)
{
    size_t first = 1; /* the part before the first slash is empty */
    if (strlen(c->param) <= 1)
        return true;
    q->mempool = c->n_parts > 1 && strcmp(c->part[1], "checkmempool") == 0;
    first += q->mempool;
    for (size_t i = first; i < c->n_parts; i++)
        if (i >= QC_REST_PARTS)
            q->count++; /* far too many */
        else if (!read_part(q, c->part[i]))
            return qc_rest_fail(c, 400, "Parse error");
    return q->count > 0 || qc_rest_fail(c, 400, "Error: empty request");
}

static bool read_bytes(question *q, qc_span body)
{
    qc_reader r = qc_reader_of(body);
    q->mempool = qc_r_u8(&r) != 0;
    uint64_t n = qc_r_count(&r, 36);
    for (uint64_t i = 0; i < n && !r.fail; i++) {
        qc_outpoint o;
        qc_r_hash(&r, &o.txid);
        o.n = qc_r_le32(&r);
        add(q, &o);
    }
    return !r.fail;
}

static bool read_body(qc_rest_call *c, question *q)
{
    qc_span body = c->q->body;
    qc_bytes raw = QC_BYTES_INIT;
    if (c->format == QC_REST_OTHER) {
        qc_rest_no_format(c);
        return false;
    }
    if (c->format == QC_REST_JSON)
        return q->count > 0 || qc_rest_fail(c, 400, "Error: empty request");
    if (c->format == QC_REST_HEX && body.len) {
        char *text = qc_try_malloc(body.len + 1);
        if (!text) {
            qc_rest_no_memory(c);
            return false;
        }
        memcpy(text, body.data, body.len);
        text[body.len] = 0;
        /* Core takes what is no hex for nothing. */
        body = qc_m_hex_decode(text, &raw) ? qc_bytes_span(&raw) : (qc_span){NULL, 0};
        qc_free(text);
    }
    bool ok = true;
    if (body.len && q->count)
        ok = qc_rest_fail(c, 400,
                          "Combination of URI scheme inputs and raw post data is not allowed");
    else if (body.len && !read_bytes(q, body))
        ok = qc_rest_fail(c, 400, "Parse error");
    qc_bytes_free(&raw);
    return ok;
}

/* ---- looking ---- */

static qc_err pooled_coin(const qc_pool_view *pool, const qc_outpoint *o, qc_coin *out)
{
    qc_span raw;
    uint32_t vsize;
    qc_txbuf t;
    if (!pool->tx(pool->arg, &o->txid, &raw, &vsize) || qc_tx_parse(raw, true, &t))
        return QC_ENOENT;
    qc_err err = QC_ENOENT;
    if (o->n < t.tx.rec->n_out) {
        qc_span script = qc_tx_script(&t.tx, o->n);
        uint8_t *copy = qc_try_malloc(script.len + 1);
        err = copy ? QC_OK : QC_ENOMEM;
        if (copy) {
            memcpy(copy, script.data, script.len);
            *out = (qc_coin){.value = t.tx.out[o->n].value,
                             .height = POOL_HEIGHT,
                             .script_len = (uint32_t)script.len,
                             .script = copy};
        }
    }
    qc_txbuf_clear(&t);
    return err;
}

static void run_look(qc_chain *chain, void *arg)
{
    question *q = arg;
    const qc_pool_view *pool = q->mempool ? q->n->pool_view : NULL;
    q->tip = qc_chain_tip(chain);
    for (size_t i = 0; i < q->count && !q->err; i++) {
        qc_hash by;
        qc_span raw;
        if (pool && pool->spender(pool->arg, &q->o[i], &by, &raw))
            continue;
        qc_err err = pool ? pooled_coin(pool, &q->o[i], &q->coin[i]) : QC_ENOENT;
        if (err == QC_ENOENT)
            err = qc_chain_coin(chain, &q->o[i], &q->coin[i]);
        q->hit[i] = !err;
        if (err && err != QC_ENOENT)
            q->err = err;
    }
}

/* ---- answering ---- */

static qc_err write_coin(const qc_coin *coin, qc_bytes *out)
{
    qc_err err = qc_w_le32(out, 0); /* once the version of the transaction */
    if (!err)
        err = qc_w_le32(out, coin->height);
    if (!err)
        err = qc_w_le64(out, (uint64_t)coin->value);
    return err ? err : qc_w_var(out, qc_span_of(coin->script, coin->script_len));
}

static qc_err write_answer(const question *q, qc_bytes *out)
{
    uint8_t bits[(MAX_OUTPOINTS + 7) / 8] = {0};
    size_t hits = 0;
    for (size_t i = 0; i < q->count; i++) {
        bits[i / 8] |= (uint8_t)(q->hit[i] << i % 8);
        hits += q->hit[i];
    }
    qc_err err = qc_w_le32(out, q->tip->height);
    if (!err)
        err = qc_bytes_append(out, q->tip->hash.b, sizeof q->tip->hash.b);
    if (!err)
        err = qc_w_var(out, qc_span_of(bits, (q->count + 7) / 8));
    if (!err)
        err = qc_w_compact(out, hits);
    for (size_t i = 0; i < q->count && !err; i++)
        if (q->hit[i])
            err = write_coin(&q->coin[i], out);
    return err;
}

static void put_answer(qc_jw *w, const question *q)
{
    char bitmap[MAX_OUTPOINTS + 1] = "";
    for (size_t i = 0; i < q->count; i++)
        bitmap[i] = q->hit[i] ? '1' : '0';
    qc_jw_obj(w);
    qc_jw_kuint(w, "chainHeight", q->tip->height);
    qc_jw_khash(w, "chaintipHash", &q->tip->hash);
    qc_jw_kstr(w, "bitmap", bitmap);
    qc_jw_karr(w, "utxos");
    for (size_t i = 0; i < q->count; i++) {
        if (!q->hit[i])
            continue;
        const qc_coin *coin = &q->coin[i];
        qc_jw_obj(w);
        qc_jw_kuint(w, "height", coin->height);
        qc_jw_kamount(w, "value", coin->value);
        qc_jw_kobj(w, "scriptPubKey");
        qc_m_script_members(w, q->n->params, qc_span_of(coin->script, coin->script_len), true,
                            true);
        qc_jw_obj_end(w);
        qc_jw_obj_end(w);
    }
    qc_jw_arr_end(w);
    qc_jw_obj_end(w);
}

static void answer(qc_rest_call *c, question *q)
{
    qc_jw w = QC_JW_INIT;
    qc_bytes raw = QC_BYTES_INIT;
    if (q->err) {
        qc_rest_fail(c, 500, "Cannot read the coins: %s", qc_err_text(q->err));
    } else if (c->format == QC_REST_JSON) {
        put_answer(&w, q);
        qc_rest_json(c, &w, false);
    } else if (write_answer(q, &raw)) {
        qc_bytes_free(&raw);
        qc_rest_no_memory(c);
    } else {
        qc_rest_bytes(c, raw, false);
    }
}

void qc_rest_getutxos(qc_rest_call *c)
{
    question q = {.n = c->n};
    if (!c->q->body.len && strlen(c->param) <= 1) {
        qc_rest_fail(c, 400, "Error: empty request");
        return;
    }
    if (!read_path(c, &q) || !read_body(c, &q))
        return;
    if (q.count > MAX_OUTPOINTS) {
        qc_rest_fail(c, 400, "Error: max outpoints exceeded (max: %u, tried: %zu)", MAX_OUTPOINTS,
                     q.count);
        return;
    }
    qc_chain_call(c->n->chain_thread, run_look, &q);
    answer(c, &q);
    for (size_t i = 0; i < q.count; i++)
        if (q.hit[i])
            qc_coin_clear(&q.coin[i]);
}
