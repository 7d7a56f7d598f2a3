/* The case "parity": the same file once inside a real node and once in a process of its own, led
 * through the same chain, must log the same lines and give the same answers.
 *
 * What a plugin does by the clock differs from run to run. So when the two differ, it runs inside
 * the node once more, at a slower pace: only what does not differ there is held against it. */
#include "core/tool/check.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/os/file.h"
#include "core/os/thread.h"
#include "core/tool/node.h"

#include <unistd.h>

#define NOW 1700000000
#define STEP_S 600 /* of the node's clock, per step */
#define BURST 101u /* blocks at once, so that the first coin can be spent */
#define SETTLE_S 20
#define JOB_S 2    /* that a job may take which a method began */
#define WAITS 2u   /* answers that are late, until a method is asked no more */
#define ANSWER_S 5 /* that a method may take */
#define POLL_US 4000u
#define BUSY_POLLS 8u /* without a change, on a machine that is busy */
#define BEGIN_US 50000u
#define SLOW_US 1500000u
#define METHOD_NS 500000000 /* that a method may be asked in one round */
#define ROUNDS_MAX 256u     /* methods times rounds */
#define LOG_MAX ((size_t)64 << 20)

typedef struct run {
    qc_check *c;
    qc_tool_node node;
    const char *id, *prefix; /* of its methods */
    const char *mode;
    qc_bytes said[2]; /* lines: what it answered and became, and what it logged */
    char *refused;    /* why it does not run; NULL: it runs */
    int64_t now;
    unsigned scripts;
    json_int_t top; /* greatest height so far */
    char left[65], here[65];
    bool failed, down, began, slow;
    bool endless;            /* a job that was begun in this round of questions has no end */
    const struct run *first; /* asks as much as this one; NULL: as time allows */
    unsigned asked[ROUNDS_MAX], n_asked;
    qc_bytes waits; /* names of methods that gave no answer in time, each with its NUL */
} run;

enum { ANSWERS, LOG };

static void say(run *r, int where, const char *fmt, ...) QC_PRINTF(3, 4);
static void say(run *r, int where, const char *fmt, ...)
{
    va_list ap;
    char *text = NULL;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    QC_ASSERT(n >= 0);
    for (char *p = text; *p; p++)
        if (*p == '\n')
            *p = ' ';
    text[n] = '\n';
    qc_err err = qc_bytes_append(&r->said[where], text, (size_t)n + 1);
    QC_ASSERT(err == QC_OK);
    free(text);
}

/* ---- the plugin in the node ---- */

static char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return qc_strdup(s ? s : "");
}

static json_int_t calls_of(const json_t *info)
{
    json_int_t n = json_integer_value(json_object_get(info, "log_lines"));
    size_t i;
    json_t *f;
    json_array_foreach(json_object_get(info, "interfaces"), i, f) n +=
        json_integer_value(json_object_get(f, "calls"));
    return n;
}

static bool is_under_way(const char *state)
{
    return strcmp(state, "READY") == 0 || strcmp(state, "STARTING") == 0 ||
           strcmp(state, "LAGGING") == 0;
}

static char *why_not(const json_t *info, const char *state)
{
    const char *problem = json_string_value(json_array_get(json_object_get(info, "problems"), 0));
    char *reason = text_of(info, "reason");
    char *text = qc_asprintf("%s: %s", state, problem ? problem : reason);
    qc_free(reason);
    return text;
}

/* Rest a moment. True: as long as was meant; false: somebody else had the processor, and then what
 * the plugin has not done in that time it may not have had the time for. */
static bool rest(void)
{
    qc_mono t0 = qc_clock_mono();
    usleep(POLL_US);
    return qc_clock_mono() - t0 < (qc_mono)POLL_US * 2000;
}

