#include "core/net/peerbook.h"

#include "core/base/alloc.h"
#include "core/base/hostport.h"
#include "core/base/log.h"
#include "core/net/addrfile.h"
#include "core/net/asmap.h"
#include "core/os/file.h"

#include <stdlib.h>

static uint64_t random_word(void *arg)
{
    uint64_t r;
    (void)arg;
    qc_os_random(&r, sizeof r);
    return r;
}

static qc_err load_asmap(qc_peerbook *b, const char *path, char **error)
{
    qc_bytes map = QC_BYTES_INIT;
    char hex[QC_HASH_HEX_LEN + 1];
    if (!path) {
        qc_log(QC_LOG_INFO, "net", "Using /16 prefix for IP bucketing");
        return QC_OK;
    }
    if (!qc_os_exists(path)) {
        *error = qc_asprintf("Could not find asmap file \"%s\"", path);
        return QC_ENOENT;
    }
    qc_err err = qc_os_read_file(path, QC_ASMAP_MAX, &map);
    size_t len = map.len;
    if (!err)
        qc_log(QC_LOG_INFO, "net", "Opened asmap file \"%s\" (%zu bytes) from disk", path, len);
    if (!err)
        err = qc_netgroups_load(&b->groups, map);
    if (err) {
        *error = qc_asprintf("Could not parse asmap file \"%s\"", path);
        return err;
    }
    qc_hash_hex(&b->groups.version, hex);
    qc_log(QC_LOG_INFO, "net", "Using asmap version %s for IP bucketing", hex);
    return QC_OK;
}

static qc_err load_peers(qc_peerbook *b, const qc_peerbook_options *o, char **error)
{
    qc_addrman_options a = {
        .groups = &b->groups, .key = {{1}}, .random = random_word, .check_ratio = o->check_ratio};
    if (!o->known_key)
        qc_os_random(a.key.b, sizeof a.key.b);
    return qc_peers_load(b->peers_path, b->magic, &a, &b->addrs, error);
}

qc_err qc_peerbook_open(qc_peerbook **out, const qc_peerbook_options *o, char **error)
{
    qc_peerbook *b = qc_alloc(sizeof *b);
    pthread_mutex_init(&b->lock, NULL);
    pthread_mutex_init(&b->writing, NULL);
    memcpy(b->magic, o->magic, sizeof b->magic);
    b->cjdns = o->cjdns;
    b->local = qc_localaddrs_new(&o->local);
    b->peers_path = qc_asprintf("%s/peers.dat", o->dir);
    b->bans_path = qc_asprintf("%s/banlist.json", o->dir);
    qc_err err = load_asmap(b, o->asmap, error);
    if (!err)
        err = load_peers(b, o, error);
    if (!err && (err = qc_bans_init(&b->bans, o->ban_seconds, (uint32_t)random_word(NULL))))
        *error = qc_strdup(qc_err_text(err));
    if (err) {
        qc_peerbook_close(b);
        return err;
    }
    qc_bans_load(&b->bans, b->bans_path, b->cjdns, qc_clock_now());
    qc_peerbook_write_bans(b);
    *out = b;
    return QC_OK;
}

void qc_peerbook_close(qc_peerbook *b)
{
    if (!b)
        return;
    qc_addrman_free(b->addrs);
    qc_bans_clear(&b->bans);
    qc_netgroups_clear(&b->groups);
    qc_localaddrs_free(b->local);
    qc_free(b->peers_path);
    qc_free(b->bans_path);
    pthread_mutex_destroy(&b->lock);
    pthread_mutex_destroy(&b->writing);
    qc_free(b);
}

static void complain(const char *path, qc_err err)
{
    if (err)
        qc_log(QC_LOG_ERROR, "net", "Cannot write %s: %s", path, qc_err_text(err));
}

void qc_peerbook_write_bans(qc_peerbook *b)
{
    qc_bytes bytes = QC_BYTES_INIT;
    pthread_mutex_lock(&b->writing);
    pthread_mutex_lock(&b->lock);
    qc_err err = qc_bans_unsaved(&b->bans, qc_clock_now(), &bytes);
    size_t n = b->bans.n;
    pthread_mutex_unlock(&b->lock);
    if (!err && bytes.len && (err = qc_bans_write(b->bans_path, &bytes, n))) {
        pthread_mutex_lock(&b->lock);
        b->bans.dirty = true;
        pthread_mutex_unlock(&b->lock);
    }
    pthread_mutex_unlock(&b->writing);
    complain(b->bans_path, err);
}

/* The bytes are made under the lock, the disk is waited for without it. */
void qc_peerbook_write(qc_peerbook *b)
{
    qc_bytes bytes = QC_BYTES_INIT;
    qc_mono from = qc_clock_mono();
    pthread_mutex_lock(&b->lock);
    size_t n = qc_addrman_size(b->addrs, QC_NETWORK_ALL, QC_TABLE_BOTH);
    qc_err err = qc_peers_encode(b->addrs, b->magic, &bytes);
    pthread_mutex_unlock(&b->lock);
    if (!err)
        err = qc_os_write_file_atomic(b->peers_path, qc_bytes_span(&bytes), 0600);
    qc_bytes_free(&bytes);
    complain(b->peers_path, err);
    if (!err)
        qc_log(QC_LOG_DEBUG, "net", "Flushed %zu addresses to peers.dat %lldms", n,
               (long long)((qc_clock_mono() - from) / 1000000));
    qc_peerbook_write_bans(b);
}

