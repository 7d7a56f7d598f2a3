#include "core/net/addrfile.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/crypto/sha256.h"
#include "core/net/addrman_internal.h"
#include "core/os/file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX (64u << 20) /* a full manager takes 9 MiB */
#define ANCHORS_FILE_MAX (64u << 10)
/* Where reports of bugs are wanted, by those who package this: -DQC_BUGREPORT='"..."'. */
#ifndef QC_BUGREPORT
#define QC_BUGREPORT "none"
#endif

/* The first byte is the format, the second the oldest format that a reader must know, plus 32: in
 * the first format the size of the key stood there. */
#define FORMAT 4
#define FORMAT_BUCKETS 1 /* since then the number of buckets has bit 30 flipped */
#define FORMAT_ASMAP 2   /* the version of the asmap follows at the end */
#define FORMAT_BIP155 3  /* addresses are in the encoding of BIP155 */
#define COMPAT_BASE 32
#define BUCKETS_FLIP (1u << 30)

/* ---- writing ---- */

static int by_id(const void *a, const void *b)
{
    int64_t x = (*(info *const *)a)->id, y = (*(info *const *)b)->id;
    return x < y ? -1 : x > y;
}

static qc_err write_info(qc_bytes *out, const info *i)
{
    qc_err err = qc_peer_addr_write(out, QC_ADDR_DISK_V2, &i->a);
    if (!err)
        err = qc_netaddr_write(out, true, &i->source);
    if (!err)
        err = qc_w_le64(out, (uint64_t)i->last_success);
    return err ? err : qc_w_le32(out, (uint32_t)i->attempts);
}

/* All of a table in order of arrival, so that a file that is read and written stays the same. */
static qc_err write_table(qc_addrman *m, bool tried, qc_bytes *out)
{
    info **list = qc_try_calloc(m->n + 1, sizeof *list);
    int32_t n = 0;
    qc_err err = list ? QC_OK : QC_ENOMEM;
    for (uint32_t k = 0; list && k < m->n; k++)
        if (m->info[m->order[k]].tried == tried)
            list[n++] = &m->info[m->order[k]];
    if (n)
        qsort(list, (size_t)n, sizeof *list, by_id);
    for (int32_t k = 0; !err && k < n; k++) {
        list[k]->mark = k;
        err = write_info(out, list[k]);
    }
    qc_free(list);
    return err;
}

static qc_err write_buckets(qc_addrman *m, qc_bytes *out)
{
    qc_err err = QC_OK;
    for (int b = 0; !err && b < QC_ADDRMAN_NEW_BUCKETS; b++) {
        uint32_t n = 0;
        for (int p = 0; p < QC_ADDRMAN_BUCKET; p++)
            n += m->in_new[b][p] != 0;
        err = qc_w_le32(out, n);
        for (int p = 0; !err && p < QC_ADDRMAN_BUCKET; p++)
            if (m->in_new[b][p])
                err = qc_w_le32(out, (uint32_t)m->info[m->in_new[b][p]].mark);
    }
    return err;
}

static qc_err write_body(qc_addrman *m, qc_bytes *out)
{
    qc_err err = qc_w_u8(out, FORMAT);
    if (!err)
        err = qc_w_u8(out, COMPAT_BASE + FORMAT);
    if (!err)
        err = qc_bytes_append(out, m->o.key.b, sizeof m->o.key.b);
    if (!err)
        err = qc_w_le32(out, (uint32_t)m->n_new);
    if (!err)
        err = qc_w_le32(out, (uint32_t)m->n_tried);
    if (!err)
        err = qc_w_le32(out, QC_ADDRMAN_NEW_BUCKETS ^ BUCKETS_FLIP);
    if (!err)
        err = write_table(m, false, out);
    if (!err)
        err = write_table(m, true, out);
    return err ? err : write_buckets(m, out);
}

static qc_err seal(qc_bytes *out, size_t from)
{
    uint8_t h[QC_SHA256_LEN];
    qc_sha256d(qc_span_of(out->data + from, out->len - from), h);
    return qc_bytes_append(out, h, sizeof h);
}

