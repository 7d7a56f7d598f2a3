/* The chain thread: order of jobs, waiting callers, jobs that run between the steps of long work,
 * readers beside it. */
#include "core/chain/thread.h"

#include "core/os/thread.h"
#include "tests/unit/builder.h"
#include "tests/unit/chain_kit.h"

#include <sched.h>

struct note {
    atomic_uint n;
    unsigned seen[8];
};
struct one {
    struct note *note;
    unsigned id;
};

static void write_down(qc_chain *c, void *arg)
{
    struct one *o = arg;
    (void)c;
    o->note->seen[atomic_fetch_add(&o->note->n, 1)] = o->id;
}

static void test_chain_call__jobs_run_in_order_and_callers_wait(void **state)
{
    (void)state;
    chain_kit k;
    qc_chain_thread *t;
    struct note note = {0};
    struct one o[6];
    kit_init(&k, QC_CHAIN_REGTEST);
    kit_must_open(&k);
    assert_int_equal(qc_chain_thread_start(&t, k.c), QC_OK);
    for (unsigned n = 0; n < 6; n++) {
        o[n] = (struct one){&note, n};
        if (n == 3)
            qc_chain_call(t, write_down, &o[n]);
        else
            qc_chain_post(t, write_down, &o[n]);
        assert_true(n < 3 || note.n >= 4);
    }
    qc_chain_thread_stop(t); /* runs what is queued */
    assert_int_equal(note.n, 6);
    for (unsigned n = 0; n < 6; n++)
        assert_int_equal(note.seen[n], n);
    kit_end(&k);
}

#define BLOCKS 600u

struct job {
    qc_bytes raw[BLOCKS + 1];
    const char *path;
    qc_chain *c;
    qc_import_stats st;
    qc_err err;
    atomic_bool over, between;
};

static void import(qc_chain *c, void *arg)
{
    struct job *j = arg;
    const _Atomic bool stop = false;
    j->err = qc_chain_import_file(c, j->path, NULL, &stop, &j->st);
    atomic_store(&j->over, true);
}

static void look(qc_chain *c, void *arg)
{
    struct job *j = arg;
    (void)c;
    if (!atomic_load(&j->over))
        atomic_store(&j->between, true);
}

static void reader(void *arg)
{
    struct job *j = arg;
    uint64_t seed = 1;
    while (!atomic_load(&j->over)) {
        const qc_index *tip = qc_chain_tip(j->c);
        uint32_t h = (uint32_t)(test_rand(&seed) % (tip->height + 1));
        const qc_index *i = qc_chain_at(j->c, h);
        assert_true(i && i->height == h);
        assert_ptr_equal(qc_chain_find(j->c, &i->hash), i);
        assert_true(qc_chain_seq(j->c) >= 1);
        qc_bytes raw;
        if (h && qc_chain_read_raw(j->c, i, &raw) == QC_OK)
            qc_bytes_free(&raw);
    }
}

/* A framed file of blocks 1 to n. */
static const char *write_blocks(const qc_params *p, uint32_t n)
{
    qc_bytes file = QC_BYTES_INIT;
    tb_chain *tb = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    while (n--) {
        qc_bytes raw = QC_BYTES_INIT;
        tb_chain_grow(tb, 1, &raw);
        uint32_t len = (uint32_t)raw.len;
        assert_int_equal(qc_bytes_append(&file, p->magic, 4), QC_OK);
        assert_int_equal(qc_bytes_append(&file, &len, 4), QC_OK);
        assert_int_equal(qc_bytes_append(&file, raw.data, raw.len), QC_OK);
        qc_bytes_free(&raw);
    }
    const char *path = tmp_write(file.data, file.len);
    qc_bytes_free(&file);
    tb_chain_free(tb);
    return path;
}

static void test_chain_thread__others_read_and_queue_during_an_import(void **state)
{
    (void)state;
    chain_kit k;
    qc_chain_thread *t;
    qc_thread *r;
    static struct job j;
    kit_init(&k, QC_CHAIN_REGTEST);
    k.o.checkblockindex = false;
    j.path = write_blocks(k.params, BLOCKS);
    kit_must_open(&k);
    j.c = k.c;
    assert_int_equal(qc_chain_thread_start(&t, k.c), QC_OK);
    assert_int_equal(qc_thread_start(&r, "reader", reader, &j), QC_OK);
    qc_chain_post(t, import, &j);
    while (!atomic_load(&j.over))
        qc_chain_call(t, look, &j);
    qc_thread_join(r);
    qc_chain_thread_stop(t);
    assert_int_equal(j.err, QC_OK);
    assert_int_equal(j.st.blocks, BLOCKS);
    assert_true(atomic_load(&j.between)); /* a job did not wait for the import's end */
    assert_int_equal(kit_height(&k), BLOCKS);
    kit_end(&k);
}

struct crowd {
    qc_chain_thread *t;
    unsigned sum; /* plain: whoever runs a job is alone */
    bool inside;
    pthread_t last;
};
#define CROWD 4u
#define CALLS 999u

