/* The coins of a block on disk, without the block: no view, no hashes of transactions. For who
 * looks through many blocks of which little matters: a block is made of that alone. Here nothing is
 * judged: where anything is odd the block is read as a whole, and there it is judged and logged. */
#include "core/chain/internal.h"

#include "core/base/alloc.h"
#include "core/btc/wire.h"
#include "core/crypto/sha256.h"
#include "core/store/coding.h"

#define OUTPOINT_LEN 36u
#define KINDS 6u            /* of packed scripts: two by their hashes, four by their keys */
#define SCRIPT_MAX 10000u   /* Core script.h MAX_SCRIPT_SIZE: a longer one was not kept */
#define MANY ((uint64_t)-1) /* no length is as long */

/* What is left of the bytes. */
typedef struct rest {
    const uint8_t *p, *end;
} rest;

typedef struct picked {
    uint32_t place; /* of the transaction in the block */
    qc_span tx, undo;
} picked;

typedef struct walker {
    rest block, undo;
    bool odd;        /* these are not the bytes of a block and its undo record */
    bool any;        /* something is wanted */
    qc_bytes script; /* of a coin that is spent, unpacked */
    qc_coin_pick_fn *fn;
    void *arg;
    picked *list; /* the coinbase, then those that are wanted */
    size_t n, cap;
    qc_err err;
} walker;

/* ---- bytes ---- */

static const uint8_t *step(walker *w, rest *r, uint64_t n)
{
    const uint8_t *p = r->p;
    if (n > (uint64_t)(r->end - p)) {
        w->odd = true;
        r->p = r->end;
        return NULL;
    }
    r->p = p + n;
    return p;
}

static uint64_t large(walker *w, rest *r, uint8_t head)
{
    const uint8_t *p = step(w, r, head == 253 ? 2 : head == 254 ? 4 : 8);
    const uint64_t n = !p            ? MANY
                       : head == 253 ? qc_read_le16(p)
                       : head == 254 ? qc_read_le32(p)
                                     : MANY;
    w->odd |= n > QC_MAX_SIZE || n < (head == 253 ? 253u : 0x10000u);
    return w->odd ? 0 : n;
}

static inline uint64_t compact(walker *w, rest *r)
{
    if (r->p == r->end) {
        w->odd = true;
        return 0;
    }
    const uint8_t head = *r->p++;
    return head < 253 ? head : large(w, r, head);
}

/* Core's VARINT, up to 32 bits and a few. */
static inline uint64_t varint(walker *w, rest *r)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < QC_VARINT_MAX && r->p < r->end; i++) {
        const uint8_t c = *r->p++;
        if (!(c & 0x80))
            return v << 7 | c;
        v = (v << 7 | (c & 0x7f)) + 1;
    }
    w->odd = true;
    return 0;
}

/* ---- coins ---- */

static qc_span unpacked(walker *w, const uint8_t *coin)
{
    qc_reader r = qc_reader_of(qc_span_of(coin, (size_t)(w->undo.end - coin)));
    qc_coin_code code;
    qc_amount value;
    const char *why;
    w->script.len = 0;
    qc_err err = qc_coin_read(&r, true, &code, &value, &w->script, &why);
    w->err = err == QC_ENOMEM ? err : w->err;
    w->odd |= err != QC_OK;
    w->undo.p = r.p;
    return qc_bytes_span(&w->script);
}

/* The script of a coin in the undo record: most lie there as they are, or by their hash. */
static qc_span spent_script(walker *w)
{
    static const uint8_t never = 0x6a; /* OP_RETURN: as Core reads what was not kept */
    const uint8_t *coin = w->undo.p;
    if (varint(w, &w->undo) >> 1)
        (void)varint(w, &w->undo);
    (void)varint(w, &w->undo);
    const uint64_t n = varint(w, &w->undo);
    if (n < KINDS && !w->odd)
        return unpacked(w, coin);
    const uint8_t *p = step(w, &w->undo, n < KINDS ? 0 : n - KINDS);
    return n > SCRIPT_MAX + KINDS ? qc_span_of(&never, 1) : qc_span_of(p, w->odd ? 0 : n - KINDS);
}

