#include "core/os/thread.h"
#include "tests/unit/harness.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>

static void note_name(void *arg)
{
    snprintf(arg, 16, "%s", qc_thread_name());
}

static void test_thread_start__names_the_thread(void **state)
{
    (void)state;
    qc_thread *t;
    char seen[16] = "";
    assert_int_equal(qc_thread_start(&t, "scripts", note_name, seen), QC_OK);
    qc_thread_join(t);
    assert_string_equal(seen, "scripts");
    char before[16] = "", after[16] = "";
    assert_int_equal(prctl(PR_GET_NAME, before), 0);
    qc_thread_set_name("a name that is too long");
    assert_string_equal(qc_thread_name(), "a name that is ");
    assert_int_equal(prctl(PR_GET_NAME, after), 0);
    assert_string_equal(before, after); /* ps goes on to show the program */
    qc_thread_join(NULL);
}

static void note_mask(void *arg)
{
    sigset_t now;
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    *(bool *)arg = sigismember(&now, SIGTERM) && !sigismember(&now, SIGSEGV);
}

static void test_thread_start__leaves_signals_to_the_starter(void **state)
{
    (void)state;
    qc_thread *t;
    bool blocked = false;
    sigset_t mine;
    assert_int_equal(qc_thread_start(&t, "x", note_mask, &blocked), QC_OK);
    qc_thread_join(t);
    assert_true(blocked);
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    assert_false(sigismember(&mine, SIGTERM));
}

static void test_cpu_count__is_positive(void **state)
{
    (void)state;
    assert_in_range(qc_cpu_count(), 1, 100000);
}

#define N 10007
typedef struct job {
    unsigned char hits[N]; /* plain memory: the pool's own order must make it visible */
    size_t stop_at;
    atomic_size_t ran;
} job;

static bool hit(void *arg, size_t i)
{
    job *j = arg;
    j->hits[i]++;
    atomic_fetch_add(&j->ran, 1);
    return i != j->stop_at;
}

static void each_once(const job *j, size_t n)
{
    for (size_t i = 0; i < N; i++)
        assert_int_equal(j->hits[i], i < n);
}

static qc_pool *pool(unsigned workers)
{
    qc_pool *p = NULL;
    assert_int_equal(qc_pool_new(&p, workers, "test"), QC_OK);
    assert_int_equal(qc_pool_workers(p), workers);
    return p;
}

static void test_pool_run__starts_each_index_once(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 3, 100, N - 1, N};
    static const size_t chunks[] = {0, 1, 7, N, SIZE_MAX};
    for (unsigned workers = 0; workers < 5; workers++) {
        qc_pool *p = pool(workers);
        for (size_t s = 0; s < QC_COUNTOF(sizes); s++)
            for (size_t c = 0; c < QC_COUNTOF(chunks); c++) {
                job j = {.stop_at = SIZE_MAX};
                assert_true(qc_pool_run(p, hit, &j, sizes[s], chunks[c]));
                each_once(&j, sizes[s]);
            }
        qc_pool_free(p);
    }
}

static void test_pool_run__stops_after_false(void **state)
{
    (void)state;
    for (unsigned workers = 0; workers < 4; workers++) {
        qc_pool *p = pool(workers);
        job j = {.stop_at = 0};
        assert_false(qc_pool_run(p, hit, &j, N, 1));
        if (!workers)
            assert_int_equal(j.ran, 1);
        job last = {.stop_at = N - 1};
        assert_false(qc_pool_run(p, hit, &last, N, 0));
        each_once(&last, N);
        job after = {.stop_at = SIZE_MAX};
        assert_true(qc_pool_run(p, hit, &after, N, 0));
        each_once(&after, N);
        qc_pool_free(p);
    }
}

static void test_pool_start__several_batches_join_in_any_order(void **state)
{
    (void)state;
    for (unsigned workers = 0; workers < 4; workers++) {
        qc_pool *p = pool(workers);
        job *j = qc_alloc(3 * sizeof *j);
        qc_batch *b[3];
        for (int i = 0; i < 3; i++) {
            j[i].stop_at = SIZE_MAX;
            b[i] = qc_pool_start(p, hit, &j[i], N, 0);
        }
        assert_true(qc_batch_join(b[2]));
        each_once(&j[2], N);
        assert_true(qc_batch_join(b[0]));
        each_once(&j[0], N);
        assert_true(qc_batch_join(b[1]));
        each_once(&j[1], N);
        qc_free(j);
        qc_pool_free(p);
    }
}

