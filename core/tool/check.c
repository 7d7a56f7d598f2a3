/* check: runs the cases, each in a process of its own, and reports. */
#include "core/tool/check.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_MAX_S 1000000u

static const struct {
    const char *name, *what;
    void (*run)(qc_check *c);
    bool compares; /* with the store of the chain: says nothing when "history" failed */
} CASES[] = {
    {"static", "the rules for its file, and its manifest", qc_case_static, false},
    {"load", "loading it runs nothing that is seen", qc_case_load, false},
    {"optional", "it does without each interface that is optional", qc_case_optional, false},
    {"required", "it says so when one that it requires is refused", qc_case_required, false},
    {"cycles", "init to fini a hundred times leaves nothing behind", qc_case_cycles, false},
    {"stop", "it stops in every state", qc_case_stop, false},
    {"history", "after any history of the chain its store is that of the chain", qc_case_history,
     false},
    {"restart", "stopped and started again, or crashed, it goes on where it stands",
     qc_case_restart, true},
    {"midway", "it starts on a chain that is there, or not the one it knew", qc_case_midway, true},
    {"gap", "blocks that are pruned before it read them", qc_case_gap, false},
    {"faults", "each host call fails once, in several ways", qc_case_faults, true},
    {"kill", "killed before any host call, it comes to the same store", qc_case_kill, true},
    {"window", "one event at a time", qc_case_window, true},
    {"quota", "its store is full", qc_case_quota, true},
    {"memory", "it keeps to the memory that its manifest names", qc_case_memory, false},
    {"rate", "it logs no more than a grant lets through", qc_case_rate, false},
    {"threads", "it calls the host from its own loop", qc_case_threads, false},
    {"rpc", "it answers whatever is asked", qc_case_rpc, false},
    {"parity", "isolated and trusted, it does the same", qc_case_parity, false},
    {"cost", "what it costs per block", qc_case_cost, false},
};

static void put(char *to, size_t cap, const char *fmt, va_list ap)
{
    vsnprintf(to, cap, fmt, ap);
}

bool qc_check_fail(qc_check *c, const char *wanted, const char *fmt, ...)
{
    va_list ap;
    if (c->box->state == 1)
        return false;
    va_start(ap, fmt);
    put(c->box->found, sizeof c->box->found, fmt, ap);
    va_end(ap);
    snprintf(c->box->wanted, sizeof c->box->wanted, "%s", wanted);
    c->box->state = 1;
    return false;
}

void qc_check_note(qc_check *c, const char *fmt, ...)
{
    size_t n = strlen(c->box->note);
    va_list ap;
    va_start(ap, fmt);
    put(c->box->note + n, sizeof c->box->note - n, fmt, ap);
    va_end(ap);
}

bool qc_check_skip(qc_check *c, const char *why)
{
    snprintf(c->box->found, sizeof c->box->found, "%s", why);
    c->box->state = 2;
    return false;
}

void qc_check_doing(qc_check *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put(c->box->doing, sizeof c->box->doing, fmt, ap);
    va_end(ap);
}

bool qc_check_point(qc_check *c, uint64_t k)
{
    if (c->at >= 0 && k != (uint64_t)c->at)
        return false;
    snprintf(c->box->at, sizeof c->box->at, " -at=%llu", (unsigned long long)k);
    return true;
}

bool qc_check_load(qc_check *c)
{
    qc_problems p = {0};
    qc_check_doing(c, "loading");
    if (qc_target_load(&c->target, &p))
        return true;
    c->box->unloadable = true;
    (void)qc_check_fail(c, "it to load", "%s: %s", p.step, p.n ? p.line[0] : "");
    qc_problems_clear(&p);
    return false;
}

void qc_check_keep_log(qc_check *c, const qn_mock *m)
{
    const char *log = qn_mock_log(m);
    size_t n = strlen(log), cap = sizeof c->box->log;
    snprintf(c->box->log, cap, "%s", n < cap ? log : log + (n - cap + 1));
}

