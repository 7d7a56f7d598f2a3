/* Grant files: sections of `key = value` lines, '#' begins a comment, nothing may be said twice and
 * nothing unknown may be said at all, so that a typing mistake never grants less or more than was
 * meant. */
#include "core/host/grant.h"

#include "core/base/alloc.h"
#include "core/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEP "grant"

static bool number_of(const char *text, uint64_t max, uint64_t *out)
{
    size_t n = strspn(text, "0123456789");
    if (n == 0 || n > 18 || text[n])
        return false;
    *out = strtoull(text, NULL, 10);
    return *out <= max;
}

bool qc_bytes_of_text(const char *text, uint64_t *out)
{
    static const struct {
        const char *name;
        uint64_t scale;
    } unit[] = {{"", 1},
                {"B", 1},
                {"KB", 1000},
                {"MB", 1000000},
                {"GB", 1000000000},
                {"TB", 1000000000000},
                {"KiB", UINT64_C(1) << 10},
                {"MiB", UINT64_C(1) << 20},
                {"GiB", UINT64_C(1) << 30},
                {"TiB", UINT64_C(1) << 40}};
    size_t n = strspn(text, "0123456789");
    if (n == 0 || n > 15)
        return false;
    uint64_t value = strtoull(text, NULL, 10);
    const char *rest = text + n + strspn(text + n, " ");
    for (size_t i = 0; i < QC_COUNTOF(unit); i++)
        if (strcmp(rest, unit[i].name) == 0)
            return !__builtin_mul_overflow(value, unit[i].scale, out);
    return false;
}

/* "60s" "10min" "1h" "90". */
static bool seconds_of(const char *text, uint32_t *out)
{
    static const struct {
        const char *name;
        uint64_t scale;
    } unit[] = {{"", 1}, {"s", 1}, {"min", 60}, {"h", 3600}};
    size_t n = strspn(text, "0123456789");
    if (n == 0 || n > 9)
        return false;
    uint64_t value = strtoull(text, NULL, 10);
    for (size_t i = 0; i < QC_COUNTOF(unit); i++)
        if (strcmp(text + n, unit[i].name) == 0 && value * unit[i].scale <= 30 * 86400) {
            *out = (uint32_t)(value * unit[i].scale);
            return true;
        }
    return false;
}

/* "2000/s", "5/10min", "5s/30s": two parts at a slash. */
static bool split(const char *value, char *left, char *right, size_t cap)
{
    const char *slash = strchr(value, '/');
    if (!slash || (size_t)(slash - value) >= cap || strlen(slash + 1) >= cap)
        return false;
    snprintf(left, cap, "%.*s", (int)(slash - value), value);
    snprintf(right, cap, "%s", slash + 1);
    return true;
}

static bool rate_of(const char *value, uint32_t *out)
{
    char a[32], b[32];
    uint64_t n;
    if (!split(value, a, b, sizeof a) || strcmp(b, "s") != 0 || !number_of(a, 1000000, &n))
        return false;
    *out = (uint32_t)n;
    return true;
}

static bool set_plugin(qc_grant *g, const char *key, const char *value, const char **want)
{
    if (strcmp(key, "file") == 0) {
        *want = "a file name";
        g->file = qc_strdup(value);
        return *value && strlen(value) < 4096;
    }
    if (strcmp(key, "sha256") == 0) {
        *want = "64 lower-case hex digits";
        g->sha256 = qc_strdup(value);
        return strlen(value) == 64 && strspn(value, "0123456789abcdef") == 64;
    }
    if (strcmp(key, "mode") == 0) {
        *want = "isolated or trusted";
        g->trusted = strcmp(value, "trusted") == 0;
        return g->trusted || strcmp(value, "isolated") == 0;
    }
    if (strcmp(key, "sandbox") == 0) {
        *want = "require or best-effort";
        g->best_effort = strcmp(value, "best-effort") == 0;
        return g->best_effort || strcmp(value, "require") == 0;
    }
    return false;
}