static void add_one(qc_chain *c, void *arg)
{
    struct crowd *w = arg;
    (void)c;
    assert_false(w->inside);
    w->inside = true;
    sched_yield(); /* time for others to be where they may not */
    w->sum++;
    w->last = pthread_self();
    w->inside = false;
}

static void press_in(void *arg)
{
    struct crowd *w = arg;
    for (unsigned n = 0; n < CALLS; n++) {
        if (n % 3 == 0)
            qc_chain_post(w->t, add_one, w);
        else if (n % 3 == 1)
            qc_chain_call(w->t, add_one, w);
        else
            qc_chain_enter(w->t, add_one, w);
    }
}

static void test_chain_enter__one_job_runs_at_a_time_whoever_runs_it(void **state)
{
    (void)state;
    chain_kit k;
    struct crowd w = {.sum = 0};
    qc_thread *th[CROWD];
    kit_init(&k, QC_CHAIN_REGTEST);
    kit_must_open(&k);
    assert_int_equal(qc_chain_thread_start(&w.t, k.c), QC_OK);
    for (unsigned n = 0; n < CROWD; n++)
        assert_int_equal(qc_thread_start(&th[n], "crowd", press_in, &w), QC_OK);
    for (unsigned n = 0; n < CROWD; n++)
        qc_thread_join(th[n]);
    qc_chain_call(w.t, add_one, &w); /* behind all that was posted */
    assert_int_equal(w.sum, CROWD * CALLS + 1);
    assert_false(pthread_equal(w.last, pthread_self()));
    qc_chain_enter(w.t, add_one, &w); /* nothing else is there to be done */
    assert_int_equal(w.sum, CROWD * CALLS + 2);
    qc_chain_thread_stop(w.t);
    kit_end(&k);
}

struct meeting {
    struct note note;
    atomic_bool begun, go;
};

static void wait_for_it(qc_chain *c, void *arg)
{
    struct meeting *m = arg;
    (void)c;
    atomic_store(&m->begun, true);
    while (!atomic_load(&m->go))
        sched_yield();
    m->note.seen[atomic_fetch_add(&m->note.n, 1)] = 0;
}

struct entering {
    qc_chain_thread *t;
    struct one one;
};

static void enter(void *arg)
{
    struct entering *e = arg;
    qc_chain_enter(e->t, write_down, &e->one);
}

/* A job runs and another one waits: nobody passes them by. */
static void test_chain_enter__waits_for_its_turn(void **state)
{
    (void)state;
    chain_kit k;
    struct meeting m = {.begun = false};
    struct entering e = {.one = {&m.note, 2}};
    struct one second = {&m.note, 1};
    qc_thread *th;
    kit_init(&k, QC_CHAIN_REGTEST);
    kit_must_open(&k);
    assert_int_equal(qc_chain_thread_start(&e.t, k.c), QC_OK);
    qc_chain_post(e.t, wait_for_it, &m);
    while (!atomic_load(&m.begun))
        sched_yield();
    qc_chain_post(e.t, write_down, &second);
    assert_int_equal(qc_thread_start(&th, "late", enter, &e), QC_OK);
    while (qc_chain_inbox(e.t) < 2)
        sched_yield();
    atomic_store(&m.go, true);
    qc_thread_join(th);
    assert_int_equal(m.note.n, 3);
    for (unsigned n = 0; n < 3; n++)
        assert_int_equal(m.note.seen[n], n);
    qc_chain_thread_stop(e.t);
    kit_end(&k);
}

/* -loadblock in a folder that nobody has used, with a file that begins above the genesis block. */
static void test_chain_import_file__needs_no_tip_to_begin_with(void **state)
{
    (void)state;
    const _Atomic bool stop = false;
    qc_import_stats st;
    chain_kit k;
    kit_init(&k, QC_CHAIN_REGTEST); /* with index checks */
    const char *path = write_blocks(k.params, 20);
    assert_int_equal(qc_chain_open(&k.c, &k.o, NULL, k.detail, sizeof k.detail), QC_OK);
    assert_null(qc_chain_tip(k.c));
    assert_int_equal(qc_chain_import_file(k.c, path, NULL, &stop, &st), QC_OK);
    assert_int_equal(st.blocks, 20);
    assert_int_equal(st.out_of_order, 0);
    assert_int_equal(kit_height(&k), 20);
    kit_end(&k);
}

QC_TEST_MAIN(cmocka_unit_test(test_chain_call__jobs_run_in_order_and_callers_wait),
             cmocka_unit_test(test_chain_enter__one_job_runs_at_a_time_whoever_runs_it),
             cmocka_unit_test(test_chain_enter__waits_for_its_turn),
             cmocka_unit_test(test_chain_thread__others_read_and_queue_during_an_import),
             cmocka_unit_test(test_chain_import_file__needs_no_tip_to_begin_with))
