/* Reading PSBTs: each record is checked when it is read, a map when it is whole. */
#include "lib/psbt_impl.h"

#include "lib/tx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUBKEY 33u
#define FULL_PUBKEY 65u
#define XPUB 78u             /* bytes of an extended key with its version */
#define MAX_SIZE 0x02000000u /* what Core reads at most at once (serialize.h) */
#define THRESHOLD 500000000u /* lock times from here on are times (BIP65) */
#define MAX_DEPTH 128u       /* of a taproot tree */
#define LEAF_MASK 0xfeu

/* ---- bytes ---- */

qn_psbt_bytes qn_psbt_take(qn_psbt_reader *r, uint64_t n)
{
    if (n > r->left && !r->fail)
        r->fail = "SpanReader::read(): end of data";
    if (r->fail)
        return (qn_psbt_bytes){NULL, 0};
    qn_psbt_bytes b = {r->p, (size_t)n};
    r->p += n;
    r->left -= (size_t)n;
    return b;
}

static uint64_t little(qn_psbt_reader *r, unsigned n)
{
    qn_psbt_bytes b = qn_psbt_take(r, n);
    uint64_t v = 0;
    for (unsigned i = 0; i < b.len; i++)
        v |= (uint64_t)b.data[i] << (8 * i);
    return v;
}

uint8_t qn_psbt_u8(qn_psbt_reader *r)
{
    return (uint8_t)little(r, 1);
}

uint32_t qn_psbt_u32(qn_psbt_reader *r)
{
    return (uint32_t)little(r, 4);
}

uint64_t qn_psbt_u64(qn_psbt_reader *r)
{
    return little(r, 8);
}

uint64_t qn_psbt_number(qn_psbt_reader *r)
{
    static const uint64_t LEAST[] = {253, 0x10000, 0x100000000};
    uint8_t first = qn_psbt_u8(r);
    if (first < 253)
        return first;
    uint64_t v = little(r, 2u << (first - 253));
    if (v < LEAST[first - 253] && !r->fail)
        r->fail = "non-canonical ReadCompactSize()";
    return r->fail ? 0 : v;
}

uint64_t qn_psbt_size(qn_psbt_reader *r)
{
    uint64_t v = qn_psbt_number(r);
    if (v > MAX_SIZE && !r->fail)
        r->fail = "ReadCompactSize(): size too large";
    return r->fail ? 0 : v;
}

qn_psbt_bytes qn_psbt_var(qn_psbt_reader *r)
{
    return qn_psbt_take(r, qn_psbt_size(r));
}

int qn_psbt_compare(qn_psbt_bytes a, qn_psbt_bytes b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.data, b.data, n) : 0;
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

/* ---- records ---- */

typedef struct state {
    qn_psbt *p;
    const qn_curve *curve;
    qn_psbt_reader r;
    const char *fail; /* static */
    char *own;        /* or owned */
    uint64_t n_in, n_out;
    size_t stated; /* bytes that the value at hand is said to have */
    bool bare;     /* the unsigned transaction has no scriptSigs */
} state;

static bool bad(state *s, const char *why)
{
    if (!s->fail)
        s->fail = s->r.fail ? s->r.fail : why;
    return false;
}

/* Owned text; one sentence. */
static bool bad_text(state *s, char *text)
{
    if (s->fail)
        free(text);
    else
        s->own = text;
    s->fail = s->own ? s->own : "out of memory";
    return false;
}

/* What was read of a value that goes on is as long as was said. */
static bool ends(state *s, const qn_psbt_record *r, const qn_psbt_reader *v)
{
    if (v->fail)
        return bad(s, v->fail);
    return r->value.len - v->left == s->stated || bad(s, "Size of value was not the stated size");
}

typedef bool check_fn(state *s, const qn_psbt_record *r);
typedef struct rule {
    uint8_t type;
    const char *name; /* the key is its type alone, and Core names it so; NULL: check() looks */
    size_t key;       /* bytes of the key as a whole */
    uint8_t size;     /* of the value; 0: any */
    bool goes_on;     /* check() gets all that follows, and sees where the value ends */
    check_fn *check;
} rule;

/* A full key may say whether its y is odd, as 06 or 07 in front (hybrid; Core's CPubKey). */
static bool valid_key(const state *s, const uint8_t *key, size_t len)
{
    uint8_t full[FULL_PUBKEY];
    if (len == FULL_PUBKEY && (key[0] == 6 || key[0] == 7)) {
        memcpy(full, key, sizeof full);
        if ((full[64] & 1) != (full[0] & 1))
            return false;
        full[0] = 4;
        key = full;
    }
    return (len == PUBKEY || len == FULL_PUBKEY) && s->curve->pubkey_valid(s->curve->arg, key, len);
}

