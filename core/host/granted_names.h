/* core/host/granted_names.h: the methods that a grant of rpc.serve/1 lets a plugin register. */
#pragma once
#include <stdbool.h>

#define QC_METHOD_NAME_MAX 64u

typedef struct qc_granted_names {
    char prefix[QC_METHOD_NAME_MAX + 1]; /* "": none */
    char names[1024];                    /* exact ones, with spaces between them */
} qc_granted_names;

/** From the grant's parameters; NULL: none are granted. */
void qc_granted_names_read(qc_granted_names *g, const char *params);
/** Does the operator name this very method? */
bool qc_granted_names_exact(const qc_granted_names *g, const char *name);
/** That, or does it begin with the prefix? */
bool qc_granted_names_have(const qc_granted_names *g, const char *name);
