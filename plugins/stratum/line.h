/* plugins/stratum/line.h: a byte stream as lines. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define ST_LINE_MAX 8192u /* bytes of a client's line */

/** The beginning of a line that has not ended. Zero-initialised is empty; holds no memory then. */
typedef struct st_line {
    char *data;
    size_t len;
    bool too_long; /* st_line_feed() has failed for that */
} st_line;

/** Called with each line, which ends with a NUL in place of its newline and may be changed. False:
 *  no more. */
typedef bool st_line_fn(void *arg, char *line, size_t len);

/** Take bytes and hand out the lines that end in them, without "\n" or "\r\n"; `data` may be
 *  changed. Returns: false: a line is longer than ST_LINE_MAX, memory ran out, or `fn` said so. */
bool st_line_feed(st_line *l, char *data, size_t n, st_line_fn *fn, void *arg);
void st_line_clear(st_line *l);
