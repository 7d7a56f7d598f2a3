/* watch.import: a list of items, one result each. Deriving a wide range takes its time, so the work
 * is done in slices, and events go on meanwhile; the answer comes when all of it is durable. */
#include "lib/address.h"
#include "lib/elsewhere.h"
#include "lib/hex.h"
#include "plugins/watch/item.h"

#define ITEMS_MAX 200000u
#define DERIVE_AT_ONCE 20u

struct wt_job {
    wt *x;
    wt_job *next;
    uint64_t request;
    uint32_t wallet;
    json_t *args;
    const json_t *items;
    size_t at;
    qn_json out;
    /* The item in work. */
    uint32_t *made; /* ids of its sources: one for each branch */
    uint32_t *to;   /* where each is to be derived to */
    bool *fresh;    /* it was not there before */
    size_t n_made, branch;
    uint32_t height; /* its birthday */
    wt_reading in;
    uint32_t pruned; /* blocks below are */
    /* What has to be looked through in the end. */
    uint32_t from;
    uint64_t first_cookie;
};

/* ---- results ---- */

static void failed(wt_job *job, int32_t code, const char *message)
{
    qn_json *j = &job->out;
    qn_json_open(j, NULL, '{');
    qn_json_bool(j, "success", 0);
    qn_json_open(j, "error", '{');
    qn_json_int(j, "code", code);
    qn_json_text(j, "message", message);
    qn_json_close(j, '}');
    qn_json_close(j, '}');
}

static void succeeded(wt_job *job)
{
    qn_json *j = &job->out;
    bool pruned = job->height < job->pruned;
    char text[100];
    qn_json_open(j, NULL, '{');
    qn_json_bool(j, "success", 1);
    snprintf(text, sizeof text, "Blocks below %u are pruned: they are not looked through",
             job->pruned);
    if (pruned) {
        qn_json_open(j, "warnings", '[');
        qn_json_text(j, NULL, text);
        qn_json_close(j, ']');
    }
    qn_json_close(j, '}');
}

static bool bad(wt_job *job, int32_t code, const char *message)
{
    failed(job, code, message);
    return false;
}

/* ---- sources ---- */

static bool no_memory(wt_job *job)
{
    return bad(job, -7, "Out of memory");
}

static bool make_room(wt_job *job, size_t n)
{
    free(job->made);
    free(job->to);
    free(job->fresh);
    job->made = calloc(n, sizeof *job->made);
    job->to = calloc(n, sizeof *job->to);
    job->fresh = calloc(n, sizeof *job->fresh);
    job->n_made = job->branch = 0;
    return (job->made && job->to && job->fresh) || no_memory(job);
}

/* Blocks to look through for it, which a source keeps as its birthday. */
static void note_birthday(wt_job *job, wt_source *s, const wt_item *it)
{
    if (it->height < s->height) {
        s->height = it->height;
        s->timestamp = it->timestamp;
    }
    if (it->height < job->from)
        job->from = it->height;
}

static wt_source *new_source(wt_job *job, wt_kind kind, const char *text, const wt_item *it)
{
    wt_wallet *w = wt_wallet_by_id(&job->x->m, job->wallet);
    wt_source *s = wt_source_add(&job->x->m, 0, w, kind, text, it->label);
    if (!s)
        return NULL;
    s->building = job->fresh[job->n_made] = true;
    s->internal = it->internal;
    s->timestamp = it->timestamp;
    note_birthday(job, s, it);
    return s;
}

static void keep_source(wt_job *job, const wt_source *s, uint32_t to)
{
    job->made[job->n_made] = s->id;
    job->to[job->n_made++] = to;
}

/* The same script in the same wallet is the same source. */
static wt_source *script_source(const wt *x, const uint8_t *script, uint32_t len, uint32_t wallet)
{
    const wt_script *s = wt_script_find(&x->m, script, len);
    for (const wt_owner *o = s ? s->owner : NULL; o; o = o->next)
        if (o->source->wallet->id == wallet && o->source->kind == WT_SCRIPT)
            return o->source;
    return NULL;
}

static bool begin_script(wt_job *job, const wt_item *it, const char *text, const uint8_t *script,
                         uint32_t len)
{
    wt_source *s = script_source(job->x, script, len, job->wallet);
    if (s) {
        s->internal = it->internal_given ? it->internal : s->internal;
        s->dirty = true;
        note_birthday(job, s, it);
        if (it->label && wt_source_label(s, it->label) != QN_OK)
            return no_memory(job);
    } else {
        s = new_source(job, WT_SCRIPT, text, it);
        if (!s || wt_own(&job->x->m, s, 0, 0, script, len, 0, NULL) != QN_OK)
            return no_memory(job);
    }
    keep_source(job, s, 0);
    return true;
}

