/* Inventories: what peers announce, and how new blocks are announced to them: by their headers
 * where the peer likes that and they connect to what it has, else by inv (BIP130). */
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/base/table.h"
#include "core/crypto/siphash.h"
#include "core/os/file.h"
#include "core/sync/serving.h"

#define INV_BYTES 36u

/* ---- the list on the wire ---- */

qc_wire_fail qc_inv_read(qc_span payload, qc_inv **list, size_t *n)
{
    qc_reader r = qc_reader_of(payload);
    *list = NULL;
    *n = (size_t)qc_r_count(&r, INV_BYTES);
    if (r.fail || *n > QC_INV_MAX)
        return r.fail;
    *list = qc_try_calloc(*n + 1, sizeof **list);
    if (!*list)
        return QC_WIRE_NOMEM;
    for (size_t k = 0; k < *n; k++) {
        (*list)[k].type = qc_r_le32(&r);
        qc_r_hash(&r, &(*list)[k].hash);
    }
    return r.fail;
}

qc_err qc_inv_write(qc_bytes *out, const qc_inv *list, size_t n)
{
    qc_err err = qc_w_compact(out, n);
    for (size_t k = 0; !err && k < n; k++) {
        err = qc_w_le32(out, list[k].type);
        if (!err)
            err = qc_bytes_append(out, &list[k].hash, sizeof list[k].hash);
    }
    return err;
}

/* ---- theirs ---- */

static bool have_block(qc_sync *s, const qc_hash *hash)
{
    return qc_chain_find(s->chain, hash) != NULL;
}

/* The header is asked for, not the block: headers first. */
static void ask_towards(qc_sync *s, qc_peer_state *p, const qc_hash *hash)
{
    const qc_index *best;
    char hex[QC_HASH_HEX_LEN + 1];
    /* Before the first sync with a peer one announcement of it counts, and each block once. */
    if (!p->sync_started && (p->inv_asked || qc_hash_eq(hash, &s->last_inv_block)))
        return;
    qc_best_header_of(s, &best);
    if (qc_ask_headers(s, p, NULL, best)) {
        qc_hash_hex(hash, hex);
        qc_log(QC_LOG_DEBUG, "net", "getheaders (%u) %s to peer=%lld", best->height, hex,
               (long long)p->id);
    }
    if (!p->sync_started) {
        p->inv_asked = true;
        s->last_inv_block = *hash;
    }
}

typedef struct seen_one {
    qc_table_link by_name;
    const qc_inv *inv;
} seen_one;

struct qc_inv_seen {
    seen_one *one; /* owned; NULL: one name cannot come twice, or there is no memory */
    size_t n;
    qc_table table;
    qc_siphash_key key;
};

static void seen_init(qc_inv_seen *d, size_t most)
{
    *d = (qc_inv_seen){.one = most > 1 ? qc_try_calloc(most, sizeof *d->one) : NULL};
    if (d->one)
        qc_os_random(&d->key, sizeof d->key);
}

static void seen_clear(qc_inv_seen *d)
{
    qc_table_clear(&d->table);
    qc_free(d->one);
}

static bool same_name(const qc_inv *a, const qc_inv *b)
{
    return (a->type == QC_INV_WTX) == (b->type == QC_INV_WTX) && qc_hash_eq(&a->hash, &b->hash);
}

bool qc_inv_seen_before(qc_inv_seen *d, const qc_inv *inv)
{
    if (!d->one)
        return false;
    uint64_t key = qc_siphash_hash(&d->key, &inv->hash);
    for (qc_table_link *l = qc_table_find(&d->table, key); l; l = qc_table_next(l))
        if (same_name(QC_HOLDER(seen_one, by_name, l)->inv, inv))
            return true;
    seen_one *x = &d->one[d->n++];
    x->inv = inv;
    qc_table_add(&d->table, &x->by_name, key);
    return false;
}

void qc_on_inv(qc_sync *s, qc_peer_state *p, qc_span payload)
{
    qc_inv *list;
    size_t n;
    const qc_hash *newest = NULL;
    qc_inv_seen seen;
    qc_wire_fail fail = qc_inv_read(payload, &list, &n);
    if (fail) {
        qc_sync_unread(p, "inv", payload.len, fail);
        return;
    }
    if (n > QC_INV_MAX) {
        qc_sync_misbehaving(s, p, "inv message size = %zu", n);
        return;
    }
    seen_init(&seen, n);
    for (size_t k = 0; k < n; k++) {
        char hex[QC_HASH_HEX_LEN + 1];
        if (list[k].type != QC_INV_BLOCK) {
            if (!qc_relay_announced(s, p, &list[k], &seen))
                break;
            continue;
        }
        bool have = have_block(s, &list[k].hash);
        qc_hash_hex(&list[k].hash, hex);
        qc_log(QC_LOG_DEBUG, "net", "got inv: block %s %s peer=%lld", hex, have ? "have" : "new",
               (long long)p->id);
        qc_peer_has(s, p, &list[k].hash);
        if (!have && qc_sync_loaded(s) && !qc_requested(s, &list[k].hash))
            newest = &list[k].hash;
    }
    if (newest && !p->closing)
        ask_towards(s, p, newest);
    seen_clear(&seen);
    qc_free(list);
}