/* Wait until it has taken what there is, and calls no more. False: it did not in that time. */
static bool settle_within(run *r, int64_t seconds)
{
    qc_mono deadline = qc_clock_mono() + (qc_mono)seconds * 1000000000;
    json_int_t calls = -1;
    unsigned still = 0, wanted = 1;
    bool quiet = r->down;
    while (!quiet && qc_clock_mono() < deadline) {
        json_t *info = qc_tool_node_call(&r->node, "getplugininfo", "[\"%s\"]", r->id);
        char *state = text_of(info, "state");
        json_int_t now = calls_of(info);
        bool same = info && !is_under_way(state) && now == calls &&
                    !json_integer_value(json_object_get(info, "lag_blocks"));
        still = same ? still + 1 : 0;
        quiet = !info || still >= wanted;
        calls = now;
        if (info && strcmp(state, "RUNNING") != 0 && !is_under_way(state) && !r->refused)
            r->refused = why_not(info, state);
        qc_free(state);
        json_decref(info);
        if (!quiet && !rest())
            wanted = BUSY_POLLS;
    }
    return quiet;
}

static void settle(run *r)
{
    (void)settle_within(r, SETTLE_S);
}

static bool is_result(const qc_bytes *reply)
{
    json_t *o = json_loadb((const char *)reply->data, reply->len, JSON_ALLOW_NUL, NULL);
    json_t *error = json_object_get(o, "error");
    bool yes = o && (!error || json_is_null(error));
    json_decref(o);
    return yes;
}

static unsigned waited(const run *r, const char *method)
{
    const char *p = (const char *)r->waits.data;
    unsigned n = 0;
    for (size_t at = 0; at < r->waits.len; at += strlen(p + at) + 1)
        n += strcmp(p + at, method) == 0;
    return n;
}

static void note_wait(run *r, const char *method)
{
    qc_err err = qc_bytes_append(&r->waits, method, strlen(method) + 1);
    QC_ASSERT(err == QC_OK);
    if (!r->first && waited(r, method) == WAITS)
        qc_check_note(r->c, "%s gave no answer in %d s, twice: it is asked no more\n", method,
                      ANSWER_S);
}

/* The next question comes when what this one began is done: how far it is would tell who was
 * quicker. What has no end (a miner's work, say) is waited for once a round. */
static void ask(run *r, const char *method, const char *params)
{
    qc_bytes reply = QC_BYTES_INIT;
    if (r->failed)
        return;
    if (qc_tool_node_ask(&r->node, method, params, ANSWER_S, &reply)) {
        while (reply.len && reply.data[reply.len - 1] == '\n')
            reply.len--;
        say(r, ANSWERS, "%s %s: %.*s", method, params, (int)reply.len, (const char *)reply.data);
        if (!r->endless && is_result(&reply) && strcmp(method, "help") != 0)
            r->endless = !settle_within(r, JOB_S);
    } else {
        say(r, ANSWERS, "%s %s: %s", method, params, r->node.ended ? r->node.ended : "no answer");
        r->failed = r->node.ended != NULL;
        if (!r->failed)
            note_wait(r, method);
    }
    qc_bytes_free(&reply);
}

/* In another run: as often as in the first. There a slow method is asked less, and one that waits
 * for something to happen twice. */
static unsigned most_of(const run *r, const char *method)
{
    if (r->first)
        return r->first->asked[r->n_asked];
    return waited(r, method) >= WAITS ? 0 : UINT32_MAX;
}

static void ask_method(run *r, const char *method, const char *block, const char *tx)
{
    char params[4][160];
    if (r->n_asked == ROUNDS_MAX)
        return;
    unsigned n = 0, most = most_of(r, method);
    qc_mono t0 = qc_clock_mono();
    snprintf(params[0], sizeof params[0], "[\"%s\"]", block);
    snprintf(params[1], sizeof params[1], "[\"%s\"]", tx);
    snprintf(params[2], sizeof params[2], "[\"%s\", 0]", tx);
    snprintf(params[3], sizeof params[3], "[\"51\"]"); /* the script of the first coins */
    for (size_t i = 0; QC_CHECK_PARAMS[i]; i++)
        if (n < most && (r->first || qc_clock_mono() - t0 < METHOD_NS)) {
            ask(r, method, QC_CHECK_PARAMS[i]);
            n++;
        }
    for (size_t i = 0; i < QC_COUNTOF(params); i++)
        if (n < most && (r->first || qc_clock_mono() - t0 < METHOD_NS)) {
            ask(r, method, params[i]);
            n++;
        }
    r->asked[r->n_asked++] = n;
}

