/* run and trace: a plugin in a process of its own, against the mock, through a small chain. */
#include "core/tool/drive.h"

#include "core/base/alloc.h"
#include "core/base/nearest.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS_MAX 60u
#define BLOCKS_MAX 999999u

typedef struct play {
    qc_target target;
    const char *const *rpc;
    uint64_t seed;
    uint32_t blocks;
    bool trace;
} play;

static void print_line(void *arg, const char *line)
{
    (void)arg;
    printf("%s\n", line);
}

static void say_step(const play *p, const qc_step *s, const qn_mock *m)
{
    if (s->again)
        printf("chain: the branch that had left comes back, and more; height %u\n",
               qn_mock_height(m));
    else if (s->back)
        printf("chain: %u blocks leave, %u others come; height %u\n", s->back, s->n,
               qn_mock_height(m));
    else
        printf("chain: %u more blocks; height %u\n", s->n, qn_mock_height(m));
    if (p->trace)
        printf("\n");
}

static bool has_method(const qn_mock *m, const char *method)
{
    const char *name;
    qc_nearest near;
    qc_nearest_init(&near, method);
    for (unsigned i = 0; (name = qn_mock_method(m, i)); i++) {
        if (strcmp(name, method) == 0)
            return true;
        qc_nearest_try(&near, name);
    }
    fflush(stdout);
    fprintf(stderr, "Error: -rpc: found %s, wanted a method that the plugin answers%s%s%s\n",
            qc_printable(method), near.best ? " (did you mean " : "", near.best ? near.best : "",
            near.best ? "?)" : "");
    return false;
}

/* False: a method is none of its own. What the plugin answers, also an error, is its own matter. */
static bool call_methods(const play *p, qn_mock *m)
{
    bool ok = true;
    for (size_t i = 0; p->rpc && p->rpc[i] && !qn_mock_failure(m); i++) {
        char *method = qc_asprintf("%.*s", (int)strcspn(p->rpc[i], " "), p->rpc[i]);
        const char *params = qc_tool_call_params(p->rpc[i]);
        if (has_method(m, method)) {
            char *reply = qn_mock_rpc(m, method, params);
            printf("%s %s\n    %s\n", method, params, reply);
            free(reply);
        } else {
            ok = false;
        }
        qc_free(method);
    }
    return ok;
}

static void report(const play *p, const qn_mock *m)
{
    const char *name;
    if (!p->trace && *qn_mock_log(m))
        printf("\nIt logged\n%s", qn_mock_log(m));
    printf("\n%llu table calls", (unsigned long long)qn_mock_calls(m));
    if (qn_mock_store_count(m))
        printf(", %llu keys in its store", (unsigned long long)qn_mock_store_count(m));
    for (unsigned i = 0; (name = qn_mock_method(m, i)); i++)
        printf("%s%s", i ? ", " : "; it answers ", name);
    printf("\n");
    if (qn_mock_wrong_thread(m))
        printf("%s was called from a thread that may not call it\n", qn_mock_wrong_thread(m));
}

static int in_child(play *p)
{
    qc_problems problems = {0};
    qc_history h;
    qc_chain_state c = {0};
    if (!qc_target_load(&p->target, &problems)) {
        qc_tool_print_problems(stderr, p->target.path, &problems);
        return 1;
    }
    qn_mock *m = qc_target_mock(&p->target);
    if (p->trace)
        qn_mock_trace(m, print_line, NULL);
    qc_history_make(&h, p->seed, p->blocks, true);
    qn_status st = qn_mock_start(m, p->target.entry);
    qc_drive_run(m);
    for (size_t i = 0; st == QN_OK && i < h.n && !qn_mock_failure(m); i++) {
        qc_history_apply(&h, i, m, &c);
        say_step(p, &h.step[i], m);
        qc_drive_run(m);
    }
    bool called = st != QN_OK || call_methods(p, m);
    report(p, m);
    if (st != QN_OK)
        printf("It did not start: %s (%d)\n", qn_mock_status_name(st), (int)st);
    else if (qn_mock_failure(m))
        printf("It gave up: %s\n", qn_mock_failure(m));
    else if ((st = qn_mock_stop(m)) != QN_OK)
        printf("stop() answered %s (%d)\n", qn_mock_status_name(st), (int)st);
    else
        printf("It stopped in order.\n");
    int code = !called || st != QN_OK || qn_mock_failure(m) || qn_mock_wrong_thread(m);
    qn_mock_free(m);
    return fflush(stdout) == 0 ? code : 1;
}

static int wait_for(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, 0) != pid)
        return 1;
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    if (WTERMSIG(status) == SIGALRM)
        fprintf(stderr, "Error: it did not come to an end within %u s\n", SECONDS_MAX);
    else
        fprintf(stderr, "Error: its process was ended by signal %d (%s)\n", WTERMSIG(status),
                strsignal(WTERMSIG(status)));
    return 1;
}

static int play_it(qc_tool *t, bool trace)
{
    qc_problems problems = {0};
    const char **given = qc_settings_list(t->settings, "config", NULL);
    const char **rpc = qc_settings_list(t->settings, "rpc", NULL);
    int code = 1;
    uint64_t blocks = 20;
    play p = {.rpc = rpc, .seed = 1, .trace = trace};
    bool ok = qc_tool_number(t, "seed", 0, INT64_MAX, &p.seed);
    ok &= qc_tool_number(t, "blocks", 0, BLOCKS_MAX, &blocks);
    ok &= qc_tool_calls_ok(rpc);
    p.blocks = (uint32_t)blocks;
    if (!ok) {
        qc_free(given);
        qc_free(rpc);
        return 1;
    }
    if (!qc_target_open(&p.target, t->word[1], given, &problems)) {
        qc_tool_print_problems(stderr, t->word[1], &problems);
    } else {
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
            alarm(SECONDS_MAX);
            setvbuf(stdout, NULL, _IOLBF, 0); /* so that a crash keeps what was said before it */
            _exit(in_child(&p));
        }
        code = pid > 0 ? wait_for(pid) : 1;
    }
    qc_target_close(&p.target);
    qc_problems_clear(&problems);
    qc_free(given);
    qc_free(rpc);
    return code;
}

int qc_tool_run(qc_tool *t)
{
    if (!qc_settings_bool(t->settings, "mock", false)) {
        fprintf(stderr,
                "Error: found no -mock, wanted it: in a node a plugin is started by the node "
                "(quoin-plugin enable)\n");
        return 1;
    }
    return play_it(t, false);
}

int qc_tool_trace(qc_tool *t)
{
    return qc_tool_is_path(t->word[1]) ? play_it(t, true) : qc_tool_trace_live(t);
}
