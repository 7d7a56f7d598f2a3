#include "core/tool/node.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/cli/http.h"
#include "core/os/file.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_S 30
#define ANSWER_S 60
#define STOP_S 30
#define POLL_US 20000u

char *qc_tool_node_find(const char *given)
{
    static const char *const place[] = {"quoind", NULL};
    char *path = given ? qc_strdup(given) : qc_os_part(place, "");
    if (*path && access(path, X_OK) == 0)
        return path;
    qc_free(path);
    return NULL;
}

uint16_t qc_tool_node_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof a;
    uint16_t port = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof a) == 0 &&
        getsockname(fd, (struct sockaddr *)&a, &len) == 0)
        port = ntohs(a.sin_port);
    if (fd >= 0)
        close(fd);
    return port;
}

/* ---- life ---- */

static qc_err write_file(const char *folder, const char *name, qc_span text)
{
    char *path = qc_asprintf("%s/%s", folder, name);
    qc_err err = qc_os_mkdirs(folder);
    if (!err)
        err = qc_os_write_file_atomic(path, text, 0600);
    qc_free(path);
    return err;
}

static qc_err write_files(const qc_tool_node *n, const char *id, qc_span grant)
{
    char *conf = qc_asprintf("regtest=1\n[regtest]\nlisten=0\nprinttoconsole=0\nlogtimestamps=0\n"
                             "rpcport=%u\n",
                             n->port);
    char *grants = qc_asprintf("%s/regtest/plugins.d", n->dir), *name = qc_asprintf("%s.grant", id);
    qc_err err = write_file(n->dir, "quoin.conf", (qc_span){(const uint8_t *)conf, strlen(conf)});
    if (!err)
        err = qc_os_mkdirs(grants);
    if (!err && chmod(grants, 0700))
        err = QC_EIO;
    if (!err)
        err = write_file(grants, name, grant);
    qc_free(conf);
    qc_free(grants);
    qc_free(name);
    return err;
}

static void become(const qc_tool_node *n, const char *datadir, const char *mocktime)
{
    int null = open("/dev/null", O_RDWR);
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL); /* a thread of ours gets none */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(0);
    for (int fd = 0; fd < 3; fd++)
        (void)dup2(null, fd);
    execl(n->program, "quoind", datadir, mocktime, (char *)NULL);
    _exit(127);
}

/* Has it ended? Then say how. */
static bool has_ended(qc_tool_node *n)
{
    int status;
    if (n->pid && waitpid(n->pid, &status, WNOHANG) == n->pid) {
        n->pid = 0;
        if (WIFEXITED(status))
            n->ended = qc_asprintf("the node ended with status %d", WEXITSTATUS(status));
        else
            n->ended = qc_asprintf("the node was ended by signal %d (%s)", WTERMSIG(status),
                                   strsignal(WTERMSIG(status)));
    }
    return n->pid == 0;
}

static bool read_cookie(qc_tool_node *n)
{
    qc_bytes text = QC_BYTES_INIT;
    char *path = qc_asprintf("%s/regtest/.cookie", n->dir);
    if (qc_os_read_file(path, 1000, &text) == QC_OK) {
        qc_free(n->cookie);
        n->cookie = qc_asprintf("%.*s", (int)text.len, (const char *)text.data);
    }
    qc_bytes_free(&text);
    qc_free(path);
    return n->cookie != NULL;
}

static bool answers(qc_tool_node *n)
{
    json_t *r = read_cookie(n) ? qc_tool_node_call(n, "getmempoolinfo", "[]") : NULL;
    bool yes = json_is_true(json_object_get(r, "loaded"));
    json_decref(r);
    return yes;
}

bool qc_tool_node_start(qc_tool_node *n, const char *program, const char *dir, const char *id,
                        qc_span grant, int64_t now, char **why)
{
    *n = (qc_tool_node){.program = program, .dir = qc_strdup(dir), .port = qc_tool_node_port()};
    qc_err err = write_files(n, id, grant);
    if (err) {
        *why = qc_asprintf("%s: %s", dir, qc_err_text(err));
        return false;
    }
    char *datadir = qc_asprintf("-datadir=%s", dir);
    char *mocktime = qc_asprintf("-mocktime=%lld", (long long)now);
    qc_mono deadline = qc_clock_mono() + (qc_mono)START_S * 1000000000;
    fflush(NULL);
    n->pid = fork();
    if (n->pid == 0)
        become(n, datadir, mocktime);
    qc_free(datadir);
    qc_free(mocktime);
    if (n->pid < 0)
        n->pid = 0;
    while (!has_ended(n) && !answers(n)) {
        if (qc_clock_mono() > deadline) {
            *why = qc_asprintf("%s does not answer within %d s", program, START_S);
            return false;
        }
        usleep(POLL_US);
    }
    if (!n->pid)
        *why = qc_asprintf("%s: %s", program, n->ended ? n->ended : "it cannot be started");
    return n->pid != 0;
}

void qc_tool_node_stop(qc_tool_node *n)
{
    qc_mono deadline = qc_clock_mono() + (qc_mono)STOP_S * 1000000000;
    if (!has_ended(n))
        json_decref(qc_tool_node_call(n, "stop", "[]"));
    while (!has_ended(n) && qc_clock_mono() < deadline)
        usleep(POLL_US);
    if (n->pid) {
        (void)kill(n->pid, SIGKILL);
        (void)waitpid(n->pid, NULL, 0);
        n->pid = 0;
    }
    qc_free(n->dir);
    qc_free(n->cookie);
    qc_free(n->ended);
    *n = (qc_tool_node){.program = n->program};
}

/* ---- calls ---- */

bool qc_tool_node_ask(qc_tool_node *n, const char *method, const char *params, int64_t timeout_s,
                      qc_bytes *reply)
{
    qc_http_reply r = {.body = QC_BYTES_INIT};
    char *why = NULL;
    char *text = qc_asprintf("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}",
                             method, params);
    qc_err err = qc_http_post("127.0.0.1", n->port, "/", n->cookie,
                              (qc_span){(const uint8_t *)text, strlen(text)}, timeout_s, &r, &why);
    qc_free(text);
    qc_free(why);
    if (err) {
        usleep(POLL_US); /* when it is about to end */
        (void)has_ended(n);
        return false;
    }
    *reply = r.body;
    return true;
}

json_t *qc_tool_node_call(qc_tool_node *n, const char *method, const char *fmt, ...)
{
    char params[2000];
    qc_bytes reply = QC_BYTES_INIT;
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(params, sizeof params, fmt, ap);
    va_end(ap);
    QC_ASSERT(len >= 0 && (size_t)len < sizeof params);
    if (!qc_tool_node_ask(n, method, params, ANSWER_S, &reply))
        return NULL;
    json_t *o = json_loadb((const char *)reply.data, reply.len, JSON_ALLOW_NUL, NULL);
    json_t *result = json_incref(json_object_get(o, "result"));
    json_decref(o);
    qc_bytes_free(&reply);
    return result;
}
