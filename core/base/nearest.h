/* core/base/nearest.h: "did you mean": of some names the one that a misspelt word comes closest to.
 * Thread: any, one at a time per search. */
#pragma once
#include <stddef.h>

/** A search. Its members are its own but for `best`. */
typedef struct qc_nearest {
    const char *word; /* borrowed */
    const char *best; /* the nearest so far, borrowed from who gave it; NULL: none is near */
    size_t distance;  /* of it; before: what is still near */
} qc_nearest;

/** Begin. `word` is borrowed for the search. */
void qc_nearest_init(qc_nearest *n, const char *word);
/** Look at one more name. Near is what a third of the word's letters make of it, at most three:
 *  each letter changed, added or left out, or two neighbours exchanged (the distance of Damerau and
 *  Levenshtein, by optimal string alignment). Of equals the first counts. Words and names of more
 *  than 64 bytes are near nothing. */
void qc_nearest_try(qc_nearest *n, const char *name);
