#include "core/base/nearest.h"

#include "core/base/arith.h"

#include <string.h>

#define LEN_MAX 64u
#define NEAR_MAX 3u

void qc_nearest_init(qc_nearest *n, const char *word)
{
    size_t len = strlen(word), near = QC_MIN(len / 3, (size_t)NEAR_MAX);
    *n = (qc_nearest){.word = word, .distance = len > LEN_MAX ? 0 : near + 1};
}

static size_t least(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* Three rows of the table are enough: an exchange looks two rows back. */
static size_t distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    size_t row[3][LEN_MAX + 1];
    for (size_t k = 0; k <= n_b; k++)
        row[0][k] = k;
    for (size_t i = 1; i <= n_a; i++) {
        size_t *now = row[i % 3], *up = row[(i - 1) % 3], *before = row[(i + 1) % 3];
        now[0] = i;
        for (size_t k = 1; k <= n_b; k++) {
            now[k] = least(up[k] + 1, now[k - 1] + 1, up[k - 1] + (a[i - 1] != b[k - 1]));
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                now[k] = QC_MIN(now[k], before[k - 2] + 1);
        }
    }
    return row[n_a % 3][n_b];
}

void qc_nearest_try(qc_nearest *n, const char *name)
{
    size_t n_word = strlen(n->word), n_name = strlen(name);
    if (!n->distance || n_name > LEN_MAX)
        return;
    size_t apart = n_word < n_name ? n_name - n_word : n_word - n_name;
    if (apart >= n->distance)
        return;
    size_t d = distance(n->word, n_word, name, n_name);
    if (d < n->distance) {
        n->best = name;
        n->distance = d;
    }
}
