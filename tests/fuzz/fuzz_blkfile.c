/* One file as a blk file that is scanned and read, and as a rev file that is read. The first byte
 * decides about obfuscation, what follows a block, and where is read. */
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/os/file.h"
#include "core/store/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const uint8_t MAGIC[4] = {0xfa, 0xbf, 0xb5, 0xda};
static const uint8_t KEY[8] = {1, 2, 3, 4, 5, 6, 7, 8};
static char g_dir[] = "/tmp/quoin-fuzz.XXXXXX";

static void log_nowhere(void *arg, qc_log_level level, const char *area, const char *line,
                        size_t len)
{
    (void)arg, (void)level, (void)area, (void)line, (void)len;
}

static void clean(void)
{
    QC_ASSERT(!qc_os_remove_tree(g_dir));
}

/* The folder lives as long as the process; each input replaces its files. */
static void make_dir(void)
{
    static bool made;
    if (made)
        return;
    QC_ASSERT(mkdtemp(g_dir));
    atexit(clean);
    qc_log_set_sink(log_nowhere, NULL);
    made = true;
}

static const char *write_file(const char *name, const void *data, size_t len)
{
    static char path[64];
    snprintf(path, sizeof path, "%s/%s", g_dir, name);
    FILE *f = fopen(path, "wb");
    QC_ASSERT(f && (len == 0 || fwrite(data, 1, len, f) == len) && fclose(f) == 0);
    return path;
}

/* Ends, stays inside the file, and goes forward unless told to look again. */
static void scan(const char *path, size_t len, uint8_t how)
{
    qc_blkscan *s;
    qc_span block;
    uint64_t offset, last = 0;
    size_t n = 0;
    QC_ASSERT(!qc_blkscan_open(&s, path, MAGIC, how & 1 ? KEY : NULL));
    qc_err err;
    while (!(err = qc_blkscan_next(s, &block, &offset))) {
        QC_ASSERT(offset > last && offset >= 8 && offset + block.len <= len);
        QC_ASSERT(block.len >= 80 && ++n <= len);
        uint8_t sum = 0;
        for (size_t i = 0; i < block.len; i++)
            sum ^= block.data[i];
        last = offset;
        if (how & 2)
            qc_blkscan_resync(s);
        else if (how & 4)
            qc_blkscan_used(s, sum % (block.len + 1));
    }
    QC_ASSERT(err == QC_ENOENT);
    QC_ASSERT(qc_blkscan_size(s) == len);
    qc_blkscan_close(s);
}

static void read_both(uint32_t pos)
{
    static const qc_hash PREV = {{7}};
    char detail[256] = "";
    qc_blockfiles *f;
    qc_bytes got;
    qc_blockfiles_options o = {.dir = g_dir, .use_xor = true};
    memcpy(o.magic, MAGIC, 4);
    QC_ASSERT(!qc_blockfiles_open(&f, &o));
    qc_filepos at = {0, pos};
    qc_err err = qc_blockfiles_read_block(f, at, &got, detail, sizeof detail);
    QC_ASSERT(err == QC_OK || (err == QC_ECORRUPT && detail[0]));
    if (!err) {
        QC_ASSERT(got.len <= QC_BLOCK_MAX);
        qc_bytes_free(&got);
    }
    detail[0] = 0;
    err = qc_blockfiles_read_undo(f, at, &PREV, &got, detail, sizeof detail);
    QC_ASSERT(err == QC_OK || (err == QC_ECORRUPT && detail[0]));
    if (!err)
        qc_bytes_free(&got);
    qc_blockfiles_close(f);
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    if (len < 1)
        return -1;
    uint8_t how = data[0];
    make_dir();
    write_file("xor.dat", how & 1 ? KEY : (const uint8_t[8]){0}, 8);
    write_file("rev00000.dat", data + 1, len - 1);
    const char *path = write_file("blk00000.dat", data + 1, len - 1);
    scan(path, len - 1, how);
    read_both(8u + (how >> 3));
    return 0;
}
