/* The store of plugins, entered through the head of a capability as node and runner do. */
#include "core/ownstore/ownstore.h"

#include "tests/unit/harness.h"

#include <string.h>

typedef struct fake_cap {
    qc_cap_head head;
    qn_status st, closing;
} fake_cap;

static qn_status enter(qn_cap *cap, int closing)
{
    const fake_cap *f = (const fake_cap *)(const void *)cap;
    return closing ? f->closing : f->st;
}

static qn_cap *as_cap(fake_cap *f)
{
    return (qn_cap *)(void *)f;
}

static void open_store(fake_cap *f, const char *dir, uint64_t quota)
{
    const qc_ownstore_options o = {.dir = dir, .quota = quota};
    qc_ownstore *s;
    char detail[256];
    assert_int_equal(qc_ownstore_open(&o, &s, detail, sizeof detail), QC_OK);
    *f = (fake_cap){.head = {s, enter}};
}

static qn_status put(fake_cap *f, const char *key, size_t len)
{
    uint8_t *b = qc_alloc(sizeof(qn_store_op) + 4 + len);
    const qn_store_op op = {QN_STORE_OP_PUT, 4, (uint32_t)len};
    memcpy(b, &op, sizeof op);
    memcpy(b + sizeof op, key, 4);
    qn_status st = QC_OWNSTORE_TABLE.write(as_cap(f), b, sizeof op + 4 + len, QN_STORE_SYNC);
    qc_free(b);
    return st;
}

static void test_ownstore__what_was_written_is_there_after_opening_again(void **state)
{
    (void)state;
    char value[8];
    uint32_t n;
    fake_cap f;
    char *dir = qc_asprintf("%s/store", tmp_mkdir());
    open_store(&f, dir, 0);
    assert_int_equal(put(&f, "key1", 5), QN_OK);
    qc_ownstore_close(f.head.state);
    open_store(&f, dir, 0);
    assert_int_equal(QC_OWNSTORE_TABLE.get(as_cap(&f), 0, "key1", 4, value, 8, &n), QN_OK);
    assert_int_equal(n, 5);
    assert_int_equal(QC_OWNSTORE_TABLE.get(as_cap(&f), 0, "key2", 4, value, 8, &n), QN_E_NOTFOUND);
    qc_ownstore_close(f.head.state);
    qc_free(dir);
}

static void test_ownstore__the_entry_decides_first(void **state)
{
    (void)state;
    uint64_t snapshot;
    fake_cap f;
    char *dir = qc_asprintf("%s/store", tmp_mkdir());
    open_store(&f, dir, 0);
    assert_int_equal(QC_OWNSTORE_TABLE.snapshot_open(as_cap(&f), &snapshot), QN_OK);
    f.st = QN_E_REVOKED;
    assert_int_equal(put(&f, "key1", 5), QN_E_REVOKED);
    f.closing = QN_E_THREAD;
    assert_int_equal(QC_OWNSTORE_TABLE.snapshot_close(as_cap(&f), snapshot), QN_E_THREAD);
    f.closing = QN_OK; /* what is given back may be given back after the end */
    assert_int_equal(QC_OWNSTORE_TABLE.snapshot_close(as_cap(&f), snapshot), QN_OK);
    qc_ownstore_close(f.head.state);
    f = (fake_cap){.head = {NULL, enter}};
    assert_int_equal(put(&f, "key1", 5), QN_E_BUSY); /* not open yet */
    assert_int_equal(QC_OWNSTORE_TABLE.iter_close(as_cap(&f), 1), QN_E_CLOSED);
    qc_free(dir);
}

typedef struct complaints {
    unsigned n;
    char last[256];
} complaints;

static void complain(void *arg, const char *text)
{
    complaints *c = arg;
    c->n++;
    snprintf(c->last, sizeof c->last, "%s", text);
}

static void test_ownstore__a_batch_beyond_the_quota_is_refused(void **state)
{
    (void)state;
    complaints told = {0};
    char *dir = qc_asprintf("%s/store", tmp_mkdir()), detail[256];
    const qc_ownstore_options o = {
        .dir = dir, .quota = 40000000, .complain = complain, .arg = &told};
    qc_ownstore *s;
    assert_int_equal(qc_ownstore_open(&o, &s, detail, sizeof detail), QC_OK);
    fake_cap f = {.head = {s, enter}};
    for (int i = 0; i < 2; i++) /* which limit it was is told once, until a write is done again */
        assert_int_equal(put(&f, "key1", 60000000), QN_E_FULL);
    assert_int_equal(told.n, 1);
    assert_non_null(strstr(told.last, "its quota of 40 MB is used up"));
    assert_int_equal(put(&f, "key1", 1000), QN_OK);
    assert_int_equal(put(&f, "key1", 60000000), QN_E_FULL);
    assert_int_equal(told.n, 2);
    qc_ownstore_close(s);
    qc_free(dir);
}

static void test_ownstore__what_the_disk_must_keep_free_is_not_taken(void **state)
{
    (void)state;
    fake_cap f;
    char *dir = qc_asprintf("%s/store", tmp_mkdir()), detail[256];
    complaints told = {0};
    qc_ownstore_options o = {.dir = dir, .floor = UINT64_MAX, .complain = complain, .arg = &told};
    qc_ownstore *s;
    assert_int_equal(qc_ownstore_open(&o, &s, detail, sizeof detail), QC_OK);
    f = (fake_cap){.head = {s, enter}};
    assert_int_equal(put(&f, "key1", 5), QN_E_FULL);
    assert_non_null(strstr(told.last, "the disk has "));
    qc_ownstore_close(s);
    o.floor = 1;
    assert_int_equal(qc_ownstore_open(&o, &s, detail, sizeof detail), QC_OK);
    f = (fake_cap){.head = {s, enter}};
    assert_int_equal(put(&f, "key1", 5), QN_OK);
    qc_ownstore_close(s);
    qc_free(dir);
}

QC_TEST_MAIN(cmocka_unit_test(test_ownstore__what_the_disk_must_keep_free_is_not_taken),
             cmocka_unit_test(test_ownstore__what_was_written_is_there_after_opening_again),
             cmocka_unit_test(test_ownstore__the_entry_decides_first),
             cmocka_unit_test(test_ownstore__a_batch_beyond_the_quota_is_refused))