/* An origin of `len` bytes, of which there may be fewer. */
static bool check_origin_value(state *s, uint64_t len, size_t left)
{
    if (!len || len % 4)
        return bad(s, "Invalid length for HD key path");
    return len <= left || bad(s, "SpanReader::read(): end of data");
}

static bool check_origin(state *s, const qn_psbt_record *r)
{
    if (r->data.len != FULL_PUBKEY && r->data.len != PUBKEY)
        return bad(s, "Size of key was not the expected size for the type BIP32 keypath");
    if (!valid_key(s, r->data.data, r->data.len))
        return bad(s, "Invalid pubkey");
    return check_origin_value(s, s->stated, r->value.len);
}

static bool check_xpub(state *s, const qn_psbt_record *r)
{
    const uint8_t *x = r->data.data;
    static const uint8_t none[8];
    /* version, depth, parent, number, chain code, key */
    if ((x[4] == 0 && memcmp(x + 5, none, 8) != 0) || !valid_key(s, x + 45, PUBKEY))
        return bad(s, "Invalid pubkey");
    return check_origin_value(s, s->stated, r->value.len);
}

/* BIP66 and a hash type that is defined. */
static bool strict_der(qn_psbt_bytes v)
{
    const uint8_t *d = v.data;
    if (v.len < 9 || v.len > 73 || d[0] != 0x30 || d[1] != v.len - 3)
        return false;
    size_t r = d[3];
    if (5 + r >= v.len)
        return false;
    size_t s = d[5 + r];
    if (r + s + 7 != v.len || d[2] != 2 || r == 0 || d[4] & 0x80 ||
        (r > 1 && d[4] == 0 && !(d[5] & 0x80)))
        return false;
    const uint8_t *t = d + 6 + r;
    if (t[-2] != 2 || s == 0 || t[0] & 0x80 || (s > 1 && t[0] == 0 && !(t[1] & 0x80)))
        return false;
    uint8_t type = d[v.len - 1] & (uint8_t)~0x80u;
    return type >= 1 && type <= 3;
}

static bool check_sig(state *s, const qn_psbt_record *r)
{
    if (r->data.len != FULL_PUBKEY && r->data.len != PUBKEY)
        return bad(s, "Size of key was not the expected size for the type partial signature "
                      "pubkey");
    if (!valid_key(s, r->data.data, r->data.len))
        return bad(s, "Invalid pubkey");
    return strict_der(r->value) || bad(s, "Signature is not a valid encoding");
}

static bool check_tx(state *s, const qn_psbt_record *r)
{
    size_t used;
    const char *why = qn_psbt_take_tx(s->p, r->value, &s->bare, &used);
    if (why)
        return bad(s, why);
    if (used != s->stated)
        return bad(s, "Size of value was not the stated size");
    s->n_in = s->p->n_in;
    s->n_out = s->p->n_out;
    return s->bare || bad(s, "Unsigned tx does not have empty scriptSigs and scriptWitnesses.");
}

static bool check_count(state *s, const qn_psbt_record *r)
{
    qn_psbt_reader v = {r->value.data, r->value.len, NULL};
    uint64_t n = qn_psbt_size(&v);
    if (!ends(s, r, &v))
        return false;
    *(r->type == QN_PSBT_G_INPUTS ? &s->n_in : &s->n_out) = n;
    return true;
}

static bool check_version(state *s, const qn_psbt_record *r)
{
    qn_psbt_reader v = {r->value.data, r->value.len, NULL};
    s->p->version = qn_psbt_u32(&v);
    return s->p->version <= 2 || bad(s, "Unsupported version number");
}

static bool check_in_tx(state *s, const qn_psbt_record *r)
{
    qn_tx_view tx;
    if (!qn_tx_read(r->value.data, r->value.len, &tx))
        return bad(s, "SpanReader::read(): end of data");
    return tx.len == s->stated || bad(s, "Size of value was not the stated size");
}

static bool check_coin(state *s, const qn_psbt_record *r)
{
    qn_psbt_reader v = {r->value.data, r->value.len, NULL};
    qn_psbt_u64(&v);
    qn_psbt_var(&v);
    return ends(s, r, &v);
}

static bool check_witness(state *s, const qn_psbt_record *r)
{
    qn_psbt_reader v = {r->value.data, r->value.len, NULL};
    uint64_t n = qn_psbt_size(&v);
    for (uint64_t i = 0; i < n && !v.fail; i++)
        qn_psbt_var(&v);
    return ends(s, r, &v);
}

static uint32_t le32(qn_psbt_bytes b)
{
    qn_psbt_reader r = {b.data, b.len, NULL};
    return qn_psbt_u32(&r);
}

static bool check_time(state *s, const qn_psbt_record *r)
{
    return le32(r->value) >= THRESHOLD ||
           bad(s, "Required time based locktime is invalid (less than 500000000)");
}

