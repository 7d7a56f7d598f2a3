#include "core/app/logfile.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/os/file.h"
#include "core/os/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define SHRINK_ABOVE (11u * 1000 * 1000)
#define SHRINK_TO (10u * 1000 * 1000)
#define LEVELS "info, debug, trace"

struct qc_logfile {
    int fd; /* -1: none */
    char *path;
    qc_bytes early; /* lines before the file is open */
    bool keep_early, console, stamps, micros, threads, always_level, shrink;
    _Atomic bool reopen;
};

/* ---- lines ---- */
static void add_stamp(const qc_logfile *l, qc_bytes *b)
{
    char text[96];
    int64_t us = qc_clock_real_us();
    time_t t = (time_t)(us / 1000000);
    struct tm tm;
    gmtime_r(&t, &tm);
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (l->micros)
        n += (size_t)snprintf(text + n, sizeof text - n, ".%06d", (int)(us % 1000000));
    n += (size_t)snprintf(text + n, sizeof text - n, "Z");
    if (qc_clock_mock()) {
        time_t mock = (time_t)qc_clock_mock();
        gmtime_r(&mock, &tm);
        n += strftime(text + n, sizeof text - n, " (mocktime: %Y-%m-%dT%H:%M:%SZ)", &tm);
    }
    text[n++] = ' ';
    qc_err err = qc_bytes_append(b, text, n);
    QC_ASSERT(err == QC_OK);
}

/* Core names the category of debug lines only, and the level of all others but info. */
static void add_prefix(const qc_logfile *l, qc_bytes *b, qc_log_level level, const char *area)
{
    static const char *const NAME[] = {"bug", "error", "warning", "info", "debug", "trace"};
    char text[64] = "";
    bool has_area = level >= QC_LOG_DEBUG;
    if (l->always_level)
        snprintf(text, sizeof text, "[%s:%s] ", has_area ? area : "all", NAME[level]);
    else if (level == QC_LOG_DEBUG)
        snprintf(text, sizeof text, "[%s] ", area);
    else if (level == QC_LOG_TRACE)
        snprintf(text, sizeof text, "[%s:trace] ", area);
    else if (level != QC_LOG_INFO)
        snprintf(text, sizeof text, "[%s] ", NAME[level]);
    qc_err err = qc_bytes_append(b, text, strlen(text));
    QC_ASSERT(err == QC_OK);
}

/* What came from outside must not forge lines or drive a terminal. */
static void add_text(qc_bytes *b, const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)line[i];
        char esc[8];
        qc_err err;
        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
            err = qc_bytes_append(b, esc, (size_t)snprintf(esc, sizeof esc, "\\x%02x", c));
        else
            err = qc_bytes_append(b, line + i, 1);
        QC_ASSERT(err == QC_OK);
    }
    if (len == 0 || line[len - 1] != '\n') {
        qc_err err = qc_bytes_append(b, "\n", 1);
        QC_ASSERT(err == QC_OK);
    }
}

/* One system call per line: whoever gets an answer finds the lines before it in the file. A disk
 * that does not take them must not stop the node. */
static void put(int fd, const uint8_t *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        data += n;
        len -= (size_t)n;
    }
}