static bool walk_ins(walker *w, uint64_t n, bool coinbase)
{
    bool wanted = false;
    for (uint64_t i = 0; i < n && !w->odd; i++) {
        const uint8_t *at = step(w, &w->block, OUTPOINT_LEN);
        (void)step(w, &w->block, compact(w, &w->block));
        (void)step(w, &w->block, 4);
        if (coinbase || w->odd)
            continue;
        const qc_span script = spent_script(w);
        wanted |= !w->odd && w->fn(w->arg, at, script);
    }
    return wanted;
}

static bool walk_outs(walker *w)
{
    bool wanted = false;
    for (uint64_t i = 0, n = compact(w, &w->block); i < n && !w->odd; i++) {
        (void)step(w, &w->block, 8);
        const uint64_t len = compact(w, &w->block);
        const uint8_t *script = step(w, &w->block, len);
        wanted |= !w->odd && w->fn(w->arg, NULL, qc_span_of(script, (size_t)len));
    }
    return wanted;
}

/* ---- transactions ---- */

static void pick(walker *w, uint32_t place, const uint8_t *tx, const uint8_t *undo)
{
    if (w->n == w->cap) {
        const size_t cap = w->cap * 2 + 16;
        picked *more = qc_try_realloc(w->list, cap * sizeof *more);
        if (!more) {
            w->err = QC_ENOMEM;
            return;
        }
        w->list = more;
        w->cap = cap;
    }
    w->list[w->n++] = (picked){place, qc_span_of(tx, (size_t)(w->block.p - tx)),
                               qc_span_of(undo, (size_t)(w->undo.p - undo))};
}

/* As BIP144 has it; in a block that was connected every transaction has inputs. */
static void walk_tx(walker *w, uint32_t place)
{
    const uint8_t *tx = w->block.p, *undo = w->undo.p;
    (void)step(w, &w->block, 4);
    uint64_t n = compact(w, &w->block);
    const bool witness = n == 0;
    if (witness) {
        const uint8_t *flag = step(w, &w->block, 1);
        w->odd |= !flag || *flag != 1;
        n = compact(w, &w->block);
    }
    w->odd |= n == 0 || (place && compact(w, &w->undo) != n);
    bool wanted = walk_ins(w, n, place == 0);
    wanted |= walk_outs(w);
    for (uint64_t i = 0; witness && i < n && !w->odd; i++)
        for (uint64_t k = compact(w, &w->block); k && !w->odd; k--)
            (void)step(w, &w->block, compact(w, &w->block));
    (void)step(w, &w->block, 4);
    w->any |= wanted;
    if (!w->odd && (wanted || place == 0))
        pick(w, place, tx, undo);
}

static void walk_block(walker *w, const qc_hash *want)
{
    qc_hash hash;
    const uint8_t *head = step(w, &w->block, QC_HEADER_LEN);
    if (head)
        qc_sha256d(qc_span_of(head, QC_HEADER_LEN), hash.b);
    w->odd |= !head || !qc_hash_eq(&hash, want);
    const uint64_t n = compact(w, &w->block);
    w->odd |= n == 0 || compact(w, &w->undo) != n - 1;
    for (uint64_t i = 0; i < n && !w->odd && !w->err; i++)
        walk_tx(w, (uint32_t)i);
    w->odd |= w->block.p != w->block.end || w->undo.p != w->undo.end;
}

/* ---- a block of what was picked ---- */