static bool check_height(state *s, const qn_psbt_record *r)
{
    uint32_t h = le32(r->value);
    if (h >= THRESHOLD)
        return bad(s, "Required height based locktime is invalid (greater than or equal to "
                      "500000000)");
    return h || bad(s, "Required height based locktime is invalid (0)");
}

static bool check_tap_sig(state *s, const qn_psbt_record *r)
{
    bool key = r->type == QN_PSBT_IN_TAP_SIG;
    if (r->value.len < 64)
        return bad(s, key ? "Input Taproot key path signature is shorter than 64 bytes"
                          : "Input Taproot script path signature is shorter than 64 bytes");
    return r->value.len <= 65 ||
           bad(s, key ? "Input Taproot key path signature is longer than 65 bytes"
                      : "Input Taproot script path signature is longer than 65 bytes");
}

static bool check_leaf(state *s, const qn_psbt_record *r)
{
    if (r->key.len < 34)
        return bad(s, "Input Taproot leaf script key is not at least 34 bytes");
    if ((r->key.len - 2) % 32)
        return bad(s, "Input Taproot leaf script key's control block size is not valid");
    return r->value.len || bad(s, "Input Taproot leaf script must be at least 1 byte");
}

static bool check_tap_origin(state *s, const qn_psbt_record *r)
{
    qn_psbt_reader v = {r->value.data, r->value.len, NULL};
    qn_psbt_take(&v, 32 * qn_psbt_size(&v));
    if (v.fail)
        return bad(s, v.fail);
    size_t used = r->value.len - v.left;
    if (used > s->stated)
        return bad(s, r->type == QN_PSBT_IN_TAP_ORIGIN
                          ? "Input Taproot BIP32 keypath has an invalid length"
                          : "Output Taproot BIP32 keypath has an invalid length");
    return check_origin_value(s, s->stated - used, v.left);
}

/* Leaves in the order of a walk make a whole tree when each pair of subtrees is closed in turn. */
typedef struct tree {
    bool there[MAX_DEPTH + 1]; /* a left subtree waits at this depth */
    size_t size;
    bool bad;
} tree;

static void add_leaf(tree *t, size_t depth)
{
    if (t->bad || depth + 1 < t->size) {
        t->bad = true;
        return;
    }
    while (t->size > depth && t->there[depth]) {
        t->size--;
        if (depth == 0) {
            t->bad = true;
            return;
        }
        depth--;
    }
    for (; t->size <= depth; t->size++)
        t->there[t->size] = false;
    t->there[depth] = true;
}

static bool check_tree(state *s, const qn_psbt_record *r)
{
    tree t = {.size = 0};
    qn_psbt_reader v = {r->value.data, r->value.len, NULL};
    if (!v.left)
        return bad(s, "Output Taproot tree must not be empty");
    while (v.left && !v.fail) {
        uint8_t depth = qn_psbt_u8(&v), version = qn_psbt_u8(&v);
        qn_psbt_var(&v);
        if (v.fail)
            break;
        if (depth > MAX_DEPTH)
            return bad(s, "Output Taproot tree has as leaf greater than Taproot maximum depth");
        if (version & ~LEAF_MASK)
            return bad(s, "Output Taproot tree has a leaf with an invalid leaf version");
        add_leaf(&t, depth);
    }
    if (v.fail)
        return bad(s, v.fail);
    return (!t.bad && t.size == 1 && t.there[0]) || bad(s, "Output Taproot tree is malformed");
}

static bool check_musig(state *s, const qn_psbt_record *r)
{
    bool in = r->type == QN_PSBT_IN_MUSIG;
    if (!valid_key(s, r->data.data, PUBKEY))
        return bad(s, in ? "Input musig2 aggregate pubkey is invalid"
                         : "Output musig2 aggregate pubkey is invalid");
    size_t at = 0;
    for (; r->value.len - at >= PUBKEY; at += PUBKEY)
        if (!valid_key(s, r->value.data + at, PUBKEY))
            return bad(s, in ? "Input musig2 participant pubkey is invalid"
                             : "Output musig2 participant pubkey is invalid");
    return at == r->value.len ||
           bad(s, in ? "Input musig2 participants pubkeys value size is not a multiple of 33"
                     : "Output musig2 participants pubkeys value size is not a multiple of 33");
}

