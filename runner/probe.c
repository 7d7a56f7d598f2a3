/* What of the sandbox holds on this machine: a process that does what a plugin's does, and tells.
 */
#include "runner/sandbox.h"

#include "core/os/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOBODY 65534 /* stands for the user of a plugin, when root asks */

typedef struct finding {
    qc_sandbox_report report;
    uint32_t enter_us, seal_us;
    bool opens, gains_exec; /* what must not be possible afterwards, tried */
} finding;

static uint32_t since_us(struct timespec from)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((now.tv_sec - from.tv_sec) * 1000000 + (now.tv_nsec - from.tv_nsec) / 1000);
}

/* Enter, seal, try, tell; then run a program, which must end it. */
static void confined(int tell)
{
    finding f = {0};
    struct timespec t;
    qc_sandbox_options o = {.best_effort = true,
                            .threads = 1,
                            .memory = 256u << 20,
                            .descriptors = 64,
                            .store_dir = -1,
                            .uid = NOBODY,
                            .gid = NOBODY,
                            .keep = &tell,
                            .n_keep = 1};
    clock_gettime(CLOCK_MONOTONIC, &t);
    qc_err err = qc_sandbox_enter(&o, &f.report);
    f.enter_us = since_us(t);
    clock_gettime(CLOCK_MONOTONIC, &t);
    if (!err)
        err = qc_sandbox_seal(&o, &f.report);
    f.seal_us = since_us(t);
    f.opens = !err && open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0;
    void *p = err ? MAP_FAILED
                  : mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    f.gains_exec = p != MAP_FAILED;
    if (write(tell, &f, sizeof f) == (ssize_t)sizeof f) {
        char *none[] = {NULL};
        execve("/bin/true", none, none);
    }
    _exit(1);
}

/* As the node starts a runner: pid namespace, and the user's with it. Exit status 0: the confined
 * process was ended by its forbidden call. */
static void start_confined(int tell)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    bool root = uid == 0 && !qc_ns_is_mapped_one();
    if (!root && qc_ns_leave(QC_NS_USER) == QC_OK && qc_ns_map_one(uid, gid))
        _exit(2);
    (void)unshare(CLONE_NEWPID);
    pid_t pid = fork();
    if (pid == 0)
        confined(tell);
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        _exit(2);
    _exit(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? 0 : 1);
}

static bool find_out(finding *f)
{
    int ends[2], status = 0;
    if (pipe(ends))
        return false;
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        start_confined(ends[1]);
    }
    close(ends[1]);
    ssize_t n = read(ends[0], f, sizeof *f);
    close(ends[0]);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || n != (ssize_t)sizeof *f)
        return false;
    /* A layer that says it holds and does not is missing. */
    if (f->opens) {
        f->report.held &= ~(1u << QC_LAYER_LANDLOCK);
        f->report.error[QC_LAYER_LANDLOCK] = EBADE;
    }
    if (f->gains_exec || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        f->report.held &= ~(1u << QC_LAYER_SECCOMP);
        f->report.error[QC_LAYER_SECCOMP] = EBADE;
    }
    return true;
}

static const char *why(const finding *f, int l)
{
    const char *text = strerrordesc_np(f->report.error[l]);
    return f->report.held & 1u << l ? "" : text ? text : "unknown";
}

static void print_json(FILE *out, const finding *f)
{
    fprintf(out, "{\"layers\": [\n");
    for (int l = 0; l < QC_LAYER_COUNT; l++)
        fprintf(out,
                "  {\"name\": \"%s\", \"required\": %s, \"holds\": %s, \"why\": \"%s\", "
                "\"means\": \"%s\"}%s\n",
                qc_layer_name((qc_layer)l), qc_layer_is_required((qc_layer)l) ? "true" : "false",
                f->report.held & 1u << l ? "true" : "false", why(f, l),
                qc_layer_meaning((qc_layer)l), l + 1 < QC_LAYER_COUNT ? "," : "");
    fprintf(out, "], \"landlock_abi\": %u, \"enter_us\": %u, \"seal_us\": %u}\n",
            f->report.landlock_abi, f->enter_us, f->seal_us);
}

static void print_table(FILE *out, const finding *f)
{
    for (int l = 0; l < QC_LAYER_COUNT; l++)
        fprintf(out, "%-16s %-9s %-8s %s\n", qc_layer_name((qc_layer)l),
                qc_layer_is_required((qc_layer)l) ? "required" : "bonus",
                f->report.held & 1u << l ? "holds" : "missing",
                f->report.held & 1u << l ? qc_layer_meaning((qc_layer)l) : why(f, l));
    fprintf(out, "Landlock ABI %u. Confined in %u.%03u ms.\n", f->report.landlock_abi,
            (f->enter_us + f->seal_us) / 1000, (f->enter_us + f->seal_us) % 1000);
}

int qc_sandbox_probe(FILE *out, bool json)
{
    finding f = {0};
    fflush(out); /* a child must not print it again */
    if (!find_out(&f)) {
        fprintf(stderr, "quoin-runner: the probe could not be run: %s\n", strerrordesc_np(errno));
        return 1;
    }
    if (json)
        print_json(out, &f);
    else
        print_table(out, &f);
    for (int l = 0; l < QC_LAYER_COUNT; l++)
        if (qc_layer_is_required((qc_layer)l) && !(f.report.held & 1u << l))
            return 1;
    return 0;
}
