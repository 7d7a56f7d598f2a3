#include "core/conf/load.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/os/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_CONF (1u << 20)
#define MAX_INCLUDES 64

static const struct chain_row {
    const char *name, *folder;
    uint16_t rpc_port;
} CHAIN[] = {{"main", "", 8332},
             {"test", "testnet3", 18332},
             {"testnet4", "testnet4", 48332},
             {"signet", "signet", 38332},
             {"regtest", "regtest", 18443}};

static const struct chain_row *chain_row(const char *chain)
{
    for (size_t i = 0; i < QC_COUNTOF(CHAIN); i++)
        if (strcmp(CHAIN[i].name, chain) == 0)
            return &CHAIN[i];
    return NULL;
}

const char *qc_conf_chain_folder(const char *chain)
{
    const struct chain_row *r = chain_row(chain);
    return r ? r->folder : NULL;
}

uint16_t qc_conf_rpc_port(const char *chain)
{
    const struct chain_row *r = chain_row(chain);
    return r ? r->rpc_port : 0;
}

char *qc_conf_plugin_dir(const qc_settings *s, const char *installed)
{
    static const char *const place[] = {".libs", NULL};
    const char *given = qc_settings_str(s, "plugindir", NULL);
    return given ? qc_strdup(given) : qc_os_part(place, installed);
}

bool qc_conf_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

char *qc_conf_path_in(const char *base, const char *path)
{
    if (path[0] == '/')
        return qc_strdup(path);
    size_t n = strlen(base);
    return qc_asprintf("%s%s%s", base, n && base[n - 1] == '/' ? "" : "/", path);
}

char *qc_conf_net_dir(const char *base, const char *folder)
{
    return folder[0] ? qc_conf_path_in(base, folder) : qc_strdup(base);
}

char *qc_conf_file_option(const qc_settings *s, const char *name, const char *dflt,
                          const char *base)
{
    if (qc_settings_is_negated(s, name))
        return NULL;
    const char *v = qc_settings_str(s, name, dflt);
    return qc_conf_path_in(base, v[0] ? v : dflt);
}

void qc_conf_paths_clear(qc_conf_paths *p)
{
    qc_free(p->base);
    qc_free(p->conf);
    qc_free(p->warning);
    *p = (qc_conf_paths){0};
}

/* Absolute, without slashes at the end. */
static char *absolute(const char *path)
{
    char *cwd = path[0] == '/' ? NULL : getcwd(NULL, 0);
    char *full = qc_conf_path_in(cwd ? cwd : "/", path);
    free(cwd);
    for (size_t n = strlen(full); n > 1 && full[n - 1] == '/'; n--)
        full[n - 1] = 0;
    return full;
}

static char *data_dir(const qc_settings *s)
{
    const char *given = qc_settings_str(s, "datadir", "");
    if (given[0] && !qc_settings_is_negated(s, "datadir"))
        return absolute(given);
    const char *home = getenv("HOME");
    return qc_conf_path_in(home && home[0] ? home : "/", ".quoin");
}

static bool data_dir_missing(const qc_settings *s)
{
    const char *given = qc_settings_str(s, "datadir", "");
    if (!given[0] || qc_settings_is_negated(s, "datadir"))
        return false;
    char *full = absolute(given);
    bool missing = !qc_conf_is_dir(full);
    qc_free(full);
    return missing;
}

/* Which file to read: NULL means none. *must: it was asked for. */
static char *choose_conf(const qc_settings *s, const char *base, bool *must, char **warning)
{
    *must = false;
    if (qc_settings_is_negated(s, "conf"))
        return NULL;
    const char *given = qc_settings_str(s, "conf", "");
    if (given[0]) {
        *must = true;
        return qc_conf_path_in(base, given);
    }
    char *ours = qc_conf_path_in(base, "quoin.conf"),
         *cores = qc_conf_path_in(base, "bitcoin.conf");
    bool have_ours = qc_os_exists(ours), have_cores = qc_os_exists(cores);
    if (have_ours && have_cores)
        *warning = qc_asprintf("Both %s and %s exist; only the first is read.", ours, cores);
    bool take_cores = have_cores && !have_ours;
    qc_free(take_cores ? ours : cores);
    return take_cores ? cores : ours;
}

static qc_err read_one(qc_settings *s, const char *path, const char *shown, bool must,
                       const char *what_missing, char **error)
{
    qc_bytes text = QC_BYTES_INIT;
    if (!must && !qc_os_exists(path))
        return QC_OK;
    qc_err err = qc_os_read_file(path, MAX_CONF, &text);
    if (err == QC_ERANGE)
        *error = qc_asprintf("Config file \"%s\" is larger than %u bytes.", shown, MAX_CONF);
    else if (err)
        *error = qc_asprintf(what_missing, shown);
    else
        err = qc_settings_config(s, qc_bytes_span(&text), shown, error);
    qc_bytes_free(&text);
    return err ? QC_EINVAL : QC_OK;
}

/* ---- includes ---- */
typedef struct includes {
    const char *file[MAX_INCLUDES];
    size_t n;
    bool too_many;
} includes;

static void collect(void *arg, const char *file)
{
    includes *inc = arg;
    if (inc->n == MAX_INCLUDES)
        inc->too_many = true;
    else
        inc->file[inc->n++] = file;
}