static bool set_limit(qc_grant *g, const char *key, const char *value, const char **want)
{
    if (strcmp(key, "memory") == 0) {
        *want = "a size such as 512MB";
        return qc_bytes_of_text(value, &g->memory);
    }
    if (strcmp(key, "threads") == 0) {
        *want = "0 to 64";
        return number_of(value, 64, &g->threads);
    }
    if (strcmp(key, "calls") == 0 || strcmp(key, "log") == 0) {
        *want = "a rate such as 50/s";
        return rate_of(value, key[0] == 'c' ? &g->calls_per_s : &g->log_per_s);
    }
    if (strcmp(key, "cpu") == 0) {
        *want = "background, normal or latency";
        g->cpu = qc_strdup(value);
        return strcmp(value, "background") == 0 || strcmp(value, "normal") == 0 ||
               strcmp(value, "latency") == 0;
    }
    return false;
}

static bool set_failure(qc_grant *g, const char *key, const char *value, const char **want)
{
    char a[32], b[32];
    uint64_t n;
    if (strcmp(key, "restart") == 0) {
        *want = "a count up to 100 per time, such as 5/10min";
        if (!split(value, a, b, sizeof a) || !number_of(a, QC_GRANT_RESTARTS_MAX, &n) ||
            !seconds_of(b, &g->restart_window_s))
            return false;
        g->restarts = (uint32_t)n;
        return true;
    }
    if (strcmp(key, "ping") == 0) {
        *want = "interval and limit such as 5s/30s";
        return split(value, a, b, sizeof a) && seconds_of(a, &g->ping_s) &&
               seconds_of(b, &g->ping_dead_s);
    }
    *want = "a time such as 60s";
    if (strcmp(key, "start") == 0)
        return seconds_of(value, &g->start_s);
    if (strcmp(key, "stop") == 0)
        return seconds_of(value, &g->stop_s);
    *want = NULL;
    return false;
}

static bool set_grant(qc_grant *g, const char *key, const char *value, const char **want)
{
    if (strcmp(key, "unstable") == 0) {
        *want = "yes or no";
        g->unstable = strcmp(value, "yes") == 0;
        return g->unstable || strcmp(value, "no") == 0;
    }
    if (!strchr(key, '/'))
        return false;
    *want = "fewer lines";
    if (g->n_iface == QC_GRANT_ITEMS_MAX)
        return false;
    g->iface[g->n_iface++] = (qc_grant_item){qc_strdup(key), qc_strdup(value)};
    return true;
}

static bool set_config(qc_grant *g, const char *key, const char *value, const char **want)
{
    *want = "fewer lines";
    if (g->n_config == QC_GRANT_ITEMS_MAX)
        return false;
    g->config[g->n_config++] = (qc_grant_item){qc_strdup(key), qc_strdup(value)};
    return true;
}

static const struct {
    const char *name, *keys;
    bool (*set)(qc_grant *g, const char *key, const char *value, const char **want);
} SECTIONS[] = {{"plugin", "file, sha256, mode or sandbox", set_plugin},
                {"grant", "an interface such as chain.read/1, or unstable", set_grant},
                {"limits", "memory, threads, calls, log or cpu", set_limit},
                {"failure", "restart, ping, start or stop", set_failure},
                {"config", "a name", set_config}};

/* What was said already, as "section.key", so that nothing can be said twice. */
typedef struct seen {
    char *key[256];
    size_t n;
} seen;

static bool twice(seen *s, const char *section, const char *key)
{
    char *full = qc_asprintf("%s.%s", section, key);
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->key[i], full) == 0) {
            qc_free(full);
            return true;
        }
    if (s->n == QC_COUNTOF(s->key)) {
        qc_free(full);
        return true;
    }
    s->key[s->n++] = full;
    return false;
}

