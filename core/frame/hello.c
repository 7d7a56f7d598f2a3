#include "core/frame/hello.h"

#include "config.h"
#include "core/frame/wire_id.h"

const char *qc_hello_build(void)
{
    return PACKAGE_VERSION " " QC_WIRE_ID;
}

uint32_t qc_hello_fds(const qc_hello *h)
{
    return 2u + (h->arena_size != 0) + (h->has_store ? 2u : 0u);
}

void qc_hello_write(const qc_hello *h, qc_pack *out)
{
    qc_pack_str(out, h->build);
    qc_pack_str(out, h->id);
    qc_pack_str(out, h->version);
    qc_pack_u8(out, h->best_effort);
    qc_pack_u8(out, h->has_store);
    qc_pack_u32(out, h->threads);
    qc_pack_u32(out, h->descriptors);
    qc_pack_u32(out, h->landlock_abi);
    qc_pack_u64(out, h->memory);
    qc_pack_u64(out, h->arena_size);
    qc_pack_u64(out, h->quota);
    qc_pack_u32(out, h->uid);
    qc_pack_u32(out, h->gid);
    qc_pack_u32(out, h->n_cap);
    for (uint32_t i = 0; i < h->n_cap; i++) {
        qc_pack_str(out, h->cap[i].id);
        qc_pack_u32(out, h->cap[i].number);
    }
}

void qc_hello_clear(qc_hello *h)
{
    qc_free(h->build);
    qc_free(h->id);
    qc_free(h->version);
    for (uint32_t i = 0; i < h->n_cap; i++)
        qc_free(h->cap[i].id);
    *h = (qc_hello){0};
}

bool qc_hello_read(qc_span payload, qc_hello *h)
{
    qc_unpack u = qc_unpack_of(payload);
    *h = (qc_hello){.build = qc_unpack_str(&u)};
    h->id = qc_unpack_str(&u);
    h->version = qc_unpack_str(&u);
    h->best_effort = qc_unpack_u8(&u);
    h->has_store = qc_unpack_u8(&u);
    h->threads = qc_unpack_u32(&u);
    h->descriptors = qc_unpack_u32(&u);
    h->landlock_abi = qc_unpack_u32(&u);
    h->memory = qc_unpack_u64(&u);
    h->arena_size = qc_unpack_u64(&u);
    h->quota = qc_unpack_u64(&u);
    h->uid = qc_unpack_u32(&u);
    h->gid = qc_unpack_u32(&u);
    uint32_t n = qc_unpack_u32(&u);
    for (uint32_t i = 0; i < n && i < QC_HELLO_CAPS && !u.failed; i++) {
        h->cap[i].id = qc_unpack_str(&u);
        h->cap[i].number = qc_unpack_u32(&u);
        h->n_cap++;
        u.failed |= !h->cap[i].id;
    }
    if (qc_unpack_end(&u) && n <= QC_HELLO_CAPS && h->build && h->id && h->version)
        return true;
    qc_hello_clear(h);
    return false;
}