qc_err qc_peers_encode(qc_addrman *m, const uint8_t magic[static 4], qc_bytes *out)
{
    size_t from = out->len;
    qc_addrman_sometimes_check(m);
    qc_err err = qc_bytes_append(out, magic, 4);
    if (!err)
        err = write_body(m, out);
    if (!err)
        err = qc_bytes_append(out, m->o.groups->version.b, sizeof m->o.groups->version.b);
    return err ? err : seal(out, from);
}

/* ---- reading ---- */

typedef struct decoder {
    qc_addrman *m;
    qc_reader r;
    qc_addr_format format;
    uint8_t version;
    int32_t buckets;
    uint32_t n_new; /* slots 1 to n_new are the new table's, in the order of the file */
    qc_peers_fault *why;
} decoder;

/* Core's readers throw these; its C++ library adds the name of the class. */
static qc_peers_end QC_PRINTF(2, 3) corrupt(decoder *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(d->why->text, sizeof d->why->text, fmt, ap);
    va_end(ap);
    if (n > 0 && (size_t)n < sizeof d->why->text)
        snprintf(d->why->text + n, sizeof d->why->text - (size_t)n, ": iostream error");
    return QC_PEERS_CORRUPT;
}

static qc_peers_end ran_out(decoder *d)
{
    if (d->r.fail == QC_WIRE_END)
        return corrupt(d, "AutoFile::read: end of file");
    return corrupt(d, "%s", qc_wire_text(d->r.fail));
}

static qc_peers_end read_head(decoder *d)
{
    qc_addrman *m = d->m;
    d->version = qc_r_u8(&d->r);
    uint8_t compat = qc_r_u8(&d->r);
    if (d->r.fail)
        return ran_out(d);
    if (compat < COMPAT_BASE)
        return corrupt(d,
                       "Corrupted addrman database: The compat value (%u) is lower than the "
                       "expected minimum value %u.",
                       compat, COMPAT_BASE);
    if (compat - COMPAT_BASE > FORMAT)
        return QC_PEERS_NEWER;
    d->format = d->version >= FORMAT_BIP155 ? QC_ADDR_DISK_V2 : QC_ADDR_DISK_V1;
    qc_r_hash(&d->r, &m->o.key);
    int32_t n_new = (int32_t)qc_r_le32(&d->r), n_tried = (int32_t)qc_r_le32(&d->r);
    uint32_t buckets = qc_r_le32(&d->r);
    if (d->r.fail)
        return ran_out(d);
    d->buckets = (int32_t)(d->version >= FORMAT_BUCKETS ? buckets ^ BUCKETS_FLIP : buckets);
    if (n_new < 0 || n_new > QC_ADDRMAN_NEW_MAX)
        return corrupt(d, "Corrupt AddrMan serialization: nNew=%d, should be in [0, %d]", n_new,
                       QC_ADDRMAN_NEW_MAX);
    if (n_tried < 0 || n_tried > QC_ADDRMAN_TRIED_MAX)
        return corrupt(d, "Corrupt AddrMan serialization: nTried=%d, should be in [0, %d]", n_tried,
                       QC_ADDRMAN_TRIED_MAX);
    d->n_new = (uint32_t)n_new;
    m->n_tried = n_tried; /* so many follow; set right by read_tried() */
    return QC_PEERS_OK;
}

static qc_peers_end read_info(decoder *d, info *i)
{
    qc_addr_fault why;
    *i = (info){.id = 0};
    if (!qc_peer_addr_read(&d->r, d->format, &i->a, &why) ||
        !qc_netaddr_read(&d->r, d->format == QC_ADDR_DISK_V2, &i->source, &why))
        return d->r.fail ? ran_out(d) : corrupt(d, "%s", why.text);
    i->last_success = (int64_t)qc_r_le64(&d->r);
    i->attempts = (int32_t)qc_r_le32(&d->r);
    return d->r.fail ? ran_out(d) : QC_PEERS_OK;
}

