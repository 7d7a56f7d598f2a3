/* Makes every attack of plugin.so, from its constructor and from its init, in a process of its own
 * in the sandbox, and compares what came of it with table.txt: as a node that root started and as
 * an ordinary user's, with every namespace and with none, with all of Landlock and with ABI 2. Bare
 * processes show first that the attacks are real. */
#include "config.h"
#include "core/host/spawn.h"
#include "core/os/file.h"
#include "core/os/landlock.h"
#include "core/os/memfd.h"
#include "core/os/privs.h"
#include "runner/sandbox.h"
#include "tests/hostile/attacks/attack.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NODE_USER 65534    /* of a node that is not root's */
#define PLUGIN_USER 61234u /* of a plugin of root's node */
#define OTHER_USER 61233
#define MEMORY (96u << 20)
#define MAX_ROWS 160
#define MAX_RUNS 9

typedef struct row {
    char text[256];
    const char *name, *want[3]; /* constructor, init, bare */
    const attack *attack;
} row;
typedef struct setting {
    bool root, namespaces, bare;
    unsigned abi;
} setting;
typedef struct counts {
    unsigned passed, failed;
} counts;

static row rows[MAX_ROWS];
static size_t n_rows;
static counts *count; /* of this process, in memory shared with the driver */
static const volatile uint64_t secret = 0x5ec2e75ec2e75ec2;
static volatile uint64_t scratch;
static int image_fd, params_fd, arena_fd, child_fd;
static char home[64];
static uid_t plugin_user; /* of this setting: the kernel counts the tasks of a user */
static bool calls_of_32_bits;

static void verdict(bool ok, const char *what, const char *name, const char *got)
{
    *(ok ? &count->passed : &count->failed) += 1;
    if (!ok)
        printf("FAIL: %s: %s: %s\n", what, name, got);
}

/* --- the table --- */

static char *trim(char *s)
{
    char *end = s + strlen(s);
    s += strspn(s, " ");
    while (end > s && (end[-1] == ' ' || end[-1] == '\n'))
        *--end = 0;
    return s;
}

/* name | what | stopped by | constructor | init | bare */
static void read_table(const char *path)
{
    FILE *f = fopen(path, "r");
    while (f && n_rows < MAX_ROWS && fgets(rows[n_rows].text, sizeof rows[n_rows].text, f)) {
        row *r = &rows[n_rows];
        char *field[6] = {r->text}, *at = r->text;
        int n = 1;
        if (*at == '#' || *at == '\n')
            continue;
        for (; n < 6 && (at = strchr(at, '|')); n++) {
            *at++ = 0;
            field[n] = at;
        }
        if (n != 6) {
            verdict(false, path, r->text, "not six fields");
            continue;
        }
        r->name = trim(field[0]);
        for (int i = 0; i < 3; i++)
            r->want[i] = trim(field[3 + i]);
        n_rows++;
    }
    if (f)
        fclose(f);
}

/* Every attack has a row and every row its attack. */
static void join_attacks(const attack *(*table)(unsigned i))
{
    for (unsigned t = 0; table(t); t++)
        for (const attack *a = table(t); a->name; a++) {
            size_t i = 0;
            while (i < n_rows && strcmp(rows[i].name, a->name) != 0)
                i++;
            if (i < n_rows)
                rows[i].attack = a;
            else
                verdict(false, "table.txt", a->name, "no such row");
        }
    for (size_t i = 0; i < n_rows; i++)
        if (!rows[i].attack)
            verdict(false, "table.txt", rows[i].name, "no such attack");
}

/* "refused U-:works": refused, but it works under the conditions before the colon: R started by
 * root, U by a user; + with namespaces, - without; 2 with Landlock cut to ABI 2; 6 on a kernel
 * without system calls of 32 bits. */
static bool holds_for(const char *conditions, size_t n, const setting *s)
{
    for (size_t i = 0; i < n; i++) {
        char c = conditions[i];
        if (!(c == 'R'   ? s->root
              : c == 'U' ? !s->root
              : c == '+' ? s->namespaces
              : c == '-' ? !s->namespaces
              : c == '6' ? !calls_of_32_bits
                         : s->abi == 2))
            return false;
    }
    return true;
}

