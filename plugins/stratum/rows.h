/* plugins/stratum/rows.h: whose difficulties are in the store: as many as there is room for. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ST_ROWS 65536u      /* sessions that can be remembered, at most */
#define ST_ROW_GROUPS 4096u /* into which addresses are put */
#define ST_ROW_LIVE UINT64_MAX

typedef struct st_row {
    uint32_t en1;  /* whose */
    uint32_t from; /* his address, as a number that nobody can foresee */
    uint32_t next; /* with the same low end of en1: index + 1, or 0 */
    uint64_t used; /* seconds since 1970; ST_ROW_LIVE: he is connected */
} st_row;

/** Zero-initialised, but for max (1 to ST_ROWS), is empty. */
typedef struct st_rows {
    st_row *row;
    uint32_t n, cap, max;
    uint32_t *head; /* by the low 16 bits: index + 1, or 0 */
    uint32_t group[ST_ROW_GROUPS];
} st_rows;

/** One is there from now on. Where they are too many one goes of those who are not connected (of
 *  all, where there is none): of those who come from where the most are, who has been away the
 *  longest. Nobody drives out who mines, nor others but who has more addresses or connections.
 *  Out: *out: who went; his own where nobody did. Returns: false: there is no memory. */
bool st_rows_put(st_rows *r, uint32_t en1, uint32_t from, uint64_t used, uint32_t *out);
/** NULL: it is not there. Borrowed until the next change. */
st_row *st_rows_find(const st_rows *r, uint32_t en1);
void st_rows_remove(st_rows *r, uint32_t en1);
void st_rows_clear(st_rows *r);
