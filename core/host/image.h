/* core/host/image.h: steps 2 to 6 of the load sequence: from a path to a sealed, measured, judged
 * image in memory. Runs nothing of it. May block on disk. Thread: any. */
#pragma once
#include "core/host/elf.h"
#include "core/host/manifest.h"

#define QC_PLUGIN_FILE_MAX ((uint64_t)64 << 20)

typedef struct qc_image {
    int fd;          /* sealed memory file; -1: none. Stays open as long as the image is loaded */
    qc_span bytes;   /* mapped read-only */
    char sha256[65]; /* hex */
    qc_elf elf;
    qc_manifest manifest;
} qc_image;

/** What a file must be. */
typedef struct qc_image_pin {
    const char *sha256;  /* NULL: any */
    const char *command; /* what an operator types to have it be the file that is there */
} qc_image_pin;

/** Open `path`, copy and seal, measure against `pin` (NULL: no pin), read ELF and manifest, lint.
 *  Stops after the first step that fails, except that lint and manifest are both reported.
 *  Out: *out, qc_image_clear() in any case. Returns false when problems were added. */
bool qc_image_open(const char *path, const qc_image_pin *pin, qc_image *out, qc_problems *p);
void qc_image_clear(qc_image *m);
