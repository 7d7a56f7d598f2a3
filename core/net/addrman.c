#include "core/net/addrman.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/crypto/sha256.h"
#include "core/net/addrman_internal.h"

#include <stdio.h>

#define TRIED_BUCKETS_PER_GROUP 8
#define NEW_BUCKETS_PER_SOURCE 64
#define HORIZON (30 * DAY)
#define RETRIES 3 /* without any success */
#define MAX_FAILURES 10
#define MIN_FAIL (7 * DAY)
#define REPLACEMENT (4 * HOUR)
#define TEST_WINDOW (40 * MINUTE)

/* ---- placement ---- */

/* The first eight bytes of the double SHA-256, as in every peers.dat: the key decides places. */
static uint64_t cheap_hash(qc_sha256_ctx *c)
{
    uint8_t h[QC_SHA256_LEN];
    qc_sha256d_final(c, h);
    return qc_read_le64(h);
}

static qc_sha256_ctx keyed(const qc_addrman *m)
{
    qc_sha256_ctx c;
    qc_sha256_init(&c);
    qc_sha256_update(&c, m->o.key.b, sizeof m->o.key.b);
    return c;
}

static void put_bytes(qc_sha256_ctx *c, const uint8_t *b, size_t len)
{
    uint8_t compact = (uint8_t)len; /* always below 253 */
    qc_sha256_update(c, &compact, 1);
    qc_sha256_update(c, b, len);
}

static void put_u64(qc_sha256_ctx *c, uint64_t v)
{
    uint8_t le[8];
    qc_write_le64(le, v);
    qc_sha256_update(c, le, sizeof le);
}

static void put_address(qc_sha256_ctx *c, const info *i)
{
    uint8_t key[QC_PEER_ADDR_KEY];
    put_bytes(c, key, qc_peer_addr_key(&i->a, key));
}

int qc_addrman_tried_bucket(const qc_addrman *m, const info *i)
{
    qc_netgroup g = qc_netgroups_of(m->o.groups, &i->a.addr);
    qc_sha256_ctx c = keyed(m);
    put_address(&c, i);
    uint64_t within = cheap_hash(&c) % TRIED_BUCKETS_PER_GROUP;
    c = keyed(m);
    put_bytes(&c, g.b, g.len);
    put_u64(&c, within);
    return (int)(cheap_hash(&c) % QC_ADDRMAN_TRIED_BUCKETS);
}

int qc_addrman_new_bucket(const qc_addrman *m, const info *i, const qc_netaddr *source)
{
    qc_netgroup g = qc_netgroups_of(m->o.groups, &i->a.addr);
    qc_netgroup s = qc_netgroups_of(m->o.groups, source);
    qc_sha256_ctx c = keyed(m);
    put_bytes(&c, g.b, g.len);
    put_bytes(&c, s.b, s.len);
    uint64_t within = cheap_hash(&c) % NEW_BUCKETS_PER_SOURCE;
    c = keyed(m);
    put_bytes(&c, s.b, s.len);
    put_u64(&c, within);
    return (int)(cheap_hash(&c) % QC_ADDRMAN_NEW_BUCKETS);
}

int qc_addrman_position(const qc_addrman *m, const info *i, bool in_new, int bucket)
{
    uint8_t le[5] = {in_new ? 'N' : 'K'};
    qc_sha256_ctx c = keyed(m);
    qc_write_le32(le + 1, (uint32_t)bucket);
    qc_sha256_update(&c, le, sizeof le);
    put_address(&c, i);
    return (int)(cheap_hash(&c) % QC_ADDRMAN_BUCKET);
}

static uint32_t *tried_place(qc_addrman *m, const info *i)
{
    int bucket = qc_addrman_tried_bucket(m, i);
    return &m->in_tried[bucket][qc_addrman_position(m, i, false, bucket)];
}

static uint32_t *new_place(qc_addrman *m, const info *i, const qc_netaddr *source)
{
    int bucket = qc_addrman_new_bucket(m, i, source);
    return &m->in_new[bucket][qc_addrman_position(m, i, true, bucket)];
}

/* ---- entries ---- */

static uint32_t *chain_of(qc_addrman *m, const qc_peer_addr *a)
{
    uint8_t key[QC_PEER_ADDR_KEY + 1];
    size_t len = qc_peer_addr_key(a, key);
    key[len++] = a->addr.net;
    return &m->chain[qc_siphash(&m->chain_key, key, len) % ADDRMAN_CHAINS];
}

