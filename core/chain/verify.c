/* Checking what is on disk: the last blocks are read, judged, taken back and put on again in a view
 * that is thrown away (Core validation.cpp CVerifyDB::VerifyDB). */
#include "core/chain/internal.h"

#include "core/base/alloc.h"
#include "core/base/log.h"

struct verify {
    qc_chain *c;
    qc_coins *view;
    unsigned level;
    uint32_t height, depth; /* of the tip; blocks to look at */
    const qc_index *at;     /* first one not looked at */
    const qc_index *unclean;
    uint64_t good_txs;
    int told; /* tenths */
    bool skipped_l3, missing;
};

static void report(struct verify *k, const qc_index *at, int percent)
{
    percent = QC_MAX(1, QC_MIN(99, percent));
    if (k->told < percent / 10) {
        qc_log(QC_LOG_INFO, "validation", "Verification progress: %d%%", percent);
        k->told = percent / 10;
    }
    qc_tell_progress(k->c, "Verifying", at, percent / 100.0);
}

static bool bad_block(const qc_index *i, const char *what, const char *why)
{
    char hex[QC_HASH_HEX_LEN + 1];
    qc_hash_hex(&i->hash, hex);
    qc_log(QC_LOG_ERROR, "validation", "Verification error: %s at %u, hash=%s%s%s%s", what,
           i->height, hex, *why ? " (" : "", why, *why ? ")" : "");
    return false;
}

static bool undo_reads(const struct verify *k, const qc_block *b, const qc_index *i)
{
    qc_spent *spent = NULL;
    qc_bytes scripts = QC_BYTES_INIT;
    if (!qc_index_has(i, QC_BLOCK_HAVE_UNDO))
        return true;
    qc_err err = qc_read_undo(k->c, b, i, &spent, &scripts);
    qc_free(spent);
    qc_bytes_free(&scripts);
    return !err || bad_block(i, "found bad undo data", "");
}

/* Level 3. False: the data do not fit together at all. */
static bool take_back(struct verify *k, qc_block *b, const qc_index *i, qc_err *err)
{
    bool clean;
    if (qc_coins_usage(k->view) + qc_coins_usage(k->c->coins) > k->c->coins_limit) {
        k->skipped_l3 = true;
        return true;
    }
    *err = qc_disconnect_block(k->c, b, i, k->view, &clean);
    if (*err == QC_ECORRUPT || *err == QC_ENOENT) {
        *err = QC_OK;
        return bad_block(i, "irrecoverable inconsistency in block data", "");
    }
    if (*err)
        return true;
    if (!clean) {
        k->unclean = i;
        k->good_txs = 0;
    } else {
        k->good_txs += qc_block_n_tx(b);
    }
    return true;
}

static bool down_one(struct verify *k, const qc_index *i, qc_err *err)
{
    qc_block *b;
    qc_verdict v = {0};
    char text[QC_VERDICT_TEXT_LEN];
    if (qc_read_body(k->c, i, &b))
        return bad_block(i, "ReadBlock failed", "");
    bool ok = true;
    if (k->level >= 1 && !qc_check_block(k->c->params, b, true, true, &v))
        ok = bad_block(i, "found bad block", qc_verdict_text(&v, text, sizeof text));
    if (ok && k->level >= 2)
        ok = undo_reads(k, b, i);
    if (ok && k->level >= 3 && !k->skipped_l3)
        ok = take_back(k, b, i, err);
    qc_block_unref(b);
    return ok;
}

static qc_err go_down(struct verify *k, qc_verify_result *out)
{
    qc_err err = QC_OK;
    for (; k->at->parent; k->at = k->at->parent) {
        uint32_t done = k->height - k->at->height;
        report(k, k->at, (int)((uint64_t)done * (k->level >= 4 ? 50 : 100) / k->depth));
        if (done >= k->depth)
            return QC_OK;
        if (k->c->prune_target && !qc_index_has(k->at, QC_BLOCK_HAVE_DATA)) {
            qc_log(QC_LOG_INFO, "validation",
                   "Block verification stopping at height %u (no data). This could be due to "
                   "pruning or use of an assumeutxo snapshot.",
                   k->at->height);
            k->missing = true;
            return QC_OK;
        }
        if (!down_one(k, k->at, &err))
            *out = QC_VERIFY_CORRUPT;
        else if (qc_chain_stopping(k->c))
            *out = QC_VERIFY_STOPPED;
        if (err || *out != QC_VERIFY_OK)
            return err;
    }
    return QC_OK;
}

