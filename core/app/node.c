/* The chain's life inside quoind: opened, run on its thread, fed at the start, followed, closed. */
#include "core/app/app.h"
#include "core/app/notify.h"
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/methods/submit.h"

#include <stdio.h>

#define TICK_MS (60 * 1000)
#define POLL_NS ((qc_mono)20 * 1000000)
#define DISK_MS (5 * 60 * 1000)
#define MIN_DISK ((uint64_t)50 << 20)

/* ---- events, on the chain thread ---- */
static void ready_on_loop(void *arg)
{
    qc_app_ready(arg);
}

/* Rules that this node does not know: it may take for valid what others do not. Said once. */
static void warn_of_new_rules(qc_app *a, const qc_index *tip)
{
    char text[80];
    if (a->new_rules.active)
        return;
    qc_newrules_look(&a->new_rules, a->params, tip);
    for (unsigned bit = 0; a->new_rules.active; bit++)
        if (a->new_rules.active >> bit & 1) {
            snprintf(text, sizeof text, "Unknown new rules activated (versionbit %u)", bit);
            qc_log(QC_LOG_WARN, "validation", "%s", text);
            qc_app_alert(a, text);
            return;
        }
}

static void on_tip(void *arg, const qc_index *tip, const qc_index *fork, bool initial)
{
    (void)fork;
    qc_app *a = arg;
    qc_rpc_waitlist_wake(a->node.tip_waiters);
    if (a->node.net)
        qc_net_set_tip(a->node.net, tip->height, tip->header.time);
    if (!atomic_exchange(&a->warm, true))
        qc_loop_post(a->loop, ready_on_loop, a);
    if (!initial)
        warn_of_new_rules(a, tip);
    const char *cmd = qc_settings_str(a->settings, "blocknotify", "");
    if (cmd[0] && !initial && atomic_load(&a->import_ended)) {
        char hex[QC_HASH_HEX_LEN + 1];
        qc_hash_hex(&tip->hash, hex);
        char *full = qc_notify_fill(cmd, hex);
        qc_notify_run(full);
        qc_free(full);
    }
    uint32_t stop = a->chain_options.stop_at_height;
    if (stop && tip->height >= stop) {
        qc_log(QC_LOG_INFO, "validation", "Stopping at height %u", tip->height);
        qc_app_request_shutdown(a);
    }
}

static void on_progress(void *arg, const char *what, const qc_index *at, double share)
{
    qc_app *a = arg;
    char line[160];
    if (!what[0]) { /* the end of it */
        a->progress = (qc_progress){0};
        return;
    }
    if (!atomic_load(&a->warm) && strcmp(what, a->progress.what) != 0) {
        if (strcmp(what, "Verifying") == 0)
            qc_app_phase(a, "Verifying blocks…");
        else if (strcmp(what, "Replaying") == 0)
            qc_app_phase(a, "Replaying blocks…");
        else if (strcmp(what, "Pruning") == 0)
            qc_app_phase(a, "Pruning blockstore…");
    }
    if (qc_progress_line(&a->progress, what, at ? at->height : 0, at ? at->header.time : 0, share,
                         qc_clock_mono(), line, sizeof line))
        qc_log(QC_LOG_INFO, "validation", "%s", line);
}

static void on_fatal(void *arg, const char *text)
{
    qc_app *a = arg;
    qc_app_error(a, "A fatal internal error occurred, see debug.log for details: %s", text);
    a->exit_code = 1;
    qc_app_request_shutdown(a);
}

/* ---- import, on the chain thread ---- */
/* qc_chain_interrupt() ends an import, like everything else that takes long. */
static const _Atomic bool NEVER;

static void log_import(const char *what, const qc_import_stats *st)
{
    qc_log(QC_LOG_INFO, "reindex",
           "%s: %llu blocks from %llu bytes; %llu known already, %llu rejected, %llu out of order, "
           "%llu bytes skipped",
           what, (unsigned long long)st->blocks, (unsigned long long)st->bytes,
           (unsigned long long)st->duplicates, (unsigned long long)st->rejected,
           (unsigned long long)st->out_of_order, (unsigned long long)st->skipped_bytes);
}