static qc_err read_includes(qc_settings *s, const char *base, char **error)
{
    const char *chain;
    includes inc = {0}, late = {0};
    qc_err err = qc_settings_chain(s, &chain, error);
    if (err) {
        /* A contradiction that qc_conf_load() reports in its own words. */
        qc_free(*error);
        *error = NULL;
        return QC_OK;
    }
    size_t in_chain = qc_settings_includes(s, chain, 0, collect, &inc);
    size_t in_default = qc_settings_includes(s, "", 0, collect, &inc);
    if (inc.too_many) {
        *error = qc_asprintf("more than %d values of includeconf", MAX_INCLUDES);
        return QC_EINVAL;
    }
    for (size_t i = 0; i < inc.n && !err; i++) {
        char *path = qc_conf_path_in(base, inc.file[i]);
        if (qc_conf_is_dir(path)) {
            *error = qc_asprintf("Included config file \"%s\" is a directory.", path);
            err = QC_EINVAL;
        } else {
            err = read_one(s, path, inc.file[i], true, "Failed to include configuration file %s",
                           error);
        }
        qc_free(path);
    }
    if (err)
        return err;
    qc_settings_includes(s, chain, in_chain, collect, &late);
    qc_settings_includes(s, "", in_default, collect, &late);
    for (size_t i = 0; i < late.n; i++)
        fprintf(stderr,
                "warning: -includeconf cannot be used from included files; ignoring "
                "-includeconf=%s\n",
                late.file[i]);
    return QC_OK;
}

static qc_err read_files(qc_settings *s, qc_conf_paths *p, char **error)
{
    bool must;
    p->conf = choose_conf(s, p->base, &must, &p->warning);
    if (!p->conf)
        return QC_OK;
    if (qc_conf_is_dir(p->conf)) {
        *error = qc_asprintf("Config file \"%s\" is a directory.", p->conf);
        return QC_EINVAL;
    }
    qc_err err = read_one(s, p->conf, p->conf, must,
                          "specified config file \"%s\" could not be opened.", error);
    if (err)
        return err;
    /* On the command line the option can only be negated: then nothing is included. */
    if (!qc_settings_on_command_line(s, "includeconf"))
        err = read_includes(s, p->base, error);
    if (!err && data_dir_missing(s)) {
        *error = qc_asprintf("specified data directory \"%s\" does not exist.",
                             qc_settings_str(s, "datadir", ""));
        err = QC_EINVAL;
    }
    return err;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

/* `name` lies in the data folder `base` and is not read. */
static qc_err judge_ignored(const qc_settings *s, const char *base, const char *name,
                            qc_conf_paths *p, char **error)
{
    if (!p->conf) {
        qc_free(p->warning);
        p->warning = qc_asprintf("Data directory \"%s\" contains a \"%s\" file which is explicitly "
                                 "ignored using -noconf.",
                                 base, name);
        return QC_OK;
    }
    const char *given = qc_settings_str(s, "conf", "");
    char *from = given[0] ? qc_asprintf("command line argument \"-conf=%s\"", given)
                          : qc_asprintf("data directory \"%s\"", p->base);
    char *text =
        qc_asprintf("Data directory \"%s\" contains a \"%s\" file which is ignored, because "
                    "a different configuration file \"%s\" from %s is being used instead. "
                    "Remove one of them or join them with includeconf=.",
                    base, name, p->conf, from);
    qc_free(from);
    if (qc_settings_bool(s, "allowignoredconf", false)) {
        qc_free(p->warning);
        p->warning = text;
        return QC_OK;
    }
    *error = qc_asprintf("%s\nSet allowignoredconf=1 to treat this as a warning.", text);
    qc_free(text);
    return QC_EINVAL;
}

/* The file that is read may lie elsewhere, or name another data folder. One that lies there is not
 * read, and its owner may not know: refuse rather than guess. Of two there, one was chosen. */
static qc_err check_ignored(const qc_settings *s, qc_conf_paths *p, char **error)
{
    static const char *const NAMES[] = {"quoin.conf", "bitcoin.conf"};
    char *base = data_dir(s), *ignored = NULL;
    bool chosen = false;
    for (size_t i = 0; i < QC_COUNTOF(NAMES); i++) {
        char *other = qc_conf_path_in(base, NAMES[i]);
        chosen |= p->conf && is_same_file(other, p->conf);
        if (!ignored && qc_os_exists(other) && (!p->conf || qc_os_exists(p->conf)))
            ignored = qc_strdup(NAMES[i]);
        qc_free(other);
    }
    qc_err err = ignored && !chosen ? judge_ignored(s, base, ignored, p, error) : QC_OK;
    qc_free(ignored);
    qc_free(p->base);
    p->base = base;
    return err;
}

qc_err qc_conf_load(qc_settings *s, qc_conf_paths *p, char **error)
{
    const char *chain;
    char *detail = NULL;
    *p = (qc_conf_paths){0};
    if (data_dir_missing(s)) {
        *error = qc_asprintf("Specified data directory \"%s\" does not exist.",
                             qc_settings_str(s, "datadir", ""));
        return QC_EINVAL;
    }
    p->base = data_dir(s);
    qc_err err = read_files(s, p, &detail);
    if (err) {
        *error = qc_asprintf("Error reading configuration file: %s", detail);
        qc_free(detail);
        return err;
    }
    err = qc_settings_chain(s, &chain, error);
    if (err)
        return err;
    const struct chain_row *r = chain_row(chain);
    if (!r) {
        *error = qc_asprintf("Unknown chain %s.", chain);
        return QC_EINVAL;
    }
    qc_settings_select_chain(s, r->name);
    return check_ignored(s, p, error);
}
