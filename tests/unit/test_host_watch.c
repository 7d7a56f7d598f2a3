/* watch over a real chain and a real pool: whatever happens to chain, mempool, node and plugin, the
 * plugin knows the coins of its scripts as a walk over everything finds them. Built for both modes
 * of running a plugin. */
#include "tests/unit/watch_play.h"

#include "core/host/adapter_watch.h"

#include <stdlib.h>

static void change_set(play *p)
{
    uint32_t i = (uint32_t)rnd(p, p->used);
    if (p->set[i])
        play_unwatch(p, i);
    else
        play_watch(p, i);
}

static void one_round(play *p, unsigned round)
{
    play_offer_some(p);
    if (rnd(p, 2) == 0)
        change_set(p);
    if (rnd(p, 3) == 0)
        play_mine(p);
    if (rnd(p, 6) == 0) {
        uint32_t back = 1 + (uint32_t)rnd(p, 3);
        rig_reorg(&p->r, back, back + 1, ++p->salt);
    }
    /* A rescan that is under way dies with the plugin: not before it has ended. */
    if (!RIG_TRUSTED && rnd(p, 6) == 0) {
        play_compare(p);
        play_kill_runner(p);
    }
    if (round % 12 == 11) {
        play_compare(p);
        play_restart(p);
    }
    if (rnd(p, 2))
        play_compare(p);
}

static void rounds(play *p, unsigned n)
{
    play_begin(p, GRANTS);
    for (unsigned round = 0; round < n; round++)
        one_round(p, round);
    play_compare(p);
    assert_true(RIG_TRUSTED || p->kills > 0);
    assert_int_equal(p->r.host->n_watchers, 1);
    assert_int_equal(play_count(p, "unknown"), 0);
    play_end(p);
}

static void test_watch__a_plugin_knows_its_coins_through_all_that_happens(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 3; seed++) {
        play p = {.seed = seed, .r = {.backoff_ms = 1}};
        rounds(&p, 40);
    }
}

static void test_watch__filters_find_what_reading_every_block_finds(void **state)
{
    (void)state;
    play p = {.seed = 7, .with_filters = true, .r = {.backoff_ms = 1}};
    rounds(&p, 30);
}

static void test_watch__a_slow_one_looks_again_and_comes_to_the_same(void **state)
{
    (void)state;
    play p = {.seed = 9, .r = {.backoff_ms = 1, .feed_events = 4}};
    play_begin(&p, GRANTS);
    for (uint32_t i = 0; i < 8; i++)
        play_watch(&p, i);
    for (unsigned round = 0; round < 8; round++) {
        for (int i = 0; i < 6; i++)
            play_offer_some(&p);
        if (round % 3 == 2)
            play_mine(&p);
        play_compare(&p);
    }
    play_end(&p);
}

QC_TEST_MAIN(cmocka_unit_test(test_watch__a_plugin_knows_its_coins_through_all_that_happens),
             cmocka_unit_test(test_watch__filters_find_what_reading_every_block_finds),
             cmocka_unit_test(test_watch__a_slow_one_looks_again_and_comes_to_the_same))