static char *trim(char *s)
{
    s += strspn(s, " \t");
    size_t n = strlen(s);
    while (n && strchr(" \t\r", s[n - 1]))
        s[--n] = 0;
    return s;
}

static void one_line(qc_grant *g, seen *s, int *section, unsigned no, char *text, qc_problems *p)
{
    char *hash = strchr(text, '#');
    if (hash)
        *hash = 0;
    char *line = trim(text), *eq = strchr(line, '=');
    size_t n = strlen(line);
    if (n == 0)
        return;
    if (line[0] == '[' && line[n - 1] == ']') {
        line[n - 1] = 0;
        for (*section = (int)QC_COUNTOF(SECTIONS) - 1; *section >= 0; (*section)--)
            if (strcmp(SECTIONS[*section].name, line + 1) == 0)
                break;
        if (*section < 0)
            qc_problem(p, STEP,
                       "line %u: found section [%s], wanted one of [plugin] [grant] [limits] "
                       "[failure] [config]",
                       no, qc_printable(line + 1));
        else if (twice(s, "", line + 1))
            qc_problem(p, STEP, "line %u: found section [%s] twice, wanted it once", no, line + 1);
        return;
    }
    if (!eq || *section < 0) {
        qc_problem(p, STEP, "line %u: found %s, wanted key = value below a section", no,
                   qc_printable(line));
        return;
    }
    *eq = 0;
    char *key = trim(line), *value = trim(eq + 1);
    const char *want = NULL;
    if (twice(s, SECTIONS[*section].name, key))
        qc_problem(p, STEP, "line %u: found %s twice, wanted it once", no, qc_printable(key));
    else if (!SECTIONS[*section].set(g, key, value, &want))
        qc_problem(p, STEP,
                   want ? "line %u: found %s = %s, wanted %s"
                        : "line %u: found the unknown key %s = %s, wanted %s",
                   no, qc_printable(key), qc_printable(value),
                   want ? want : SECTIONS[*section].keys);
}

static void defaults(qc_grant *g)
{
    *g = (qc_grant){.calls_per_s = 0,
                    .log_per_s = 50,
                    .restarts = 5,
                    .restart_window_s = 600,
                    .start_s = 60,
                    .stop_s = 10,
                    .ping_s = 5,
                    .ping_dead_s = 30};
}

bool qc_grant_parse(qc_span text, qc_grant *out, qc_problems *p)
{
    size_t before = p->n;
    defaults(out);
    if (text.len > QC_GRANT_FILE_MAX ||
        memchr(text.data ? text.data : (const uint8_t *)"", 0, text.len)) {
        qc_problem(p, STEP,
                   "file: found %zu bytes or a NUL byte, wanted a text of at most %u bytes",
                   text.len, QC_GRANT_FILE_MAX);
        return false;
    }
    seen *s = qc_alloc(sizeof *s);
    char *copy = qc_alloc(text.len + 1), *next = copy;
    if (text.len)
        memcpy(copy, text.data, text.len);
    int section = -1;
    for (unsigned no = 1; next; no++) {
        char *line = next;
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        one_line(out, s, &section, no, line, p);
    }
    if (!out->file)
        qc_problem(p, STEP, "[plugin]: found no file, wanted file = NAME.so");
    for (size_t i = 0; i < s->n; i++)
        qc_free(s->key[i]);
    qc_free(s);
    qc_free(copy);
    return p->n == before;
}

/* May somebody else than root and we have written this? */
static bool ours(const char *what, const char *path, const struct stat *st, qc_problems *p)
{
    if (st->st_uid != 0 && st->st_uid != geteuid())
        qc_problem(p, STEP, "%s %s: found owner %u, wanted root or the node's user (%u)", what,
                   path, (unsigned)st->st_uid, (unsigned)geteuid());
    else if (st->st_mode & (S_IWGRP | S_IWOTH))
        qc_problem(p, STEP,
                   "%s %s: found mode %04o, wanted one that group and others may not write", what,
                   path, (unsigned)st->st_mode & 07777);
    else
        return true;
    return false;
}

