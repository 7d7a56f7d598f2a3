/* Followers: what they are told is durable when they are told; and what a process that ends without
 * a word leaves behind. */
#include "core/chain/chain.h"

#include "core/os/file.h"
#include "tests/unit/block_tree.h"
#include "tests/unit/chain_kit.h"

#include <sys/wait.h>
#include <unistd.h>

#define BASE 105u

struct seen {
    chain_kit *k;
    unsigned connected, with_spent, durable;
    const qc_index *last;
};

static void on_connected(void *arg, const qc_index *i, const qc_block *b)
{
    struct seen *s = arg;
    (void)i;
    s->connected++;
    s->with_spent += (qc_block_view(b)->flags & QN_VIEW_SPENT) != 0;
}

static void on_disconnected(void *arg, const qc_index *i, const qc_block *b)
{
    on_connected(arg, i, b);
}

static void on_durable(void *arg, const qc_index *tip)
{
    struct seen *s = arg;
    s->durable++;
    s->last = tip;
}

static void watch(struct seen *s, chain_kit *k)
{
    const qc_chain_events ev = {.arg = s,
                                .connected = on_connected,
                                .disconnected = on_disconnected,
                                .durable = on_durable};
    *s = (struct seen){.k = k};
    qc_chain_listen(k->c, &ev);
}

static void test_followers__durable_follows_the_tip(void **state)
{
    (void)state;
    chain_kit k;
    struct seen s;
    kit_init(&k, QC_CHAIN_REGTEST);
    kit_must_open(&k);
    watch(&s, &k);
    bt_tree *t = bt_new(k.params, BASE, 3);
    for (size_t n = 1; n < t->n; n++) {
        if (n == 50) {
            assert_int_equal(s.with_spent, 0);
            assert_ptr_not_equal(qc_chain_durable(k.c), qc_chain_tip(k.c));
            qc_chain_set_followers(k.c, 1);
        }
        assert_true(kit_submit(&k, qc_bytes_span(&t->node[n].raw), NULL));
        if (n >= 50)
            assert_ptr_equal(qc_chain_durable(k.c), qc_chain_tip(k.c));
    }
    assert_ptr_equal(s.last, qc_chain_tip(k.c));
    assert_int_equal(s.with_spent, BASE - 49);
    /* On a branch just left, until the next sync says otherwise. */
    assert_int_equal(qc_chain_invalidate(k.c, qc_chain_at(k.c, BASE - 3)), QC_OK);
    assert_int_equal(s.with_spent, BASE - 49 + 4);
    assert_ptr_equal(qc_chain_durable(k.c), qc_chain_tip(k.c));
    bt_free(t);
    kit_end(&k);
}

/* In a child that vanishes. */
static void submit_and_vanish(chain_kit *k, const bt_tree *t, unsigned followers)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        kit_must_open(k);
        qc_chain_set_followers(k->c, followers);
        for (size_t n = 1; n < t->n; n++)
            kit_submit(k, qc_bytes_span(&t->node[n].raw), NULL);
        _exit(kit_height(k) == BASE ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_chain_open__a_followed_tip_survives_a_crash(void **state)
{
    (void)state;
    chain_kit k;
    kit_init(&k, QC_CHAIN_REGTEST);
    k.o.par = k.o.prefetch_threads = 0;
    bt_tree *t = bt_new(k.params, BASE, 4);
    submit_and_vanish(&k, t, 1);
    kit_must_open(&k); /* connects what the coins do not have yet */
    assert_int_equal(kit_height(&k), BASE);
    assert_int_equal(k.connected, BASE + 1);
    bt_free(t);
    kit_end(&k);
}

static void test_chain_open__without_followers_a_crash_loses_what_was_not_flushed(void **state)
{
    (void)state;
    chain_kit k;
    kit_init(&k, QC_CHAIN_REGTEST);
    k.o.par = k.o.prefetch_threads = 0;
    bt_tree *t = bt_new(k.params, BASE, 4);
    kit_must_open(&k); /* an index with genesis: nobody looks for more in the files */
    kit_close(&k);
    submit_and_vanish(&k, t, 0);
    kit_must_open(&k);
    assert_int_equal(kit_height(&k), 0);
    for (size_t n = 1; n < t->n; n++)
        assert_true(kit_submit(&k, qc_bytes_span(&t->node[n].raw), NULL));
    assert_int_equal(kit_height(&k), BASE);
    bt_free(t);
    kit_end(&k);
}

/* A full disk or a failed write is told once, and nothing half-done is written afterwards. */
static void test_process_block__a_failed_write_is_fatal_and_told(void **state)
{
    (void)state;
    chain_kit k;
    kit_init(&k, QC_CHAIN_REGTEST);
    k.o.par = k.o.prefetch_threads = 0;
    kit_must_open(&k);
    bt_tree *t = bt_new(k.params, 3, 5);
    qc_block *b;
    bool is_new;
    qc_verdict v;
    char *path = qc_asprintf("%s/blocks/rev00000.dat", k.dir);
    assert_int_equal(qc_os_mkdir(path), QC_OK); /* in the place of the undo file */
    assert_int_equal(qc_block_parse(qc_bytes_span(&t->node[1].raw), &b), QC_WIRE_OK);
    assert_true(qc_chain_process_block(k.c, b, true, true, &is_new, &v) != QC_OK);
    qc_block_unref(b);
    assert_true(k.fatals >= 1);
    assert_true(kit_logged("Failed to write undo data"));
    assert_int_equal(kit_height(&k), 0);
    kit_close(&k);
    assert_int_equal(qc_os_remove_tree(path), QC_OK);
    qc_free(path);
    kit_must_open(&k);
    for (size_t n = 1; n < t->n; n++)
        assert_true(kit_submit(&k, qc_bytes_span(&t->node[n].raw), NULL));
    assert_int_equal(kit_height(&k), 3);
    bt_free(t);
    kit_end(&k);
}

QC_TEST_MAIN(
    cmocka_unit_test(test_followers__durable_follows_the_tip),
    cmocka_unit_test(test_chain_open__a_followed_tip_survives_a_crash),
    cmocka_unit_test(test_chain_open__without_followers_a_crash_loses_what_was_not_flushed),
    cmocka_unit_test(test_process_block__a_failed_write_is_fatal_and_told))
