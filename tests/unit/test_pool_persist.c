/* mempool.dat: what is written comes back, old files are read, and nonsense does no harm. */
#include "core/mempool/persist.h"

#include "core/base/endian.h"
#include "core/os/file.h"
#include "tests/unit/pool_kit.h"

static pool_kit p;
static const qc_mempool_load_opts NONE = {0};

static int start(void **state)
{
    (void)state;
    pk_start(&p);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    pk_end(&p);
    return 0;
}

/* A pool of three, two of them related, with everything that is kept. */
static void fill(qc_hash id[3])
{
    const qc_hash unknown = {{9}};
    tb_tx *a = pk_spend(&p.coin[0], 1, 1000, 1);
    const pk_coin out = pk_out(a, 0);
    id[0] = *qc_entry_txid(pk_add(&p, a));
    pk_wait(&p, 5);
    id[1] = *qc_entry_txid(pk_add(&p, pk_spend(&out, 1, 3000, 1)));
    id[2] = *qc_entry_txid(pk_add(&p, pk_spend(&p.coin[1], 1, 2000, 1)));
    qc_mempool_prioritise(p.m, &id[2], -700);
    qc_mempool_prioritise(p.m, &unknown, 4000);
    qc_mempool_unbroadcast_add(p.m, &id[1]);
}

/* A fresh pool on the same chain. The old one hears of no block any more. */
static void empty_pool(void)
{
    qc_mempool *old = p.m;
    pk_open(&p);
    qc_mempool_free(old);
}

static void check_round(bool v1)
{
    qc_hash id[3];
    qc_mempool_load_stats st;
    const qc_hash unknown = {{9}};
    const char *path = tmp_path("mempool.dat");
    uint64_t bytes, size = 0;
    int fd;
    fill(id);
    int64_t time = qc_mempool_find(p.m, &id[0])->time;
    assert_int_equal(qc_mempool_save(p.m, path, v1, &bytes), QC_OK);
    assert_int_equal(qc_os_open_ro(&fd, path), QC_OK);
    assert_int_equal(qc_os_size(fd, &size), QC_OK);
    qc_os_close(fd);
    assert_int_equal(bytes, size);
    pk_wait(&p, 100);
    empty_pool();
    assert_int_equal(qc_mempool_load(p.m, path, &NONE, &st), QC_OK);
    assert_int_equal(st.accepted, 3);
    assert_int_equal(st.total, 3);
    assert_int_equal(st.unbroadcast, 1);
    assert_int_equal(st.failed + st.expired + st.there, 0);
    for (size_t i = 0; i < 3; i++)
        assert_true(pk_has(&p, &id[i]));
    assert_int_equal(qc_mempool_find(p.m, &id[0])->time, time);
    assert_int_equal(qc_mempool_find(p.m, &id[2])->modified_fee, 1300);
    assert_int_equal(qc_mempool_delta(p.m, &unknown), 4000);
    assert_true(qc_mempool_unbroadcast(p.m, &id[1]) && !qc_mempool_unbroadcast(p.m, &id[0]));
    qc_mempool_check(p.m);
    assert_int_equal(qc_mempool_load(p.m, path, &NONE, &st), QC_OK); /* again */
    assert_int_equal(st.there, 3);
}

static void test_save_load__everything_comes_back(void **state)
{
    (void)state;
    check_round(false);
}

static void test_save_load__in_the_old_format_too(void **state)
{
    (void)state;
    check_round(true);
    qc_bytes b = tmp_read(tmp_path("mempool.dat"));
    assert_int_equal(qc_read_le64(b.data), 1);
    assert_int_equal(qc_read_le64(b.data + 8), 3);
    qc_bytes_free(&b);
}