/* ---- the map's health ---- */

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

void qc_peerbook_log_asmap(qc_peerbook *b)
{
    const qc_addrman_ask ask = {.net = QC_NETWORK_ALL, .all_qualities = true};
    qc_peer_addr *list;
    size_t n, clear = 0, systems = 0, unmapped = 0;
    if (b->groups.asmap.len == 0)
        return;
    pthread_mutex_lock(&b->lock);
    qc_err err = qc_addrman_get(b->addrs, &ask, qc_clock_now(), &list, &n);
    pthread_mutex_unlock(&b->lock);
    if (err)
        return;
    uint32_t *asn = qc_try_calloc(n + 1, sizeof *asn);
    for (size_t i = 0; asn && i < n; i++) {
        qc_network class = qc_netaddr_class(&list[i].addr);
        if (class == QC_NETWORK_IPV4 || class == QC_NETWORK_IPV6)
            asn[clear++] = qc_netgroups_asn(&b->groups, &list[i].addr);
    }
    if (asn)
        qsort(asn, clear, sizeof *asn, by_value);
    for (size_t i = 0; asn && i < clear; i++) {
        unmapped += asn[i] == 0;
        systems += asn[i] != 0 && (i == 0 || asn[i - 1] != asn[i]);
    }
    qc_log(QC_LOG_INFO, "net",
           "ASMap Health Check: %zu clearnet peers are mapped to %zu ASNs with %zu peers being "
           "unmapped",
           clear, systems, unmapped);
    qc_free(asn);
    qc_free(list);
}

bool qc_peerbook_read(const qc_peerbook *b, const char *text, qc_netaddr *a, uint16_t *port)
{
    char host[256];
    qc_netaddr got;
    if (qc_split_host_port0(text, host, sizeof host, port) || qc_netaddr_parse(host, &got))
        return false;
    *a = qc_netaddr_flip_cjdns(&got, b->cjdns);
    return true;
}

static bool read_address(const qc_peerbook *b, const char *text, qc_netaddr *out)
{
    uint16_t port = 0;
    return qc_peerbook_read(b, text, out, &port);
}

qc_err qc_peerbook_addresses(qc_peerbook *b, const qc_addrman_ask *ask, qc_unixtime now,
                             qc_peer_addr **list, size_t *n)
{
    size_t kept = 0;
    pthread_mutex_lock(&b->lock);
    qc_err err = qc_addrman_get(b->addrs, ask, now, list, n);
    for (size_t i = 0; !err && i < *n; i++)
        if (!qc_bans_is_discouraged(&b->bans, &(*list)[i].addr) &&
            !qc_bans_has(&b->bans, &(*list)[i].addr, now))
            (*list)[kept++] = (*list)[i];
    pthread_mutex_unlock(&b->lock);
    if (!err)
        *n = kept;
    return err;
}

void qc_peerbook_discourage(qc_peerbook *b, const char *addr)
{
    qc_netaddr a;
    if (!read_address(b, addr, &a))
        return;
    pthread_mutex_lock(&b->lock);
    qc_bans_discourage(&b->bans, &a);
    pthread_mutex_unlock(&b->lock);
}

qc_standing qc_peerbook_standing(qc_peerbook *b, const qc_netaddr *a)
{
    pthread_mutex_lock(&b->lock);
    qc_standing s = qc_bans_has(&b->bans, a, qc_clock_now()) ? QC_STANDING_BANNED
                    : qc_bans_is_discouraged(&b->bans, a)    ? QC_STANDING_DISCOURAGED
                                                             : QC_STANDING_GOOD;
    pthread_mutex_unlock(&b->lock);
    return s;
}

/* ---- connections that we made ---- */

void qc_peerbook_attempt(qc_peerbook *b, const qc_peer_addr *a, bool count)
{
    pthread_mutex_lock(&b->lock);
    qc_addrman_attempt(b->addrs, a, count, qc_clock_now());
    pthread_mutex_unlock(&b->lock);
}

void qc_peerbook_services(qc_peerbook *b, const qc_peer_addr *a, uint64_t services)
{
    pthread_mutex_lock(&b->lock);
    qc_addrman_set_services(b->addrs, a, services);
    pthread_mutex_unlock(&b->lock);
}

void qc_peerbook_good(qc_peerbook *b, const qc_peer_addr *a)
{
    pthread_mutex_lock(&b->lock);
    qc_addrman_good(b->addrs, a, qc_clock_now());
    pthread_mutex_unlock(&b->lock);
}

void qc_peerbook_connected(qc_peerbook *b, const qc_peer_addr *a)
{
    pthread_mutex_lock(&b->lock);
    qc_addrman_connected(b->addrs, a, qc_clock_now());
    pthread_mutex_unlock(&b->lock);
}