static bool nested(void *arg, size_t i)
{
    (void)i;
    job *j = qc_alloc(sizeof *j);
    j->stop_at = SIZE_MAX;
    bool ok = qc_pool_run(arg, hit, j, 50, 1);
    for (size_t k = 0; k < 50; k++)
        ok &= j->hits[k] == 1;
    qc_free(j);
    return ok;
}

static void test_pool_run__may_be_called_by_a_job(void **state)
{
    (void)state;
    qc_pool *p = pool(2);
    assert_true(qc_pool_run(p, nested, p, 40, 1));
    qc_pool_free(p);
}

static void submit(void *arg)
{
    for (int i = 0; i < 50; i++)
        QC_ASSERT(nested(arg, 0));
}

static void test_pool_run__serves_several_submitters(void **state)
{
    (void)state;
    qc_pool *p = pool(2);
    qc_thread *t[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(qc_thread_start(&t[i], "submit", submit, p), QC_OK);
    for (int i = 0; i < 4; i++)
        qc_thread_join(t[i]);
    qc_pool_free(p);
}

typedef struct posts {
    int seen[100];
    int n;
} posts;
static posts g_posts;

static void post(void *arg)
{
    g_posts.seen[g_posts.n++] = *(int *)arg;
}

static void test_pool_post__runs_in_order_and_before_the_end(void **state)
{
    (void)state;
    int id[100];
    for (unsigned workers = 0; workers < 2; workers++) {
        memset(&g_posts, 0, sizeof g_posts);
        qc_pool *p = pool(workers);
        for (int i = 0; i < 100; i++) {
            id[i] = i;
            qc_pool_post(p, post, &id[i]);
        }
        qc_pool_free(p);
        assert_int_equal(g_posts.n, 100);
        for (int i = 0; i < 100; i++)
            assert_int_equal(g_posts.seen[i], i);
    }
}

typedef struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool in, open;
} gate;

static void wait_at_gate(void *arg)
{
    gate *g = arg;
    pthread_mutex_lock(&g->lock);
    g->in = true;
    pthread_cond_broadcast(&g->changed);
    while (!g->open)
        pthread_cond_wait(&g->changed, &g->lock);
    pthread_mutex_unlock(&g->lock);
}

static void test_pool_run__ends_while_every_worker_is_busy(void **state)
{
    (void)state;
    gate g = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false};
    qc_pool *p = pool(1);
    qc_pool_post(p, wait_at_gate, &g);
    pthread_mutex_lock(&g.lock);
    while (!g.in)
        pthread_cond_wait(&g.changed, &g.lock);
    pthread_mutex_unlock(&g.lock);
    job j = {.stop_at = SIZE_MAX};
    assert_true(qc_pool_run(p, hit, &j, N, 0));
    each_once(&j, N);
    pthread_mutex_lock(&g.lock);
    g.open = true;
    pthread_cond_broadcast(&g.changed);
    pthread_mutex_unlock(&g.lock);
    qc_pool_free(p);
}

static void test_pool_new__survives_each_single_fault(void **state)
{
    (void)state;
    unsigned runs;
    FOR_EACH_FAULT (runs) {
        qc_pool *p = NULL;
        qc_err err = qc_pool_new(&p, 3, "test");
        assert_true(fault_was_hit() ? err && !p : !err && p);
        qc_pool_free(p);
    }
    assert_int_equal(runs, 4);
}

QC_TEST_MAIN(cmocka_unit_test(test_thread_start__names_the_thread),
             cmocka_unit_test(test_thread_start__leaves_signals_to_the_starter),
             cmocka_unit_test(test_cpu_count__is_positive),
             cmocka_unit_test(test_pool_run__starts_each_index_once),
             cmocka_unit_test(test_pool_run__stops_after_false),
             cmocka_unit_test(test_pool_start__several_batches_join_in_any_order),
             cmocka_unit_test(test_pool_run__may_be_called_by_a_job),
             cmocka_unit_test(test_pool_run__serves_several_submitters),
             cmocka_unit_test(test_pool_post__runs_in_order_and_before_the_end),
             cmocka_unit_test(test_pool_run__ends_while_every_worker_is_busy),
             cmocka_unit_test(test_pool_new__survives_each_single_fault))
