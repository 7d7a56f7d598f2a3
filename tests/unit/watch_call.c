#include "tests/unit/watch_call.h"

static void on_ready(void *arg, uint64_t watch)
{
    call *c = arg;
    (void)watch;
    atomic_fetch_add(&c->ready, 1);
}

void call_open(void *arg)
{
    call *c = arg;
    qn_block_ref start;
    c->t = rig_table(&c->p->r, "watch.unstable/1", &c->cap);
    c->st = c->t->stable.open(c->cap, &c->o, NULL, 0, on_ready, c, &c->watch, &start);
}

void call_close(void *arg)
{
    call *c = arg;
    c->st = c->t->stable.close(c->cap, c->watch);
}

void call_next(void *arg)
{
    call *c = arg;
    c->st = c->t->stable.next(c->cap, c->watch, c->ev, c->max, &c->n, c->data, c->room, &c->n_data);
}

static void note_block(call *c, const qn_watch_event *e)
{
    const bool up = e->type == QN_WATCH_EV_BLOCK;
    if (c->stands)
        assert_memory_equal(up ? e->prev.hash.b : e->ref.hash.b, c->at.b, 32);
    c->at = up ? e->ref.hash : e->prev.hash;
    c->stands = true;
}

static void note(call *c, const qn_watch_event *e)
{
    c->seen[e->type]++;
    c->canceled += e->status == QN_E_CANCELED;
    c->seq = e->seq;
    if (e->type == QN_WATCH_EV_CONFIRMED) {
        c->last = e->ref;
        c->txid = e->txid;
    }
    if (e->type == QN_WATCH_EV_BLOCK || e->type == QN_WATCH_EV_UNBLOCK)
        note_block(c, e);
    if (e->type > QN_WATCH_EV_GONE || (e->type != QN_WATCH_EV_GONE && e->hit))
        return;
    assert_true(c->n_log < QC_COUNTOF(c->log));
    c->log[c->n_log].type = e->type;
    c->log[c->n_log].reason = e->reason;
    c->log[c->n_log].rescan = e->rescan;
    c->log[c->n_log++].txid = e->txid;
}

void call_take(void *arg)
{
    call *c = arg;
    call_next(c);
    for (uint32_t i = 0; c->st == QN_OK && i < c->n; i++)
        note(c, &c->ev[i]);
}

void call_ack(void *arg)
{
    call *c = arg;
    assert_int_equal(c->t->stable.ack(c->cap, c->watch, c->seq), QN_OK);
}

void call_take_all(void *arg)
{
    call *c = arg;
    do {
        call_take(c);
        if (c->st == QN_OK)
            call_ack(c);
    } while (c->st == QN_OK);
}

void call_until(call *c, uint32_t type, uint64_t n)
{
    qc_mono until = qc_clock_mono() + INT64_C(20000000000);
    while (c->seen[type] < n && qc_clock_mono() < until)
        rig_on_loop(&c->p->r, call_take_all, c);
    assert_int_equal(c->seen[type], n);
}

void call_story(const call *c, const tb_tx *tx, char *out)
{
    const qc_hash id = tb_txid(tx);
    size_t n = 0;
    for (unsigned i = 0; i < c->n_log && n < 31; i++)
        if (memcmp(&c->log[i].txid, id.b, 32) == 0)
            out[n++] = c->log[i].rescan ? 'R' : "?SCUG"[c->log[i].type];
    out[n] = 0;
}

/* Until it stands on our tip and has nothing more. */
void call_drain(call *c)
{
    qc_mono until = qc_clock_mono() + INT64_C(20000000000);
    const qc_host *h = c->p->r.host;
    bool there = false;
    while (!there && qc_clock_mono() < until) {
        rig_on_loop(&c->p->r, call_take_all, c);
        const qc_watcher *w = qc_watcher_by_id(c->cap, c->watch);
        there = c->st == QN_E_AGAIN && atomic_load(&w->waiting) &&
                qc_chain_durable(h->o.chain) == qc_chain_tip(h->o.chain) &&
                atomic_load(&w->height) == c->p->r.made->tip;
    }
    assert_true(there);
}

void call_add(call *c, uint32_t i, uint64_t cookie, uint32_t flags)
{
    uint8_t room[4];
    const qc_span s = play_script(i, room);
    const qn_watch_script one = {.cookie = cookie, .len = (uint32_t)s.len};
    c->st = c->t->stable.add(c->cap, c->watch, &one, 1, s.data, one.len, flags, &c->id);
}

void call_add_three(void *arg)
{
    call_add(arg, 3, 30, 0);
}

static void begin(call *c, play *p, const char *grants, bool unread)
{
    *p = (play){.seed = 3, .r = {.backoff_ms = 1, .unread = unread}};
    *c = (call){.p = p, .room = sizeof c->data, .max = 64, .o = {.size = sizeof c->o}};
    play_begin(p, grants);
    rig_on_loop(&p->r, call_open, c);
    assert_int_equal(c->st, QN_OK);
}

void call_begin(call *c, play *p, const char *grants)
{
    begin(c, p, grants, false);
}

void call_begin_unread(call *c, play *p, const char *grants)
{
    begin(c, p, grants, true);
}

void call_end(call *c)
{
    rig_on_loop(&c->p->r, call_close, c);
    assert_int_equal(c->st, QN_OK);
    play_end(c->p);
}