static char *first_tx(run *r, const char *block)
{
    json_t *b = qc_tool_node_call(&r->node, "getblock", "[\"%s\", 1]", block);
    const char *id = json_string_value(json_array_get(json_object_get(b, "tx"), 0));
    char *out = qc_strdup(id ? id : "");
    json_decref(b);
    return out;
}

/* Everything that it offers, its help too. */
static void ask_all(run *r)
{
    json_t *help = qc_tool_node_call(&r->node, "help", "[]");
    json_t *one = qc_tool_node_call(&r->node, "getblockhash", "[1]");
    const char *block = json_string_value(one) ? json_string_value(one) : "";
    char *tx = first_tx(r, block), *rest = NULL;
    char *text = qc_strdup(json_string_value(help) ? json_string_value(help) : "");
    size_t len = strlen(r->prefix);
    r->endless = false;
    for (char *p = strtok_r(text, "\n", &rest); p; p = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(p, r->prefix, len) != 0)
            continue;
        p[strcspn(p, " ")] = 0;
        char *name = qc_asprintf("[\"%s\"]", p);
        ask(r, "help", name);
        ask_method(r, p, block, tx);
        qc_free(name);
    }
    qc_free(text);
    qc_free(tx);
    json_decref(help);
    json_decref(one);
}

/* ---- the chain ---- */

static void clock_on(run *r)
{
    r->now += STEP_S;
    json_decref(qc_tool_node_call(&r->node, "setmocktime", "[%lld]", (long long)r->now));
}

static void hash_at(run *r, json_int_t height, char out[65])
{
    json_t *h = qc_tool_node_call(&r->node, "getblockhash", "[%lld]", (long long)height);
    snprintf(out, 65, "%s", json_string_value(h) ? json_string_value(h) : "");
    json_decref(h);
}

static json_int_t height_of(run *r)
{
    json_t *n = qc_tool_node_call(&r->node, "getblockcount", "[]");
    json_int_t height = json_integer_value(n);
    json_decref(n);
    return height;
}

static void invalidate(run *r, const char *block)
{
    json_decref(qc_tool_node_call(&r->node, "invalidateblock", "[\"%s\"]", block));
}

/* One by one, each taken before the next comes: how they fall together is a matter of time. Each
 * branch pays to a script of its own, so that no block is one that was there. */
static void mine(run *r, uint32_t n)
{
    for (uint32_t i = 0; !r->node.ended && (i < n || height_of(r) <= r->top) && i < n + 50; i++) {
        json_decref(qc_tool_node_call(&r->node, "generatetodescriptor", "[1, \"raw(01%02x51)\"]",
                                      r->scripts & 0xff));
        if (height_of(r) > r->top)
            settle(r);
    }
    r->top = height_of(r);
    r->scripts++;
}

/* A transaction that spends the first coin, which anybody may. */
static void spend(run *r)
{
    char block[65], bytes[65] = "";
    hash_at(r, 1, block);
    char *tx = first_tx(r, block);
    for (size_t i = 0, n = strlen(tx); n == 64 && i < 64; i += 2)
        memcpy(bytes + i, tx + 62 - i, 2);
    json_decref(
        qc_tool_node_call(&r->node, "generateblock",
                          "[\"raw(51)\", [\"0200000001%s0000000000ffffffff0200e1f505000000000151"
                          "00111024010000000151"
                          "00000000\"]]",
                          bytes));
    qc_free(tx);
    r->top = height_of(r);
    settle(r);
}

static void apply(run *r, const qc_step *x)
{
    clock_on(r);
    if (x->again && *r->left) {
        char tmp[65];
        invalidate(r, r->here);
        json_decref(qc_tool_node_call(&r->node, "reconsiderblock", "[\"%s\"]", r->left));
        memcpy(tmp, r->left, 65);
        memcpy(r->left, r->here, 65);
        memcpy(r->here, tmp, 65);
        mine(r, 1);
        return;
    }
    json_int_t from = height_of(r) - x->back + 1;
    if (x->back) {
        hash_at(r, from, r->left);
        invalidate(r, r->left);
    }
    mine(r, x->n);
    if (x->back)
        hash_at(r, from, r->here);
}