static bool bad_address(wt_job *job, const char *address, const qn_address_error *err)
{
    char where[QN_ELSEWHERE_MAX], why[QN_ELSEWHERE_MAX + 20];
    if (!qn_address_elsewhere(job->x->m.chain, address, strlen(address), where))
        return bad(job, WT_RPC_KEY, err->text[0] ? err->text : "Invalid address");
    snprintf(why, sizeof why, "The address is %s", where);
    return bad(job, WT_RPC_KEY, why);
}

static bool begin_address(wt_job *job, const wt_item *it)
{
    uint8_t script[QN_ADDRESS_SCRIPT_MAX];
    size_t len;
    qn_address_error err;
    if (!qn_address_decode(job->x->m.chain, it->address, strlen(it->address), script, &len, &err))
        return bad_address(job, it->address, &err);
    return begin_script(job, it, it->address, script, (uint32_t)len);
}

static bool begin_hex(wt_job *job, const wt_item *it)
{
    uint8_t script[10000];
    size_t n = strlen(it->script);
    if (n == 0 || n > 2 * sizeof script || !qn_hex_decode(it->script, n, script, sizeof script))
        return bad(job, WT_RPC_KEY, "script must be a scriptPubKey in hex, at most 10,000 bytes");
    return begin_script(job, it, it->script, script, (uint32_t)(n / 2));
}

static bool begin_outpoint(wt_job *job, const wt_item *it)
{
    wt *x = job->x;
    qn_mempool_outpoint at = {.n = 0};
    if (!wt_outpoint_read(it->outpoint, &at))
        return bad(job, WT_RPC_INVALID, "outpoint must be \"TXID:N\" or {\"txid\":...,\"vout\":N}");
    const wt_coin *c = wt_coin_find(&x->m, &at);
    wt_source *s = NULL;
    for (const wt_watcher *w = c ? c->watcher : NULL; w && !s; w = w->next)
        if (w->source->wallet->id == job->wallet)
            s = w->source;
    if (s) {
        note_birthday(job, s, it);
        s->dirty = true;
        if (it->label && wt_source_label(s, it->label) != QN_OK)
            return no_memory(job);
    } else {
        if (!(s = new_source(job, WT_OUTPOINT, NULL, it)))
            return no_memory(job);
        s->coin = at;
        if (wt_watch_coin(&x->m, s) != QN_OK)
            return no_memory(job);
    }
    job->first_cookie = 0; /* numbers of outpoints are not numbers of scripts */
    keep_source(job, s, 0);
    return true;
}

/* ---- descriptors ---- */

static wt_source *descriptor_source(const wt *x, const char *text, uint32_t wallet)
{
    for (size_t i = 0; i < x->m.n_sources; i++) {
        wt_source *s = x->m.source[i];
        if (s->kind == WT_DESCRIPTOR && s->wallet->id == wallet && strcmp(s->text, text) == 0)
            return s;
    }
    return NULL;
}

/* What a descriptor has that is there already may grow, not shrink. */
static bool change_descriptor(wt_job *job, wt_source *s, const wt_item *it)
{
    char why[128];
    if (s->ranged && it->range && it->begin < s->first) {
        snprintf(why, sizeof why, "new range must include current range = [%u,%u]", s->first,
                 s->end - 1);
        return bad(job, WT_RPC_INVALID, why);
    }
    s->active = it->active;
    s->internal = it->internal_given ? it->internal : s->internal;
    s->dirty = true;
    if (s->ranged && it->next_given)
        s->next = it->next > s->used ? it->next : s->used;
    note_birthday(job, s, it);
    return !it->label || wt_source_label(s, it->label) == QN_OK || no_memory(job);
}

static bool begin_branch(wt_job *job, const qn_descriptor *d, size_t branch, const wt_item *given)
{
    wt_item it = *given;
    size_t len = qn_descriptor_print(d, branch, NULL, 0);
    char *text = malloc(len + 1);
    if (!text)
        return no_memory(job);
    qn_descriptor_print(d, branch, text, len + 1);
    if (branch == 1 && qn_descriptor_branches(d) == 2 && !it.internal_given)
        it.internal = it.internal_given = true;
    if (!qn_descriptor_is_range(d)) {
        it.begin = it.next = 0;
        it.end = 1;
    }
    wt_source *s = descriptor_source(job->x, text, job->wallet);
    bool there = s != NULL, good = true;
    if (there) {
        good = change_descriptor(job, s, &it);
    } else if (!(s = new_source(job, WT_DESCRIPTOR, text, &it))) {
        good = no_memory(job);
    } else {
        s->active = it.active;
        s->ranged = qn_descriptor_is_range(d);
        s->first = s->end = it.begin;
        s->next = it.next;
    }
    free(text);
    if (good)
        keep_source(job, s, it.end);
    return good;
}