static void open_file(qc_logfile *l)
{
    int fd = open(l->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    if (l->fd >= 0)
        close(l->fd);
    l->fd = fd;
}

static void sink(void *arg, qc_log_level level, const char *area, const char *line, size_t len)
{
    qc_logfile *l = arg;
    qc_bytes b = QC_BYTES_INIT;
    char name[32];
    if (l->stamps)
        add_stamp(l, &b);
    if (l->threads) {
        qc_err err = qc_bytes_append(
            &b, name, (size_t)snprintf(name, sizeof name, "[%s] ", qc_thread_name()));
        QC_ASSERT(err == QC_OK);
    }
    add_prefix(l, &b, level, area);
    add_text(&b, line, len);
    if (l->keep_early) {
        qc_err err = qc_bytes_append(&l->early, b.data, b.len);
        QC_ASSERT(err == QC_OK);
    } else {
        if (atomic_exchange(&l->reopen, false) && l->path)
            open_file(l);
        if (l->fd >= 0)
            put(l->fd, b.data, b.len);
        if (l->console)
            put(STDOUT_FILENO, b.data, b.len);
    }
    qc_bytes_free(&b);
}

/* ---- options ---- */
static qc_err enable_areas(const qc_settings *s, char **error)
{
    size_t n, from = 0;
    const char **on = qc_settings_list(s, "debug", &n);
    const char **off = qc_settings_list(s, "debugexclude", NULL);
    qc_err err = QC_OK;
    for (size_t i = 0; i < n; i++)
        if (strcmp(on[i], "0") == 0 || strcmp(on[i], "none") == 0)
            from = i + 1;
    for (size_t i = from; i < n && !err; i++)
        if ((err = qc_log_area_set(on[i], true)))
            *error = qc_asprintf("Unsupported logging category -debug=%s.", on[i]);
    for (size_t i = 0; off[i] && !err; i++)
        if ((err = qc_log_area_set(off[i], false)))
            *error = qc_asprintf("Unsupported logging category -debugexclude=%s.", off[i]);
    qc_free(on);
    qc_free(off);
    return err;
}

static bool parse_level(const char *text, qc_log_level *out)
{
    static const struct {
        const char *name;
        qc_log_level level;
    } LEVEL[] = {{"info", QC_LOG_INFO}, {"debug", QC_LOG_DEBUG}, {"trace", QC_LOG_TRACE}};
    for (size_t i = 0; i < QC_COUNTOF(LEVEL); i++)
        if (strcmp(LEVEL[i].name, text) == 0) {
            *out = LEVEL[i].level;
            return true;
        }
    return false;
}

static bool known_area(const char *name, size_t len)
{
    bool on;
    const char *area;
    for (size_t i = 0; (area = qc_log_area_at(i, &on)); i++)
        if (strlen(area) == len && memcmp(area, name, len) == 0)
            return true;
    return len == 3 && memcmp(name, "all", 3) == 0;
}

/* The log has one level for all areas: one that is asked for a single area counts for every enabled
 * one if it is the more verbose. */
static qc_err set_levels(const qc_settings *s, char **error)
{
    const char **list = qc_settings_list(s, "loglevel", NULL);
    qc_log_level global = QC_LOG_DEBUG, level;
    qc_err err = QC_OK;
    for (size_t i = 0; list[i] && !err; i++) {
        const char *colon = strlen(list[i]) > 3 ? strchr(list[i] + 3, ':') : NULL;
        if (!colon && parse_level(list[i], &level)) {
            global = level;
        } else if (!colon) {
            *error = qc_asprintf(
                "Unsupported global logging level -loglevel=%s. Valid values: " LEVELS ".",
                list[i]);
            err = QC_EINVAL;
        } else if (known_area(list[i], (size_t)(colon - list[i])) &&
                   parse_level(colon + 1, &level)) {
            if (level > global)
                global = level;
        } else {
            *error =
                qc_asprintf("Unsupported category-specific logging level -loglevel=%s. Expected "
                            "-loglevel=<category>:<loglevel>. Valid loglevels: " LEVELS ".",
                            list[i]);
            err = QC_EINVAL;
        }
    }
    qc_log_set_level(global);
    qc_free(list);
    return err;
}

qc_err qc_logfile_new(qc_logfile **out, const qc_settings *s, char **error)
{
    size_t n_debug;
    qc_free(qc_settings_list(s, "debug", &n_debug));
    qc_err err = enable_areas(s, error);
    if (!err)
        err = set_levels(s, error);
    if (err)
        return err;
    qc_logfile *l = qc_alloc(sizeof *l);
    l->fd = -1;
    l->keep_early = true;
    l->console = qc_settings_bool(s, "printtoconsole", !qc_settings_bool(s, "daemon", false));
    l->stamps = qc_settings_bool(s, "logtimestamps", true);
    l->micros = qc_settings_bool(s, "logtimemicros", false);
    l->threads = qc_settings_bool(s, "logthreadnames", false);
    l->always_level = qc_settings_bool(s, "loglevelalways", false);
    l->shrink = qc_settings_bool(s, "shrinkdebugfile", n_debug == 0);
    qc_log_set_sink(sink, l);
    *out = l;
    return QC_OK;
}

/* Keep the end of a long file, from the start of a line. */
static void shrink(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint64_t size;
    qc_bytes tail = QC_BYTES_INIT;
    if (fd < 0)
        return;
    if (!qc_os_size(fd, &size) && size > SHRINK_ABOVE && !qc_bytes_alloc(&tail, SHRINK_TO) &&
        !qc_os_pread_full(fd, tail.data, tail.len, size - SHRINK_TO)) {
        const uint8_t *eol = memchr(tail.data, '\n', tail.len);
        size_t from = eol ? (size_t)(eol - tail.data) + 1 : 0;
        qc_err err =
            qc_os_write_file_atomic(path, qc_span_of(tail.data + from, tail.len - from), 0600);
        if (err)
            qc_log(QC_LOG_WARN, "base", "Cannot shrink %s: %s", path, qc_err_text(err));
    }
    qc_bytes_free(&tail);
    close(fd);
}

qc_err qc_logfile_open(qc_logfile *l, const char *path)
{
    if (path) {
        if (l->shrink)
            shrink(path);
        l->path = qc_strdup(path);
        open_file(l);
        if (l->fd < 0)
            return qc_err_from_errno(errno);
        put(l->fd, l->early.data, l->early.len);
    }
    if (l->console)
        put(STDOUT_FILENO, l->early.data, l->early.len);
    /* No other thread logs yet. */
    qc_bytes_free(&l->early);
    l->keep_early = false;
    return QC_OK;
}

void qc_logfile_reopen(qc_logfile *l)
{
    atomic_store(&l->reopen, true);
}

void qc_logfile_close(qc_logfile *l)
{
    if (!l)
        return;
    qc_log_set_sink(NULL, NULL);
    if (l->fd >= 0)
        close(l->fd);
    qc_bytes_free(&l->early);
    qc_free(l->path);
    qc_free(l);
}