static void lead(run *r)
{
    qc_history h;
    qc_history_make(&h, r->c->seed, 16, true);
    json_decref(qc_tool_node_call(&r->node, "generatetodescriptor", "[%u, \"raw(51)\"]", BURST));
    r->top = height_of(r);
    settle(r);
    ask_all(r);
    clock_on(r);
    spend(r);
    for (size_t i = 0; i < h.n && !r->failed; i++) {
        qc_check_doing(r->c, "%s, step %zu of its chain", r->mode, i);
        apply(r, &h.step[i]);
        if (i == h.n / 2)
            ask_all(r);
    }
    ask_all(r);
    /* The chain turns while it is down. */
    json_decref(qc_tool_node_call(&r->node, "plugin", "[\"stop\", \"%s\"]", r->id));
    r->down = true;
    const qc_step last = {.back = 2, .n = 4};
    apply(r, &last);
}

/* ---- a run ---- */

static bool start_node(run *r, const char *program, const char *dir, qc_span grant, char **why)
{
    qc_check_doing(r->c, "starting a node with it %s", r->mode);
    r->down = false;
    if (!qc_tool_node_start(&r->node, program, dir, r->id, grant, r->now, why))
        return false;
    settle(r);
    usleep(r->slow ? SLOW_US : BEGIN_US); /* for what it does by itself */
    settle(r);
    return true;
}

/* Two lives, over the same folder. */
static bool live(run *r, const char *program, const char *dir, qc_span grant, char **why)
{
    bool ok = start_node(r, program, dir, grant, why);
    r->began = !r->refused;
    if (ok && r->began) {
        lead(r);
        if (!r->failed) {
            qc_tool_node_stop(&r->node);
            ok = start_node(r, program, dir, grant, why);
            ask_all(r);
        }
    }
    return ok;
}

/* What the node itself says of a plugin differs by its mode, and is not the plugin's. */
static bool is_the_nodes(const char *line, size_t n)
{
    static const char *const begin[] = {"version ", "sandbox without ", "it took ",
                                        "not loaded at"};
    size_t word = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-");
    for (size_t i = 0; i < QC_COUNTOF(begin); i++)
        if (n > strlen(begin[i]) && strncmp(line, begin[i], strlen(begin[i])) == 0)
            return true;
    return word > 3 && n > word + 4 && strncmp(line + word, " -> ", 4) == 0;
}

static void take_log(run *r, const char *dir)
{
    qc_bytes log = QC_BYTES_INIT;
    char *path = qc_asprintf("%s/regtest/debug.log", dir), *head = qc_asprintf("%s: ", r->id);
    qc_err err = qc_os_read_file(path, LOG_MAX, &log);
    if (!err)
        err = qc_bytes_append(&log, "", 1);
    for (const char *p = err ? "" : (const char *)log.data; *p;) {
        size_t n = strcspn(p, "\n"), level = *p == '[' ? strcspn(p, "]\n") + 2 : 0;
        level = level > n ? 0 : level;
        if (n - level > strlen(head) && strncmp(p + level, head, strlen(head)) == 0 &&
            !is_the_nodes(p + level + strlen(head), n - level - strlen(head)))
            say(r, LOG, "logs %.*s%.*s", (int)level, p, (int)(n - level - strlen(head)),
                p + level + strlen(head));
        p += n + (p[n] == '\n');
    }
    qc_bytes_free(&log);
    qc_free(path);
    qc_free(head);
}

/* The manifest's threads and our patience; and one life, so that a death is seen. */
static void grant_of(qc_check *c, const qc_consent *consent, qc_bytes *text)
{
    char *more = qc_asprintf(
        "\n[limits]\nlog = 100000/s\ncpu = normal\nthreads = %llu\n[failure]\nrestart = "
        "0/10min\n",
        (unsigned long long)c->target.image.manifest.threads);
    char *path = realpath(c->target.path, NULL);
    qc_tool_grant_text(text, path ? path : c->target.path, &c->target.image, consent);
    qc_err err = qc_bytes_append(text, more, strlen(more));
    QC_ASSERT(err == QC_OK);
    free(path);
    qc_free(more);
}

