#include "lib/tx.h"

#include "lib/hash.h"

#include <nettle/sha2.h>

#include <string.h>

#define MIN_IN 41 /* outpoint, empty script, sequence */
#define MIN_OUT 9 /* value, empty script */
#define OUTPOINT 36

static uint64_t le(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

bool qn_compact_read(const uint8_t *data, size_t len, size_t *pos, uint64_t *out)
{
    static const uint64_t least[] = {0, 0xfd, 0x10000, 0x100000000};
    if (*pos >= len)
        return false;
    uint8_t first = data[*pos];
    unsigned size = first < 0xfd ? 0 : 1u << (first - 0xfc);
    if (size > len - *pos - 1)
        return false;
    uint64_t v = size ? le(data + *pos + 1, size) : first;
    if (v < least[size ? first - 0xfcu : 0])
        return false;
    *pos += 1 + size;
    *out = v;
    return true;
}

static bool skip(size_t len, size_t *pos, uint64_t n)
{
    if (n > len - *pos)
        return false;
    *pos += (size_t)n;
    return true;
}

static bool skip_var(const uint8_t *p, size_t len, size_t *pos)
{
    uint64_t n;
    return qn_compact_read(p, len, pos, &n) && skip(len, pos, n);
}

/* A count of records of at least `least` bytes each. */
static bool read_count(const uint8_t *p, size_t len, size_t *pos, size_t least, uint32_t *out)
{
    uint64_t n;
    if (!qn_compact_read(p, len, pos, &n) || n > (len - *pos) / least || n > UINT32_MAX)
        return false;
    *out = (uint32_t)n;
    return true;
}

static bool read_inputs(const uint8_t *p, size_t len, size_t *pos, qn_tx_view *tx)
{
    tx->in_off = *pos;
    if (!read_count(p, len, pos, MIN_IN, &tx->n_in))
        return false;
    for (uint32_t i = 0; i < tx->n_in; i++)
        if (!skip(len, pos, OUTPOINT) || !skip_var(p, len, pos) || !skip(len, pos, 4))
            return false;
    return true;
}

static bool read_outputs(const uint8_t *p, size_t len, size_t *pos, qn_tx_view *tx)
{
    if (!read_count(p, len, pos, MIN_OUT, &tx->n_out))
        return false;
    tx->out_off = *pos;
    for (uint32_t i = 0; i < tx->n_out; i++)
        if (!skip(len, pos, 8) || !skip_var(p, len, pos))
            return false;
    return true;
}

static bool skip_stack(const uint8_t *p, size_t len, size_t *pos, bool *any)
{
    uint32_t n;
    if (!read_count(p, len, pos, 1, &n))
        return false;
    *any |= n > 0;
    for (uint32_t i = 0; i < n; i++)
        if (!skip_var(p, len, pos))
            return false;
    return true;
}

bool qn_tx_read(const void *raw, size_t len, qn_tx_view *tx)
{
    const uint8_t *p = raw;
    size_t pos = 0;
    memset(tx, 0, sizeof *tx);
    tx->raw = p;
    if (!skip(len, &pos, 4))
        return false;
    tx->version = (uint32_t)le(p, 4);
    /* BIP144: no inputs, and a flag where the outputs would be. */
    tx->has_witness = len - pos >= 2 && p[pos] == 0 && p[pos + 1] == 1;
    if (tx->has_witness)
        pos += 2;
    if (!read_inputs(p, len, &pos, tx) || !read_outputs(p, len, &pos, tx))
        return false;
    tx->witness_off = pos;
    bool any = false;
    for (uint32_t i = 0; tx->has_witness && i < tx->n_in; i++)
        if (!skip_stack(p, len, &pos, &any))
            return false;
    if (tx->has_witness != any) /* a flag without witness data is malformed */
        return false;
    if (!skip(len, &pos, 4))
        return false;
    tx->locktime = (uint32_t)le(p + pos - 4, 4);
    tx->len = pos;
    return true;
}

void qn_tx_id(const qn_tx_view *tx, uint8_t *out)
{
    struct sha256_ctx c;
    sha256_init(&c);
    sha256_update(&c, 4, tx->raw);
    sha256_update(&c, tx->witness_off - tx->in_off, tx->raw + tx->in_off);
    sha256_update(&c, 4, tx->raw + tx->len - 4);
    sha256_digest(&c, SHA256_DIGEST_SIZE, out);
    qn_sha256(out, SHA256_DIGEST_SIZE, out);
}

void qn_tx_witness_id(const qn_tx_view *tx, uint8_t *out)
{
    qn_sha256d(tx->raw, tx->len, out);
}

/* The structure was checked: from here on reads cannot fail. */
static const uint8_t *take_var(const qn_tx_view *tx, size_t *pos, size_t *len)
{
    uint64_t n = 0;
    (void)qn_compact_read(tx->raw, tx->len, pos, &n);
    const uint8_t *at = tx->raw + *pos;
    *pos += (size_t)n;
    *len = (size_t)n;
    return at;
}

bool qn_tx_next_in(const qn_tx_view *tx, qn_tx_cursor *c, qn_tx_in *out)
{
    if (c->index >= tx->n_in)
        return false;
    if (c->index++ == 0) {
        uint64_t n;
        c->off = tx->in_off;
        (void)qn_compact_read(tx->raw, tx->len, &c->off, &n);
        c->witness_off = tx->witness_off;
    }
    out->prev_txid = tx->raw + c->off;
    out->prev_n = (uint32_t)le(tx->raw + c->off + 32, 4);
    c->off += OUTPOINT;
    out->script = take_var(tx, &c->off, &out->script_len);
    out->sequence = (uint32_t)le(tx->raw + c->off, 4);
    c->off += 4;
    out->witness = NULL;
    out->witness_len = 0;
    if (tx->has_witness) {
        bool any = false;
        size_t at = c->witness_off;
        (void)skip_stack(tx->raw, tx->len, &c->witness_off, &any);
        out->witness = any ? tx->raw + at : NULL;
        out->witness_len = any ? c->witness_off - at : 0;
    }
    return true;
}

bool qn_tx_next_out(const qn_tx_view *tx, qn_tx_cursor *c, qn_tx_out *out)
{
    if (c->index >= tx->n_out)
        return false;
    if (c->index++ == 0)
        c->off = tx->out_off;
    out->value = (int64_t)le(tx->raw + c->off, 8);
    c->off += 8;
    out->script = take_var(tx, &c->off, &out->script_len);
    return true;
}
