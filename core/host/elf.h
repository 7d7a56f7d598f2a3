/* core/host/elf.h: a bounded reader of 64-bit ELF shared objects: the manifest note, and what a
 * loader would act on. Trusts nothing in the file, executes nothing, allocates only lists of names
 * that lie in the file. Thread: any. */
#pragma once
#include "core/host/problems.h"

#define QC_ELF_NAMES_MAX 4096u

/** Names borrowed from the file's bytes; each is NUL-terminated inside them. */
typedef struct qc_elf_names {
    const char **name;
    size_t n;
} qc_elf_names;

typedef struct qc_elf {
    qc_span manifest; /* descriptor of the note, NUL included; borrowed */
    unsigned notes;   /* of ours */
    uint16_t machine, type;
    qc_elf_names exports, imports, needed;
    const char *runpath; /* DT_RPATH or DT_RUNPATH, or NULL */
    bool writable_code;  /* a segment that is writable and executable */
    bool exec_stack;     /* asks for an executable stack, or does not say */
    bool text_relocs;
    bool bind_now, relro;
} qc_elf;

/** Read. Problems (step "elf") are added when the file is no loadable shared object for this
 *  machine or does not hold exactly one manifest note. Out: *out borrowed from `file`,
 *  qc_elf_clear() in any case. Returns false when problems were added. */
bool qc_elf_read(qc_span file, qc_elf *out, qc_problems *p);
void qc_elf_clear(qc_elf *e);
/** The rules of the house for a plugin's file (W^X, RPATH, exports ...), step "lint". Returns false
 * when one is broken. */
bool qc_elf_lint(const qc_elf *e, qc_problems *p);