static void clear(run *r)
{
    qc_bytes_free(&r->said[ANSWERS]);
    qc_bytes_free(&r->said[LOG]);
    qc_bytes_free(&r->waits);
    qc_free(r->refused);
}

/* False: there is no run to judge; *why says why. */
static bool go(qc_check *c, const char *program, const char *name, qc_consent *consent,
               const run *first, bool slow, run *r, char **why)
{
    const qc_manifest *m = &c->target.image.manifest;
    qc_bytes grant = QC_BYTES_INIT;
    char *dir = qc_asprintf("%s/%s", c->dir, name);
    char *prefix = qc_asprintf("%s.", strrchr(m->id, '.') ? strrchr(m->id, '.') + 1 : m->id);
    *r = (run){.c = c,
               .id = m->id,
               .prefix = prefix,
               .mode = consent->mode,
               .now = NOW,
               .first = first,
               .slow = slow};
    grant_of(c, consent, &grant);
    bool ok = live(r, program, dir, qc_bytes_span(&grant), why);
    qc_tool_node_stop(&r->node);
    if (ok)
        take_log(r, dir);
    if (r->refused)
        say(r, ANSWERS, "is %s", r->refused);
    qc_bytes_free(&grant);
    qc_free(dir);
    qc_free(prefix);
    r->prefix = NULL;
    return ok;
}

/* ---- comparing ---- */

static const char *line_at(const qc_bytes *b, size_t at, size_t *n)
{
    const char *p = (const char *)b->data + at;
    const char *nl = at < b->len ? memchr(p, '\n', b->len - at) : NULL;
    *n = nl ? (size_t)(nl - p) : 0;
    return nl ? p : NULL;
}

/* Where two differ: the first line of each that is not the other's, from its first byte that
 * differs. */
static void show(qc_check *c, const qc_bytes *trusted, const qc_bytes *isolated)
{
    size_t at = 0, n[2] = {0, 0}, same = 0;
    const char *a, *b;
    for (;; at += n[0] + 1) {
        a = line_at(trusted, at, &n[0]);
        b = line_at(isolated, at, &n[1]);
        if (!a || !b || n[0] != n[1] || memcmp(a, b, n[0]) != 0)
            break;
    }
    while (a && b && same < n[0] && same < n[1] && a[same] == b[same])
        same++;
    size_t skip = same > 60 ? same - 60 : 0;
    char *line[2];
    for (int i = 0; i < 2; i++) {
        const char *p = i ? b : a;
        line[i] = !p ? qc_strdup("nothing")
                     : qc_asprintf("%.*s%s%.*s", skip ? (int)strcspn(p, ":") + 1 : 0, p,
                                   skip ? " ..." : "", n[i] - skip > 200 ? 200 : (int)(n[i] - skip),
                                   p + skip);
    }
    (void)qc_check_fail(c, "the same in both modes", "trusted it %s\nisolated it %s", line[0],
                        line[1]);
    qc_free(line[0]);
    qc_free(line[1]);
}