static uint32_t enter(qc_addrman *m, const info *i)
{
    uint32_t s = qc_addrman_create(m, &i->a, &i->source);
    if (s) {
        m->info[s].last_success = i->last_success;
        m->info[s].attempts = i->attempts;
    }
    return s;
}

static qc_peers_end read_new(decoder *d)
{
    info i;
    for (uint32_t k = 0; k < d->n_new; k++) {
        qc_peers_end end = read_info(d, &i);
        if (end)
            return end;
        if (!enter(d->m, &i))
            return QC_PEERS_NOMEM;
    }
    return QC_PEERS_OK;
}

/* What has no place, or lost it to another, is dropped. */
static qc_peers_end read_tried(decoder *d)
{
    qc_addrman *m = d->m;
    int32_t n = m->n_tried;
    info i;
    m->n_tried = 0;
    for (int32_t k = 0; k < n; k++) {
        qc_peers_end end = read_info(d, &i);
        if (end)
            return end;
        int bucket = qc_addrman_tried_bucket(m, &i);
        uint32_t *place = &m->in_tried[bucket][qc_addrman_position(m, &i, false, bucket)];
        if (!qc_netaddr_is_valid(&i.a.addr) || *place)
            continue;
        uint32_t s = enter(m, &i);
        if (!s)
            return QC_PEERS_NOMEM;
        qc_network net = qc_netaddr_network(&i.a.addr);
        m->info[s].tried = true;
        m->n_new--;
        m->n_tried++;
        m->count[net].in_new--;
        m->count[net].in_tried++;
        *place = s;
    }
    return QC_PEERS_OK;
}

/* One entry of a bucket. If places are other ones now, the entry goes where its first source puts
 * it. */
static void put_new(qc_addrman *m, int bucket, uint32_t slot, bool keep)
{
    info *i = &m->info[slot];
    if (!qc_netaddr_is_valid(&i->a.addr) || i->refs >= ADDRMAN_REFS_MAX)
        return;
    uint32_t *place = NULL;
    if (keep)
        place = &m->in_new[bucket][qc_addrman_position(m, i, true, bucket)];
    if (!place || *place) {
        bucket = qc_addrman_new_bucket(m, i, &i->source);
        place = &m->in_new[bucket][qc_addrman_position(m, i, true, bucket)];
    }
    if (*place)
        return;
    *place = slot;
    i->refs++;
}

/* Over all buckets: only looking (`put` false), so as to reach what follows them, or placing. */
static void walk_buckets(decoder *d, bool put, bool keep)
{
    for (int32_t b = 0; b < d->buckets && !d->r.fail; b++) {
        int32_t n = (int32_t)qc_r_le32(&d->r);
        for (int32_t k = 0; k < n && !d->r.fail; k++) {
            uint32_t index = qc_r_le32(&d->r);
            if (put && !d->r.fail && index < d->n_new)
                put_new(d->m, b, index + 1, keep);
        }
    }
}

static qc_peers_end read_buckets(decoder *d)
{
    qc_addrman *m = d->m;
    qc_hash version = {{0}};
    qc_reader start = d->r;
    walk_buckets(d, false, false);
    if (d->version >= FORMAT_ASMAP)
        qc_r_hash(&d->r, &version);
    if (d->r.fail)
        return ran_out(d);
    bool keep = d->buckets == QC_ADDRMAN_NEW_BUCKETS && qc_hash_eq(&version, &m->o.groups->version);
    if (!keep)
        qc_log(QC_LOG_DEBUG, "addrman",
               "Bucketing method was updated, re-bucketing addrman entries from disk");
    qc_reader end = d->r;
    d->r = start;
    walk_buckets(d, true, keep);
    d->r = end;
    for (uint32_t s = 1; s <= d->n_new; s++)
        if (m->info[s].refs == 0)
            qc_addrman_delete(m, s);
    return QC_PEERS_OK;
}

