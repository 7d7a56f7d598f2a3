/* tests/hostile/attacks/attack.h: what a plugin would do to its host if it could, one function for
 * each. The driver starts a process for each attack, once as a constructor of the plugin and once
 * as its init, and compares what came of it with table.txt. */
#pragma once
#include <stdint.h>
#include <stdio.h>

/* Descriptors of the attacked process. */
enum { FD_SOCKET = 3, FD_IMAGE, FD_PARAMS, FD_ARENA, FD_STORE };

typedef struct attack_params {
    char name[32]; /* the attack to make */
    uint32_t in_constructor, bare, store, threads, landlock_abi;
    uint32_t uid; /* of the plugin, when root started it */
    int32_t host;
    uint64_t secret_at, secret; /* a number in the host's memory */
    uint64_t scratch_at;        /* one that may be overwritten */
    uint64_t memory;            /* the limit */
    char home[128];             /* the node's folder; in it: secret, and other/secret, the store of
                                 * another plugin */
} attack_params;

/** One attack. Returns 0 when it got what it wanted, else errno. Harmless to whom it works on. */
typedef int attack_fn(const attack_params *p);
typedef struct attack {
    const char *name;
    attack_fn *fn;
    int store; /* 1: the plugin has a store */
    int threads;
} attack;
extern const attack ATTACKS_ON_PROCESSES[], ATTACKS_ON_FILES[], ATTACKS_ON_THE_KERNEL[];

/* -1 is failure, as of a system call. */
#define GOT(x) ((x) == -1 ? errno : 0)

/** 0, or errno: can a file be opened so? Closes it again. */
int attack_open(const char *path, int flags);
/** home/name, in a buffer of its own for each of a few calls. */
const char *attack_path(const attack_params *p, const char *name);
