#include "core/net/bans.h"

#include "core/base/alloc.h"
#include "core/base/log.h"

/* 50,000 addresses, one false positive in a million. */
static const qc_bloom_shape DISCOURAGED = {50000, 20, 2156646};

qc_err qc_bans_init(qc_bans *b, int64_t seconds, uint32_t tweak)
{
    *b = (qc_bans){.seconds = seconds};
    return qc_rolling_bloom_init(&b->discouraged, &DISCOURAGED, tweak);
}

void qc_bans_clear(qc_bans *b)
{
    qc_free(b->list);
    qc_rolling_bloom_clear(&b->discouraged);
    *b = (qc_bans){.list = NULL};
}

/* Where it is, or would stand. */
static size_t place_of(const qc_bans *b, const qc_netrange *r, bool *found)
{
    size_t from = 0, to = b->n;
    *found = false;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        int c = qc_netrange_cmp(&b->list[mid].range, r);
        if (c == 0) {
            *found = true;
            return mid;
        }
        if (c < 0)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

static void drop(qc_bans *b, size_t at)
{
    b->n--;
    memmove(b->list + at, b->list + at + 1, (b->n - at) * sizeof *b->list);
    b->dirty = true;
}

qc_err qc_bans_put(qc_bans *b, const qc_ban *ban)
{
    bool found;
    size_t at = place_of(b, &ban->range, &found);
    if (!found && b->n == b->cap) {
        size_t cap = b->cap ? 2 * b->cap : 16;
        qc_ban *more = qc_try_realloc(b->list, cap * sizeof *more);
        if (!more)
            return QC_ENOMEM;
        b->list = more;
        b->cap = cap;
    }
    if (!found) {
        memmove(b->list + at + 1, b->list + at, (b->n - at) * sizeof *b->list);
        b->n++;
    }
    b->list[at] = *ban;
    b->dirty = true;
    return QC_OK;
}

qc_err qc_bans_add(qc_bans *b, const qc_netrange *r, int64_t seconds, bool absolute,
                   qc_unixtime now)
{
    bool found;
    size_t at = place_of(b, r, &found);
    qc_ban ban = {*r, now, 0};
    if (seconds <= 0) {
        seconds = b->seconds;
        absolute = false;
    }
    if (__builtin_add_overflow(absolute ? 0 : now, seconds, &ban.until))
        ban.until = INT64_MAX;
    if (found && b->list[at].until >= ban.until)
        return QC_OK;
    return qc_bans_put(b, &ban);
}

bool qc_bans_remove(qc_bans *b, const qc_netrange *r)
{
    bool found;
    size_t at = place_of(b, r, &found);
    if (found)
        drop(b, at);
    return found;
}

void qc_bans_remove_all(qc_bans *b)
{
    b->n = 0;
    b->dirty = true;
}

void qc_bans_sweep(qc_bans *b, qc_unixtime now)
{
    for (size_t i = b->n; i-- > 0;) {
        char text[QC_NETRANGE_TEXT];
        if (now <= b->list[i].until)
            continue;
        qc_netrange_text(&b->list[i].range, text);
        qc_log(QC_LOG_DEBUG, "net", "Removed banned node address/subnet: %s", text);
        drop(b, i);
    }
}

bool qc_bans_has(const qc_bans *b, const qc_netaddr *a, qc_unixtime now)
{
    for (size_t i = 0; i < b->n; i++)
        if (now < b->list[i].until && qc_netrange_has(&b->list[i].range, a))
            return true;
    return false;
}

bool qc_bans_has_range(const qc_bans *b, const qc_netrange *r, qc_unixtime now)
{
    bool found;
    size_t at = place_of(b, r, &found);
    return found && now < b->list[at].until;
}

void qc_bans_discourage(qc_bans *b, const qc_netaddr *a)
{
    uint8_t key[QC_NETADDR_MAX];
    qc_rolling_bloom_add(&b->discouraged, qc_span_of(key, qc_netaddr_key(a, key)));
}

bool qc_bans_is_discouraged(const qc_bans *b, const qc_netaddr *a)
{
    uint8_t key[QC_NETADDR_MAX];
    return qc_rolling_bloom_has(&b->discouraged, qc_span_of(key, qc_netaddr_key(a, key)));
}