static qc_err import_files(qc_app *a, qc_chain *c)
{
    const char **file = qc_settings_list(a->settings, "loadblock", NULL);
    qc_err err = QC_OK;
    for (size_t i = 0; file[i] && !atomic_load(&a->node.stopping); i++) {
        qc_import_stats st = {0};
        err = qc_chain_import_file(c, file[i], NULL, &NEVER, &st);
        if (err == QC_ECANCELED)
            break;
        if (err)
            qc_log(QC_LOG_WARN, "reindex", "Could not open blocks file %s: %s", file[i],
                   qc_err_text(err));
        log_import(file[i], &st);
    }
    qc_free(file);
    return err == QC_ECANCELED ? err : QC_OK;
}

static void import_ended(void *arg)
{
    qc_app *a = arg;
    if (!qc_settings_bool(a->settings, "stopafterblockimport", false))
        return;
    qc_log(QC_LOG_INFO, "reindex", "Stopping after block import");
    qc_app_request_shutdown(a);
}

static void import_job(qc_chain *c, void *arg)
{
    qc_app *a = arg;
    qc_import_stats st = {0};
    qc_err err = QC_OK;
    qc_log(QC_LOG_INFO, "base", "initload thread start");
    if (qc_chain_reindexing(c)) {
        err = qc_chain_reindex(c, &NEVER, &st);
        log_import(err ? "Reindexing interrupted" : "Reindexing finished", &st);
    }
    if (!err)
        err = import_files(a, c);
    if (!err && !atomic_load(&a->node.stopping))
        err = qc_chain_activate(c);
    if (atomic_load(&a->node.stopping) || err == QC_ECANCELED)
        return;
    if (err) {
        on_fatal(a, qc_err_text(err));
        return;
    }
    qc_log(QC_LOG_INFO, "base", "initload thread exit");
    atomic_store(&a->import_ended, true);
    atomic_store(&a->node.loaded, true);
    qc_app_pool_load(a);
    qc_loop_post(a->loop, import_ended, a);
}

/* ---- periodic work, on the loop ---- */
static void tick_job(qc_chain *c, void *arg)
{
    qc_err err = qc_chain_tick(c);
    if (err)
        on_fatal(arg, qc_err_text(err));
}

static void on_tick(void *arg)
{
    qc_app *a = arg;
    qc_chain_post(a->node.chain_thread, tick_job, a);
    qc_timer_set(a->tick, TICK_MS);
}

static bool disk_is_low(const char *path)
{
    uint64_t free_bytes;
    return qc_os_free_space(path, &free_bytes) == QC_OK && free_bytes < MIN_DISK;
}

static void on_disk(void *arg)
{
    qc_app *a = arg;
    if (disk_is_low(a->blocks_dir)) {
        qc_log(QC_LOG_ERROR, "base", "Shutting down due to lack of disk space!");
        a->exit_code = 1;
        qc_app_request_shutdown(a);
        return;
    }
    qc_timer_set(a->disk, DISK_MS);
}

/* ---- life ---- */
static void fill_context(qc_app *a)
{
    qc_node *n = &a->node;
    n->dbcache = a->cache.total;
    n->coinsdb_cache = a->cache.coins_db;
    n->coinstip_cache = a->cache.coins;
}

/* A signal is heard only by who serves the loop, which does not run yet. */
static bool stop_wanted(void *arg)
{
    qc_app *a = arg;
    qc_mono now = qc_clock_mono();
    if (now >= a->next_poll)
        a->next_poll = qc_loop_poll(a->loop) ? INT64_MAX : now + POLL_NS;
    return a->next_poll == INT64_MAX;
}

