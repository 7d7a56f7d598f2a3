/* The caches of valid signatures and scripts, alone, in the interpreter, and from many threads. */
#include "core/script/sigcache.h"

#include "core/crypto/sha256.h"
#include "core/os/thread.h"
#include "tests/unit/harness.h"
#include "tests/unit/script_spend.h"

static const uint8_t SALT[32] = {1};

static qc_hash digest(uint64_t i)
{
    qc_hash h;
    qc_sha256(qc_span_of(&i, sizeof i), h.b);
    return h;
}

static qc_digest_set *new_set(size_t bytes)
{
    qc_digest_set *s;
    assert_int_equal(qc_digest_set_new(&s, bytes), QC_OK);
    return s;
}

static void test_digest_set__has_what_was_added(void **state)
{
    (void)state;
    qc_digest_set *s = new_set(1 << 20);
    uint64_t n = qc_digest_set_capacity(s) * 3 / 4, found = 0;
    assert_true(n > 20000);
    for (uint64_t i = 0; i < n; i++) {
        qc_hash h = digest(i);
        assert_false(qc_digest_set_has(s, &h, false));
        qc_digest_set_add(s, &h);
    }
    for (uint64_t i = 0; i < n; i++) {
        qc_hash h = digest(i);
        found += qc_digest_set_has(s, &h, false);
        h.b[31] ^= 1; /* the same buckets */
        assert_false(qc_digest_set_has(s, &h, false));
    }
    assert_int_equal(found, n); /* at this load a cuckoo table of four places loses nothing */
    qc_digest_set_free(s);
}

static void test_digest_set__old_entries_give_way_to_new_ones(void **state)
{
    (void)state;
    qc_digest_set *s = new_set(4096);
    uint64_t cap = qc_digest_set_capacity(s), n = cap * 20, late = 0;
    for (uint64_t i = 0; i < n; i++) {
        qc_hash h = digest(i);
        qc_digest_set_add(s, &h);
        assert_true(qc_digest_set_has(s, &h, false) || i > cap / 2);
    }
    for (uint64_t i = n - cap / 2; i < n; i++) {
        qc_hash h = digest(i);
        late += qc_digest_set_has(s, &h, false);
    }
    assert_true(late > cap / 4);
    qc_digest_set_free(s);
}

static void test_digest_set__spent_entries_stay_until_their_place_is_needed(void **state)
{
    (void)state;
    qc_digest_set *s = new_set(1); /* one bucket of four */
    assert_int_equal(qc_digest_set_capacity(s), 4);
    qc_hash h[5];
    for (uint64_t i = 0; i < 5; i++)
        h[i] = digest(i);
    for (int i = 0; i < 4; i++)
        qc_digest_set_add(s, &h[i]);
    assert_true(qc_digest_set_has(s, &h[2], true));
    assert_true(qc_digest_set_has(s, &h[2], false));
    qc_digest_set_add(s, &h[2]); /* asked for again: no longer spent */
    assert_true(qc_digest_set_has(s, &h[1], true));
    qc_digest_set_add(s, &h[4]);
    assert_false(qc_digest_set_has(s, &h[1], false));
    for (int i = 0; i < 5; i++)
        assert_true(i == 1 || qc_digest_set_has(s, &h[i], false));
    qc_digest_set_free(s);
}

static void test_digest_set_new__survives_each_single_fault(void **state)
{
    (void)state;
    unsigned runs;
    FOR_EACH_FAULT (runs) {
        qc_digest_set *s;
        qc_err err = qc_digest_set_new(&s, 4096);
        assert_true(!err == !fault_was_hit());
        assert_true(!err == (s != NULL));
        qc_digest_set_free(s);
    }
    assert_int_equal(runs, 4);
}

static void test_script_cache__flags_are_part_of_the_key(void **state)
{
    (void)state;
    qc_script_cache *c;
    assert_int_equal(qc_script_cache_new(&c, 4096, SALT), QC_OK);
    qc_hash a = digest(1), b = digest(2);
    qc_script_cache_add(c, &a, 5);
    assert_true(qc_script_cache_has(c, &a, 5, false));
    assert_false(qc_script_cache_has(c, &a, 4, false));
    assert_false(qc_script_cache_has(c, &a, 7, false));
    assert_false(qc_script_cache_has(c, &b, 5, false));
    qc_script_cache_free(c);
    qc_script_cache_free(NULL);
}

static void test_sig_cache_entry__every_part_counts(void **state)
{
    (void)state;
    qc_sig_cache *c, *other;
    uint8_t salt[32] = {2};
    assert_int_equal(qc_sig_cache_new(&c, 4096, SALT), QC_OK);
    assert_int_equal(qc_sig_cache_new(&other, 4096, salt), QC_OK);
    qc_hash hash = digest(1), hash2 = digest(2), e[6];
    qc_span key = qc_span_str("key"), sig = qc_span_str("sig");
    qc_sig_cache_entry(c, QC_SIG_ECDSA, &hash, key, sig, &e[0]);
    qc_sig_cache_entry(c, QC_SIG_SCHNORR, &hash, key, sig, &e[1]);
    qc_sig_cache_entry(c, QC_SIG_ECDSA, &hash2, key, sig, &e[2]);
    qc_sig_cache_entry(c, QC_SIG_ECDSA, &hash, sig, sig, &e[3]);
    qc_sig_cache_entry(c, QC_SIG_ECDSA, &hash, key, key, &e[4]);
    qc_sig_cache_entry(other, QC_SIG_ECDSA, &hash, key, sig, &e[5]);
    for (int i = 0; i < 6; i++) {
        for (int k = 0; k < i; k++)
            assert_false(qc_hash_eq(&e[i], &e[k]));
    }
    qc_sig_cache_free(c);
    qc_sig_cache_free(other);
}

