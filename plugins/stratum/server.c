/* Connections: accepting, reading, writing, and who is thrown out. */
#include "plugins/stratum/stratum.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUT_BUSY (16u << 10) /* bytes unread, from which on a client is not listened to */
#define OUT_MAX (64u << 10)  /* with which it is let go */
#define TICK_MS 1000u
#define HANDSHAKE_MS 15000u
#define IDLE_MS 7200000u /* without a share */
#define IDLER_MS 600000u /* without a share, and it makes way for somebody new */
#define COMPLAIN_MS 60000u
#define SLICE_MS 20u
#define SLICES 64u /* of a refresh, over which clients are spread */
#define READS 4    /* of a connection before others have their turn */

/* ---- one connection ---- */

/* Put its points on its address. Returns: whether it has to go: its neighbours may have been worse,
 * and who is connected goes for his own. */
static bool blame(st_conn *c)
{
    stratum *t = c->t;
    const uint64_t now = t->pool.now_ms;
    uint32_t points = c->session.points;
    if (!points)
        return false;
    bool was = st_banned(&t->bans, c->name, now);
    c->session.points = 0;
    c->points = st_ban_faded(c->points, c->points_ms, now) + points;
    c->points_ms = now;
    bool is = st_ban_add(&t->bans, c->name, points, now, t->c.ban_seconds);
    if (is && !was)
        qn_logf(t->host, t->cap, QN_LOG_WARN, "%s is refused for %u s: it misbehaves", c->name,
                t->c.ban_seconds);
    return (is && c->points >= ST_POINTS_OWN) || c->points >= ST_BAN_POINTS;
}

static void drop(st_conn *c)
{
    stratum *t = c->t;
    (void)blame(c);
    st_store_left(t, &c->session);
    (void)t->net->io_unwatch(t->net_cap, c->fd);
    close(c->fd);
    (void)t->net->done(t->net_cap, c->id);
    st_session_clear(&c->session);
    st_line_clear(&c->line);
    t->conn[c->at] = t->conn[--t->n_conn];
    t->conn[c->at]->at = c->at;
    free(c);
}

static void on_io(void *arg, int32_t fd, uint32_t events);

/* Who does not read what it is told is not listened to: it cannot make us keep more and more. */
static bool watch(st_conn *c)
{
    const stratum *t = c->t;
    size_t unread = c->session.out.len;
    uint32_t events = (unread < OUT_BUSY ? QN_IO_READ : 0u) | (unread ? QN_IO_WRITE : 0u);
    if (events == c->events)
        return true;
    c->events = events;
    return t->net->io_watch(t->net_cap, c->fd, events, on_io, c) == QN_OK;
}

/* Write what can be written. Returns: false: it is gone. */
static bool write_some(st_conn *c)
{
    st_text *out = &c->session.out;
    size_t done = 0;
    while (!out->failed && done < out->len) {
        ssize_t n = send(c->fd, out->data + done, out->len - done, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN)
            return false;
        if (n < 0)
            break;
        done += (size_t)n;
    }
    st_text_take(out, done);
    if (!out->len && !out->failed)
        st_text_free(out);
    return !out->failed;
}

/* The same, and what was put off meanwhile. Returns: false: it is gone, or does not read. */
static bool flush(st_conn *c)
{
    if (!write_some(c))
        return false;
    if (c->owed && c->session.out.len < OUT_BUSY) {
        c->owed = false;
        st_session_notify(&c->session, c->owed_clean);
        c->owed_clean = false;
        if (!write_some(c))
            return false;
    }
    return c->session.out.len <= OUT_MAX && watch(c);
}

static bool on_line(void *arg, char *line, size_t len)
{
    st_conn *c = arg;
    st_store_reserve(c->t);
    bool go_on = st_session_line(&c->session, line, len);
    return !blame(c) && go_on && (c->session.out.len < OUT_BUSY || flush(c));
}

/* A client that was told to use TLS has a wrong port, which is nobody's fault. */
static bool speaks_tls(st_conn *c, const char *data, size_t n)
{
    stratum *t = c->t;
    bool is = !c->heard && data[0] == 0x16 && (n < 2 || data[1] == 3);
    c->heard = true;
    if (is && (!t->tls_ms || t->pool.now_ms - t->tls_ms >= COMPLAIN_MS)) {
        t->tls_ms = t->pool.now_ms ? t->pool.now_ms : 1;
        qn_logf(
            t->host, t->cap, QN_LOG_WARN,
            "%s speaks TLS, and there is none here: see README, or leave the s out of stratum+ssl",
            c->peer);
    }
    return is;
}

