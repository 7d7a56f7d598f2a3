/* core/rpc/target.h: the path and query of a request, as sent. Thread: any. */
#pragma once
#include "core/base/err.h"

#define QC_TARGET_PATH_MAX 1024u
#define QC_TARGET_QUERY_MAX 4096u

typedef struct qc_target {
    char path[QC_TARGET_PATH_MAX + 1]; /* decoded: begins with '/', no "." ".." or empty segment */
    char query[QC_TARGET_QUERY_MAX + 1]; /* as sent, without the '?' */
} qc_target;

/** Read "/path?query". False: it is malformed or too long, or its path would mean different things
 *  to different readers: an escaped slash, a dot segment, a control character, a backslash. A path
 *  may end in '/'. */
bool qc_target_parse(const char *text, qc_target *out);
/** Split "/p/NAME/REST" off a decoded path. Out: *rest begins with '/', or is empty for "/p/NAME".
 *  False: it does not begin with /p/ and a name of at most 64 of [a-z0-9-]. */
bool qc_target_mount(const char *path, char name[65], const char **rest);
bool qc_mount_name_ok(const char *name, size_t len);