static qc_peers_end plain_fault(qc_peers_fault *why, const char *text)
{
    snprintf(why->text, sizeof why->text, "%s", text);
    return QC_PEERS_CORRUPT;
}

/* The sum over all that was read stands next. */
static bool sum_is_right(qc_reader *r)
{
    uint8_t h[QC_SHA256_LEN];
    qc_hash want;
    qc_sha256d(qc_span_of(r->start, (size_t)(r->p - r->start)), h);
    qc_r_hash(r, &want);
    return memcmp(want.b, h, sizeof h) == 0;
}

qc_peers_end qc_peers_decode(qc_addrman *m, const uint8_t magic[static 4], qc_span file,
                             qc_peers_fault *why)
{
    static qc_peers_end (*const STEP[])(decoder *) = {read_head, read_new, read_tried,
                                                      read_buckets};
    decoder d = {.m = m, .r = qc_reader_of(file), .why = why};
    QC_ASSERT(m->n == 0 && m->used == 0);
    qc_span head = qc_r_span(&d.r, 4);
    if (d.r.fail)
        return ran_out(&d);
    if (memcmp(head.data, magic, 4) != 0)
        return plain_fault(why, "Invalid network magic number");
    for (size_t k = 0; k < QC_COUNTOF(STEP); k++) {
        qc_peers_end end = STEP[k](&d);
        if (end)
            return end;
    }
    int code = qc_addrman_check(m);
    if (code)
        return corrupt(&d, "Corrupt data. Consistency check failed with code %d", code);
    bool right = sum_is_right(&d.r);
    if (d.r.fail)
        return ran_out(&d);
    return right ? QC_PEERS_OK : plain_fault(why, "Checksum mismatch, data corrupted");
}

/* ---- files ---- */

static char *corrupt_text(const char *path, const char *why)
{
    return qc_asprintf(
        "Invalid or corrupt peers.dat (%s). If you believe this is a bug, please report it to %s. "
        "As a workaround, you can move the file (\"%s\") out of the way (rename, move, or delete) "
        "to have a new one created on the next start.",
        why, QC_BUGREPORT, path);
}

static qc_err set_aside(const char *path, char **error)
{
    char *bak = qc_asprintf("%s.bak", path);
    qc_err err = qc_os_rename(path, bak);
    qc_free(bak);
    if (err)
        *error = qc_strdup("Failed to rename invalid peers.dat file. Please move or delete it and "
                           "try again.");
    return err;
}

/* Out: *out as it is to be used; NULL with an error. */
static qc_err take_file(const char *path, const uint8_t magic[static 4], qc_span file,
                        const qc_addrman_options *o, qc_addrman **out, char **error)
{
    qc_peers_fault why;
    qc_mono from = qc_clock_mono();
    qc_addrman *m = qc_addrman_new(o);
    qc_err err = QC_OK;
    switch (qc_peers_decode(m, magic, file, &why)) {
    case QC_PEERS_OK:
        qc_log(QC_LOG_INFO, "addrman", "Loaded %u addresses from peers.dat %lldms", m->n,
               (long long)((qc_clock_mono() - from) / 1000000));
        *out = m;
        return QC_OK;
    case QC_PEERS_NEWER:
        if (!(err = set_aside(path, error)))
            qc_log(QC_LOG_WARN, "addrman",
                   "Creating new peers.dat because the file version was not compatible (\"%s\"). "
                   "Original backed up to peers.dat.bak",
                   path);
        break;
    case QC_PEERS_CORRUPT:
        *error = corrupt_text(path, why.text);
        err = QC_ECORRUPT;
        break;
    case QC_PEERS_NOMEM:
        *error = corrupt_text(path, qc_err_text(QC_ENOMEM));
        err = QC_ENOMEM;
        break;
    }
    qc_addrman_free(m);
    return err;
}

