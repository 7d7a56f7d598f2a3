#include "core/tool/drive.h"

#include "core/base/alloc.h"
#include "core/base/nearest.h"
#include "core/host/loader.h"
#include "core/os/file.h"

#include <stdio.h>
#include <unistd.h>

#define THREADS_WAIT_MS 30u /* of real time, for what a plugin's own threads may post */

/* splitmix64 */
static uint64_t random_of(uint64_t *seed)
{
    uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint32_t below(uint64_t *seed, uint32_t n)
{
    return (uint32_t)(random_of(seed) % n);
}

void qc_history_make(qc_history *h, uint64_t seed, uint32_t blocks, bool reorgs)
{
    uint64_t s = seed;
    uint32_t height = 0;
    *h = (qc_history){.seed = seed};
    while (height < blocks && h->n < QC_HISTORY_STEPS) {
        qc_step *x = &h->step[h->n++];
        uint32_t most = blocks / 4 > 1 ? blocks / 4 : 1;
        x->n = 1 + below(&s, most);
        /* The last third of the steps of a short history would else often see no reorganisation. */
        bool turn = reorgs && height > 1 && (below(&s, 2) || height + x->n >= blocks);
        if (turn) {
            x->back = 1 + below(&s, height < 6 ? height - 1 : 5);
            x->again = h->n > 2 && h->step[h->n - 2].back && below(&s, 3) == 0;
            x->n = x->back + 1 + below(&s, 3);
        }
        height = x->again ? height + 1 : height - x->back + x->n;
    }
}

/* Scripts of the kinds that blocks are made of. */
static uint32_t some_script(uint64_t *s, uint8_t out[64])
{
    static const struct {
        uint8_t head[3], n_head, data, tail[2], n_tail;
    } kind[] = {{{0x00, 0x14}, 2, 20, {0}, 0},
                {{0x00, 0x20}, 2, 32, {0}, 0},
                {{0x51, 0x20}, 2, 32, {0}, 0},
                {{0xa9, 0x14}, 2, 20, {0x87}, 1},
                {{0x76, 0xa9, 0x14}, 3, 20, {0x88, 0xac}, 2},
                {{0x6a, 0x08}, 2, 8, {0}, 0}};
    uint32_t k = below(s, QC_COUNTOF(kind)), n = kind[k].n_head;
    uint8_t who = (uint8_t)below(s, 8); /* few owners, so that scripts are used again */
    memcpy(out, kind[k].head, n);
    for (uint32_t i = 0; i < kind[k].data; i++)
        out[n + i] = (uint8_t)(who * 31 + i);
    n += kind[k].data;
    memcpy(out + n, kind[k].tail, kind[k].n_tail);
    return n + kind[k].n_tail;
}

static bool is_spent(const qc_chain_state *c, const uint8_t *txid)
{
    for (size_t i = 0; i < c->n_spent; i++)
        if (memcmp(c->spent[i].b, txid, 32) == 0)
            return true;
    return false;
}

/* One coin of the active chain up to `height` that no block of any branch has spent. */
static void spend_one(qn_mock *m, qc_chain_state *c, uint64_t *s, uint32_t height)
{
    const qn_block_view *v = qn_mock_block(m, below(s, height + 1));
    const qn_tx_rec *t = qn_view_tx(v, v->tx.count - 1);
    qn_hash id;
    if (v->height == 0 || is_spent(c, t->txid) || c->n_spent == QC_COUNTOF(c->spent))
        return;
    memcpy(id.b, t->txid, 32);
    c->spent[c->n_spent++] = id;
    qn_mock_spend(m, &id, 0);
}

/* Payments and spends of the block that comes onto `height`. */
static void fill_block(qn_mock *m, qc_chain_state *c, uint64_t *s, uint32_t height)
{
    uint8_t script[64];
    for (uint32_t i = below(s, 3); i; i--)
        spend_one(m, c, s, height);
    for (uint32_t i = 1 + below(s, 4); i; i--) {
        uint32_t n = some_script(s, script);
        (void)qn_mock_pay(m, script, n, 1000 + below(s, 100000));
    }
}

void qc_history_apply(const qc_history *h, size_t i, qn_mock *m, qc_chain_state *c)
{
    const qc_step *x = &h->step[i];
    uint64_t s = h->seed * 1000 + i;
    uint32_t back = x->back, height = qn_mock_height(m), n = x->n;
    qn_hash tip;
    if (x->again && c->has_left) {
        memcpy(tip.b, qn_mock_block(m, height)->hash, 32);
        (void)qn_mock_activate(m, &c->left);
        c->left = tip;
        /* The branch that comes back is shorter: more blocks make it the longer one. */
        n = height + 1 - qn_mock_height(m);
        back = 0;
    } else if (back) {
        memcpy(c->left.b, qn_mock_block(m, height)->hash, 32);
        c->has_left = true;
    }
    for (uint32_t k = 0; k < n; k++) {
        uint32_t from = qn_mock_height(m) - (k ? 0 : back);
        if (below(&s, 4))
            fill_block(m, c, &s, from);
        if (k == 0 && back)
            qn_mock_reorg(m, back, 1);
        else
            qn_mock_mine(m, 1);
    }
}

/* ---- the plugin's file ---- */

/* The last one holds. */
static char *value_for(const qc_config_def *d, const char *const *given)
{
    size_t len = strlen(d->name);
    const char *last = NULL;
    for (size_t i = 0; given && given[i]; i++)
        if (strncmp(given[i], d->name, len) == 0 && given[i][len] == '=')
            last = given[i] + len + 1;
    if (last)
        return qc_strdup(last);
    if (d->dflt)
        return qc_strdup(d->dflt);
    if (d->type == QC_CONFIG_TEXT)
        return qc_asprintf("%.*s", d->has_min && d->min > 1 ? (int)d->min : 1,
                           "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    return qc_asprintf("%lld", d->has_min ? (long long)d->min : 0);
}

/* Is it the name of a value, and "=value"? */
static void judge_given(const qc_manifest *m, const char *given, qc_problems *p)
{
    size_t len = strcspn(given, "=");
    qc_nearest near;
    char *name = qc_asprintf("%.*s", (int)len, given);
    qc_nearest_init(&near, name);
    bool known = false;
    for (size_t i = 0; i < m->n_config; i++) {
        known |= strcmp(m->config[i].name, name) == 0;
        qc_nearest_try(&near, m->config[i].name);
    }
    if (!given[len])
        qc_problem(p, "config", "-config: found %s, wanted NAME=VALUE", qc_printable(given));
    else if (!known && m->n_config == 0)
        qc_problem(p, "config", "-config: found %s, wanted none: it has nothing to configure",
                   qc_printable(given));
    else if (!known)
        qc_problem(p, "config", "-config: found %s, wanted a name that it has, such as %s",
                   qc_printable(given), near.best ? near.best : m->config[0].name);
    qc_free(name);
}

bool qc_target_open(qc_target *t, const char *path, const char *const *given, qc_problems *p)
{
    *t = (qc_target){.path = path};
    if (!qc_image_open(path, NULL, &t->image, p))
        return false;
    const qc_manifest *m = &t->image.manifest;
    for (size_t i = 0; given && given[i]; i++)
        judge_given(m, given[i], p);
    for (size_t i = 0; i < m->n_config; i++) {
        t->config[i] = value_for(&m->config[i], given);
        const char *want = qc_config_misfit(&m->config[i], t->config[i]);
        if (want)
            qc_problem(p, "config", "%s: found %s, wanted %s (-config=%s=VALUE)", m->config[i].name,
                       qc_printable(t->config[i]), want, m->config[i].name);
    }
    return p->n == 0;
}

bool qc_target_load(qc_target *t, qc_problems *p)
{
    void *library;
    return t->entry || qc_loader_open(&t->image, &library, &t->entry, p);
}

void qc_target_close(qc_target *t)
{
    for (size_t i = 0; i < QC_COUNTOF(t->config); i++)
        qc_free(t->config[i]);
    qc_image_clear(&t->image);
}

bool qc_target_wants(const qc_target *t, const char *id)
{
    const qc_manifest *m = &t->image.manifest;
    for (size_t i = 0; i < m->n_want; i++)
        if (strcmp(m->want[i].id, id) == 0)
            return true;
    return strcmp(id, "host/1") == 0;
}

qn_mock *qc_target_mock(const qc_target *t)
{
    const qc_manifest *x = &t->image.manifest;
    const qc_interface *f;
    qn_mock *m = qn_mock_new();
    for (size_t i = 0; (f = qc_interface_at(i)); i++)
        if (!qc_target_wants(t, f->id))
            qn_mock_deny(m, f->id);
    for (size_t i = 0; i < x->n_config; i++)
        qn_mock_config(m, x->config[i].name, t->config[i]);
    return m;
}

/* ---- driving ---- */

unsigned qc_drive_threads(void)
{
    qc_os_list list = {0};
    unsigned n = 1;
    if (!qc_os_list_dir("/proc/self/task", &list) && list.n)
        n = (unsigned)list.n;
    qc_os_list_free(&list);
    return n;
}

void qc_drive_run(qn_mock *m)
{
    (void)qn_mock_run(m);
    if (qc_drive_threads() > 1)
        while (qn_mock_wait(m, THREADS_WAIT_MS))
            continue;
}

void qc_drive_chain(qn_mock *m, const qc_history *h, size_t from, size_t to, qc_chain_state *c)
{
    for (size_t i = from; i < to && i < h->n; i++)
        qc_history_apply(h, i, m, c);
}

qn_status qc_drive(const qc_target *t, qn_mock *m, const qc_history *h, size_t from, size_t to,
                   qc_chain_state *c)
{
    qn_status st = qn_mock_start(m, t->entry);
    if (st != QN_OK)
        return st;
    qc_drive_run(m);
    for (size_t i = from; i < to && i < h->n; i++) {
        qc_history_apply(h, i, m, c);
        qc_drive_run(m);
    }
    return qn_mock_failure(m) ? QN_E_CLOSED : QN_OK;
}
