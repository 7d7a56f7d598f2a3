/* The book of addresses inside quoind: read before anything speaks to peers, written every 15
 * minutes and at the end. */
#include "core/app/app.h"
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/net/peerbook.h"

#define WRITE_MS (15 * 60 * 1000)
#define WRITES_A_DAY 96

/* -asmap=FILE. *path stays NULL without one. */
static bool asmap_path(qc_app *a, char **path)
{
    const qc_settings *s = a->settings;
    if (!qc_settings_is_set(s, "asmap") || qc_settings_is_negated(s, "asmap"))
        return true;
    if (qc_settings_bool(s, "asmap", false))
        return qc_app_error(a, "Embedded asmap data not available");
    *path = qc_conf_path_in(a->net_dir, qc_settings_str(s, "asmap", ""));
    return true;
}

static bool has_test_option(const qc_settings *s, const char *name)
{
    bool found = false;
    const char **list = qc_settings_list(s, "test", NULL);
    for (size_t i = 0; list[i]; i++)
        found |= strcmp(list[i], name) == 0;
    qc_free(list);
    return found;
}

/* On the chain thread: it may wait for the disk, the loop may not. */
static void write_job(qc_chain *c, void *arg)
{
    qc_app *a = arg;
    (void)c;
    qc_peerbook_write(a->node.book);
    if (++a->book_writes % WRITES_A_DAY == 0)
        qc_peerbook_log_asmap(a->node.book);
}

static void on_write(void *arg)
{
    qc_app *a = arg;
    if (a->node.chain_thread)
        qc_chain_post(a->node.chain_thread, write_job, a);
    qc_timer_set(a->book_timer, WRITE_MS);
}

bool qc_app_addresses_open(qc_app *a)
{
    const qc_settings *s = a->settings;
    char *path = NULL, *error = NULL;
    if (!asmap_path(a, &path))
        return false;
    qc_peerbook_options o = {
        .dir = a->net_dir,
        .asmap = path,
        .ban_seconds = qc_settings_int(s, "bantime", QC_BAN_SECONDS),
        .check_ratio = (uint32_t)QC_MIN(QC_MAX(qc_settings_int(s, "checkaddrman", 0), 0), 1000000),
        .cjdns = qc_settings_bool(s, "cjdnsreachable", false),
        .known_key = has_test_option(s, "addrman"),
        .local = qc_app_local_options(a)};
    memcpy(o.magic, a->params->magic, sizeof o.magic);
    qc_app_phase(a, "Loading P2P addresses…");
    bool ok = qc_peerbook_open(&a->node.book, &o, &error) == QC_OK;
    if (!ok)
        qc_app_error(a, "%s", error);
    qc_free(error);
    qc_free(path);
    if (!ok)
        return false;
    qc_peerbook_log_asmap(a->node.book);
    qc_err err = qc_timer_new(a->loop, on_write, a, &a->book_timer);
    if (err)
        return qc_app_error(a, "Cannot start: %s", qc_err_text(err));
    qc_timer_set(a->book_timer, WRITE_MS);
    return true;
}

void qc_app_addresses_close(qc_app *a)
{
    qc_timer_free(a->book_timer);
    a->book_timer = NULL;
    if (!a->node.book)
        return;
    qc_peerbook_write(a->node.book);
    if (a->left_behind) /* somebody may still ask it */
        return;
    qc_peerbook_close(a->node.book);
    a->node.book = NULL;
}