static qc_err up_one(struct verify *k, qc_index *i, bool *ok)
{
    qc_block *b;
    qc_verdict v;
    char text[QC_VERDICT_TEXT_LEN];
    const qc_connect_opts o = {.quiet = true};
    if (qc_read_body(k->c, i, &b)) {
        *ok = bad_block(i, "ReadBlock failed", "");
        return QC_OK;
    }
    qc_err err = qc_connect_block(k->c, b, i, k->view, &o, &v);
    *ok = !err && qc_verdict_ok(&v);
    if (!err && !*ok)
        bad_block(i, "found unconnectable block", qc_verdict_text(&v, text, sizeof text));
    qc_block_unref(b);
    return err;
}

static qc_err go_up(struct verify *k, qc_verify_result *out)
{
    for (uint32_t h = k->at->height + 1; h <= k->height; h++) {
        bool ok;
        qc_index *i = k->c->active.at[h];
        report(k, i, 100 - (int)((uint64_t)(k->height - h + 1) * 50 / k->depth));
        qc_err err = up_one(k, i, &ok);
        if (!err && !ok)
            *out = QC_VERIFY_CORRUPT;
        else if (!err && qc_chain_stopping(k->c))
            *out = QC_VERIFY_STOPPED;
        if (err || *out != QC_VERIFY_OK)
            return err;
    }
    return QC_OK;
}

static void close_report(const struct verify *k, qc_verify_result *out)
{
    qc_log(QC_LOG_INFO, "validation", "Verification: checked last %u blocks at level %u",
           k->height - k->at->height, k->level);
    if (k->level >= 3 && !k->skipped_l3)
        qc_log(QC_LOG_INFO, "validation",
               "Verification: no coin database inconsistencies (%llu transactions)",
               (unsigned long long)k->good_txs);
    if (k->skipped_l3)
        *out = QC_VERIFY_SKIPPED_L3;
    else if (k->missing)
        *out = QC_VERIFY_MISSING;
}

static qc_err verify_in(struct verify *k, qc_verify_result *out)
{
    qc_err err = go_down(k, out);
    if (err || *out != QC_VERIFY_OK)
        return err;
    if (k->unclean) {
        qc_log(QC_LOG_ERROR, "validation",
               "Verification error: coin database inconsistencies found (last %u blocks, %llu good "
               "transactions before that)",
               k->height - k->unclean->height + 1, (unsigned long long)k->good_txs);
        *out = QC_VERIFY_CORRUPT;
        return QC_OK;
    }
    if (k->skipped_l3)
        qc_log(QC_LOG_WARN, "validation",
               "Skipped verification of level >=3 (insufficient database cache size). Consider "
               "increasing -dbcache.");
    if (k->level >= 4 && !k->skipped_l3)
        err = go_up(k, out);
    if (!err && *out == QC_VERIFY_OK)
        close_report(k, out);
    return err;
}

qc_err qc_verify_chain(qc_chain *c, unsigned level, unsigned depth, qc_verify_result *out)
{
    const qc_index *tip = qc_active_tip(&c->active);
    *out = QC_VERIFY_OK;
    if (!tip || !tip->parent)
        return QC_OK;
    if (depth == 0 || depth > tip->height)
        depth = tip->height;
    struct verify k = {.c = c, .level = QC_MIN(4, level), .height = tip->height, .depth = depth};
    k.at = tip;
    qc_log(QC_LOG_INFO, "validation", "Verifying last %u blocks at level %u", depth, k.level);
    qc_log(QC_LOG_INFO, "validation", "Verification progress: 0%%");
    qc_err err = qc_coins_new_over(&k.view, c->coins);
    if (!err)
        err = verify_in(&k, out);
    qc_coins_free(k.view);
    qc_tell_progress(c, "", NULL, 1.0);
    return err;
}

qc_err qc_chain_verify(qc_chain *c, unsigned level, unsigned n_blocks, bool *ok)
{
    qc_verify_result r;
    qc_err err = qc_verify_chain(c, level, n_blocks, &r);
    if (!err)
        *ok = r == QC_VERIFY_OK;
    return err;
}