uint32_t qc_addrman_lookup(const qc_addrman *m, const qc_peer_addr *a)
{
    uint8_t key[QC_PEER_ADDR_KEY + 1];
    size_t len = qc_peer_addr_key(a, key);
    key[len++] = a->addr.net;
    uint32_t s = m->chain[qc_siphash(&m->chain_key, key, len) % ADDRMAN_CHAINS];
    while (s && !qc_peer_addr_same(&m->info[s].a, a))
        s = m->info[s].next;
    return s;
}

static bool grow(qc_addrman *m)
{
    uint32_t cap = m->cap ? 2 * m->cap : 256;
    info *i = qc_try_realloc(m->info, cap * sizeof *i);
    if (!i)
        return false;
    m->info = i;
    uint32_t *order = qc_try_realloc(m->order, cap * sizeof *order);
    if (!order)
        return false;
    m->order = order;
    m->cap = cap;
    return true;
}

uint32_t qc_addrman_create(qc_addrman *m, const qc_peer_addr *a, const qc_netaddr *source)
{
    uint32_t s = m->free;
    if (s) {
        m->free = m->info[s].next;
    } else {
        if (m->used + 1 >= m->cap && !grow(m))
            return 0;
        s = ++m->used;
    }
    uint32_t *head = chain_of(m, a);
    m->info[s] = (info){.a = *a, .source = *source, .id = m->next_id++, .at = m->n, .next = *head};
    *head = s;
    m->order[m->n++] = s;
    m->n_new++;
    m->count[qc_netaddr_network(&a->addr)].in_new++;
    return s;
}

void qc_addrman_swap(qc_addrman *m, uint32_t p, uint32_t q)
{
    uint32_t a = m->order[p], b = m->order[q];
    m->order[p] = b;
    m->order[q] = a;
    m->info[b].at = p;
    m->info[a].at = q;
}

void qc_addrman_delete(qc_addrman *m, uint32_t slot)
{
    info *i = &m->info[slot];
    QC_ASSERT(!i->tried && i->refs == 0);
    qc_addrman_swap(m, i->at, m->n - 1);
    m->n--;
    m->n_new--;
    m->count[qc_netaddr_network(&i->a.addr)].in_new--;
    uint32_t *link = chain_of(m, &i->a);
    while (*link != slot)
        link = &m->info[*link].next;
    *link = i->next;
    i->id = -1; /* a collision that waits for it sees that it is gone */
    i->next = m->free;
    m->free = slot;
}

static void clear_new(qc_addrman *m, uint32_t *place)
{
    uint32_t s = *place;
    if (!s)
        return;
    *place = 0;
    if (--m->info[s].refs == 0)
        qc_addrman_delete(m, s);
}

static void make_tried(qc_addrman *m, uint32_t slot)
{
    info *i = &m->info[slot];
    int from = qc_addrman_new_bucket(m, i, &i->source);
    for (int k = 0; k < QC_ADDRMAN_NEW_BUCKETS && i->refs; k++) {
        int bucket = (from + k) % QC_ADDRMAN_NEW_BUCKETS;
        uint32_t *place = &m->in_new[bucket][qc_addrman_position(m, i, true, bucket)];
        if (*place == slot) {
            *place = 0;
            i->refs--;
        }
    }
    QC_ASSERT(i->refs == 0);
    qc_network net = qc_netaddr_network(&i->a.addr);
    m->n_new--;
    m->count[net].in_new--;
    uint32_t *place = tried_place(m, i);
    if (*place) { /* who is there goes back to the new table */
        uint32_t old = *place;
        info *o = &m->info[old];
        qc_network old_net = qc_netaddr_network(&o->a.addr);
        uint32_t *back = new_place(m, o, &o->source);
        o->tried = false;
        m->n_tried--;
        m->count[old_net].in_tried--;
        clear_new(m, back);
        o->refs = 1;
        *back = old;
        m->n_new++;
        m->count[old_net].in_new++;
    }
    *place = slot;
    i->tried = true;
    m->n_tried++;
    m->count[net].in_tried++;
}

/* ---- judging ---- */

bool qc_addrman_is_terrible(const info *i, qc_unixtime now)
{
    if (now - i->last_try <= MINUTE)
        return false; /* being tried right now */
    if (i->a.time > now + 10 * MINUTE || now - i->a.time > HORIZON)
        return true;
    if (i->last_success == 0 && i->attempts >= RETRIES)
        return true;
    return now - i->last_success > MIN_FAIL && i->attempts >= MAX_FAILURES;
}