/* Spend a key path coin with the cache, storing or not. */
static qc_script_err check_with(const spend *s, const qc_tx *tx, qc_sig_cache *cache, bool store)
{
    qc_script_check c = {.tx = tx,
                         .in = s->in,
                         .spent = s->spent,
                         .flags = QC_SCRIPT_P2SH | QC_SCRIPT_WITNESS | QC_SCRIPT_TAPROOT,
                         .cache = cache,
                         .cache_store = store};
    return qc_script_verify_input(&c);
}

static void test_verify__stores_only_when_asked_and_only_what_holds(void **state)
{
    (void)state;
    spend s;
    uint8_t key[32], secret[32], sig[64];
    bool odd;
    spend_init(&s);
    assert_true(qc_tap_tweak(s.pub[0] + 1, NULL, key, &odd));
    spend_coin(&s, 0, program_script(1, key, 32));
    qc_hash hash;
    qc_taproot_env e = {.tx = &s.tx.tx, .in = 0, .spent = s.spent, .hashes = &s.hashes};
    assert_true(qc_sighash_taproot(&e, 0, &hash));
    assert_true(qc_seckey_tap_tweak(s.signer, s.secret[0], NULL, secret));
    assert_true(qc_schnorr_sign(s.signer, secret, qc_span_of(hash.b, 32), NULL, sig));
    for (int good = 0; good < 2; good++) {
        qc_sig_cache *cache;
        qc_txbuf tx;
        qc_hash entry;
        testwit w = {.n = 0};
        sig[40] ^= 1; /* bad in the first round, restored in the second */
        testwit_add(&w, qc_span_of(sig, 64));
        testtx_with_input(&s.tx.tx, 0, (qc_span){NULL, 0}, &w, &tx);
        assert_int_equal(qc_sig_cache_new(&cache, 4096, SALT), QC_OK);
        qc_sig_cache_entry(cache, QC_SIG_SCHNORR, &hash, qc_span_of(key, 32), qc_span_of(sig, 64),
                           &entry);
        qc_script_err want = good ? QC_SE_OK : QC_SE_SCHNORR_SIG;
        assert_int_equal(check_with(&s, &tx.tx, cache, false), want);
        assert_false(qc_sig_cache_has(cache, &entry, false));
        assert_int_equal(check_with(&s, &tx.tx, cache, true), want);
        assert_int_equal(qc_sig_cache_has(cache, &entry, false), good);
        /* What the cache says is believed: that is what it is for. */
        qc_sig_cache_add(cache, &entry);
        assert_int_equal(check_with(&s, &tx.tx, cache, false), QC_SE_OK);
        qc_sig_cache_free(cache);
        qc_txbuf_clear(&tx);
        testwit_clear(&w);
    }
    spend_clear(&s);
}

#define THREAD_ROUNDS 20000

static bool hammer(void *arg, size_t worker)
{
    qc_digest_set *s = arg;
    for (uint64_t i = 0; i < THREAD_ROUNDS; i++) {
        qc_hash mine = digest(worker << 32 | i), shared = digest(i % 500), never = mine;
        never.b[20] ^= 0xff;
        qc_digest_set_add(s, i % 3 ? &mine : &shared);
        (void)qc_digest_set_has(s, &shared, i % 7 == 0);
        if (qc_digest_set_has(s, &never, false))
            return false; /* a digest nobody added: a torn entry */
    }
    return true;
}

static void test_digest_set__many_threads_never_see_what_nobody_added(void **state)
{
    (void)state;
    qc_digest_set *s = new_set(200000);
    qc_pool *pool;
    assert_int_equal(qc_pool_new(&pool, 3, "hammer"), QC_OK);
    assert_true(qc_pool_run(pool, hammer, s, 4, 1));
    qc_pool_free(pool);
    qc_digest_set_free(s);
}

QC_TEST_MAIN(cmocka_unit_test(test_digest_set__has_what_was_added),
             cmocka_unit_test(test_digest_set__old_entries_give_way_to_new_ones),
             cmocka_unit_test(test_digest_set__spent_entries_stay_until_their_place_is_needed),
             cmocka_unit_test(test_digest_set_new__survives_each_single_fault),
             cmocka_unit_test(test_script_cache__flags_are_part_of_the_key),
             cmocka_unit_test(test_sig_cache_entry__every_part_counts),
             cmocka_unit_test(test_verify__stores_only_when_asked_and_only_what_holds),
             cmocka_unit_test(test_digest_set__many_threads_never_see_what_nobody_added))
