#include "core/host/stub.h"

#include "core/base/alloc.h"
#include "core/host/isolated.h"

#include <unistd.h>

static const struct {
    const char *id;
    bool (*serve)(qc_stub_call *c, uint16_t method);
} BY_HAND[] = {{"host/1", qc_serve_host},
               {"chain.follow/1", qc_serve_follow},
               {"block.read/1", qc_serve_block_read}};

bool qc_stub_run(qc_stub_call *c, uint16_t method)
{
    const char *id = c->cap->adapter ? c->cap->adapter->id : "host/1";
    for (const qc_stubs *s = QC_STUBS; s->id; s++)
        if (strcmp(s->id, id) == 0 && method < s->n && s->stub[method])
            return !c->cast && s->stub[method](c);
    for (size_t i = 0; i < QC_COUNTOF(BY_HAND); i++)
        if (strcmp(BY_HAND[i].id, id) == 0)
            return BY_HAND[i].serve(c, method);
    return false;
}

/* ---- callbacks ---- */

void *qc_stub_callback(qc_stub_call *c, uint32_t number)
{
    qc_isolated *iso = c->iso;
    uint32_t id = qc_unpack_u32(c->in), cap = qc_isolated_cap_number(c->cap);
    (void)number;
    if (id == 0 || c->in->failed)
        return NULL;
    qc_iso_callback **bucket = &iso->callback[(id + cap * 31u) % QC_ISO_BUCKETS];
    for (qc_iso_callback *k = *bucket; k; k = k->next)
        if (k->id == id && k->cap == cap)
            return k;
    if (iso->n_callback == QC_ISO_CALLBACKS) {
        c->in->failed = true;
        return NULL;
    }
    qc_iso_callback *k = qc_alloc(sizeof *k);
    *k = (qc_iso_callback){*bucket, iso, cap, id};
    *bucket = k;
    iso->n_callback++;
    return k;
}

void qc_stub_call_back(void *callback, uint16_t number, qc_pack *out, int fd)
{
    const qc_iso_callback *k = callback;
    qc_isolated_send(k->iso, QC_FRAME_CALLBACK, number, k->id, k->cap, out, &fd, fd >= 0);
}

void qc_iso_callbacks_clear(qc_isolated *iso)
{
    for (uint32_t i = 0; i < QC_ISO_BUCKETS; i++)
        while (iso->callback[i]) {
            qc_iso_callback *k = iso->callback[i];
            iso->callback[i] = k->next;
            qc_free(k);
        }
}