/* How a child ended, as part of a sentence. */
static void say_end(int status, unsigned s, char *out, size_t cap)
{
    if (WIFEXITED(status))
        snprintf(out, cap, "its process ended with status %d", WEXITSTATUS(status));
    else if (WTERMSIG(status) == SIGALRM)
        snprintf(out, cap, "it hangs: no end after %u s", s);
    else
        snprintf(out, cap, "its process was ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
}

static int wait_for(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return status;
}

static bool judge_end(qc_check *c, int status, unsigned s, int expected)
{
    char end[160];
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (expected && WIFSIGNALED(status) && WTERMSIG(status) == expected)
        return true;
    say_end(status, s, end, sizeof end);
    return qc_check_fail(c, "it to come to an end by itself", "%s (%s)", end,
                         *c->box->doing ? c->box->doing : "before it began");
}

bool qc_check_sub(qc_check *c, void (*fn)(qc_check *c, void *arg), void *arg, unsigned s,
                  int expected)
{
    if (c->in_process && !expected) {
        fn(c, arg);
        return c->box->state != 1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        alarm(s);
        fn(c, arg);
        _exit(0);
    }
    if (pid < 0)
        return qc_check_fail(c, "another process", "%s", strerror(errno));
    int status = wait_for(pid);
    return judge_end(c, status, s, expected) && c->box->state != 1;
}

char *qc_check_folder(qc_check *c, const char *name)
{
    char *path = qc_asprintf("%s/%s", c->dir, name);
    if (qc_os_exists(path))
        (void)!qc_os_remove_tree(path);
    qc_err err = qc_os_mkdir(path);
    QC_ASSERT(err == QC_OK);
    return path;
}

/* ---- running one case ---- */

/* What the plugin prints goes to a file, not between our lines. */
static void go_quiet(const qc_check *c)
{
    char *path = qc_asprintf("%s/output", c->dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd >= 0) {
        fflush(stdout);
        (void)!dup2(fd, STDOUT_FILENO);
        (void)!dup2(fd, STDERR_FILENO);
        close(fd);
    }
    qc_free(path);
}

static void run_case(qc_check *c, size_t i)
{
    c->dir = qc_asprintf("%s/quoin-check-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    memset(c->box, 0, sizeof *c->box);
    if (!mkdtemp(c->dir)) {
        (void)qc_check_fail(c, "a scratch folder", "%s: %s", c->dir, strerror(errno));
    } else if (c->in_process) {
        CASES[i].run(c);
    } else {
        pid_t pid = fork();
        if (pid == 0) {
            alarm(c->timeout_s);
            go_quiet(c);
            CASES[i].run(c);
            _exit(0);
        }
        (void)judge_end(c, pid < 0 ? 1 : wait_for(pid), c->timeout_s, 0);
    }
    if (c->box->state == 0)
        c->box->state = 3;
    (void)!qc_os_remove_tree(c->dir);
    qc_free(c->dir);
}

/* ---- reports ---- */

static const char *const STATE[] = {"?", "FAIL", "skip", "pass"};

static void print_lines(const char *head, const char *text)
{
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "\n");
        printf("      %-7s %.*s\n", p == text ? head : "", (int)n, p);
        p += n + (p[n] == '\n');
    }
}

static char *again(const qc_check *c, const char *name)
{
    return qc_asprintf("quoin-plugin check %s -filter=%s -seed=%llu%s -in-process", c->target.path,
                       name, (unsigned long long)c->seed, c->box->at);
}

static void print_text(const qc_check *c, size_t i, double s)
{
    const qc_verdict_box *b = c->box;
    printf("%s  %-9s %5.1f s  %s\n", STATE[b->state], CASES[i].name, s, CASES[i].what);
    if (b->state == 2)
        print_lines("why", b->found);
    if (b->state == 3)
        print_lines("", b->note);
    if (b->state != 1)
        return;
    char *cmd = again(c, CASES[i].name);
    print_lines("found", b->found);
    print_lines("wanted", b->wanted);
    print_lines("log", b->log);
    print_lines("again", cmd);
    qc_free(cmd);
}

/* Whatever a plugin logged: printable, and never cut. */
static json_t *text_json(const char *text)
{
    char clean[2 * QC_CHECK_TEXT];
    size_t n = 0;
    for (; text[n] && n + 1 < sizeof clean; n++)
        clean[n] = text[n] == '\n' || (text[n] >= 32 && text[n] < 127) ? text[n] : '?';
    clean[n] = 0;
    return json_string(clean);
}

static json_t *case_json(const qc_check *c, size_t i, double s)
{
    static const char *const result[] = {"?", "fail", "skip", "pass"};
    const qc_verdict_box *b = c->box;
    json_t *o = json_object();
    json_object_set_new(o, "case", json_string(CASES[i].name));
    json_object_set_new(o, "result", json_string(result[b->state]));
    json_object_set_new(o, "ms", json_integer((json_int_t)(s * 1000)));
    const struct {
        const char *key, *text;
    } part[] = {{"found", b->found}, {"wanted", b->wanted}, {"note", b->note}, {"log", b->log}};
    for (size_t k = 0; k < QC_COUNTOF(part); k++)
        if (*part[k].text)
            json_object_set_new(o, part[k].key, text_json(part[k].text));
    if (b->state == 1) {
        char *cmd = again(c, CASES[i].name);
        json_object_set_new(o, "again", json_string(cmd));
        qc_free(cmd);
    }
    return o;
}