static bool check_musig_id(state *s, const qn_psbt_record *r)
{
    bool nonce = r->type == QN_PSBT_IN_MUSIG_NONCE;
    if (r->data.len != 2 * PUBKEY && r->data.len != 2 * PUBKEY + 32)
        return bad(s, nonce
                          ? "Input musig2 pubnonce key is not expected size of 67 or 99 bytes"
                          : "Input musig2 partial sig key is not expected size of 67 or 99 bytes");
    if (!valid_key(s, r->data.data + PUBKEY, PUBKEY))
        return bad(s, "musig2 aggregate pubkey is invalid");
    if (!valid_key(s, r->data.data, PUBKEY))
        return bad(s, "musig2 participant pubkey is invalid");
    if (nonce && r->value.len != 66)
        return bad(s, "Input musig2 pubnonce value is not 66 bytes");
    return true;
}

static bool check_proprietary(state *s, const qn_psbt_record *r)
{
    qn_psbt_reader k = {r->data.data, r->data.len, NULL};
    qn_psbt_var(&k);
    qn_psbt_size(&k);
    return !k.fail || bad(s, k.fail);
}

static const rule GLOBAL[] = {
    {QN_PSBT_G_TX, "Global Unsigned TX", 1, 0, true, check_tx},
    {QN_PSBT_G_XPUB, "Global XPUB", XPUB + 1, 0, true, check_xpub},
    {QN_PSBT_G_TX_VERSION, "Global Transaction Version", 1, 4, false, NULL},
    {QN_PSBT_G_LOCKTIME, "Global Fallback Locktime", 1, 4, false, NULL},
    {QN_PSBT_G_INPUTS, "Global Input Count", 1, 0, true, check_count},
    {QN_PSBT_G_OUTPUTS, "Global Output Count", 1, 0, true, check_count},
    {QN_PSBT_G_MODIFIABLE, "Global TX Modifiable Flags", 1, 1, false, NULL},
    {QN_PSBT_G_VERSION, "Global PSBT Version", 1, 4, false, check_version},
    {QN_PSBT_PROPRIETARY, NULL, 0, 0, false, check_proprietary}};

static const rule INPUT[] = {
    {QN_PSBT_IN_TX, "Input Non-witness UTXO", 1, 0, true, check_in_tx},
    {QN_PSBT_IN_COIN, "Input Witness UTXO", 1, 0, true, check_coin},
    {QN_PSBT_IN_SIG, NULL, 0, 0, false, check_sig},
    {QN_PSBT_IN_SIGHASH, "Input Sighash Type", 1, 4, false, NULL},
    {QN_PSBT_IN_REDEEM, "Input redeemScript", 1, 0, false, NULL},
    {QN_PSBT_IN_WITNESS, "Input witnessScript", 1, 0, false, NULL},
    {QN_PSBT_IN_ORIGIN, NULL, 0, 0, true, check_origin},
    {QN_PSBT_IN_FINAL_SIG, "Input Final scriptSig", 1, 0, false, NULL},
    {QN_PSBT_IN_FINAL_WITNESS, "Input Final scriptWitness", 1, 0, true, check_witness},
    {QN_PSBT_IN_RIPEMD160, "Input RIPEMD160 Preimage", 21, 0, false, NULL},
    {QN_PSBT_IN_SHA256, "Input SHA256 Preimage", 33, 0, false, NULL},
    {QN_PSBT_IN_HASH160, "Input Hash160 Preimage", 21, 0, false, NULL},
    {QN_PSBT_IN_HASH256, "Input Hash256 Preimage", 33, 0, false, NULL},
    {QN_PSBT_IN_TXID, "Input Previous TXID", 1, 32, false, NULL},
    {QN_PSBT_IN_VOUT, "Input Previous Output's Index", 1, 4, false, NULL},
    {QN_PSBT_IN_SEQUENCE, "Input Sequence", 1, 4, false, NULL},
    {QN_PSBT_IN_TIME, "Input Required Time Based Locktime", 1, 4, false, check_time},
    {QN_PSBT_IN_HEIGHT, "Input Required Height Based Locktime", 1, 4, false, check_height},
    {QN_PSBT_IN_TAP_SIG, "Input Taproot Key Path Signature", 1, 0, false, check_tap_sig},
    {QN_PSBT_IN_TAP_SCRIPT_SIG, "Input Taproot Script Path Signature", 65, 0, false, check_tap_sig},
    {QN_PSBT_IN_TAP_LEAF, NULL, 0, 0, false, check_leaf},
    {QN_PSBT_IN_TAP_ORIGIN, "Input Taproot BIP32 Keypath", 33, 0, true, check_tap_origin},
    {QN_PSBT_IN_TAP_KEY, "Input Taproot Internal Key", 1, 32, false, NULL},
    {QN_PSBT_IN_TAP_ROOT, "Input Taproot Merkle Root", 1, 32, false, NULL},
    {QN_PSBT_IN_MUSIG, "Input MuSig2 Participants Pubkeys", 34, 0, false, check_musig},
    {QN_PSBT_IN_MUSIG_NONCE, NULL, 0, 0, false, check_musig_id},
    {QN_PSBT_IN_MUSIG_SIG, NULL, 0, 32, false, check_musig_id},
    {QN_PSBT_PROPRIETARY, NULL, 0, 0, false, check_proprietary}};