static bool fits_descriptor(wt_job *job, const qn_descriptor *d, const wt_item *it)
{
    bool range = qn_descriptor_is_range(d);
    if (!range && it->range)
        return bad(job, WT_RPC_INVALID,
                   "Range should not be specified for an un-ranged descriptor");
    if (!range && it->active)
        return bad(job, WT_RPC_INVALID, "Active descriptors must be ranged");
    if (it->active && !qn_descriptor_is_single(d))
        return bad(job, WT_RPC_WALLET, "Combo descriptors cannot be set to active");
    if (qn_descriptor_branches(d) > 1 && it->internal_given)
        return bad(job, WT_RPC_INVALID,
                   "Cannot have multipath descriptor while also specifying 'internal'");
    if (range && it->label && it->label[0])
        return bad(job, WT_RPC_INVALID, "Ranged descriptors should not have a label");
    if (!qn_descriptor_is_public(d))
        return bad(job, WT_RPC_WALLET,
                   "Cannot expand descriptor: hardened steps need private keys, which are not "
                   "accepted here");
    return true;
}

static bool begin_descriptor(wt_job *job, const wt_item *it)
{
    char err[512];
    qn_descriptor *d = wt_parse(&job->x->m, it->desc, strlen(it->desc), true, err, sizeof err);
    if (!d && strcmp(err, "Missing checksum") == 0) /* what everybody meets first */
        return bad(job, WT_RPC_KEY,
                   "Missing checksum: append # and the one that getdescriptorinfo tells");
    if (!d)
        return bad(job, WT_RPC_KEY, err);
    size_t n = qn_descriptor_branches(d);
    bool good = fits_descriptor(job, d, it) && make_room(job, n);
    for (size_t b = 0; good && b < n; b++)
        good = begin_branch(job, d, b, it);
    qn_descriptor_free(d);
    return good;
}

/* ---- the work ---- */

static bool begin_item(wt_job *job)
{
    wt_item it;
    if (!make_room(job, 1))
        return false;
    if (!wt_item_read(&job->in, json_array_get(job->items, job->at), &it))
        return bad(job, job->in.code, job->in.why);
    job->height = it.height;
    if (it.desc)
        return begin_descriptor(job, &it);
    if (it.address)
        return begin_address(job, &it);
    return it.script ? begin_hex(job, &it) : begin_outpoint(job, &it);
}

/* What the item made is not wanted after all. */
static void undo_item(wt_job *job)
{
    for (size_t i = 0; i < job->n_made; i++) {
        wt_source *s = wt_source_by_id(&job->x->m, job->made[i]);
        if (s && job->fresh[i])
            (void)wt_source_remove(&job->x->m, s);
    }
    job->n_made = 0;
}

static qn_status finish_source(wt_job *job, wt_source *s)
{
    qn_status st = QN_OK;
    if (s->n_watched) /* the node may know it by a lower number than it has by now */
        job->first_cookie = 0;
    for (size_t i = 0; i < s->n_owners; i++)
        if (s->owner[i]->script->cookie < job->first_cookie)
            job->first_cookie = s->owner[i]->script->cookie;
    if (s->n_watched < s->n_owners)
        st = wt_stream_add(job->x, s);
    if (st == QN_OK)
        st = wt_stream_add_coin(job->x, s);
    if (st == QN_OK)
        s->building = false;
    return st;
}

/* One step of the item in work. QN_E_END: it is done. */
static qn_status work(wt_job *job)
{
    if (job->branch == job->n_made)
        return QN_E_END;
    wt_source *s = wt_source_by_id(&job->x->m, job->made[job->branch]);
    if (!s)
        return QN_E_NOTFOUND; /* it was removed meanwhile */
    qn_status st = QN_OK;
    if (!wt_is_derived(&job->x->m, s, job->to[job->branch]))
        st = wt_derive(&job->x->m, s, job->to[job->branch], DERIVE_AT_ONCE);
    else if ((st = finish_source(job, s)) == QN_OK)
        job->branch++;
    return st;
}

/* What was there before stays as it is now, and what it gained that there is no room for waits: its
 * blocks are looked through once there is. */
static bool keep_waiting(const wt_job *job)
{
    wt *x = job->x;
    bool any = false;
    for (size_t i = 0; i < job->n_made; i++) {
        wt_source *s = job->fresh[i] ? NULL : wt_source_by_id(&x->m, job->made[i]);
        const uint32_t tip = wt_tip_height(x);
        bool all = true;
        if (s && wt_stream_add_or_wait(x, s, s->height < tip ? s->height : tip, &all) == QN_OK)
            any = any || !all;
    }
    return any;
}

