#include "tests/unit/chain_kit.h"

#include "core/base/log.h"

/* What was logged last, one line after the other; the older half goes when it is full. */
static char g_log[1 << 16];
static size_t g_log_len;

static void keep_line(void *arg, qc_log_level level, const char *area, const char *line, size_t len)
{
    (void)arg;
    (void)level;
    (void)area;
    if (len + 2 > sizeof g_log / 2)
        len = sizeof g_log / 2 - 2;
    if (g_log_len + len + 2 > sizeof g_log) {
        memmove(g_log, g_log + g_log_len / 2, g_log_len - g_log_len / 2);
        g_log_len -= g_log_len / 2;
    }
    memcpy(g_log + g_log_len, line, len);
    g_log_len += len;
    g_log[g_log_len++] = '\n';
    g_log[g_log_len] = 0;
}

bool kit_logged(const char *text)
{
    return strstr(g_log, text) != NULL;
}

void kit_log_clear(void)
{
    g_log_len = 0;
    g_log[0] = 0;
}

static void on_tip(void *arg, const qc_index *tip, const qc_index *fork, bool initial)
{
    chain_kit *k = arg;
    (void)fork;
    (void)initial;
    k->tips++;
    k->last_tip = tip;
}

static void on_connected(void *arg, const qc_index *i, const qc_block *b)
{
    chain_kit *k = arg;
    assert_true(qc_hash_eq(&i->hash, qc_block_hash(b)));
    k->connected++;
}

static void on_disconnected(void *arg, const qc_index *i, const qc_block *b)
{
    chain_kit *k = arg;
    assert_true(qc_hash_eq(&i->hash, qc_block_hash(b)));
    k->disconnected++;
}

static void on_durable(void *arg, const qc_index *tip)
{
    chain_kit *k = arg;
    (void)tip;
    k->durables++;
}

static void on_checked(void *arg, const qc_hash *hash, const qc_verdict *v)
{
    chain_kit *k = arg;
    (void)hash;
    k->checked++;
    k->last = *v;
}

static void on_fatal(void *arg, const char *text)
{
    chain_kit *k = arg;
    (void)text;
    k->fatals++;
}

void kit_init(chain_kit *k, qc_chain_id id)
{
    memset(k, 0, sizeof *k);
    qc_log_set_sink(keep_line, NULL);
    assert_int_equal(qc_params_new(id, NULL, &k->params), QC_OK);
    k->dir = tmp_mkdir();
    k->o = (qc_chain_options){
        .params = k->params,
        .dir = k->dir,
        .dbcache = (size_t)16 << 20,
        .par = 1,
        .prefetch_threads = 1,
        .blocksxor = true,
        .has_min_work = true,
        .has_assume_valid = true,
        .checkblockindex = true,
        .check_level = 3,
        .check_blocks = 6,
    };
}

qc_err kit_open(chain_kit *k)
{
    const qc_chain_events ev = {
        .arg = k,
        .tip = on_tip,
        .connected = on_connected,
        .disconnected = on_disconnected,
        .durable = on_durable,
        .checked = on_checked,
        .fatal = on_fatal,
    };
    qc_err err = qc_chain_open(&k->c, &k->o, &ev, k->detail, sizeof k->detail);
    if (!err && !qc_chain_reindexing(k->c) && (err = qc_chain_activate(k->c)))
        kit_close(k);
    return err;
}

void kit_must_open(chain_kit *k)
{
    qc_err err = kit_open(k);
    if (err)
        fail_msg("cannot open %s: %s: %s", k->dir, qc_err_text(err), k->detail);
}

void kit_reindex(chain_kit *k)
{
    const _Atomic bool stop = false;
    qc_import_stats st;
    assert_true(qc_chain_reindexing(k->c));
    assert_int_equal(qc_chain_reindex(k->c, &stop, &st), QC_OK);
}

void kit_close(chain_kit *k)
{
    qc_chain_close(k->c);
    k->c = NULL;
}

void kit_reopen(chain_kit *k)
{
    kit_close(k);
    kit_must_open(k);
}

void kit_end(chain_kit *k)
{
    kit_close(k);
    qc_params_free(k->params);
}

bool kit_submit(chain_kit *k, qc_span raw, qc_verdict *v)
{
    qc_block *b;
    qc_verdict own;
    bool is_new;
    v = v ? v : &own;
    assert_int_equal(qc_block_parse(raw, &b), QC_WIRE_OK);
    qc_err err = qc_chain_process_block(k->c, b, true, true, &is_new, v);
    qc_block_unref(b);
    assert_int_equal(err, QC_OK);
    return qc_verdict_ok(v);
}

uint32_t kit_height(const chain_kit *k)
{
    const qc_index *tip = qc_chain_tip(k->c);
    return tip ? tip->height : UINT32_MAX;
}

qc_hash kit_coins_hash(chain_kit *k, qc_utxo_hash kind)
{
    qc_utxo_stats s;
    assert_int_equal(qc_chain_flush(k->c), QC_OK);
    assert_int_equal(qc_utxo_stats_compute(qc_chain_coinsdb(k->c), kind, NULL, &s), QC_OK);
    assert_true(qc_hash_eq(&s.best, &qc_chain_tip(k->c)->hash));
    return s.hash;
}

static bool is_hex(char ch)
{
    return (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'f');
}

unsigned kit_submit_hex_lines(chain_kit *k, const char *path)
{
    qc_bytes text = tmp_read(path);
    unsigned n = 0;
    for (char *p = (char *)text.data; *p;) {
        size_t len = 0;
        while (is_hex(p[len]))
            len++;
        char end = p[len];
        if (len > 160) { /* longer than a header: a block */
            p[len] = 0;
            qc_bytes raw = hex_bytes(p);
            qc_verdict v;
            p[len] = end;
            if (!kit_submit(k, qc_bytes_span(&raw), &v))
                fail_msg("block %u: %s", n + 1, v.reason);
            qc_bytes_free(&raw);
            n++;
        }
        p += len + (end != 0);
    }
    qc_bytes_free(&text);
    return n;
}

void assert_hash_is(const qc_hash *h, const char *hex)
{
    char got[QC_HASH_HEX_LEN + 1];
    qc_hash_hex(h, got);
    assert_string_equal(got, hex);
}
