/* Stands for the runner: takes its parameters, enters the sandbox, loads the plugin, seals. */
#include "config.h"
#include "runner/sandbox.h"
#include "tests/hostile/attacks/attack.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Parameters, and the descriptors in their order: they get the numbers from FD_IMAGE up. */
static bool receive(attack_params *p)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(8 * sizeof(int))];
    } control;
    struct iovec data = {p, sizeof *p};
    struct msghdr m = {.msg_iov = &data,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};
    return recvmsg(FD_SOCKET, &m, 0) == sizeof *p;
}

static void end(const char *what, const char *detail)
{
    char text[700];
    int n = snprintf(text, sizeof text, "%s: %s", what, detail);
    (void)!write(FD_SOCKET, text, (size_t)n);
    _exit(70);
}

int main(void)
{
    attack_params p;
    qc_sandbox_report report;
    const int keep[] = {FD_SOCKET, FD_IMAGE, FD_PARAMS, FD_ARENA};
    if (!receive(&p))
        _exit(69);
    const qc_sandbox_options o = {.threads = p.threads ? p.threads : 1,
                                  .memory = p.memory,
                                  .descriptors = 64,
                                  .store_dir = p.store ? FD_STORE : -1,
                                  .uid = p.uid,
                                  .gid = p.uid,
                                  .landlock_abi = p.landlock_abi,
                                  .keep = keep,
                                  .n_keep = QC_COUNTOF(keep)};
    if (p.bare && p.store && fchdir(FD_STORE))
        _exit(68);
    if (!p.bare) {
        if (qc_sandbox_enter(&o, &report))
            end("enter", report.missing);
        if (write(FD_SOCKET, &report, sizeof report) != sizeof report)
            _exit(67);
    }
    void *so = dlopen("/proc/self/fd/4", RTLD_NOW | RTLD_LOCAL);
    if (!so)
        end("dlopen", dlerror());
    void (*init)(void);
    *(void **)&init = dlsym(so, "attack_init");
    if (!p.bare && qc_sandbox_seal(&o, &report))
        end("seal", report.missing);
    if (init)
        init();
    _exit(66);
}