static bool folder_ours(const char *path, qc_problems *p)
{
    char *dir = qc_strdup(path), *slash = strrchr(dir, '/');
    struct stat st;
    bool ok = false;
    if (slash)
        *slash = 0;
    const char *name = slash ? (slash == dir ? "/" : dir) : ".";
    if (stat(name, &st))
        qc_problem(p, STEP, "folder %s: found %s, wanted it", name, strerror(errno));
    else
        ok = ours("folder", name, &st, p);
    qc_free(dir);
    return ok;
}

bool qc_grant_load(const char *path, qc_grant *out, qc_problems *p)
{
    struct stat st;
    qc_bytes text = QC_BYTES_INIT;
    bool ok = false;
    defaults(out);
    if (!folder_ours(path, p))
        return false;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st)) {
        qc_problem_file(p, STEP, path, errno);
    } else if (!S_ISREG(st.st_mode) || st.st_size > (off_t)QC_GRANT_FILE_MAX) {
        qc_problem(p, STEP, "file %s: found no regular file of at most %u bytes, wanted one", path,
                   QC_GRANT_FILE_MAX);
    } else if (ours("file", path, &st, p)) {
        if (qc_bytes_alloc(&text, (size_t)st.st_size + 1) ||
            (st.st_size && qc_os_pread_full(fd, text.data, (size_t)st.st_size, 0)))
            qc_problem(p, STEP, "file %s: found a read error, wanted its text", path);
        else
            ok = qc_grant_parse(qc_span_of(text.data, (size_t)st.st_size), out, p);
    }
    qc_bytes_free(&text);
    if (fd >= 0)
        close(fd);
    return ok;
}

void qc_grant_clear(qc_grant *g)
{
    for (size_t i = 0; i < g->n_iface; i++) {
        qc_free(g->iface[i].key);
        qc_free(g->iface[i].value);
    }
    for (size_t i = 0; i < g->n_config; i++) {
        qc_free(g->config[i].key);
        qc_free(g->config[i].value);
    }
    qc_free(g->file);
    qc_free(g->sha256);
    qc_free(g->cpu);
    *g = (qc_grant){0};
}

const char *qc_grant_get(const qc_grant *g, const char *iface_id)
{
    for (size_t i = 0; i < g->n_iface; i++)
        if (strcmp(g->iface[i].key, iface_id) == 0)
            return g->iface[i].value;
    return NULL;
}

bool qc_grant_same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool qc_grant_covers(const qc_grant *g, const qc_grant *had)
{
    bool all = had->trusted == g->trusted && (g->best_effort || !had->best_effort) &&
               (g->unstable || !had->unstable) && qc_grant_same_text(had->cpu, g->cpu);
    for (size_t i = 0; all && i < had->n_iface; i++)
        all = qc_grant_same_text(qc_grant_get(g, had->iface[i].key), had->iface[i].value);
    return all;
}

bool qc_grant_param(const char *params, const char *key, char *out, size_t cap)
{
    for (const char *p = params; *p;) {
        size_t len = strcspn(p, ","), lead = strspn(p, " \t");
        const char *eq = memchr(p, '=', len);
        if (eq && lead < len) {
            const char *k = p + lead, *v = eq + 1 + strspn(eq + 1, " \t");
            size_t k_len = strcspn(k, " \t="), v_len = v < p + len ? (size_t)(p + len - v) : 0;
            while (v_len && strchr(" \t", v[v_len - 1]))
                v_len--;
            if (k_len == strlen(key) && memcmp(k, key, k_len) == 0 && v_len < cap) {
                snprintf(out, cap, "%.*s", (int)v_len, v);
                return true;
            }
        }
        p += len + (p[len] == ',');
    }
    return false;
}
