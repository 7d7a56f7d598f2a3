#include "core/script/sigcache.h"

#include "core/base/alloc.h"
#include "core/base/endian.h"
#include "core/crypto/sha256.h"

struct qc_sig_cache {
    qc_sha256_ctx salted[2]; /* by qc_sig_kind */
    qc_digest_set *set;
};

struct qc_script_cache {
    qc_sha256_ctx salted;
    qc_digest_set *set;
};

/* Salt and purpose fill one block of the hash: a midstate that every entry starts from. */
static void salted_init(qc_sha256_ctx *c, const uint8_t salt[static 32], char purpose)
{
    uint8_t block[64] = {0};
    memcpy(block, salt, 32);
    block[32] = (uint8_t)purpose;
    qc_sha256_init(c);
    qc_sha256_update(c, block, sizeof block);
}

qc_err qc_sig_cache_new(qc_sig_cache **out, size_t bytes, const uint8_t salt[static 32])
{
    *out = NULL;
    qc_digest_set *set;
    qc_err err = qc_digest_set_new(&set, bytes);
    if (err)
        return err;
    qc_sig_cache *c = qc_alloc(sizeof *c);
    salted_init(&c->salted[QC_SIG_ECDSA], salt, 'E');
    salted_init(&c->salted[QC_SIG_SCHNORR], salt, 'S');
    c->set = set;
    *out = c;
    return QC_OK;
}

void qc_sig_cache_free(qc_sig_cache *c)
{
    if (c)
        qc_digest_set_free(c->set);
    qc_free(c);
}

void qc_sig_cache_entry(const qc_sig_cache *c, qc_sig_kind kind, const qc_hash *hash, qc_span key,
                        qc_span sig, qc_hash *entry)
{
    /* Unambiguous: the hash has a fixed length and a key's first byte says its own. */
    qc_sha256_ctx ctx = c->salted[kind];
    qc_sha256_update(&ctx, hash->b, sizeof hash->b);
    qc_sha256_update(&ctx, key.data, key.len);
    qc_sha256_update(&ctx, sig.data, sig.len);
    qc_sha256_final(&ctx, entry->b);
}

bool qc_sig_cache_has(qc_sig_cache *c, const qc_hash *entry, bool spent)
{
    return qc_digest_set_has(c->set, entry, spent);
}

void qc_sig_cache_add(qc_sig_cache *c, const qc_hash *entry)
{
    qc_digest_set_add(c->set, entry);
}

qc_err qc_script_cache_new(qc_script_cache **out, size_t bytes, const uint8_t salt[static 32])
{
    *out = NULL;
    qc_digest_set *set;
    qc_err err = qc_digest_set_new(&set, bytes);
    if (err)
        return err;
    qc_script_cache *c = qc_alloc(sizeof *c);
    salted_init(&c->salted, salt, 'X');
    c->set = set;
    *out = c;
    return QC_OK;
}

void qc_script_cache_free(qc_script_cache *c)
{
    if (c)
        qc_digest_set_free(c->set);
    qc_free(c);
}

static qc_hash script_entry(const qc_script_cache *c, const qc_hash *wtxid, uint32_t flags)
{
    uint8_t le[4];
    qc_hash entry;
    qc_sha256_ctx ctx = c->salted;
    qc_write_le32(le, flags);
    qc_sha256_update(&ctx, wtxid->b, sizeof wtxid->b);
    qc_sha256_update(&ctx, le, sizeof le);
    qc_sha256_final(&ctx, entry.b);
    return entry;
}

bool qc_script_cache_has(qc_script_cache *c, const qc_hash *wtxid, uint32_t flags, bool spent)
{
    qc_hash entry = script_entry(c, wtxid, flags);
    return qc_digest_set_has(c->set, &entry, spent);
}

void qc_script_cache_add(qc_script_cache *c, const qc_hash *wtxid, uint32_t flags)
{
    qc_hash entry = script_entry(c, wtxid, flags);
    qc_digest_set_add(c->set, &entry);
}