/* Returns: false: close it. */
static bool read_some(st_conn *c)
{
    char data[16384];
    for (int i = 0; i < READS && c->session.out.len < OUT_BUSY; i++) {
        ssize_t n = read(c->fd, data, sizeof data);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return true;
        if (n <= 0 || speaks_tls(c, data, (size_t)n))
            return false;
        if (!st_line_feed(&c->line, data, (size_t)n, on_line, c)) {
            if (c->line.too_long)
                c->session.points += ST_POINTS_TOO_LONG;
            (void)flush(c); /* the reason why, if there is room for it */
            return false;
        }
        if ((size_t)n < sizeof data)
            return true;
    }
    return true;
}

static void on_io(void *arg, int32_t fd, uint32_t events)
{
    st_conn *c = arg;
    (void)fd;
    st_clock(c->t);
    if ((events & QN_IO_READ && !read_some(c)) || !flush(c))
        drop(c);
}

/* ---- accepting ---- */

/* 0: it had none. */
static uint64_t last_share(const st_conn *c)
{
    return c->session.last_share_ms;
}

static uint32_t from_address(const stratum *t, const char *name)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n_conn; i++)
        n += strcmp(t->conn[i]->name, name) == 0;
    return n;
}

/* Connections cost nothing, shares do: when there are no more, whoever has shown none for long
 * goes, those that never had one first. */
static void make_way(stratum *t)
{
    st_conn *idler = NULL;
    for (uint32_t i = 0; i < t->n_conn; i++) {
        st_conn *c = t->conn[i];
        if (!idler || last_share(c) < last_share(idler) ||
            (last_share(c) == last_share(idler) && c->session.since_ms < idler->session.since_ms))
            idler = c;
    }
    if (idler && t->pool.now_ms - idler->session.since_ms >= IDLER_MS &&
        t->pool.now_ms - last_share(idler) >= IDLER_MS)
        drop(idler);
}

static bool room(stratum *t)
{
    if (t->n_conn >= t->c.max_connections)
        make_way(t);
    if (t->n_conn >= t->c.max_connections)
        return false;
    if (t->n_conn < t->cap_conn)
        return true;
    uint32_t cap = t->cap_conn ? t->cap_conn * 2 : 64;
    st_conn **list = realloc(t->conn, cap * sizeof(st_conn *));
    if (!list)
        return false;
    t->conn = list;
    t->cap_conn = cap;
    return true;
}

static void set_tick(stratum *t);

static void on_accept(void *arg, uint64_t listener, uint64_t connection, int32_t fd,
                      const char *peer, uint32_t peer_len)
{
    stratum *t = arg;
    char name[48];
    (void)listener;
    st_clock(t);
    st_ban_name(peer, peer_len, name);
    st_conn *c = NULL;
    if (!st_banned(&t->bans, name, t->pool.now_ms) && from_address(t, name) < t->c.per_address &&
        room(t))
        c = calloc(1, sizeof *c);
    if (c) {
        *c = (st_conn){.t = t, .fd = fd, .id = connection};
        snprintf(c->peer, sizeof c->peer, "%.*s", (int)peer_len, peer);
        memcpy(c->name, name, sizeof c->name);
        st_session_init(&c->session, &t->pool);
    }
    if (!c || !watch(c)) {
        free(c);
        close(fd);
        (void)t->net->done(t->net_cap, connection);
        t->refused_conns++;
        return;
    }
    c->at = t->n_conn;
    t->conn[t->n_conn++] = c;
    t->accepted_conns++;
    set_tick(t);
}

/* ---- time ---- */

static bool too_quiet(st_conn *c, uint64_t now)
{
    const st_session *s = &c->session;
    if (!st_session_mines(s)) {
        if (now - s->since_ms < HANDSHAKE_MS)
            return false;
        if (!s->subscribed) /* else its user name may be wrong: not its neighbours' fault */
            c->session.points += ST_POINTS_SILENT;
        return true;
    }
    uint64_t last = s->last_share_ms ? s->last_share_ms : s->since_ms;
    return now - last > IDLE_MS;
}

static void on_tick(void *arg)
{
    stratum *t = arg;
    bool awaited = false;
    t->tick = 0;
    st_clock(t);
    for (uint32_t i = t->n_conn; i-- > 0;) {
        st_conn *c = t->conn[i];
        st_session_tick(&c->session);
        awaited |= st_session_waits(&c->session);
        if (too_quiet(c, t->pool.now_ms) || !flush(c))
            drop(c);
    }
    st_templates_tick(t, awaited);
    st_blocks_tick(t);
    st_store_sync(t);
    set_tick(t);
}

/* Nothing rings while nobody is connected, and no block waits. */
static void set_tick(stratum *t)
{
    if (!t->tick && (t->n_conn || t->n_found))
        (void)t->host->timer_set(t->cap, TICK_MS, on_tick, t, &t->tick);
}

/* ---- telling ---- */