qc_err qc_peers_load(const char *path, const uint8_t magic[static 4], const qc_addrman_options *o,
                     qc_addrman **out, char **error)
{
    qc_bytes file = QC_BYTES_INIT;
    qc_mono from = qc_clock_mono();
    *out = NULL;
    qc_err err = qc_os_read_file(path, FILE_MAX, &file);
    if (!err) {
        err = take_file(path, magic, qc_bytes_span(&file), o, out, error);
        qc_bytes_free(&file);
    } else if (err == QC_ENOENT) {
        qc_log(QC_LOG_INFO, "addrman", "Creating peers.dat because the file was not found (\"%s\")",
               path);
        err = QC_OK;
    } else {
        *error = corrupt_text(path, qc_err_text(err));
    }
    if (err)
        return err;
    bool fresh = !*out;
    if (fresh)
        *out = qc_addrman_new(o);
    if (fresh && (err = qc_peers_save(*out, path, magic)))
        qc_log(QC_LOG_ERROR, "addrman", "Cannot write %s: %s", path, qc_err_text(err));
    qc_log(QC_LOG_INFO, "net", "Loaded %zu addresses from peers.dat  %lldms",
           qc_addrman_size(*out, QC_NETWORK_ALL, QC_TABLE_BOTH),
           (long long)((qc_clock_mono() - from) / 1000000));
    return QC_OK;
}

qc_err qc_peers_save(qc_addrman *m, const char *path, const uint8_t magic[static 4])
{
    qc_bytes b = QC_BYTES_INIT;
    qc_err err = qc_peers_encode(m, magic, &b);
    if (!err)
        err = qc_os_write_file_atomic(path, qc_bytes_span(&b), 0600);
    qc_bytes_free(&b);
    return err;
}

/* ---- anchors ---- */

static size_t read_anchors(qc_span file, const uint8_t magic[static 4],
                           qc_peer_addr out[static QC_ANCHORS_MAX])
{
    qc_reader r = qc_reader_of(file);
    qc_addr_fault why;
    qc_peer_addr a;
    qc_span head = qc_r_span(&r, 4);
    uint64_t n = qc_r_compact(&r);
    if (r.fail || memcmp(head.data, magic, 4) != 0)
        return 0;
    for (uint64_t k = 0; k < n; k++) {
        if (!qc_peer_addr_read(&r, QC_ADDR_DISK_V2, &a, &why))
            return 0;
        if (k < QC_ANCHORS_MAX)
            out[k] = a;
    }
    if (!sum_is_right(&r) || r.fail)
        return 0;
    return (size_t)(n < QC_ANCHORS_MAX ? n : QC_ANCHORS_MAX);
}

size_t qc_anchors_take(const char *path, const uint8_t magic[static 4],
                       qc_peer_addr out[static QC_ANCHORS_MAX])
{
    qc_bytes file = QC_BYTES_INIT;
    size_t n = 0;
    qc_err err = qc_os_read_file(path, ANCHORS_FILE_MAX, &file);
    if (err == QC_ENOENT)
        return 0;
    if (!err)
        n = read_anchors(qc_bytes_span(&file), magic, out);
    qc_bytes_free(&file);
    if (qc_os_unlink(path))
        qc_log(QC_LOG_WARN, "net", "Cannot remove %s", path);
    if (n)
        qc_log(QC_LOG_INFO, "net", "Loaded %zu addresses from \"anchors.dat\"", n);
    return n;
}

qc_err qc_anchors_save(const char *path, const uint8_t magic[static 4], const qc_peer_addr *a,
                       size_t n)
{
    qc_bytes b = QC_BYTES_INIT;
    qc_err err = qc_bytes_append(&b, magic, 4);
    if (!err)
        err = qc_w_compact(&b, n);
    for (size_t k = 0; !err && k < n; k++)
        err = qc_peer_addr_write(&b, QC_ADDR_DISK_V2, &a[k]);
    if (!err)
        err = seal(&b, 0);
    if (!err)
        err = qc_os_write_file_atomic(path, qc_bytes_span(&b), 0600);
    qc_bytes_free(&b);
    return err;
}