static int print_json(const qc_check *c, json_t *cases, const unsigned *count)
{
    const qc_manifest *m = &c->target.image.manifest;
    json_t *o = json_object();
    json_object_set_new(o, "id", m->id ? json_string(m->id) : json_null());
    json_object_set_new(o, "version", m->version ? json_string(m->version) : json_null());
    json_object_set_new(o, "file", json_string(c->target.path));
    json_object_set_new(o, "sha256", json_string(c->target.image.sha256));
    json_object_set_new(o, "seed", json_integer((json_int_t)c->seed));
    json_object_set_new(o, "passed", json_integer(count[3]));
    json_object_set_new(o, "failed", json_integer(count[1]));
    json_object_set_new(o, "skipped", json_integer(count[2]));
    json_object_set_new(o, "cases", cases);
    int bad = json_dumpf(o, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(o);
    return bad;
}

static int run_cases(qc_check *c, const char *filter, bool json)
{
    unsigned count[4] = {0};
    bool store_wrong = false;
    json_t *cases = json_array();
    for (size_t i = 0; i < QC_COUNTOF(CASES); i++) {
        if (!strstr(CASES[i].name, filter))
            continue;
        qc_mono t0 = qc_clock_mono();
        if (store_wrong && CASES[i].compares) {
            memset(c->box, 0, sizeof *c->box);
            (void)qc_check_skip(c, "it compares stores, and \"history\" failed");
        } else {
            run_case(c, i);
        }
        store_wrong |= CASES[i].run == qc_case_history && c->box->state == 1;
        double s = (double)(qc_clock_mono() - t0) * 1e-9;
        count[c->box->state]++;
        if (json)
            json_array_append_new(cases, case_json(c, i, s));
        else
            print_text(c, i, s);
        fflush(stdout);
        if ((i == 0 && c->box->state == 1) || c->box->unloadable) /* nothing more to see */
            break;
    }
    int bad = 0;
    if (json)
        bad = print_json(c, cases, count);
    else
        printf("%u passed, %u failed, %u skipped\n", count[3], count[1], count[2]);
    if (!json)
        json_decref(cases);
    if (count[1] + count[2] + count[3] == 0)
        fprintf(stderr, "Error: found no case called %s\n", filter);
    return bad || count[1] || count[1] + count[2] + count[3] == 0 ? 1 : 0;
}

/* glibc counts what its caches keep back as used, which would drown a small leak: begin again
 * without them. Elsewhere this changes nothing. */
static void without_caches(const qc_tool *t)
{
    static const char name[] = "GLIBC_TUNABLES";
    if (!getenv(name) && setenv(name, "glibc.malloc.tcache_count=0", 1) == 0)
        (void)execv("/proc/self/exe", t->argv);
}

int qc_tool_check(qc_tool *t)
{
    without_caches(t);
    qc_problems p = {0};
    uint64_t seed = 1, at = UINT64_MAX, timeout_s = 120;
    bool sound = qc_tool_number(t, "seed", 0, INT64_MAX, &seed);
    sound &= qc_tool_number(t, "at", 0, INT64_MAX, &at);
    sound &= qc_tool_number(t, "timeout", 1, TIMEOUT_MAX_S, &timeout_s);
    if (!sound)
        return 1;
    const char **given = qc_settings_list(t->settings, "config", NULL);
    qc_check c = {.tool = t,
                  .seed = seed,
                  .at = at == UINT64_MAX ? -1 : (int64_t)at,
                  .in_process = qc_settings_bool(t->settings, "in-process", false),
                  .any_store = qc_settings_bool(t->settings, "anystore", false),
                  .threads = qc_drive_threads(),
                  .timeout_s = (unsigned)timeout_s};
    c.box = mmap(NULL, sizeof *c.box, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int code = 1;
    bool json = qc_settings_bool(t->settings, "json", false);
    if (c.box == MAP_FAILED) {
        fprintf(stderr, "Error: %s\n", strerror(errno));
    } else {
        /* A file that breaks a rule is judged by the first case, which reads it again. */
        bool ok = qc_target_open(&c.target, t->word[1], given, &p);
        if (!ok && c.target.image.manifest.id && strcmp(p.step, "config") == 0) {
            qc_tool_print_problems(stderr, t->word[1], &p);
        } else {
            if (!json && ok)
                printf("%s %s, seed %llu\n", c.target.image.manifest.id,
                       c.target.image.manifest.version, (unsigned long long)c.seed);
            fflush(stdout);
            code = run_cases(&c, ok ? qc_settings_str(t->settings, "filter", "") : "static", json);
        }
        munmap(c.box, sizeof *c.box);
    }
    qc_target_close(&c.target);
    qc_problems_clear(&p);
    qc_free(given);
    return code;
}
