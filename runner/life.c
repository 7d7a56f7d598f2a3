/* The plugin's life, as the node orders it: init, start, reconfigure, stop and fini. */
#include "runner/load.h"
#include "runner/rt.h"

#include "core/base/alloc.h"

#include <unistd.h>

static void done(qc_rt *rt, uint16_t what, qn_status st)
{
    qc_pack out = QC_PACK_INIT;
    qc_pack_u32(&out, (uint32_t)st);
    qc_rt_send(rt, QC_FRAME_DONE, what, 0, 0, &out);
}

static qn_cap *store_cap(qc_rt *rt)
{
    for (uint32_t i = 0; i < rt->n_cap; i++)
        if (strcmp(rt->cap[i].id, "store.own/1") == 0)
            return &rt->cap[i];
    return NULL;
}

static bool open_store(qc_rt *rt)
{
    char detail[256] = "", line[400];
    qn_cap *cap = store_cap(rt);
    qc_ownstore *store;
    if (!cap || cap->head.state)
        return true;
    qc_err err = rt->store->open(&rt->store_options, &store, detail, sizeof detail);
    if (!err) {
        cap->head.state = store;
        return true;
    }
    snprintf(line, sizeof line, "store.own/1: found %s%s%s, wanted it to open", qc_err_text(err),
             *detail ? ": " : "", detail);
    qc_rt_problem(rt, "caps", line);
    return false;
}

static void close_store(qc_rt *rt)
{
    qn_cap *cap = store_cap(rt);
    if (cap && cap->head.state)
        rt->store->close(cap->head.state);
}

/* The texts lie in one block that lives as long as the configuration. */
static qn_config read_config(qc_unpack *in)
{
    uint32_t n = qc_unpack_u32(in);
    qn_config c = {sizeof c, n, NULL};
    qn_config_item *item = n <= 1024 ? qc_try_calloc((size_t)n + 1, sizeof *item) : NULL;
    if (!item)
        _exit(1);
    for (uint32_t i = 0; i < n; i++) {
        item[i].name = qc_unpack_str(in);
        item[i].value = qc_unpack_str(in);
    }
    c.item = item;
    if (in->failed)
        _exit(1);
    return c;
}

static void free_config(qn_config *c)
{
    for (uint32_t i = 0; i < c->n; i++) {
        qc_free((void *)(uintptr_t)c->item[i].name);
        qc_free((void *)(uintptr_t)c->item[i].value);
    }
    qc_free((void *)(uintptr_t)c->item);
}

static void run_init(qc_rt *rt, qc_unpack *in)
{
    rt->store_later = qc_unpack_u8(in) != 0;
    qc_rt_log_rate(rt, qc_unpack_u32(in));
    qn_config c = read_config(in);
    qn_status st = QN_E_IO;
    if (rt->store_later || open_store(rt)) {
        st = rt->entry->init(&rt->host, rt->host.table, &c, &rt->self);
        rt->inited = st == QN_OK;
    }
    free_config(&c);
    done(rt, QC_LIFE_INIT, st);
}

static void run_stop(qc_rt *rt, qc_unpack *in)
{
    uint32_t deadline_ms = qc_unpack_u32(in);
    bool started = qc_unpack_u8(in) != 0;
    qn_status st = rt->inited && started ? rt->entry->stop(rt->self, deadline_ms) : QN_OK;
    atomic_store(&rt->revoked, true);
    if (rt->inited)
        rt->entry->fini(rt->self);
    close_store(rt);
    done(rt, QC_LIFE_STOP, st);
    _exit(0);
}

void qc_rt_life(qc_rt *rt, const qc_frame *f, qc_span payload)
{
    qc_unpack in = qc_unpack_of(payload);
    if (f->method == QC_LIFE_INIT) {
        run_init(rt, &in);
    } else if (f->method == QC_LIFE_START) {
        done(rt, QC_LIFE_START, open_store(rt) ? rt->entry->start(rt->self) : QN_E_IO);
    } else if (f->method == QC_LIFE_RECONFIGURE) {
        qn_config c = read_config(&in);
        qn_status st =
            rt->entry->reconfigure ? rt->entry->reconfigure(rt->self, &c) : QN_E_UNSUPPORTED;
        free_config(&c);
        done(rt, QC_LIFE_RECONFIGURE, st);
    } else if (f->method == QC_LIFE_STOP) {
        run_stop(rt, &in);
    }
}
