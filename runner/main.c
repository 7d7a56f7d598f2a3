/* quoin-runner: one plugin in a process of its own. The node starts it with a socket as descriptor
 * 3 and nothing else; an operator may ask it what the sandbox can do on this machine. */
#include "runner/load.h"

#include "core/base/alloc.h"
#include "core/os/privs.h"
#include "runner/sandbox.h"

#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define SOCKET 3

static void print_help(FILE *f)
{
    fprintf(f, "quoin-runner " PACKAGE_VERSION "\n\n"
               "Runs one plugin for quoind, in a sandbox. Started by quoind only.\n\n"
               "  --probe     tell which layers of the sandbox hold on this machine, and end\n"
               "  --json      with --probe: as JSON\n"
               "  --version   print the version and end\n"
               "  --help      print this and end\n");
}

static bool is_socket(int fd)
{
    struct stat st;
    return !fstat(fd, &st) && S_ISSOCK(st.st_mode);
}

/* Of threads that do not say otherwise. What they could use counts as memory, used or not, and by
 * the C library's measure a store's few threads alone would take 64 MB. */
#define STACK_BYTES (1u << 20)

static void small_stacks(void)
{
    pthread_attr_t a;
    if (QC_PRIVS_SANITIZED || pthread_attr_init(&a))
        return;
    if (!pthread_attr_setstacksize(&a, STACK_BYTES))
        (void)pthread_setattr_default_np(&a);
    pthread_attr_destroy(&a);
}

static int serve(char *title)
{
    static qc_rt rt;
    if (!is_socket(SOCKET)) {
        fprintf(stderr, "quoin-runner: found no socket as descriptor 3, wanted to be started by "
                        "quoind (--help)\n");
        return 2;
    }
    small_stacks();
    qc_alloc_keep(QC_KEEP_MESSAGES); /* what a message took is there for the next one */
    qc_rt_init(&rt, SOCKET);
    rt.title = title;
    rt.title_len = strlen(title);
    qc_rt_hello(&rt);
    qc_rt_run(&rt);
}

int main(int argc, char **argv)
{
    bool probe = false, json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--version") == 0) {
            printf("quoin-runner " PACKAGE_VERSION "\n");
            return 0;
        }
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(stdout);
            return 0;
        }
        if (strcmp(argv[i], "--probe") == 0) {
            probe = true;
        } else if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else {
            fprintf(stderr, "quoin-runner: found %s, wanted one of the options of --help\n",
                    argv[i]);
            return 2;
        }
    }
    return probe ? qc_sandbox_probe(stdout, json) : serve(argv[0]);
}
