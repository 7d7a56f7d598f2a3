/* quoin-runner: the process of one plugin. The node starts it. */
#include "config.h"
#include "runner/sandbox.h"

#include <stdio.h>
#include <string.h>

static void print_help(FILE *f)
{
    fprintf(f, "quoin-runner " PACKAGE_VERSION "\n\n"
               "Started by quoind, once for each isolated plugin.\n\n"
               "  --probe [--json]  which layers of the sandbox hold on this machine\n"
               "  --version         print the version and exit\n"
               "  --help            print this text and exit\n");
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    if (strcmp(word, "--probe") == 0)
        return qc_sandbox_probe(stdout, argc > 2 && strcmp(argv[2], "--json") == 0);
    if (strcmp(word, "--version") == 0) {
        printf("quoin-runner " PACKAGE_VERSION "\n");
        return 0;
    }
    bool help = strcmp(word, "--help") == 0;
    print_help(help ? stdout : stderr);
    return help ? 0 : 1;
}