static const rule OUTPUT[] = {
    {QN_PSBT_OUT_REDEEM, "Output redeemScript", 1, 0, false, NULL},
    {QN_PSBT_OUT_WITNESS, "Output witnessScript", 1, 0, false, NULL},
    {QN_PSBT_OUT_ORIGIN, NULL, 0, 0, true, check_origin},
    {QN_PSBT_OUT_AMOUNT, "Output Amount", 1, 8, false, NULL},
    {QN_PSBT_OUT_SCRIPT, "Output Script", 1, 0, false, NULL},
    {QN_PSBT_OUT_TAP_KEY, "Output Taproot Internal Key", 1, 32, false, NULL},
    {QN_PSBT_OUT_TAP_TREE, "Output Taproot Tree Key", 1, 0, false, check_tree},
    {QN_PSBT_OUT_TAP_ORIGIN, "Output Taproot BIP32 Keypath", 33, 0, true, check_tap_origin},
    {QN_PSBT_OUT_MUSIG, "Output MuSig2 Participants Pubkeys", 34, 0, false, check_musig},
    {QN_PSBT_PROPRIETARY, NULL, 0, 0, false, check_proprietary}};

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
static const struct {
    const rule *rule;
    size_t n;
    const char *name;
} KIND[] = {{GLOBAL, COUNT(GLOBAL), "global"},
            {INPUT, COUNT(INPUT), "input"},
            {OUTPUT, COUNT(OUTPUT), "output"}};

static const rule *rule_of(qn_psbt_kind kind, uint64_t type)
{
    for (size_t i = 0; i < KIND[kind].n; i++)
        if (KIND[kind].rule[i].type == type)
            return &KIND[kind].rule[i];
    return NULL;
}

static bool bad_key_size(state *s, const rule *u)
{
    static const char FORM[] = "Size of key was not %zu for the type %s";
    char *text = malloc(128);
    if (text)
        snprintf(text, 128, FORM, u->key, u->name);
    return bad_text(s, text);
}

/* What version 2 alone has. */
static const char *of_version_2(qn_psbt_kind kind, uint64_t type)
{
    static const char *const IN[] = {
        "Previous txid is not allowed in PSBTv0",
        "Previous output's index is not allowed in PSBTv0",
        "Sequence is not allowed in PSBTv0",
        "Required time based locktime is not allowed in PSBTv0",
        "Required height based locktime is not allowed in PSBTv0",
    };
    if (kind == QN_PSBT_INPUT && type >= QN_PSBT_IN_TXID && type <= QN_PSBT_IN_HEIGHT)
        return IN[type - QN_PSBT_IN_TXID];
    if (kind == QN_PSBT_OUTPUT && type == QN_PSBT_OUT_AMOUNT)
        return "Output amount is not allowed in PSBTv0";
    if (kind == QN_PSBT_OUTPUT && type == QN_PSBT_OUT_SCRIPT)
        return "Output script is not allowed in PSBTv0";
    return NULL;
}