uint32_t qc_addrman_range(qc_addrman *m, uint32_t n)
{
    uint64_t r = m->o.random(m->o.random_arg) >> 32;
    return (uint32_t)(r * n >> 32);
}

/* ---- life ---- */

qc_addrman *qc_addrman_new(const qc_addrman_options *o)
{
    qc_addrman *m = qc_alloc(sizeof *m);
    m->o = *o;
    m->last_good = 1; /* so that "never" is before it */
    m->chain_key.k0 = o->random(o->random_arg);
    m->chain_key.k1 = o->random(o->random_arg);
    return m;
}

void qc_addrman_free(qc_addrman *m)
{
    if (!m)
        return;
    qc_free(m->info);
    qc_free(m->order);
    qc_free(m);
}

/* ---- adding ---- */

/* A known address is told of again. True: it may get one place more. */
static bool again(qc_addrman *m, info *i, const qc_peer_addr *a, int64_t penalty, qc_unixtime now)
{
    int64_t interval = now - a->time < DAY ? HOUR : DAY;
    if (i->a.time < a->time - interval - penalty)
        i->a.time = QC_MAX(0, a->time - penalty);
    i->a.services |= a->services;
    if (a->time <= i->a.time || i->tried || i->refs == ADDRMAN_REFS_MAX)
        return false;
    /* Each place makes the next one half as likely. */
    return i->refs == 0 || qc_addrman_range(m, 1u << i->refs) == 0;
}

static void log_new(const qc_addrman *m, const qc_peer_addr *a, const uint32_t *place)
{
    char text[QC_PEER_ADDR_TEXT], as[32] = "";
    size_t at = (size_t)(place - &m->in_new[0][0]);
    if (!qc_log_enabled(QC_LOG_DEBUG, "addrman"))
        return;
    uint32_t asn = qc_netgroups_asn(m->o.groups, &a->addr);
    if (asn)
        snprintf(as, sizeof as, " mapped to AS%u", asn);
    qc_peer_addr_text(a, text);
    qc_log(QC_LOG_DEBUG, "addrman", "Added %s%s to new[%zu][%zu]", text, as, at / QC_ADDRMAN_BUCKET,
           at % QC_ADDRMAN_BUCKET);
}

static bool add_one(qc_addrman *m, const qc_peer_addr *a, const qc_netaddr *source, int64_t penalty,
                    qc_unixtime now)
{
    if (!qc_netaddr_is_routable(&a->addr))
        return false;
    if (qc_netaddr_eq(&a->addr, source))
        penalty = 0;
    uint32_t s = qc_addrman_lookup(m, a);
    if (s) {
        if (!again(m, &m->info[s], a, penalty, now))
            return false;
    } else {
        if (!(s = qc_addrman_create(m, a, source)))
            return false;
        m->info[s].a.time = QC_MAX(0, a->time - penalty);
    }
    info *i = &m->info[s];
    uint32_t *place = new_place(m, i, source);
    if (*place == s)
        return false;
    bool free = *place == 0;
    if (!free) {
        const info *there = &m->info[*place];
        free = qc_addrman_is_terrible(there, now) || (there->refs > 1 && i->refs == 0);
    }
    if (free) {
        clear_new(m, place);
        i->refs++;
        *place = s;
        log_new(m, a, place);
    } else if (i->refs == 0) {
        qc_addrman_delete(m, s);
    }
    return free;
}

bool qc_addrman_add(qc_addrman *m, const qc_peer_addr *list, size_t n, const qc_netaddr *source,
                    int64_t penalty, qc_unixtime now)
{
    size_t added = 0;
    qc_addrman_sometimes_check(m);
    for (size_t k = 0; k < n; k++)
        added += add_one(m, &list[k], source, penalty, now);
    qc_addrman_sometimes_check(m);
    if (added && qc_log_enabled(QC_LOG_DEBUG, "addrman")) {
        char from[QC_NETADDR_TEXT];
        qc_netaddr_text(source, from);
        qc_log(QC_LOG_DEBUG, "addrman", "Added %zu addresses (of %zu) from %s: %d tried, %d new",
               added, n, from, m->n_tried, m->n_new);
    }
    return added > 0;
}

/* ---- connecting ---- */