static bool equal(const qc_bytes *a, const qc_bytes *b)
{
    return a->len == b->len && (!a->len || memcmp(a->data, b->data, a->len) == 0);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **grow(char **line, size_t cap)
{
    char **more = qc_try_realloc(line, cap * sizeof *line);
    QC_ASSERT(more);
    return more;
}

#define HASH_LEN 64 /* hex digits of a hash */

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* One '#' for each number, and for each hash: that of a block that was mined just now tells the
 * time as well, and so does how far a counter has come. */
static void mask(char *p)
{
    char *to = p;
    while (*p) {
        size_t hex = 0, digits = 0;
        while (is_hex(p[hex]))
            hex++;
        while (p[digits] >= '0' && p[digits] <= '9')
            digits++;
        size_t n = hex == HASH_LEN ? hex : digits;
        *to++ = n ? '#' : *p;
        p += n ? n : 1;
    }
    *to = 0;
}

/* Each line once, without its digits, in order: what is left of a run when time is taken out. */
static void timeless(qc_bytes *b)
{
    size_t n = 0, cap = 16;
    char **line = qc_alloc(cap * sizeof *line);
    for (size_t at = 0, len; line_at(b, at, &len); at += len + 1) {
        if (n == cap)
            line = grow(line, cap *= 2);
        line[n] = qc_asprintf("%.*s", (int)len, (const char *)b->data + at);
        mask(line[n++]);
    }
    qsort(line, n, sizeof *line, by_text);
    b->len = 0;
    for (size_t i = 0; i < n; i++) {
        qc_err err = QC_OK;
        if (i == 0 || strcmp(line[i - 1], line[i]) != 0)
            err = qc_bytes_append(b, line[i], strlen(line[i]));
        if (!err && (i == 0 || strcmp(line[i - 1], line[i]) != 0))
            err = qc_bytes_append(b, "\n", 1);
        QC_ASSERT(err == QC_OK);
    }
    for (size_t i = 0; i < n; i++)
        qc_free(line[i]);
    qc_free(line);
}

static bool has_line(const qc_bytes *b, const char *line, size_t n)
{
    size_t len;
    for (size_t at = 0; line_at(b, at, &len); at += len + 1)
        if (len == n && memcmp(b->data + at, line, n) == 0)
            return true;
    return false;
}

/* The first line of `a` that is not in `b`, among those that are in `other`, or are not. */
static const char *missing(const qc_bytes *a, const qc_bytes *b, const qc_bytes *other,
                           bool in_other, size_t *n)
{
    for (size_t at = 0; line_at(a, at, n); at += *n + 1) {
        const char *line = (const char *)a->data + at;
        if (!has_line(b, line, *n) && has_line(other, line, *n) == in_other)
            return line;
    }
    return NULL;
}

/* It is not even like itself: then by kinds of lines. */
static void compare_loosely(qc_check *c, qc_bytes *trusted, qc_bytes *slow, qc_bytes *isolated,
                            const char *what)
{
    size_t n;
    timeless(trusted);
    timeless(slow);
    timeless(isolated);
    const char *line = missing(isolated, trusted, slow, false, &n);
    if (line)
        (void)qc_check_fail(c, "the same in both modes",
                            "trusted it never %.*s\nas isolated it does", n > 300 ? 300 : (int)n,
                            line);
    else if ((line = missing(trusted, isolated, slow, true, &n)))
        (void)qc_check_fail(c, "the same in both modes",
                            "isolated it never %.*s\nas trusted it does", n > 300 ? 300 : (int)n,
                            line);
    else
        qc_check_note(c, "what it %s differs from run to run: compared without numbers\n", what);
}

typedef struct again {
    qc_check *c;
    const char *program;
    qc_consent consent;
    const run *first;
    run slow;
    char *why;
    bool ok;
} again;

static void run_slow(void *arg)
{
    again *a = arg;
    a->ok = go(a->c, a->program, "again", &a->consent, a->first, true, &a->slow, &a->why);
}

/* Both once more, at the same time where the plugin has no address that only one can have: most of
 * the time they wait. */
static bool go_again(again *a, qc_consent *consent, run *isolated, char **why)
{
    qc_thread *t = NULL;
    bool alone = false;
    for (size_t i = 0; i < a->c->target.image.manifest.n_want; i++)
        alone |= consent->params[i] != NULL;
    a->consent = *consent;
    a->consent.mode = "trusted";
    consent->mode = "isolated";
    if (alone || qc_thread_start(&t, "again", run_slow, a))
        run_slow(a);
    clear(isolated); /* which may only have been slower than we waited for */
    bool ok = (t || a->ok) &&
              go(a->c, a->program, "isolated again", consent, a->first, true, isolated, why);
    qc_thread_join(t);
    if (!a->ok) {
        qc_free(*why);
        *why = a->why;
    }
    return ok && a->ok;
}

static void compare(qc_check *c, const char *program, qc_consent *consent, run *trusted,
                    run *isolated)
{
    static const char *const what[] = {"answers", "logs"};
    again a = {.c = c, .program = program, .first = trusted};
    char *why = NULL;
    bool same[2];
    for (int i = 0; i < 2; i++)
        same[i] = equal(&trusted->said[i], &isolated->said[i]);
    if (same[0] && same[1])
        return;
    bool ok = go_again(&a, consent, isolated, &why);
    for (int i = 0; i < 2 && ok; i++)
        same[i] = same[i] || equal(&a.slow.said[i], &isolated->said[i]);
    if (!ok)
        (void)qc_check_fail(c, "a node to run it in", "%s", why);
    for (int i = 0; i < 2 && c->box->state == 0; i++) {
        if (same[i])
            continue;
        /* What is logged may hang on who was quicker; what is answered is not to. */
        if (i == ANSWERS && equal(&trusted->said[i], &a.slow.said[i]))
            show(c, &trusted->said[i], &isolated->said[i]);
        else
            compare_loosely(c, &trusted->said[i], &a.slow.said[i], &isolated->said[i], what[i]);
    }
    clear(&a.slow);
    qc_free(why);
}

static size_t lines_of(const qc_bytes *b)
{
    size_t n = 0, len;
    for (size_t at = 0; line_at(b, at, &len); at += len + 1)
        n++;
    return n;
}

static void run_both(qc_check *c, const char *program, qc_consent *consent)
{
    run trusted = {0}, isolated = {0};
    char *why = NULL;
    consent->mode = "trusted";
    bool ok = go(c, program, "trusted", consent, NULL, false, &trusted, &why);
    consent->mode = "isolated";
    ok = ok && go(c, program, "isolated", consent, &trusted, false, &isolated, &why);
    if (!ok)
        (void)qc_check_fail(c, "a node to run it in", "%s", why);
    else if (isolated.refused && !isolated.began && trusted.began &&
             strstr(isolated.refused, "REJECTED") &&
             (strstr(isolated.refused, "sandbox") || strstr(isolated.refused, "runner")))
        (void)qc_check_skip(c, isolated.refused);
    else if (isolated.refused && trusted.refused && !isolated.began && !trusted.began &&
             strcmp(isolated.refused, trusted.refused) == 0) {
        char *text = qc_asprintf("the node does not run it: %s (-grant, -config)", trusted.refused);
        (void)qc_check_skip(c, text);
        qc_free(text);
    } else {
        qc_check_note(c, "%zu answers, %zu lines of log\n", lines_of(&trusted.said[ANSWERS]),
                      lines_of(&trusted.said[LOG]));
        compare(c, program, consent, &trusted, &isolated);
    }
    clear(&trusted);
    clear(&isolated);
    qc_free(why);
}

/* What enable would grant with every answer yes; places that are not given are some. */
static bool agree(qc_check *c, qc_consent *consent)
{
    const qc_manifest *m = &c->target.image.manifest;
    bool ok = qc_tool_take_given(c->tool, m, consent);
    for (size_t i = 0; i < m->n_want; i++) {
        const qc_interface *f = qc_interface_find(m->want[i].id);
        const qc_grant_key *k = f ? qc_interface_key(f, 0) : NULL;
        consent->take[i] = f != NULL;
        consent->unstable |= m->want[i].unstable;
        if (k && !consent->params[i] &&
            (k->type == QC_PARAM_ADDRESSES || k->type == QC_PARAM_HOSTS))
            consent->params[i] = qc_asprintf("127.0.0.1:%u", qc_tool_node_port());
    }
    consent->config = c->target.config;
    return ok;
}

void qc_case_parity(qc_check *c)
{
    const qc_manifest *m = &c->target.image.manifest;
    const char *given = qc_settings_str(c->tool->settings, "quoind", NULL);
    qc_consent consent = {0};
    if (!m->may_trusted || !m->may_isolated) {
        (void)qc_check_skip(c, "its manifest allows one mode only");
        return;
    }
    bool regtest = m->n_network == 0;
    for (size_t i = 0; i < m->n_network; i++)
        regtest |= strcmp(m->network[i], "regtest") == 0;
    char *program = qc_tool_node_find(given);
    if (!regtest)
        (void)qc_check_skip(c, "its manifest does not allow regtest");
    else if (!program)
        (void)qc_check_skip(c, given ? "there is no program at -quoind"
                                     : "there is no quoind beside this tool (-quoind=FILE)");
    else if (!agree(c, &consent))
        (void)qc_check_fail(c, "an interface that its manifest asks for, and parameters",
                            "-grant does not fit it");
    else
        run_both(c, program, &consent);
    qc_consent_clear(&consent);
    qc_free(program);
}