static void wanted(const char *text, const setting *s, char out[16])
{
    char word[32];
    int used;
    out[0] = 0;
    for (; sscanf(text, "%31s%n", word, &used) == 1; text += used) {
        char *colon = strchr(word, ':');
        if (!colon && !out[0])
            snprintf(out, 16, "%.15s", word);
        else if (colon && holds_for(word, (size_t)(colon - word), s))
            snprintf(out, 16, "%.15s", colon + 1);
    }
}

/* --- one attack --- */

static bool send_all(int socket, const attack_params *p, const int *fds, size_t n)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(8 * sizeof(int))];
    } control = {.space = {0}};
    struct iovec data = {(void *)(uintptr_t)p, sizeof *p};
    struct msghdr m = {.msg_iov = &data,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = CMSG_SPACE(n * sizeof(int))};
    control.head = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(n * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.head), fds, n * sizeof(int));
    return sendmsg(socket, &m, 0) == sizeof *p;
}

static const char *status_word(int status, char *text, size_t cap)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        return "killed";
    if ((WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) ||
        (WIFEXITED(status) && WEXITSTATUS(status) == QC_CHILD_ABORTED))
        return "aborted";
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV)
        return "faults";
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return "works"; /* it became another program */
    qc_child_status_text(status, text, cap);
    return text;
}

/* The layers that must hold under this setting do. */
static bool layers_hold(const setting *s, const qc_sandbox_report *r)
{
    const uint32_t spaces = 1u << QC_LAYER_USER_NS | 1u << QC_LAYER_NET_NS |
                            1u << QC_LAYER_MOUNT_NS | 1u << QC_LAYER_IPC_NS |
                            1u << QC_LAYER_UTS_NS | 1u << QC_LAYER_PID_NS;
    for (int l = 0; l < QC_LAYER_COUNT; l++)
        if (qc_layer_is_required((qc_layer)l) && !(r->held & 1u << l))
            return false;
    return (r->held & spaces) == (s->namespaces ? spaces : 0) &&
           (!s->abi || r->landlock_abi == s->abi);
}

/* What the process says until it ends. */
static void listen_to(qc_child *c, const setting *s, char *out, size_t cap)
{
    char text[sizeof(qc_sandbox_report) + 1];
    int32_t result = -1;
    bool said = false, held = s->bare;
    out[0] = 0;
    for (;;) {
        struct pollfd p = {c->socket, POLLIN, 0};
        if (poll(&p, 1, 20000) != 1) {
            qc_child_kill(c);
            snprintf(out, cap, "hung");
        }
        ssize_t n = recv(c->socket, text, sizeof text - 1, 0);
        if (n <= 0)
            break;
        text[n] = 0;
        if (n == sizeof(qc_sandbox_report)) {
            qc_sandbox_report r;
            memcpy(&r, text, sizeof r);
            if (!(held = layers_hold(s, &r)))
                snprintf(out, cap, "layers %x, Landlock ABI %u; %.200s", r.held, r.landlock_abi,
                         r.missing);
        } else if (n == sizeof result) {
            memcpy(&result, text, sizeof result);
            said = true;
        } else {
            snprintf(out, cap, "%.200s", text);
        }
    }
    struct pollfd p = {c->pidfd, POLLIN, 0};
    int status = 0;
    char how[80];
    if (poll(&p, 1, 20000) != 1)
        qc_child_kill(c);
    while (!qc_child_reap(c, &status))
        usleep(1000);
    if (out[0])
        return;
    if (said && WIFEXITED(status) && WEXITSTATUS(status) == 75)
        snprintf(out, cap, "%s", result ? "refused" : "works");
    else
        snprintf(out, cap, "%s", held ? status_word(status, how, sizeof how) : "no report");
}

static void put_file(const char *name, mode_t mode, uid_t owner)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", home, name);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, mode);
    if (fd < 0 || write(fd, "secrets", 7) != 7 || (geteuid() == 0 && fchown(fd, owner, owner)))
        printf("cannot make %s: %s\n", path, strerrorname_np(errno));
    qc_os_close(fd);
}