static void remember_collision(qc_addrman *m, uint32_t slot)
{
    int64_t id = m->info[slot].id;
    size_t k = m->collisions;
    for (size_t j = 0; j < m->collisions; j++)
        if (m->collision[j].id == id)
            return;
    if (m->collisions == ADDRMAN_COLLISIONS_MAX)
        return;
    for (; k > 0 && m->collision[k - 1].id > id; k--)
        m->collision[k] = m->collision[k - 1];
    m->collision[k].slot = slot;
    m->collision[k].id = id;
    m->collisions++;
}

static bool good(qc_addrman *m, const qc_peer_addr *a, bool test_first, qc_unixtime now)
{
    m->last_good = now;
    uint32_t s = qc_addrman_lookup(m, a);
    if (!s)
        return false;
    info *i = &m->info[s];
    i->last_success = i->last_try = now;
    i->attempts = 0;
    /* Its time stays: that would tell others whom we are connected to. */
    if (i->tried || QC_BUG(i->refs == 0))
        return false;
    if (test_first && *tried_place(m, i)) {
        remember_collision(m, s);
        return false;
    }
    make_tried(m, s);
    return true;
}

bool qc_addrman_good(qc_addrman *m, const qc_peer_addr *a, qc_unixtime now)
{
    qc_addrman_sometimes_check(m);
    bool moved = good(m, a, true, now);
    qc_addrman_sometimes_check(m);
    return moved;
}

void qc_addrman_attempt(qc_addrman *m, const qc_peer_addr *a, bool count, qc_unixtime now)
{
    qc_addrman_sometimes_check(m);
    uint32_t s = qc_addrman_lookup(m, a);
    if (!s)
        return;
    info *i = &m->info[s];
    i->last_try = now;
    /* While nothing at all can be reached, failures say nothing: one counts after each success. */
    if (count && i->last_counted < m->last_good) {
        i->last_counted = now;
        i->attempts++;
    }
    qc_addrman_sometimes_check(m);
}

void qc_addrman_connected(qc_addrman *m, const qc_peer_addr *a, qc_unixtime now)
{
    uint32_t s = qc_addrman_lookup(m, a);
    if (s && now - m->info[s].a.time > 20 * MINUTE)
        m->info[s].a.time = now;
    qc_addrman_sometimes_check(m);
}

void qc_addrman_set_services(qc_addrman *m, const qc_peer_addr *a, uint64_t services)
{
    uint32_t s = qc_addrman_lookup(m, a);
    if (s)
        m->info[s].a.services = services;
    qc_addrman_sometimes_check(m);
}

/* ---- collisions ---- */

/* True: decided. */
static bool resolve(qc_addrman *m, uint32_t slot, int64_t id, qc_unixtime now)
{
    info *fresh = &m->info[slot];
    if (fresh->id != id || fresh->tried || !qc_netaddr_is_valid(&fresh->a.addr))
        return true;
    uint32_t old = *tried_place(m, fresh);
    if (QC_BUG(old == 0))
        return true;
    const info *o = &m->info[old];
    if (now - o->last_success < REPLACEMENT)
        return true; /* it works: it stays */
    bool failed = now - o->last_try < REPLACEMENT;
    if (failed ? now - o->last_try <= MINUTE : now - fresh->last_success <= TEST_WINDOW)
        return false; /* the test may still end well, or begin */
    good(m, &fresh->a, false, now);
    return true;
}

static void forget_collision(qc_addrman *m, size_t k)
{
    m->collisions--;
    for (; k < m->collisions; k++)
        m->collision[k] = m->collision[k + 1];
}

void qc_addrman_resolve_collisions(qc_addrman *m, qc_unixtime now)
{
    qc_addrman_sometimes_check(m);
    for (size_t k = 0; k < m->collisions;) {
        if (resolve(m, m->collision[k].slot, m->collision[k].id, now))
            forget_collision(m, k);
        else
            k++;
    }
    qc_addrman_sometimes_check(m);
}

bool qc_addrman_collision(qc_addrman *m, qc_peer_addr *out, qc_unixtime *last_try)
{
    qc_addrman_sometimes_check(m);
    if (m->collisions == 0)
        return false;
    size_t k = qc_addrman_range(m, (uint32_t)m->collisions);
    const info *fresh = &m->info[m->collision[k].slot];
    if (fresh->id != m->collision[k].id) {
        forget_collision(m, k);
        return false;
    }
    uint32_t old = *tried_place(m, fresh);
    if (QC_BUG(old == 0))
        return false;
    *out = m->info[old].a;
    *last_try = m->info[old].last_try;
    return true;
}
