/* Any script as Miniscript: first byte odd: a leaf's script, else a witness script. What decodes
 * has that very script, prints as text that parses, and is judged the same when it is read back. */
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "lib/hash.h"
#include "lib/hex.h"
#include "lib/miniscript.h"

/* Keys in order of reading: 33 bytes, or 32 in a leaf. One hash has a key. */
typedef struct keys {
    qn_grow bytes;
    size_t len;
} keys;

static bool read_bytes(void *arg, const uint8_t *key, size_t len)
{
    keys *k = arg;
    if (len != k->len || (len == 33 && key[0] != 2 && key[0] != 3))
        return false;
    qn_grow_put(&k->bytes, key, len);
    return true;
}

static bool read_hash(void *arg, const uint8_t *hash)
{
    static const uint8_t any[33] = {2, 1};
    keys *k = arg;
    uint8_t id[20];
    qn_hash160(any, k->len, id);
    if (memcmp(id, hash, 20) != 0)
        return false;
    qn_grow_put(&k->bytes, any, k->len);
    return true;
}

static bool read_text(void *arg, qn_text t)
{
    keys *k = arg;
    uint8_t key[33];
    if (t.len != 2 * k->len || !qn_hex_decode(t.p, t.len, key, sizeof key))
        return false;
    qn_grow_put(&k->bytes, key, k->len);
    return true;
}

static const uint8_t *key_bytes(void *arg, uint32_t n, size_t *len)
{
    const keys *k = arg;
    *len = k->len;
    return k->bytes.data + n * k->len;
}

static void print_key(void *arg, uint32_t n, qn_out *o)
{
    const keys *k = arg;
    qn_out_hex(o, k->bytes.data + n * k->len, k->len);
}

static int compare(const void *arg, uint32_t a, uint32_t b)
{
    const keys *k = arg;
    return memcmp(k->bytes.data + a * k->len, k->bytes.data + b * k->len, k->len);
}

static char *print(const qn_ms *m, keys *k)
{
    qn_out o = {NULL, 0, 0};
    QC_ASSERT(qn_ms_print(m, m->root, print_key, k, &o));
    char *text = qc_alloc(o.len + 1);
    o = (qn_out){text, o.len + 1, 0};
    QC_ASSERT(qn_ms_print(m, m->root, print_key, k, &o));
    qn_out_end(&o);
    return text;
}

static void same_script(const qn_ms *m, keys *k, const uint8_t *script, size_t len)
{
    qn_grow out = {NULL, 0, 0, false};
    QC_ASSERT(qn_ms_script(m, key_bytes, k, &out));
    QC_ASSERT(out.len == m->root->size && out.len == len && memcmp(out.data, script, len) == 0);
    qn_grow_clear(&out);
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    if (len == 0)
        return -1;
    const bool tap = data[0] & 1;
    qn_arena arena = {NULL, false};
    keys k = {{NULL, 0, 0, false}, tap ? 32 : 33}, again = k;
    const qn_ms_reader r = {&k, NULL, read_bytes, read_hash}, t = {&again, read_text, NULL, NULL};
    qn_ms m, n;
    qn_ms_init(&m, &arena, tap);
    if (qn_ms_decode(&m, data + 1, len - 1, &r)) {
        same_script(&m, &k, data + 1, len - 1);
        char *text = print(&m, &k);
        qn_ms_init(&n, &arena, tap);
        QC_ASSERT(qn_ms_parse(&n, (qn_text){text, strlen(text)}, &t));
        same_script(&n, &again, data + 1, len - 1);
        QC_ASSERT(qn_ms_find_duplicates(&m, compare, &k));
        QC_ASSERT(qn_ms_find_duplicates(&n, compare, &again));
        QC_ASSERT(m.root->type == n.root->type && qn_ms_sane(&m) == qn_ms_sane(&n));
        const qn_ms_node *part = NULL;
        const char *why = qn_ms_why(&n, &part);
        QC_ASSERT(!why == (qn_ms_sane(&n) && qn_ms_satisfiable(&n)));
        qc_free(text);
    }
    qn_grow_clear(&k.bytes);
    qn_grow_clear(&again.bytes);
    qn_arena_clear(&arena);
    return 0;
}