static qc_err cut_bytes(const walker *w, qc_span head, qc_bytes *tx, qc_bytes *undo)
{
    qc_err err = qc_bytes_append(tx, head.data, head.len);
    if (!err)
        err = qc_w_compact(tx, w->n);
    if (!err)
        err = qc_w_compact(undo, w->n - 1);
    for (size_t i = 0; !err && i < w->n; i++) {
        err = qc_bytes_append(tx, w->list[i].tx.data, w->list[i].tx.len);
        if (!err && i)
            err = qc_bytes_append(undo, w->list[i].undo.data, w->list[i].undo.len);
    }
    return err;
}

static qc_err attach(qc_block *b, qc_span undo)
{
    qc_spent *spent = NULL;
    qc_bytes scripts = QC_BYTES_INIT;
    qc_err err = qc_undo_decode(b, undo, &spent, &scripts);
    if (!err)
        err = qc_block_attach_spent(b, spent);
    qc_free(spent);
    qc_bytes_free(&scripts);
    return err;
}

static qc_err cut(const walker *w, qc_span head, uint32_t height, qc_block **out)
{
    qc_bytes tx = QC_BYTES_INIT, undo = QC_BYTES_INIT;
    uint32_t *place = qc_try_calloc(w->n, sizeof *place);
    qc_block *b = NULL;
    qc_err err = place ? cut_bytes(w, head, &tx, &undo) : QC_ENOMEM;
    if (!err) {
        qc_wire_fail fail = qc_block_parse_bare(qc_bytes_span(&tx), &b);
        err = fail == QC_WIRE_NOMEM ? QC_ENOMEM : fail ? QC_ECORRUPT : QC_OK;
    }
    for (size_t i = 0; !err && i < w->n; i++)
        place[i] = w->list[i].place;
    if (!err) {
        qc_block_set_height(b, height);
        err = attach(b, qc_bytes_span(&undo));
    }
    qc_bytes_free(&tx);
    qc_bytes_free(&undo);
    if (err) {
        qc_free(place);
        qc_block_unref(b);
        return err;
    }
    qc_block_make_all_ids(b);
    qc_block_set_places(b, place);
    *out = b;
    return QC_OK;
}

qc_err qc_coins_pick(qc_span raw, qc_span undo, const qc_hash *hash, uint32_t height,
                     qc_coin_pick_fn *fn, void *arg, qc_block **out)
{
    walker w = {.block = {raw.data, raw.data + raw.len},
                .undo = {undo.data, undo.data + undo.len},
                .script = QC_BYTES_INIT,
                .fn = fn,
                .arg = arg};
    walk_block(&w, hash);
    qc_err err = w.err ? w.err : w.odd ? QC_ECORRUPT : QC_OK;
    *out = NULL;
    if (!err && w.any)
        err = cut(&w, qc_span_of(raw.data, QC_HEADER_LEN), height, out);
    qc_bytes_free(&w.script);
    qc_free(w.list);
    return err;
}

qc_err qc_chain_pick_coins(const qc_chain *c, const qc_index *i, qc_coin_pick_fn *fn, void *arg,
                           qc_block **out)
{
    char detail[256];
    qc_bytes raw = QC_BYTES_INIT, undo = QC_BYTES_INIT;
    const int32_t file = atomic_load(&i->file);
    const qc_filepos body = {file, atomic_load(&i->data_pos)};
    const qc_filepos back = {file, atomic_load(&i->undo_pos)};
    if (!qc_index_has(i, QC_BLOCK_HAVE_DATA) || !qc_index_has(i, QC_BLOCK_HAVE_UNDO) || !i->parent)
        return QC_ENOENT;
    qc_err err = qc_blockfiles_read_block(c->files, body, &raw, detail, sizeof detail);
    if (!err)
        err =
            qc_blockfiles_read_undo(c->files, back, &i->parent->hash, &undo, detail, sizeof detail);
    if (!err)
        err = qc_coins_pick(qc_bytes_span(&raw), qc_bytes_span(&undo), &i->hash, i->height, fn, arg,
                            out);
    qc_bytes_free(&raw);
    qc_bytes_free(&undo);
    return err;
}
