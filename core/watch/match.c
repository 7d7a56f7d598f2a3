#include "core/watch/match.h"

#include "core/base/alloc.h"

/* Where the next finds go. */
typedef struct finder {
    qc_watchset *s;
    qc_sieve *sieve;
    qc_watch_hits *h;
    uint16_t owner;
    qc_watch_hit like; /* place and flags */
    qc_err err;
} finder;

void qc_watch_hits_clear(qc_watch_hits *h)
{
    qc_free(h->hit);
    *h = QC_WATCH_HITS_INIT;
}

static void found(void *arg, const qc_watch_found *w)
{
    finder *f = arg;
    qc_watch_hits *h = f->h;
    if (f->err || (f->owner && f->owner != w->owner))
        return;
    if (h->n == h->cap) {
        size_t cap = h->cap * 2 + 16;
        qc_watch_hit *more = qc_try_realloc(h->hit, cap * sizeof *more);
        if (!more) {
            f->err = QC_ENOMEM;
            return;
        }
        h->hit = more;
        h->cap = cap;
    }
    qc_watch_hit *hit = &h->hit[h->n++];
    *hit = f->like;
    hit->cookie = w->cookie;
    hit->gen = w->gen;
    hit->owner = w->owner;
}

static void look(finder *f, uint32_t io, uint16_t flags, qc_watch_kind kind, qc_span bytes)
{
    f->like.io = io;
    f->like.flags = flags;
    qc_watchset_sift(f->s, f->sieve, kind, bytes, found, f);
}

static void begin(finder *f, qc_watchset *s, uint16_t owner, qc_watch_hits *h)
{
    h->n = 0;
    h->version = qc_watchset_version(s);
    *f = (finder){.s = s, .sieve = qc_watchset_sieve(s), .h = h, .owner = owner};
}

static qc_err end(finder *f)
{
    qc_sieve_unref(f->sieve);
    return f->err;
}

/* An outpoint's 36 bytes lie in the record as they do in qc_outpoint. */
static void look_in(finder *f, uint32_t i, const qn_in_rec *in, qc_span script)
{
    qc_outpoint o;
    _Static_assert(sizeof o == QC_WATCH_OUTPOINT_LEN, "an outpoint is 36 bytes");
    memcpy(o.txid.b, in->prev_txid, 32);
    o.n = in->prev_n;
    look(f, i, QC_HIT_SPENT, QC_WATCH_SCRIPT, script);
    look(f, i, QC_HIT_SPENT | QC_HIT_OUTPOINT, QC_WATCH_OUTPOINT,
         qc_span_of(&o, QC_WATCH_OUTPOINT_LEN));
}

static void look_out(finder *f, const qc_tx *tx)
{
    for (uint32_t i = 0; i < tx->rec->n_out; i++)
        look(f, i, 0, QC_WATCH_SCRIPT, qc_tx_script(tx, i));
}

qc_err qc_watch_match_block(qc_watchset *s, const qc_block *b, uint16_t owner, qc_watch_hits *h)
{
    const qn_block_view *v = qc_block_view(b);
    finder f;
    begin(&f, s, owner, h);
    for (uint32_t t = 0; t < v->tx.count && !f.err; t++) {
        const qc_tx tx = qc_block_tx(b, t);
        f.like.tx = t;
        for (uint32_t i = 0; t && i < tx.rec->n_in; i++) {
            const qn_spent_rec *c = qn_view_spent(v, tx.rec->in0 + i);
            look_in(&f, i, &tx.in[i], qc_span_of(qn_view_spent_script(v, c), c->script_len));
        }
        look_out(&f, &tx);
    }
    return end(&f);
}

qc_err qc_watch_match_tx(qc_watchset *s, const qc_tx *tx, const qc_spent *spent, uint16_t owner,
                         qc_watch_hits *h)
{
    finder f;
    begin(&f, s, owner, h);
    for (uint32_t i = 0; i < tx->rec->n_in; i++)
        look_in(&f, i, &tx->in[i], spent[i].script);
    look_out(&f, tx);
    return end(&f);
}
