/* The plugin that attacks: when it is loaded, or later, as the parameters say. */
#include "tests/hostile/attacks/attack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const attack *const ALL[] = {ATTACKS_ON_PROCESSES, ATTACKS_ON_FILES, ATTACKS_ON_THE_KERNEL};
static attack_params params;

static void make_attack(void)
{
    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++)
        for (const attack *a = ALL[i]; a->name; a++)
            if (strcmp(a->name, params.name) == 0) {
                int32_t e = a->fn(&params);
                if (write(FD_SOCKET, &e, sizeof e) != sizeof e)
                    _exit(76);
                _exit(75);
            }
    _exit(76);
}

/* The driver loads this file too, to read the table: it has no parameters there. */
__attribute__((constructor)) static void loaded(void)
{
    if (pread(FD_PARAMS, &params, sizeof params, 0) != sizeof params ||
        params.name[sizeof params.name - 1])
        params.name[0] = 0;
    if (params.name[0] && params.in_constructor)
        make_attack();
}

__attribute__((visibility("default"))) void attack_init(void);
void attack_init(void)
{
    make_attack();
}

__attribute__((visibility("default"))) const attack *attack_table(unsigned i);
const attack *attack_table(unsigned i)
{
    return i < sizeof ALL / sizeof ALL[0] ? ALL[i] : NULL;
}