/* What Core holds as absent when it is written. */
static bool is_nothing(qn_psbt_kind kind, const qn_psbt_record *r)
{
    static const uint8_t zero[32];
    static const uint8_t no_coin[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    bool in = kind == QN_PSBT_INPUT;
    if (kind == QN_PSBT_GLOBAL)
        return false;
    if (in ? r->type == QN_PSBT_IN_REDEEM || r->type == QN_PSBT_IN_WITNESS ||
                 r->type == QN_PSBT_IN_FINAL_SIG
           : r->type == QN_PSBT_OUT_REDEEM || r->type == QN_PSBT_OUT_WITNESS)
        return r->value.len == 0;
    if (in && r->type == QN_PSBT_IN_FINAL_WITNESS)
        return r->value.data[0] == 0;
    if (in && r->type == QN_PSBT_IN_COIN)
        return memcmp(r->value.data, no_coin, 8) == 0;
    if (in ? r->type == QN_PSBT_IN_TAP_KEY || r->type == QN_PSBT_IN_TAP_ROOT
           : r->type == QN_PSBT_OUT_TAP_KEY)
        return memcmp(r->value.data, zero, 32) == 0;
    return false;
}

static int by_hash(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

/* The hashes of leaves are a set: in order, none twice. */
static bool order_leaves(state *s, qn_psbt_record *r)
{
    qn_psbt_reader v = {r->value.data, r->value.len, NULL};
    uint64_t n = qn_psbt_size(&v), kept = 0;
    uint8_t *hash = qn_psbt_room(s->p, n + 1, 32);
    qn_grow g = {.data = NULL};
    if (!hash)
        return bad(s, "out of memory");
    memcpy(hash, v.p, 32 * n);
    if (n)
        qsort(hash, n, 32, by_hash);
    for (uint64_t i = 0; i < n; i++)
        if (!i || memcmp(hash + 32 * (kept - 1), hash + 32 * i, 32) != 0)
            memmove(hash + 32 * kept++, hash + 32 * i, 32);
    qn_psbt_put_size(&g, kept);
    qn_grow_put(&g, hash, 32 * kept);
    qn_grow_put(&g, v.p + 32 * n, v.left - 32 * n);
    if (!g.failed)
        r->value = qn_psbt_copy(s->p, g.data, g.len);
    bool ok = !g.failed && r->value.data;
    qn_grow_clear(&g);
    return ok || bad(s, "out of memory");
}

static bool read_record(state *s, qn_psbt_kind kind, qn_psbt_map *m, qn_psbt_bytes key)
{
    qn_psbt_reader k = {key.data, key.len, NULL};
    qn_psbt_record r = {.key = key, .type = qn_psbt_size(&k)};
    if (k.fail)
        return bad(s, k.fail);
    r.data = (qn_psbt_bytes){k.p, k.left};
    const rule *u = rule_of(kind, r.type);
    if (u && u->name && key.len != u->key)
        return bad_key_size(s, u);
    if (u && kind != QN_PSBT_GLOBAL && s->p->version < 2 && of_version_2(kind, r.type))
        return bad(s, of_version_2(kind, r.type));
    s->stated = (size_t)qn_psbt_size(&s->r);
    if (s->r.fail)
        return bad(s, NULL);
    /* What goes on, or has a size of its own, is read before it is seen how long it should be. */
    r.value = (qn_psbt_bytes){s->r.p, s->r.left};
    if (u && u->size && (s->r.left < u->size || s->stated != u->size))
        return bad(s, s->r.left < u->size ? "SpanReader::read(): end of data"
                                          : "Size of value was not the stated size");
    if (u && u->goes_on && !u->check(s, &r))
        return false;
    r.value = qn_psbt_take(&s->r, s->stated);
    if (s->r.fail)
        return bad(s, NULL);
    if (u && !u->goes_on && u->check && !u->check(s, &r))
        return false;
    if (u && u->check == check_tap_origin && !order_leaves(s, &r))
        return false;
    if (!u)
        r.type = QN_PSBT_UNKNOWN;
    return qn_psbt_append(s->p, m, &r) || bad(s, "out of memory");
}

/* By key, and as they were read: all keys are borrowed from the same bytes. */
static int by_key(const void *a, const void *b)
{
    const qn_psbt_record *x = a, *y = b;
    int c = qn_psbt_compare(x->key, y->key);
    return c ? c : (x->key.data > y->key.data) - (x->key.data < y->key.data);
}

/* The first that was read whose key had been there; NULL: none. Sorts. */
static const qn_psbt_record *first_duplicate(qn_psbt_map *m)
{
    const qn_psbt_record *first = NULL;
    if (m->n > 1)
        qsort(m->record, m->n, sizeof *m->record, by_key);
    for (size_t i = 1; i < m->n; i++) {
        const qn_psbt_record *r = &m->record[i];
        if (qn_psbt_compare(r[-1].key, r->key) == 0 && (!first || r->key.data < first->key.data))
            first = r;
    }
    return first;
}

static bool bad_duplicate(state *s, qn_psbt_kind kind, qn_psbt_bytes key)
{
    size_t room = 2 * key.len + 64;
    char *text = malloc(room);
    if (text) {
        int at = snprintf(text, room, "Duplicate Key, %s key \"", KIND[kind].name);
        for (size_t i = 0; i < key.len; i++)
            at += snprintf(text + at, room - (size_t)at, "%02x", key.data[i]);
        snprintf(text + at, room - (size_t)at, "\" already provided");
    }
    return bad_text(s, text);
}

static bool no_duplicates(state *s, qn_psbt_kind kind, qn_psbt_map *m)
{
    const qn_psbt_record *again = first_duplicate(m);
    if (again)
        return bad_duplicate(s, kind, again->key);
    size_t kept = 0;
    for (size_t i = 0; i < m->n; i++)
        if (!is_nothing(kind, &m->record[i]))
            m->record[kept++] = m->record[i];
    m->n = kept;
    qn_psbt_sort(m);
    return true;
}

/* A record was refused, or (key of no bytes) none could be read. What was there twice before comes
 * first, as that is refused when its key is read. */
static bool bad_record(state *s, qn_psbt_kind kind, qn_psbt_map *m, qn_psbt_bytes key)
{
    const qn_psbt_record r = {.type = QN_PSBT_UNKNOWN, .key = key};
    if (key.len && !qn_psbt_append(s->p, m, &r))
        return false;
    const qn_psbt_record *again = first_duplicate(m);
    if (!again)
        return false;
    free(s->own);
    s->own = NULL;
    s->fail = NULL;
    return bad_duplicate(s, kind, again->key);
}

static bool read_map(state *s, qn_psbt_kind kind, qn_psbt_map *m)
{
    static const char *const MISSING[] = {
        "Separator is missing at the end of the global map",
        "Separator is missing at the end of an input map",
        "Separator is missing at the end of an output map",
    };
    m->kind = (uint8_t)kind;
    while (s->r.left) {
        qn_psbt_bytes key = qn_psbt_var(&s->r);
        if (s->r.fail) {
            bad(s, NULL);
            return bad_record(s, kind, m, key);
        }
        if (!key.len)
            return no_duplicates(s, kind, m);
        if (!read_record(s, kind, m, key))
            return bad_record(s, kind, m, key);
    }
    return no_duplicates(s, kind, m) && bad(s, MISSING[kind]);
}

/* ---- the whole ---- */

static bool has(const qn_psbt_map *m, uint64_t type)
{
    return qn_psbt_get(m, type) != NULL;
}

static bool check_global_0(state *s)
{
    static const char *const NOT[] = {
        "PSBT_GLOBAL_TX_VERSION is not allowed in PSBTv0",
        "PSBT_GLOBAL_FALLBACK_LOCKTIME is not allowed in PSBTv0",
        "PSBT_GLOBAL_INPUT_COUNT is not allowed in PSBTv0",
        "PSBT_GLOBAL_OUTPUT_COUNT is not allowed in PSBTv0",
        "PSBT_GLOBAL_TX_MODIFIABLE is not allowed in PSBTv0",
    };
    if (!has(&s->p->map, QN_PSBT_G_TX))
        return bad(s, "No unsigned transaction was provided");
    for (unsigned t = QN_PSBT_G_TX_VERSION; t <= QN_PSBT_G_MODIFIABLE; t++)
        if (has(&s->p->map, t))
            return bad(s, NOT[t - QN_PSBT_G_TX_VERSION]);
    return true;
}

static bool check_global_2(state *s)
{
    qn_psbt *p = s->p;
    qn_psbt_bytes v;
    if (!has(&p->map, QN_PSBT_G_TX_VERSION))
        return bad(s, "PSBT_GLOBAL_TX_VERSION is required in PSBTv2");
    if (!has(&p->map, QN_PSBT_G_INPUTS))
        return bad(s, "PSBT_GLOBAL_INPUT_COUNT is required in PSBTv2");
    if (!has(&p->map, QN_PSBT_G_OUTPUTS))
        return bad(s, "PSBT_GLOBAL_OUTPUT_COUNT is required in PSBTv2");
    if (has(&p->map, QN_PSBT_G_TX))
        return bad(s, "PSBT_GLOBAL_UNSIGNED_TX is not allowed in PSBTv2");
    p->tx_version = le32(qn_psbt_value(&p->map, QN_PSBT_G_TX_VERSION));
    v = qn_psbt_value(&p->map, QN_PSBT_G_LOCKTIME);
    p->has_locktime = v.data != NULL;
    p->locktime = v.data ? le32(v) : 0;
    v = qn_psbt_value(&p->map, QN_PSBT_G_MODIFIABLE);
    p->has_modifiable = v.data != NULL;
    p->modifiable = v.data ? v.data[0] : 0;
    return true;
}

static void optional(const qn_psbt_map *m, uint64_t type, bool *there, uint32_t *out)
{
    qn_psbt_bytes v = qn_psbt_value(m, type);
    *there = v.data != NULL;
    *out = v.data ? le32(v) : 0;
}

static bool take_input_2(state *s, qn_psbt_in *in)
{
    if (!has(&in->map, QN_PSBT_IN_TXID))
        return bad(s, "Previous TXID is required in PSBTv2");
    if (!has(&in->map, QN_PSBT_IN_VOUT))
        return bad(s, "Previous output's index is required in PSBTv2");
    in->txid = qn_psbt_value(&in->map, QN_PSBT_IN_TXID).data;
    in->vout = le32(qn_psbt_value(&in->map, QN_PSBT_IN_VOUT));
    optional(&in->map, QN_PSBT_IN_SEQUENCE, &in->has_sequence, &in->sequence);
    optional(&in->map, QN_PSBT_IN_TIME, &in->has_time, &in->time);
    optional(&in->map, QN_PSBT_IN_HEIGHT, &in->has_height, &in->height);
    return true;
}

static bool check_input(state *s, const qn_psbt_in *in)
{
    qn_psbt_bytes v = qn_psbt_value(&in->map, QN_PSBT_IN_TX);
    qn_tx_view tx;
    uint8_t id[32];
    if (!v.data || !qn_tx_read(v.data, v.len, &tx))
        return true;
    qn_tx_id(&tx, id);
    if (memcmp(id, in->txid, 32) != 0)
        return bad(s, "Non-witness UTXO does not match outpoint hash");
    return in->vout < tx.n_out || bad(s, "Input specifies output index that does not exist");
}

/* One more element of a list that is not long, as its bytes bound it. */
static void *another(state *s, void *list, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return list;
    size_t more = *cap ? 2 * *cap : 8;
    void *v = qn_psbt_room(s->p, more, size);
    if (!v) {
        bad(s, "out of memory");
        return NULL;
    }
    if (n)
        memcpy(v, list, n * size);
    *cap = more;
    return v;
}

static bool read_inputs(state *s)
{
    qn_psbt *p = s->p;
    size_t cap = p->n_in, n = 0;
    for (; s->r.left && n < s->n_in; n++) {
        if (!(p->in = another(s, p->in, n, &cap, sizeof *p->in)))
            return false;
        qn_psbt_in *in = &p->in[n];
        if (!read_map(s, QN_PSBT_INPUT, &in->map) || (p->version == 2 && !take_input_2(s, in)) ||
            !check_input(s, in))
            return false;
    }
    p->n_in = n;
    return n == s->n_in || bad(s, "Inputs provided does not match the number of inputs in "
                                  "transaction.");
}

static bool take_output_2(state *s, qn_psbt_out *out)
{
    if (!has(&out->map, QN_PSBT_OUT_AMOUNT))
        return bad(s, "Output amount is required in PSBTv2");
    if (!has(&out->map, QN_PSBT_OUT_SCRIPT))
        return bad(s, "Output script is required in PSBTv2");
    qn_psbt_bytes v = qn_psbt_value(&out->map, QN_PSBT_OUT_AMOUNT);
    qn_psbt_reader r = {v.data, v.len, NULL};
    out->coin =
        (qn_psbt_coin){(int64_t)qn_psbt_u64(&r), qn_psbt_value(&out->map, QN_PSBT_OUT_SCRIPT)};
    return true;
}

static bool read_outputs(state *s)
{
    qn_psbt *p = s->p;
    size_t cap = p->n_out, n = 0;
    for (; s->r.left && n < s->n_out; n++) {
        if (!(p->out = another(s, p->out, n, &cap, sizeof *p->out)))
            return false;
        if (!read_map(s, QN_PSBT_OUTPUT, &p->out[n].map) ||
            (p->version == 2 && !take_output_2(s, &p->out[n])))
            return false;
    }
    p->n_out = n;
    return n == s->n_out || bad(s, "Outputs provided does not match the number of outputs in "
                                   "transaction.");
}

static bool read_all(state *s)
{
    static const uint8_t MAGIC[5] = {'p', 's', 'b', 't', 0xff};
    qn_psbt_bytes magic = qn_psbt_take(&s->r, sizeof MAGIC);
    if (s->r.fail || memcmp(magic.data, MAGIC, sizeof MAGIC) != 0)
        return bad(s, "Invalid PSBT magic bytes");
    if (!read_map(s, QN_PSBT_GLOBAL, &s->p->map))
        return false;
    if (s->p->version == 1)
        return bad(s, "There is no PSBT version 1");
    if (!(s->p->version == 0 ? check_global_0(s) : check_global_2(s)))
        return false;
    if (s->p->version == 2) { /* nothing of what a transaction may have said */
        s->p->n_in = s->p->n_out = 0;
    }
    return read_inputs(s) && read_outputs(s);
}

qn_psbt *qn_psbt_read(const qn_curve *curve, const void *bytes, size_t len, char **error)
{
    state s = {.p = qn_psbt_blank(), .curve = curve};
    *error = NULL;
    qn_psbt_bytes copy = s.p ? qn_psbt_copy(s.p, bytes, len) : (qn_psbt_bytes){NULL, 0};
    if (!s.p || !copy.data) {
        qn_psbt_free(s.p);
        return NULL;
    }
    s.r = (qn_psbt_reader){copy.data, copy.len, NULL};
    bool ok = len <= QN_PSBT_MAX ? read_all(&s) : bad(&s, "PSBT is too large");
    bool parsed = ok && s.r.left == 0;
    if (parsed)
        return s.p;
    qn_psbt_free(s.p);
    /* Core's words for what its stream has thrown, and for what came behind it. */
    const char *why = ok ? "extra data after PSBT" : s.fail;
    size_t room = strlen(why) + 32;
    *error = malloc(room);
    if (*error)
        snprintf(*error, room, "%s%s", why, ok ? "" : ": iostream error");
    free(s.own);
    return NULL;
}