static void item_failed(wt_job *job, qn_status st)
{
    bool waiting = keep_waiting(job);
    undo_item(job);
    if (st == QN_E_LIMIT) { /* a part of it may be watched */
        (void)wt_stream_sweep(job->x);
        failed(job, WT_RPC_WALLET,
               waiting ? "The grant of watch/1 allows no more scripts: what is beyond is watched "
                         "when there is room (watch.status)"
                       : "The grant of watch/1 allows no more scripts");
    } else if (st == QN_E_NOTFOUND)
        failed(job, WT_RPC_WALLET, "It was removed while it was imported");
    else if (st == QN_E_NOMEM)
        failed(job, -7, "Out of memory");
    else
        failed(job, WT_RPC_WALLET, "The descriptor has no scripts in this range");
}

static void job_unlink(wt_job *job)
{
    for (wt_job **p = &job->x->job; *p; p = &(*p)->next)
        if (*p == job) {
            *p = job->next;
            break;
        }
    json_decref(job->args);
    qn_json_free(&job->out);
    free(job->made);
    free(job->to);
    free(job->fresh);
    free(job);
}

static void job_end(wt_job *job)
{
    wt *x = job->x;
    uint64_t id;
    uint32_t lowest;
    qn_status st = QN_OK;
    qn_json_close(&job->out, ']');
    if (job->from != WT_NO_HEIGHT && x->m.tip.height != WT_NO_HEIGHT &&
        job->from <= x->m.tip.height)
        st = wt_rescan_want(x, &(wt_rescan_for){job->from, job->first_cookie, job->wallet}, &id,
                            &lowest);
    if (st == QN_OK)
        st = wt_store_set(x);
    if (st == QN_E_LIMIT)
        wt_refuse(x, job->request, WT_RPC_WALLET,
                  "Too many rescans wait: import again when one of them is done");
    else if (st != QN_OK)
        wt_refuse_status(x, job->request, st);
    else
        wt_answer(x, job->request, &job->out);
    job_unlink(job);
    if (st != QN_OK && st != QN_E_LIMIT)
        wt_fail(x, st, "cannot keep what was imported");
}

static void run(void *arg)
{
    wt_job *job = arg;
    wt *x = job->x;
    uint64_t end = x->host->now_ms(x->cap) + WT_SLICE_MS;
    bool within = job->n_made > 0;
    for (unsigned n = 0; job->at < json_array_size(job->items); n++) {
        if (n && x->host->now_ms(x->cap) >= end) {
            qn_status posted = x->host->post(x->cap, run, job);
            if (posted == QN_OK)
                return;
            wt_refuse_status(x, job->request, posted);
            job_unlink(job);
            return;
        }
        if (!wt_wallet_by_id(&x->m, job->wallet)) {
            wt_refuse(x, job->request, WT_RPC_NO_WALLET, "The wallet was removed meanwhile");
            job_unlink(job);
            return;
        }
        if (!within && !begin_item(job)) {
            undo_item(job);
            job->at++;
            continue;
        }
        within = true;
        qn_status st = work(job);
        if (st == QN_OK)
            continue;
        if (st == QN_E_END)
            succeeded(job);
        else
            item_failed(job, st);
        within = false;
        job->n_made = 0;
        job->at++;
    }
    job_end(job);
}

void wt_on_import(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    wt *x = arg;
    json_t *a = wt_params(x, r->request, params, len);
    const wt_wallet *w = a ? wt_wallet_arg(x, r->request, a, 0) : NULL;
    const json_t *items = json_array_get(a, 1);
    if (w && (!json_is_array(items) || json_array_size(items) > ITEMS_MAX)) {
        wt_refuse(x, r->request, WT_RPC_TYPE, "requests must be an array of at most 200,000 items");
        w = NULL;
    }
    wt_job *job = w ? calloc(1, sizeof *job) : NULL;
    if (!job) {
        if (w)
            wt_refuse_status(x, r->request, QN_E_NOMEM);
        json_decref(a);
        return;
    }
    *job = (wt_job){.x = x, .next = x->job, .request = r->request, .wallet = w->id, .args = a};
    job->items = items;
    job->in.x = x;
    job->from = WT_NO_HEIGHT;
    job->first_cookie = UINT64_MAX;
    qn_chain_info info;
    QN_INIT(&info);
    if (x->chain.t->info(x->chain.cap, &info) == QN_OK)
        job->pruned = info.prune_height;
    x->job = job;
    qn_json_open(&job->out, NULL, '[');
    run(job);
}

void wt_jobs_end(wt *x)
{
    while (x->job) {
        wt_refuse(x, x->job->request, WT_RPC_INTERNAL, "The plugin is being stopped");
        job_unlink(x->job);
    }
}