static bool open_chain(qc_app *a)
{
    char detail[512] = "";
    const qc_chain_events ev = {
        .arg = a, .tip = on_tip, .progress = on_progress, .fatal = on_fatal};
    qc_log(QC_LOG_INFO, "validation", "Cache configuration:");
    qc_log(QC_LOG_INFO, "validation", "* Using %.1f MiB for block index database",
           (double)a->cache.block_tree_db / 1048576);
    qc_log(QC_LOG_INFO, "validation", "* Using %.1f MiB for chain state database",
           (double)a->cache.coins_db / 1048576);
    qc_log(QC_LOG_INFO, "validation", "* Using %.1f MiB for in-memory UTXO set",
           (double)a->cache.coins / 1048576);
    if (disk_is_low(a->net_dir))
        return qc_app_error(a, "Disk space is low for \"%s\"", a->net_dir);
    if (disk_is_low(a->blocks_dir))
        return qc_app_error(a, "Disk space is low for \"%s\"", a->blocks_dir);
    qc_app_phase(a, "Loading block index…");
    a->chain_options.stop = stop_wanted;
    a->chain_options.stop_arg = a;
    qc_err err = qc_chain_open(&a->node.chain, &a->chain_options, &ev, detail, sizeof detail);
    if (!err)
        return true;
    if (err == QC_ECANCELED) {
        qc_log(QC_LOG_INFO, "base", "Shutdown requested. Exiting.");
        a->canceled_start = true;
        return false;
    }
    const char *text = detail[0] ? detail : qc_err_text(err);
    if (err != QC_ECORRUPT)
        return qc_app_error(a, "%s", text);
    bool advised = strstr(text, "to recover.") != NULL;
    return qc_app_advise(
        a, "%s%s", text,
        advised ? "" : ".\nPlease restart with -reindex or -reindex-chainstate to recover.");
}

bool qc_app_node_start(qc_app *a)
{
    qc_node *n = &a->node;
    fill_context(a);
    if (!open_chain(a))
        return false;
    qc_chain_events submit = qc_m_submit_events(n);
    qc_chain_listen(n->chain, &submit);
    if (!qc_app_miner_new(a) || !qc_app_pool_new(a) || !qc_app_plugins_new(a))
        return false;
    qc_miner_use_mempool(n->miner, n->pool);
    if (!qc_app_indexes_start(a))
        return false;
    qc_app_peers_listen_to_chain(a);
    qc_err err = qc_chain_thread_start(&n->chain_thread, n->chain);
    if (!err)
        err = qc_timer_new(a->loop, on_tick, a, &a->tick);
    if (!err)
        err = qc_timer_new(a->loop, on_disk, a, &a->disk);
    if (err)
        return qc_app_error(a, "Cannot start: %s", qc_err_text(err));
    qc_timer_set(a->tick, TICK_MS);
    qc_timer_set(a->disk, DISK_MS);
    qc_chain_post(n->chain_thread, import_job, a);
    if (!qc_app_peers_run(a) || !qc_app_syncing_start(a))
        return false;
    /* A new folder has no tip until the import has connected the genesis block. */
    if (qc_chain_tip(n->chain) && !atomic_exchange(&a->warm, true))
        qc_app_ready(a);
    return true;
}

void qc_app_node_stop(qc_app *a)
{
    qc_node *n = &a->node;
    qc_app_syncing_stop(a);
    qc_timer_free(a->tick);
    qc_timer_free(a->disk);
    a->tick = a->disk = NULL;
    if (a->left_behind) {
        qc_chain_thread_end(n->chain_thread);
        qc_app_pool_stop(a);
        qc_app_indexes_stop(a);
        qc_chain_close_databases(n->chain);
        qc_app_indexes_free(a);
        return;
    }
    qc_chain_thread_stop(n->chain_thread);
    n->chain_thread = NULL;
    qc_app_pool_stop(a);
    qc_app_indexes_stop(a);
    qc_chain_close(n->chain); /* tells its listeners once more */
    n->chain = NULL;
    qc_app_miner_free(a);
    qc_app_pool_free(a);
    qc_app_plugins_free(a);
    qc_app_indexes_free(a);
}