/* ---- ours ---- */

static void push(qc_hash **list, size_t *n, const qc_hash *h)
{
    qc_hash *v = qc_try_realloc(*list, (*n + 1) * sizeof *v);
    if (!v)
        return; /* it will hear of the next one */
    v[(*n)++] = *h;
    *list = v;
}

void qc_announce(qc_sync *s, const qc_index *tip, const qc_index *fork)
{
    const qc_index *list[QC_ANNOUNCE_MAX];
    size_t n = 0;
    for (const qc_index *i = tip; i && i != fork && n < QC_ANNOUNCE_MAX; i = i->parent)
        list[n++] = i;
    for (qc_peer_state *p = s->peers; p; p = p->next)
        for (size_t k = n; k > 0; k--)
            push(&p->announce, &p->n_announce, &list[k - 1]->hash);
}

bool qc_peer_has_header(const qc_peer_state *p, const qc_index *i)
{
    return (p->best_known && qc_index_ancestor(p->best_known, i->height) == i) ||
           (p->best_sent && qc_index_ancestor(p->best_sent, i->height) == i);
}

/* Headers of the announced blocks that the peer lacks, if they connect to what it has. False: they
 * cannot be told this way. */
static bool collect(qc_sync *s, const qc_peer_state *p, const qc_index *list[QC_ANNOUNCE_MAX],
                    size_t *n)
{
    const qc_index *last = NULL;
    *n = 0;
    bool likes = p->prefers_headers || (p->hb_from && p->n_announce == 1);
    if (!likes || p->n_announce > QC_ANNOUNCE_MAX)
        return false;
    for (size_t k = 0; k < p->n_announce; k++) {
        const qc_index *i = qc_chain_find(s->chain, &p->announce[k]);
        if (!i || !qc_chain_contains(s->chain, i) || (last && i->parent != last))
            return false;
        last = i;
        if (*n == 0 && qc_peer_has_header(p, i))
            continue;
        if (*n == 0 && i->parent && !qc_peer_has_header(p, i->parent))
            return false;
        list[(*n)++] = i;
    }
    return true;
}

static void send_headers(qc_sync *s, qc_peer_state *p, const qc_index *const *list, size_t n)
{
    qc_bytes b = QC_BYTES_INIT;
    char hex[QC_HASH_HEX_LEN + 1];
    qc_err err = qc_w_compact(&b, n);
    for (size_t k = 0; !err && k < n; k++) {
        uint8_t raw[QC_HEADER_LEN + 1] = {0};
        qc_header_write(&list[k]->header, raw);
        err = qc_bytes_append(&b, raw, sizeof raw);
    }
    qc_hash_hex(&list[n - 1]->hash, hex);
    qc_log(QC_LOG_DEBUG, "net", "SendMessages: sending %zu header(s) up to %s to peer=%lld", n, hex,
           (long long)p->id);
    if (!err)
        qc_sync_send(s, p, "headers", &b);
    qc_bytes_free(&b);
    p->best_sent = list[n - 1];
}

static void send_inv(qc_sync *s, qc_peer_state *p)
{
    const qc_hash *newest = &p->announce[p->n_announce - 1];
    const qc_index *i = qc_chain_find(s->chain, newest);
    const qc_inv inv = {QC_INV_BLOCK, *newest};
    qc_bytes b = QC_BYTES_INIT;
    char hex[QC_HASH_HEX_LEN + 1];
    if (!i || qc_peer_has_header(p, i))
        return;
    qc_hash_hex(newest, hex);
    qc_log(QC_LOG_DEBUG, "net", "SendMessages: sending inv peer=%lld hash=%s", (long long)p->id,
           hex);
    if (!qc_inv_write(&b, &inv, 1))
        qc_sync_send(s, p, "inv", &b);
    qc_bytes_free(&b);
}

void qc_announce_care(qc_sync *s, qc_peer_state *p)
{
    const qc_index *list[QC_ANNOUNCE_MAX];
    size_t n;
    if (p->n_announce == 0)
        return;
    qc_peer_has_again(s, p);
    bool told = collect(s, p, list, &n);
    if (told && n == 1 && p->hb_from && s->recent == list[0])
        qc_recent_announce(s, p, list[0], "SendMessages");
    else if (told && n && p->prefers_headers)
        send_headers(s, p, list, n);
    else if (!told || n)
        send_inv(s, p);
    qc_free(p->announce);
    p->announce = NULL;
    p->n_announce = 0;
}
