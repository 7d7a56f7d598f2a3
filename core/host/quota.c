/* What a plugin's store takes. It is measured, not prevented: raw writes inside the folder pass the
 * sandbox, whose limit of one file is all that stops them before the next look. */
#include "core/host/internal.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/os/file.h"
#include "core/os/process.h"

#define IDLE_S 10             /* how often the store of a plugin that does nothing is looked at */
#define IDLE_NS 5000000       /* processor time: pings take less */
#define STORE_ENTRIES 100000u /* files in a store: many times what RocksDB makes of 100 GB */

uint64_t qc_plugin_quota(const qc_plugin *p)
{
    char text[64];
    uint64_t quota = 0;
    const char *params = qc_grant_get(&p->grant, "store.own/1");
    if (!params || !qc_grant_param(params, "quota", text, sizeof text) ||
        !qc_bytes_of_text(text, &quota))
        return 0;
    return quota;
}

/* Space can be taken at next to no processor time, so who does nothing is looked at too. */
static bool is_due(qc_plugin *p, int pid)
{
    int64_t ran;
    qc_mono now = qc_clock_mono();
    if (!qc_os_process_ran(pid, &ran))
        return true;
    if (ran >= p->measured_ran && ran - p->measured_ran < IDLE_NS &&
        now - p->measured_at < IDLE_S * INT64_C(1000000000))
        return false;
    p->measured_ran = ran;
    p->measured_at = now;
    return true;
}

void qc_plugin_measure(qc_plugin *p)
{
    uint64_t quota = qc_plugin_quota(p), named, unnamed = 0;
    int pid = atomic_load(&p->pid);
    if (!quota || !pid || !is_due(p, pid))
        return;
    char *dir = qc_asprintf("%s/%s", p->host->data_dir, p->image.manifest.id);
    bool known = qc_os_tree_bytes(dir, STORE_ENTRIES, &named);
    /* Where the kernel does not let an ordinary user look at all, the limit of each file and the
     * number of descriptors bound what can be hidden so. */
    qc_err err = qc_os_process_unnamed(pid, dir, &unnamed);
    qc_free(dir);
    if (err == QC_ERANGE)
        qc_plugin_kill(p, "its folder cannot be measured: files without a name that are mapped but "
                          "not open, or too many of them");
    else if (!known)
        qc_plugin_kill(p,
                       "its folder cannot be measured: more than %u files, or folders that are "
                       "too deep or cannot be read",
                       STORE_ENTRIES);
    else if (named + unnamed > quota + quota / 10)
        qc_plugin_kill(
            p, "its folder holds %llu bytes, %llu of them without a name, its quota is %llu",
            (unsigned long long)(named + unnamed), (unsigned long long)unnamed,
            (unsigned long long)quota);
}