/* Returns the store's folder, open. */
static int furnish(const setting *s)
{
    char store[128], other[128];
    snprintf(store, sizeof store, "%s/store", home);
    snprintf(other, sizeof other, "%s/other", home);
    (void)!qc_os_remove_tree(store);
    if (mkdir(home, 0700) && errno != EEXIST)
        printf("cannot make %s\n", home);
    (void)!mkdir(store, 0700);
    (void)!mkdir(other, 0700);
    if (s->root && (chown(store, plugin_user, plugin_user) || chown(other, OTHER_USER, OTHER_USER)))
        printf("cannot give away %s\n", store);
    put_file("secret", 0600, 0);
    put_file("victim", 0600, 0);
    put_file("other/secret", 0600, OTHER_USER);
    return open(store, O_PATH | O_CLOEXEC);
}

static void try_one(const row *r, const setting *s, int phase, const char *label)
{
    char want[16], got[300], line[360];
    wanted(r->want[s->bare ? 2 : phase], s, want);
    if (strcmp(want, "-") == 0)
        return;
    int store = furnish(s);
    attack_params p = {.in_constructor = phase == 0,
                       .bare = s->bare,
                       .store = (uint32_t)r->attack->store,
                       .threads = (uint32_t)r->attack->threads,
                       .landlock_abi = s->abi,
                       .uid = plugin_user,
                       .host = getpid(),
                       .secret_at = (uintptr_t)&secret,
                       .secret = secret,
                       .scratch_at = (uintptr_t)&scratch,
                       .memory = MEMORY};
    snprintf(p.name, sizeof p.name, "%s", r->name);
    snprintf(p.home, sizeof p.home, "%s", home);
    const int fds[] = {image_fd, params_fd, arena_fd, store};
    qc_child c = QC_CHILD_INIT;
    if (pwrite(params_fd, &p, sizeof p, 0) != sizeof p || qc_child_start(child_fd, &c) ||
        !send_all(c.socket, &p, fds, p.store ? 4 : 3))
        snprintf(got, sizeof got, "not started: %s", strerrorname_np(errno));
    else
        listen_to(&c, s, got, sizeof got);
    qc_child_clear(&c);
    qc_os_close(store);
    snprintf(line, sizeof line, "%s, wanted %s", got, want);
    char what[64];
    snprintf(what, sizeof what, "%s, %s", label, phase == 0 ? "constructor" : "init");
    verdict(strcmp(got, want) == 0, what, r->name, line);
}

/* --- settings --- */

/* As a container or a hardened kernel does it: no new namespace is to be had. */
static bool refuse_namespaces(void)
{
    static const uint64_t flags[] = {CLONE_NEWNS,  CLONE_NEWUSER, CLONE_NEWNET,
                                     CLONE_NEWIPC, CLONE_NEWUTS,  CLONE_NEWPID};
    scmp_filter_ctx c = seccomp_init(SCMP_ACT_ALLOW);
    /* Nothing else changes: calls of other numberings stay as they are. */
    bool ok = c && !seccomp_attr_set(c, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);
    for (size_t i = 0; ok && i < QC_COUNTOF(flags); i++)
        ok = !seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 1,
                               SCMP_A0_64(SCMP_CMP_MASKED_EQ, flags[i], flags[i])) &&
             !seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                               SCMP_A0_64(SCMP_CMP_MASKED_EQ, flags[i], flags[i]));
    ok = ok && seccomp_load(c) == 0;
    seccomp_release(c);
    return ok;
}

static void be_the_node(const setting *s, const char *label)
{
    if (!s->root && geteuid() == 0) {
        if (setgroups(0, NULL) || setresgid(NODE_USER, NODE_USER, NODE_USER) ||
            setresuid(NODE_USER, NODE_USER, NODE_USER))
            _exit(1);
        prctl(PR_SET_DUMPABLE, 1); /* as a program that this user started is */
    }
    if (!s->namespaces && !refuse_namespaces())
        _exit(1);
    snprintf(home, sizeof home, "/tmp/quoin-attack-node-%d", getpid());
    params_fd = memfd_create("params", MFD_CLOEXEC);
    for (size_t i = 0; i < n_rows; i++)
        if (rows[i].attack)
            for (int phase = s->bare; phase < 2; phase++)
                try_one(&rows[i], s, phase, label);
    (void)!qc_os_remove_tree(home);
    fflush(stdout);
    _exit(0);
}

typedef struct run {
    setting s;
    char label[80];
    counts *count;
    pid_t pid;
} run;

