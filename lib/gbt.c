#include "lib/gbt.h"

#include "lib/hex.h"
#include "lib/tx.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_SIGOPS_COST 80000u
#define MAX_SIZE 4000000u
#define WITNESS_SCALE 4u

/* ---- rules ---- */

static bool knows(const qn_gbt_client *c, const char *rule)
{
    for (size_t i = 0; i < c->n_rules; i++)
        if (strcmp(c->rule[i], rule) == 0)
            return true;
    return false;
}

bool qn_gbt_refuse(bool signet, const qn_gbt_client *client, char *why, size_t cap)
{
    const char *missing = NULL, *want = "\"segwit\"";
    if (signet && !knows(client, "signet")) {
        missing = "signet";
        want = "\"segwit\", \"signet\"";
    } else if (!knows(client, "segwit")) {
        missing = "segwit";
    }
    if (missing && why)
        snprintf(why, cap,
                 "getblocktemplate must be called with the %s rule set (call with {\"rules\": "
                 "[%s]})",
                 missing, want);
    return missing != NULL;
}

bool qn_gbt_refuse_view(const qn_gbt_view *v, const qn_gbt_client *client, char *why, size_t cap)
{
    if (qn_gbt_refuse(v->challenge != NULL, client, why, cap))
        return true;
    for (uint32_t i = 0; i < v->n_rules; i++) {
        const qn_gbt_rule *r = &v->rule[i];
        if (!r->active || r->optional || knows(client, r->name))
            continue;
        if (why)
            snprintf(why, cap, "Support for '%s' rule requires explicit client support", r->name);
        return true;
    }
    return false;
}

/* A deployment that is under way is signalled for, but not by a miner who would have to know it. */
static int32_t version_for(const qn_gbt_view *v, const qn_gbt_client *client)
{
    uint32_t version = (uint32_t)v->version;
    for (uint32_t i = 0; i < v->n_rules; i++)
        if (!v->rule[i].active && !v->rule[i].optional && !knows(client, v->rule[i].name))
            version &= ~(UINT32_C(1) << v->rule[i].bit);
    return (int32_t)version;
}

/* ---- text ---- */

typedef struct text {
    char *out;
    size_t n, cap; /* n may be more: then it is only counted */
    bool comma;    /* a value precedes on this level */
} text;

static void put(text *t, const char *s, size_t n)
{
    if (n <= t->cap && t->n <= t->cap - n)
        memcpy(t->out + t->n, s, n);
    t->n += n;
}

static void puts_(text *t, const char *s)
{
    put(t, s, strlen(s));
}

static void put_hex(text *t, const uint8_t *data, size_t len)
{
    /* The encoder adds a NUL, so the last byte goes through a place of its own. */
    size_t n = 2 * len;
    char last[3];
    if (len && n <= t->cap && t->n <= t->cap - n) {
        qn_hex_encode(data, len - 1, t->out + t->n);
        qn_hex_encode(data + len - 1, 1, last);
        memcpy(t->out + t->n + n - 2, last, 2);
    }
    t->n += n;
}

static void sep(text *t)
{
    if (t->comma)
        put(t, ",", 1);
    t->comma = true;
}

static void key(text *t, const char *name)
{
    sep(t);
    put(t, "\"", 1);
    puts_(t, name);
    put(t, "\":", 2);
}

/* Begin or end an object or array. */
static void open_(text *t, const char *bracket)
{
    put(t, bracket, 1);
    t->comma = false;
}

static void close_(text *t, const char *bracket)
{
    put(t, bracket, 1);
    t->comma = true;
}

static void num(text *t, int64_t v)
{
    char buf[24], *at = buf + sizeof buf;
    uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do {
        *--at = (char)('0' + rest % 10);
    } while ((rest /= 10) != 0);
    if (v < 0)
        *--at = '-';
    put(t, at, (size_t)(buf + sizeof buf - at));
}

static void knum(text *t, const char *name, int64_t v)
{
    key(t, name);
    num(t, v);
}

static void str(text *t, const char *s)
{
    put(t, "\"", 1);
    puts_(t, s);
    put(t, "\"", 1);
}

static void kstr(text *t, const char *name, const char *s)
{
    key(t, name);
    str(t, s);
}

static void khash(text *t, const char *name, const uint8_t *hash)
{
    char hex[66];
    if (t->cap)
        qn_hex_encode_reversed(hash, 32, hex + 1);
    hex[0] = hex[65] = '"';
    key(t, name);
    put(t, hex, sizeof hex);
}

static void khex(text *t, const char *name, const uint8_t *data, size_t len)
{
    key(t, name);
    put(t, "\"", 1);
    put_hex(t, data, len);
    put(t, "\"", 1);
}

static void kwords(text *t, const char *name, const char *const *word)
{
    key(t, name);
    open_(t, "[");
    for (; *word; word++) {
        sep(t);
        str(t, *word);
    }
    close_(t, "]");
}

/* ---- parts ---- */

