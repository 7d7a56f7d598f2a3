/* core/frame/hello.h: what the node tells a runner first. With it come the descriptors: the sealed
 * image, the page, then the arena if arena_size is set, then, if has_store, the plugin's folder and
 * the sealed module of the store. */
#pragma once
#include "core/frame/pack.h"

#define QC_HELLO_CAPS 32u

/** Node and runner must be of one build: the frames between them are nobody's interface. */
#define QC_HELLO_BUILD qc_hello_build()
const char *qc_hello_build(void);

typedef struct qc_hello {
    char *build;
    char *id, *version; /* as the manifest says; equal to the entry's, or it is refused */
    uint8_t best_effort, has_store;
    uint32_t threads, descriptors, landlock_abi;
    uint64_t memory, arena_size, quota;
    uint32_t uid, gid;
    uint32_t n_cap;
    struct {
        char *id;
        uint32_t number; /* on the wire; 0: served in the runner */
    } cap[QC_HELLO_CAPS];
} qc_hello;

void qc_hello_write(const qc_hello *h, qc_pack *out);
/** Out: *h, its texts owned: qc_hello_clear(). False: malformed (nothing is owned). */
bool qc_hello_read(qc_span payload, qc_hello *h);
void qc_hello_clear(qc_hello *h);
uint32_t qc_hello_fds(const qc_hello *h);