static void start_setting(run *r, setting s, counts *shared)
{
    *r = (run){.s = s, .count = shared};
    snprintf(r->label, sizeof r->label, "%s, %s%s", s.root ? "root" : "user",
             s.bare         ? "bare"
             : s.namespaces ? "namespaces"
                            : "no namespaces",
             s.abi ? ", Landlock ABI 2" : "");
    fflush(stdout);
    r->pid = fork();
    if (r->pid == 0) {
        count = r->count;
        plugin_user = PLUGIN_USER + (s.namespaces ? 2u : 0) + (s.abi ? 4u : 0);
        be_the_node(&r->s, r->label);
    }
}

static void end_setting(const run *r)
{
    int status = 1;
    waitpid(r->pid, &status, 0);
    if (status != 0)
        verdict(false, r->label, "the whole setting", "ended early");
    printf("%s: %u as the table says, %u not\n", r->label, r->count->passed, r->count->failed);
    count->passed += r->count->passed;
    count->failed += r->count->failed;
}

static bool namespaces_work(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(unshare(geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER) != 0);
    int status = 1;
    waitpid(pid, &status, 0);
    return status == 0;
}

/* Kernels built or started without IA32 emulation end the process with a fault, filter or not. */
static bool has_calls_of_32_bits(void)
{
#if defined(__x86_64__)
    pid_t pid = fork();
    if (pid == 0) {
        long got;
        signal(SIGSEGV, SIG_DFL);
        __asm__ volatile("int $0x80" : "=a"(got) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
        _exit(got <= 0);
    }
    int status = 1;
    waitpid(pid, &status, 0);
    return status == 0;
#else
    return false;
#endif
}

static void open_all(const char *build)
{
    char path[512];
    int fd;
    snprintf(path, sizeof path, "%s/tests/hostile/attacks/child", build);
    if (qc_os_open_ro(&child_fd, path))
        verdict(false, path, "open", "no such program");
    snprintf(path, sizeof path, "%s/tests/hostile/attacks/plugin.so", build);
    if (qc_os_open_ro(&fd, path) || qc_os_sealed_copy(fd, "plugin", 1u << 20, &image_fd))
        verdict(false, path, "open", "no such plugin");
    qc_os_close(fd);
    arena_fd = memfd_create("arena", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (ftruncate(arena_fd, 65536) || pwrite(arena_fd, "arena", 5, 0) != 5 ||
        fcntl(arena_fd, F_ADD_SEALS,
              F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL))
        verdict(false, "arena", "memfd", strerrorname_np(errno));
}

int main(void)
{
    const char *build = getenv("top_builddir"), *source = getenv("top_srcdir");
    char path[512];
    count = mmap(NULL, (1 + MAX_RUNS) * sizeof *count, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    snprintf(path, sizeof path, "%s/tests/hostile/attacks/plugin.so", build ? build : ".");
    void *so = dlopen(path, RTLD_NOW);
    const attack *(*table)(unsigned) = NULL;
    if (so)
        *(void **)&table = dlsym(so, "attack_table");
    snprintf(path, sizeof path, "%s/tests/hostile/attacks/table.txt", source ? source : ".");
    if (!table || qc_landlock_abi() < 2 || QC_PRIVS_SANITIZED) {
        printf("needs Landlock, and a build without sanitizers\n");
        printf("0 passed, %d failed, 1 skipped\n", !table);
        return table ? 77 : 1;
    }
    read_table(path);
    join_attacks(table);
    open_all(build ? build : ".");
    const bool root = geteuid() == 0;
    const bool spaces = namespaces_work();
    calls_of_32_bits = has_calls_of_32_bits();
    unsigned skipped = !root + !spaces;
    run runs[MAX_RUNS];
    size_t n = 0;
    start_setting(&runs[n++], (setting){.bare = true}, count + 1);
    for (int bits = 0; bits < 8; bits++) {
        const setting s = {.root = bits & 1, .namespaces = bits & 2, .abi = bits & 4 ? 2 : 0};
        if ((root || !s.root) && (spaces || !s.namespaces)) {
            start_setting(&runs[n], s, count + 1 + n);
            n++;
        }
    }
    for (size_t i = 0; i < n; i++)
        end_setting(&runs[i]);
    if (!root)
        printf("skipped: a node that root started\n");
    if (!spaces)
        printf("skipped: with namespaces\n");
    printf("%u passed, %u failed", count->passed, count->failed);
    printf(skipped ? ", %u skipped\n" : "\n", skipped);
    return count->failed != 0;
}