static void rule_name(const qn_gbt_rule *r, char out[static 80])
{
    snprintf(out, 80, "%s%s", r->optional ? "" : "!", r->name);
}

static void put_rules(text *t, const qn_gbt_view *v)
{
    char name[80];
    const char *fixed[5], **at = fixed;
    *at++ = "csv";
    if (v->segwit) {
        *at++ = "!segwit";
        *at++ = "taproot";
    }
    if (v->challenge)
        *at++ = "!signet";
    *at = NULL;
    key(t, "rules");
    open_(t, "[");
    for (at = fixed; *at; at++) {
        sep(t);
        str(t, *at);
    }
    for (uint32_t i = 0; i < v->n_rules; i++) {
        if (!v->rule[i].active)
            continue;
        rule_name(&v->rule[i], name);
        sep(t);
        str(t, name);
    }
    close_(t, "]");
}

static void put_available(text *t, const qn_gbt_view *v)
{
    char name[80];
    key(t, "vbavailable");
    open_(t, "{");
    for (uint32_t i = 0; i < v->n_rules; i++) {
        if (v->rule[i].active)
            continue;
        rule_name(&v->rule[i], name);
        knum(t, name, v->rule[i].bit);
    }
    close_(t, "}");
    knum(t, "vbrequired", 0);
}

static void put_tx(text *t, const qn_gbt_view *v, uint32_t i)
{
    qn_gbt_tx tx;
    v->tx(v->arg, i, &tx);
    sep(t);
    open_(t, "{");
    khex(t, "data", tx.raw, tx.raw_len);
    khash(t, "txid", tx.txid);
    khash(t, "hash", tx.wtxid);
    key(t, "depends");
    open_(t, "[");
    for (uint32_t k = 0; k < tx.n_depends; k++) {
        sep(t);
        num(t, tx.depends[k]);
    }
    close_(t, "]");
    knum(t, "fee", tx.fee);
    knum(t, "sigops", v->segwit ? tx.sigops : tx.sigops / WITNESS_SCALE);
    knum(t, "weight", tx.weight);
    close_(t, "}");
}

static void put_transactions(text *t, const qn_gbt_view *v)
{
    key(t, "transactions");
    open_(t, "[");
    for (uint32_t i = 0; i < v->n_tx; i++)
        put_tx(t, v, i);
    close_(t, "]");
    key(t, "coinbaseaux");
    open_(t, "{");
    close_(t, "}");
    knum(t, "coinbasevalue", v->reward);
}

static void put_limits(text *t, const qn_gbt_view *v)
{
    uint32_t scale = v->segwit ? 1 : WITNESS_SCALE;
    kstr(t, "noncerange", "00000000ffffffff");
    knum(t, "sigoplimit", MAX_SIGOPS_COST / scale);
    knum(t, "sizelimit", MAX_SIZE / scale);
    if (v->segwit)
        knum(t, "weightlimit", MAX_SIZE);
}

static void put_header(text *t, const qn_gbt_view *v)
{
    char bits[16];
    snprintf(bits, sizeof bits, "%08" PRIx32, v->bits);
    knum(t, "curtime", v->cur_time);
    kstr(t, "bits", bits);
    knum(t, "height", v->height);
}

/* One output must be there: the commitment. */
static void put_commitment(text *t, const qn_gbt_view *v)
{
    size_t pos = 8;
    uint64_t len;
    if (v->n_outputs == 0 || v->outputs_len < pos ||
        !qn_compact_read(v->outputs, v->outputs_len, &pos, &len) || len > v->outputs_len - pos)
        return;
    khex(t, "default_witness_commitment", v->outputs + pos, (size_t)len);
}

void qn_gbt_longpollid(const uint8_t prev[32], uint64_t updates, char *out)
{
    qn_hex_encode_reversed(prev, 32, out);
    snprintf(out + 64, QN_GBT_LONGPOLLID - 64, "%" PRIu64, updates);
}

size_t qn_gbt_json(const qn_gbt_view *v, const qn_gbt_client *client, char *out, size_t cap)
{
    static const char *const capabilities[] = {"proposal", NULL};
    static const char *const mutable[] = {"time", "transactions", "prevblock", NULL};
    char longpollid[QN_GBT_LONGPOLLID];
    text t = {.out = out, .cap = cap};
    open_(&t, "{");
    kwords(&t, "capabilities", capabilities);
    knum(&t, "version", version_for(v, client));
    put_rules(&t, v);
    put_available(&t, v);
    khash(&t, "previousblockhash", v->prev);
    put_transactions(&t, v);
    qn_gbt_longpollid(v->prev, v->updates, longpollid);
    kstr(&t, "longpollid", longpollid);
    khash(&t, "target", v->target);
    knum(&t, "mintime", v->min_time);
    kwords(&t, "mutable", mutable);
    put_limits(&t, v);
    put_header(&t, v);
    if (v->challenge)
        khex(&t, "signet_challenge", v->challenge, v->challenge_len);
    put_commitment(&t, v);
    close_(&t, "}");
    return t.n;
}