/* As Core writes it: version, 8-byte key, then all obfuscated by place; one entry, no rest. */
static void test_load__a_file_made_by_hand(void **state)
{
    (void)state;
    static const uint8_t key[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    tb_tx *tx = pk_spend(&p.coin[0], 1, 1000, 1);
    qc_bytes raw = tb_tx_bytes(tx, true), f = QC_BYTES_INIT;
    qc_err err = qc_w_le64(&f, 2);
    err = err ? err : qc_w_u8(&f, 8);
    err = err ? err : qc_bytes_append(&f, key, 8);
    size_t plain = f.len;
    err = err ? err : qc_w_le64(&f, 1);
    err = err ? err : qc_bytes_append(&f, raw.data, raw.len);
    err = err ? err : qc_w_le64(&f, (uint64_t)p.now - 77);
    err = err ? err : qc_w_le64(&f, 0);
    err = err ? err : qc_w_u8(&f, 0);
    err = err ? err : qc_w_u8(&f, 0);
    assert_int_equal(err, QC_OK);
    for (size_t i = plain; i < f.len; i++)
        f.data[i] ^= key[i % 8];
    const char *path = tmp_write(f.data, f.len);
    qc_mempool_load_stats st;
    assert_int_equal(qc_mempool_load(p.m, path, &NONE, &st), QC_OK);
    assert_int_equal(st.accepted, 1);
    const qc_mempool_entry *e = qc_mempool_spender(p.m, &p.coin[0].o);
    assert_int_equal(e->time, p.now - 77);
    qc_bytes_free(&f);
    qc_bytes_free(&raw);
    tb_tx_free(tx);
}

static void test_load__old_entries_are_left_out_unless_they_come_now(void **state)
{
    (void)state;
    qc_hash id[3];
    qc_mempool_load_stats st;
    const qc_mempool_load_opts now = {
        .current_time = true, .skip_deltas = true, .skip_unbroadcast = true};
    const char *path = tmp_path("old.dat");
    fill(id);
    assert_int_equal(qc_mempool_save(p.m, path, false, NULL), QC_OK);
    empty_pool();
    pk_wait(&p, QC_MEMPOOL_EXPIRY);
    assert_int_equal(qc_mempool_load(p.m, path, &NONE, &st), QC_OK);
    assert_int_equal(st.expired, 3);
    empty_pool();
    assert_int_equal(qc_mempool_load(p.m, path, &now, &st), QC_OK);
    assert_int_equal(st.accepted, 3);
    assert_int_equal(st.unbroadcast, 0);
    assert_int_equal(qc_mempool_find(p.m, &id[0])->time, p.now);
    assert_int_equal(qc_mempool_delta(p.m, &id[2]), 0);
}

static void test_load__steps_leave_time_for_others(void **state)
{
    (void)state;
    qc_hash id[3];
    qc_mempool_loader *l;
    bool done = false;
    const char *path = tmp_path("steps.dat");
    fill(id);
    assert_int_equal(qc_mempool_save(p.m, path, false, NULL), QC_OK);
    empty_pool();
    assert_int_equal(qc_mempool_load_start(&l, p.m, path, &NONE), QC_OK);
    for (size_t i = 1; i <= 3; i++) {
        assert_false(done);
        assert_int_equal(qc_mempool_load_step(l, 1, &done), QC_OK);
        assert_int_equal(qc_mempool_count(p.m), i);
    }
    assert_true(done);
    assert_int_equal(qc_mempool_load_stats_of(l)->accepted, 3);
    qc_mempool_load_end(l);
}

static void test_load__what_is_no_such_file_is_refused(void **state)
{
    (void)state;
    qc_hash id[3];
    uint8_t v3[8] = {3};
    qc_mempool_load_stats st;
    assert_int_equal(qc_mempool_load(p.m, tmp_path("none"), &NONE, &st), QC_ENOENT);
    assert_int_equal(qc_mempool_load(p.m, tmp_write(v3, 8), &NONE, &st), QC_EUNSUPPORTED);
    assert_int_equal(qc_mempool_load(p.m, tmp_write(v3, 7), &NONE, &st), QC_ECORRUPT);
    fill(id);
    const char *path = tmp_path("cut.dat");
    assert_int_equal(qc_mempool_save(p.m, path, true, NULL), QC_OK);
    qc_bytes b = tmp_read(path);
    for (size_t n = 0; n < b.len; n += 7) { /* cut anywhere */
        assert_int_equal(qc_mempool_load(p.m, tmp_write(b.data, n), &NONE, &st), QC_ECORRUPT);
        assert_int_equal(qc_mempool_count(p.m), 3);
    }
    qc_bytes_free(&b);
}

static void test_save__says_when_it_cannot(void **state)
{
    (void)state;
    qc_hash id[3];
    fill(id);
    char dir[4096];
    snprintf(dir, sizeof dir, "%s/sub", tmp_dir());
    assert_int_equal(qc_os_mkdir(dir), QC_OK);
    snprintf(dir, sizeof dir, "%s/sub/mempool.dat.new", tmp_dir());
    assert_int_equal(qc_os_mkdir(dir), QC_OK);
    dir[strlen(dir) - 4] = 0;
    assert_int_not_equal(qc_mempool_save(p.m, dir, false, NULL), QC_OK);
    assert_false(qc_os_exists(dir));
}

static void test_save__leaves_nothing_behind_when_it_fails(void **state)
{
    (void)state;
    qc_hash id[3];
    fill(id);
    char dir[4096], other[4200];
    snprintf(dir, sizeof dir, "%s/taken", tmp_dir());
    assert_int_equal(qc_os_mkdir(dir), QC_OK);
    assert_int_not_equal(qc_mempool_save(p.m, dir, false, NULL), QC_OK);
    snprintf(other, sizeof other, "%s.new", dir);
    assert_false(qc_os_exists(other));
    assert_true(qc_os_exists(dir));
}

/* Written while the pool goes on, the file has what was there when the dump was taken. */
static void test_dump__is_of_one_moment(void **state)
{
    (void)state;
    qc_hash id[3];
    qc_mempool_dump d;
    qc_mempool_load_stats st;
    const qc_hash other = {{7}};
    const char *path = tmp_path("mempool.dat");
    fill(id);
    qc_amount delta[3];
    for (size_t i = 0; i < 3; i++)
        delta[i] = qc_mempool_delta(p.m, &id[i]);
    qc_mempool_prioritise(p.m, &other, 70);
    assert_int_equal(qc_mempool_dump_take(p.m, &d), QC_OK);
    size_t unbroadcast = d.n_unbroadcast;
    for (size_t i = 0; i < 3; i++)
        qc_mempool_prioritise(p.m, &id[i], 11 - delta[i]);
    qc_mempool_prioritise(p.m, &other, -70);
    empty_pool();
    assert_int_equal(qc_mempool_dump_write(&d, path, false, NULL), QC_OK);
    qc_mempool_dump_clear(&d);
    assert_int_equal(qc_mempool_load(p.m, path, &NONE, &st), QC_OK);
    assert_int_equal(st.accepted, 3);
    assert_int_equal(st.unbroadcast, unbroadcast);
    assert_int_equal(qc_mempool_delta(p.m, &other), 70);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(qc_mempool_delta(p.m, &id[i]), delta[i]);
}

/* What no pool of such a size could have written is not even read. */
static void test_load__a_file_that_is_too_large_is_refused(void **state)
{
    (void)state;
    int fd;
    qc_mempool_load_stats st;
    const char *path = tmp_path("large.dat");
    assert_int_equal(qc_os_open_rw(&fd, path, true), QC_OK);
    assert_int_equal(qc_os_truncate(fd, ((uint64_t)1 << 30) + 1), QC_OK);
    qc_os_close(fd);
    assert_int_equal(qc_mempool_load(p.m, path, &NONE, &st), QC_ECORRUPT);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, finish)
QC_TEST_MAIN(T(test_save_load__everything_comes_back), T(test_save_load__in_the_old_format_too),
             T(test_load__a_file_made_by_hand),
             T(test_load__old_entries_are_left_out_unless_they_come_now),
             T(test_load__steps_leave_time_for_others),
             T(test_load__what_is_no_such_file_is_refused), T(test_save__says_when_it_cannot),
             T(test_save__leaves_nothing_behind_when_it_fails), T(test_dump__is_of_one_moment),
             T(test_load__a_file_that_is_too_large_is_refused))