static void tell(st_conn *c, bool clean)
{
    if (c->session.out.len < OUT_BUSY) {
        st_session_notify(&c->session, clean);
    } else {
        c->owed = true;
        c->owed_clean |= clean;
    }
    if (!flush(c))
        drop(c);
}

void st_server_tell(stratum *t, bool clean)
{
    uint32_t n = t->n_conn;
    for (uint32_t i = n; i-- > 0;)
        tell(t->conn[i], clean);
    if (!clean)
        return;
    t->n_told = n;
    t->told_ms = t->host->now_ms(t->cap) - t->pool.now_ms; /* since it was heard of */
}

/* A part of those who have not heard of the newest job; then the rest, a little later. */
static void on_spread(void *arg)
{
    stratum *t = arg;
    uint32_t some = t->n_conn / SLICES + 32, told = 0;
    t->spread = 0;
    st_clock(t);
    for (uint32_t i = t->n_conn; i-- > 0 && told < some;) {
        const st_session *s = &t->conn[i]->session;
        if (!st_session_mines(s) || s->told == t->pool.jobs.last)
            continue;
        tell(t->conn[i], false);
        told++;
    }
    if (told == some)
        st_server_tell_slowly(t);
}

void st_server_tell_slowly(stratum *t)
{
    if (!t->spread && t->host->timer_set(t->cap, SLICE_MS, on_spread, t, &t->spread) != QN_OK)
        st_server_tell(t, false);
}

void st_server_displace(void *arg, const uint8_t en1[ST_EN1_LEN], const st_session *by)
{
    stratum *t = arg;
    for (uint32_t i = t->n_conn; i-- > 0;) {
        st_session *s = &t->conn[i]->session;
        if (s != by && s->subscribed && memcmp(s->en1, en1, ST_EN1_LEN) == 0)
            drop(t->conn[i]);
    }
}

/* A machine tries again each second: one line of a minute says how many there were. */
void st_server_refused(void *arg, const st_session *s, const char *user, const char *why)
{
    stratum *t = arg;
    const st_conn *c = (const st_conn *)((const char *)s - offsetof(st_conn, session));
    const uint64_t now = t->pool.now_ms, more = t->pool.refused_users - t->users_said - 1;
    char others[80] = "";
    if (t->user_ms && now - t->user_ms < COMPLAIN_MS)
        return;
    if (more)
        snprintf(others, sizeof others, " (%llu more since this was said last)",
                 (unsigned long long)more);
    t->user_ms = now ? now : 1;
    t->users_said = t->pool.refused_users;
    qn_logf(t->host, t->cap, QN_LOG_WARN, "%s may not mine as '%s': %s%s", c->peer, user, why,
            others);
}

void st_server_lost(void *arg, const st_session *s, const char *user, uint64_t job)
{
    stratum *t = arg;
    const st_conn *c = (const st_conn *)((const char *)s - offsetof(st_conn, session));
    const uint64_t now = t->pool.now_ms;
    if (t->lost_ms && now - t->lost_ms < COMPLAIN_MS)
        return;
    t->lost_ms = now ? now : 1;
    qn_logf(t->host, t->cap, QN_LOG_ERROR,
            "%s of %s has a share of job %llx, which this version of the plugin cannot read (%llu "
            "such shares since its start): a block among them is LOST",
            user, c->peer, (unsigned long long)job, (unsigned long long)t->pool.lost_shares);
}

/* ---- life ---- */

qn_status st_server_open(stratum *t)
{
    char text[sizeof t->c.listen], *at = text;
    memcpy(text, t->c.listen, sizeof text);
    while (*(at += strspn(at, " ")) && t->n_listeners < ST_LISTENERS) {
        size_t len = strcspn(at, " ");
        char *next = at + len + (at[len] != 0);
        at[len] = 0;
        qn_status st = t->net->open(t->net_cap, at, on_accept, t, &t->listener[t->n_listeners]);
        if (st != QN_OK) {
            qn_logf(t->host, t->cap, QN_LOG_ERROR, "cannot listen on %s: %s", at,
                    st == QN_E_DENIED ? "the grant of net.listen/1 does not name it"
                    : st == QN_E_BUSY ? "another program listens there"
                                      : "see the node's log");
            return st;
        }
        t->n_listeners++;
        at = next;
    }
    return QN_OK;
}

void st_server_close(stratum *t)
{
    for (; t->n_listeners; t->n_listeners--)
        (void)t->net->close(t->net_cap, t->listener[t->n_listeners - 1]);
    while (t->n_conn)
        drop(t->conn[t->n_conn - 1]);
    free(t->conn);
    t->conn = NULL;
    t->cap_conn = 0;
    if (t->tick)
        (void)t->host->timer_cancel(t->cap, t->tick);
    if (t->spread)
        (void)t->host->timer_cancel(t->cap, t->spread);
    t->tick = t->spread = 0;
}
