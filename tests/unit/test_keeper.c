/* What all indexes share (core/index/keeper.h), with an index whose steps the test holds up. */
#include "core/index/keeper.h"

#include "tests/unit/builder.h"
#include "tests/unit/chain_kit.h"

#include <pthread.h>

#define WAIT_MS 60000

/* An index that remembers the last block it has. append() of the block at `hold` waits until
 * `go`. */
typedef struct held {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t hold;
    bool go, waiting;
    const qc_index *last;
    unsigned removed;
} held;

static qc_err locator(void *arg, qc_bookmark *out)
{
    (void)arg;
    *out = (qc_bookmark){.n = 0};
    return QC_OK;
}

static qc_err restore(void *arg, const qc_index *at)
{
    (void)arg;
    (void)at;
    return QC_OK;
}

static qc_err append(void *arg, const qc_index *i, const qc_block *b)
{
    held *x = arg;
    (void)b;
    pthread_mutex_lock(&x->lock);
    x->waiting = i->height == x->hold;
    pthread_cond_broadcast(&x->changed);
    while (i->height == x->hold && !x->go)
        pthread_cond_wait(&x->changed, &x->lock);
    x->last = i;
    pthread_mutex_unlock(&x->lock);
    return QC_OK;
}

static qc_err take_back(void *arg, const qc_index *i, const qc_block *b)
{
    held *x = arg;
    (void)b;
    pthread_mutex_lock(&x->lock);
    x->last = i->parent;
    x->removed++;
    pthread_mutex_unlock(&x->lock);
    return QC_OK;
}

static qc_err commit(void *arg, const qc_bookmark *l)
{
    (void)arg;
    (void)l;
    return QC_OK;
}

static const qc_keeper_ops OPS = {.name = "heldindex",
                                  .thread_name = "heldindex",
                                  .locator = locator,
                                  .restore = restore,
                                  .append = append,
                                  .remove = take_back,
                                  .commit = commit};

static void wait_until_held(held *x)
{
    pthread_mutex_lock(&x->lock);
    while (!x->waiting)
        pthread_cond_wait(&x->changed, &x->lock);
    pthread_mutex_unlock(&x->lock);
}

static void let_go(held *x)
{
    pthread_mutex_lock(&x->lock);
    x->go = true;
    pthread_cond_broadcast(&x->changed);
    pthread_mutex_unlock(&x->lock);
}

static void grow(chain_kit *k, tb_chain *made)
{
    tb_block *b = tb_chain_next(made, 0);
    tb_block_finish(b, k->params);
    qc_bytes raw = tb_block_bytes(b);
    assert_true(kit_submit(k, qc_bytes_span(&raw), NULL));
    tb_chain_push(made, b);
    tb_block_free(b);
    qc_bytes_free(&raw);
}

static void *stop_it(void *arg)
{
    qc_keeper_stop(arg);
    return NULL;
}

/* The index is told to end while it takes in block 3, which the chain leaves meanwhile, or only
 * goes back over. Out: what it had at the end. */
static void end_on_a_left_branch(held *x, int64_t max_tip_age, bool another)
{
    chain_kit k;
    qc_keeper *f;
    pthread_t t;
    *x = (held){.hold = 3};
    pthread_mutex_init(&x->lock, NULL);
    pthread_cond_init(&x->changed, NULL);
    kit_init(&k, QC_CHAIN_REGTEST);
    k.o.max_tip_age = max_tip_age;
    kit_must_open(&k);
    assert_int_equal(qc_keeper_start(&f, &OPS, x, k.c, k.detail, sizeof k.detail), QC_OK);
    tb_chain *made = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    for (int i = 0; i < 3; i++)
        grow(&k, made);
    wait_until_held(x);
    assert_int_equal(pthread_create(&t, NULL, stop_it, f), 0);
    assert_false(qc_keeper_wait(f, WAIT_MS)); /* comes back when it is told to stop */
    if (another) {
        tb_chain_cut(made, 2);
        made->salt++;
        grow(&k, made);
        grow(&k, made);
    } else {
        assert_int_equal(qc_chain_invalidate(k.c, qc_chain_tip(k.c)), QC_OK);
    }
    assert_int_equal(kit_height(&k), another ? 4 : 2);
    assert_int_equal(qc_chain_initial_download(k.c), max_tip_age == 1);
    let_go(x);
    assert_int_equal(pthread_join(t, NULL), 0);
    /* The parent of both branches has height 2. */
    if (x->last)
        x->hold = x->last->height;
    kit_close(&k);
    qc_keeper_free(f);
    kit_end(&k);
    tb_chain_free(made);
    pthread_cond_destroy(&x->changed);
    pthread_mutex_destroy(&x->lock);
}

/* Nothing of a branch that the chain has left for another stays behind, in the initial download
 * either; where the chain is only back on the way it will take again, nothing is undone then. */
static void test_keeper__ends_on_the_chain(void **state)
{
    static const struct {
        int64_t max_tip_age;
        bool another;
        uint32_t removed;
    } CASES[] = {{INT32_MAX, true, 1}, {INT32_MAX, false, 1}, {1, true, 1}, {1, false, 0}};
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(CASES); i++) {
        held x;
        end_on_a_left_branch(&x, CASES[i].max_tip_age, CASES[i].another);
        assert_int_equal(x.removed, CASES[i].removed);
        assert_int_equal(x.hold, 3 - CASES[i].removed);
    }
}

QC_TEST_MAIN(cmocka_unit_test(test_keeper__ends_on_the_chain))
