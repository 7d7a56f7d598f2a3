/* Asking a router for a port by UPnP: what the helper says, and the whole with a helper of our own,
 * with a clock on which a second takes a millisecond. */
#include "core/net/upnp.h"
#include "tests/unit/harness.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/net/upnptalk.h"

#include <sys/socket.h>
#include <unistd.h>

static const uint8_t PUBLIC[4] = {1, 2, 3, 4}, LAN[4] = {192, 168, 0, 2};

/* ---- words ---- */

static qc_upnp_word reads(const char *text, qc_upnp_reply *out)
{
    return qc_upnp_read(qc_span_str(text), out);
}

static void test_read__takes_each_answer_apart(void **state)
{
    qc_upnp_reply r = {.code = 1};
    (void)state;
    assert_int_equal(reads("found 1.2.3.4 192.168.0.2 http://192.168.0.1:5000/ctl urn:a:b:1", &r),
                     QC_UPNP_FOUND);
    assert_memory_equal(r.external.b, PUBLIC, 4);
    assert_memory_equal(r.lan.b, LAN, 4);
    assert_string_equal(r.place, "http://192.168.0.1:5000/ctl urn:a:b:1");
    assert_int_equal(reads("mapped 4294967295", &r), QC_UPNP_MAPPED);
    assert_int_equal(r.lease, UINT32_MAX);
    assert_int_equal(reads("unmapped", &r), QC_UPNP_UNMAPPED);
    assert_int_equal(reads("failed 718 ConflictInMappingEntry (or so)", &r), QC_UPNP_FAILED);
    assert_int_equal(r.code, 718);
    assert_string_equal(r.why, "ConflictInMappingEntry (or so)");
    assert_int_equal(reads("unable it has no rights", &r), QC_UPNP_UNABLE);
    assert_string_equal(r.why, "it has no rights");
}

static void test_read__everything_else_is_garbage_and_leaves_no_trace(void **state)
{
    static const char *const BAD[] = {
        "",
        " ",
        "found",
        "found 1.2.3.4 192.168.0.2 http://a/",
        "found 1.2.3.4 192.168.0.2 http://a/ urn more",
        "found 1.2.3.4 192.168.0.2  urn",
        "found 1.2.3.4 ::1 http://a/ urn",
        "found ::1 192.168.0.2 http://a/ urn",
        "found router 192.168.0.2 http://a/ urn",
        "found 1.2.3.4 192.168.0.2 http://a/\n urn",
        "mapped",
        "mapped ",
        "mapped -1",
        "mapped 4294967296",
        "mapped 99999999999999999999",
        "mapped 60 60",
        "unmapped ",
        "failed",
        "failed 1",
        "failed 1 ",
        "failed 65536 x",
        "unable",
        "unable ",
        "unable  x",
        "failed x x",
        "failed 0 \x1b[2J",
        "failed 0 \xc3\xa4",
        "other 1",
    };
    qc_upnp_reply r = {.code = 7, .lease = 7}, same = r;
    uint8_t big[QC_UPNP_MESSAGE_MAX + 1];
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(BAD); i++) {
        assert_int_equal(reads(BAD[i], &r), QC_UPNP_GARBAGE);
        assert_memory_equal(&r, &same, sizeof r);
    }
    assert_int_equal(qc_upnp_read(qc_span_of((const uint8_t *)"unmapped\0", 9), &r),
                     QC_UPNP_GARBAGE);
    memset(big, 'x', sizeof big);
    memcpy(big, "failed 1 ", 9);
    assert_int_equal(qc_upnp_read(qc_span_of(big, sizeof big), &r), QC_UPNP_GARBAGE);
    assert_int_equal(qc_upnp_read(qc_span_of(big, sizeof big - 1), &r), QC_UPNP_FAILED);
    assert_int_equal(strlen(r.why), QC_UPNP_WHY - 1);
    memcpy(big, "found 1.2.3.4 1.2.3.4 ", 22);
    big[500] = ' ';
    assert_int_equal(qc_upnp_read(qc_span_of(big, 22 + QC_UPNP_PLACE), &r), QC_UPNP_GARBAGE);
    assert_int_equal(qc_upnp_read(qc_span_of(big, 22 + QC_UPNP_PLACE - 1), &r), QC_UPNP_FOUND);
    assert_int_equal(strlen(r.place), QC_UPNP_PLACE - 1);
}

/* ---- the whole ---- */

/* What the helper does with requests, in their order: one letter each, the last one for ever.
 * f: finds; i: finds one behind another router; n: finds none; m: maps; p: maps for ever; s: maps
 * for too short a time; c: conflict; d: not authorized; o: does not know whether it has mapped;
 * u: is unable; x: nothing; g: garbage; e: ends. */
typedef struct world {
    qc_loop *loop;
    qc_watch *watch;
    int ours; /* end of the pair; -1: no helper runs */
    int theirs;
    const char *script;
    char asked[512]; /* every request, with a line's end */
    size_t starts, ends, requests, until;
    qc_peer_addr mapped;
    int mappings;
} world;

static const char *reply(char what)
{
    switch (what) {
    case 'f':
        return "found 1.2.3.4 192.168.0.2 http://192.168.0.1/ctl urn:x";
    case 'i':
        return "found 100.64.0.9 192.168.0.2 http://192.168.0.1/ctl urn:x";
    case 'n':
        return "failed 0 no device answers";
    case 'm':
        return "mapped 60";
    case 'p':
        return "mapped 0";
    case 's':
        return "mapped 29";
    case 'c':
        return "failed 718 ConflictInMappingEntry";
    case 'd':
        return "failed 606 Action not authorized";
    case 'o':
        return "failed 0 no answer";
    case 'u':
        return "unable it has no rights";
    default:
        return "\x01";
    }
}

/* False: nothing is asked. */
static bool note_request(world *w)
{
    char text[256];
    ssize_t n = recv(w->theirs, text, sizeof text - 1, MSG_DONTWAIT);
    if (n <= 0)
        return false;
    text[n] = 0;
    size_t at = strlen(w->asked);
    snprintf(w->asked + at, sizeof w->asked - at, "%s\n", text);
    return true;
}

static void on_request(void *arg, int fd, unsigned events)
{
    world *w = arg;
    (void)events;
    assert_true(note_request(w));
    char what = *w->script;
    if (w->script[1])
        w->script++;
    if (++w->requests == w->until) {
        qc_loop_stop(w->loop);
        return;
    }
    if (what == 'e')
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
    else if (what != 'x')
        assert_int_equal(send(fd, reply(what), strlen(reply(what)), 0), strlen(reply(what)));
}

static qc_err start(void *arg, int *out)
{
    world *w = arg;
    int pair[2];
    assert_int_equal(w->ours, -1);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
                     0);
    w->ours = pair[0];
    w->theirs = pair[1];
    assert_int_equal(qc_io_watch(w->loop, pair[1], QC_IO_READ, on_request, w, &w->watch), QC_OK);
    w->starts++;
    *out = pair[0];
    return QC_OK;
}

static int end(void *arg)
{
    world *w = arg;
    assert_true(w->ours >= 0);
    qc_unwatch(w->watch);
    (void)note_request(w); /* what is asked after the loop's end */
    close(w->ours);
    close(w->theirs);
    w->ours = w->theirs = -1;
    w->ends++;
    return 9;
}

static void on_mapped(void *arg, const qc_peer_addr *external)
{
    world *w = arg;
    assert_int_equal(w->ours, -1);
    w->mapped = *external;
    w->mappings++;
}

/* Long enough for an answer to come, however busy the machine is. */
#define ANSWERED 20000

/* Until the helper has been asked so often. */
static void play(world *w, const char *script, size_t until, int64_t round_ms)
{
    qc_upnp *u;
    *w = (world){.script = script, .until = until, .ours = -1, .theirs = -1};
    assert_int_equal(qc_loop_new(&w->loop), QC_OK);
    const qc_upnp_system s = {.start = start,
                              .end = end,
                              .round_ms = round_ms,
                              .remove_ms = 20,
                              .second_ms = 1,
                              .arg = w};
    const qc_upnp_options o = {.loop = w->loop,
                               .port = 8333,
                               .url = "http://192.168.0.1/",
                               .system = &s,
                               .mapped = on_mapped,
                               .arg = w};
    assert_int_equal(qc_upnp_new(&u, &o), QC_OK);
    qc_loop_run(w->loop);
    qc_upnp_free(u);
    assert_int_equal(w->starts, w->ends);
    qc_loop_free(w->loop);
}

#define FIND "find http://192.168.0.1/\n"
#define MAP "map 8333 2400\n"
#define UNMAP "unmap http://192.168.0.1/ctl urn:x 8333\n"

static void test_upnp__maps_and_asks_again_before_the_mapping_ends(void **state)
{
    world w;
    (void)state;
    qc_mono before = qc_clock_mono();
    play(&w, "fmfm", 4, ANSWERED);
    assert_string_equal(w.asked, FIND MAP FIND MAP UNMAP);
    assert_int_equal(w.mappings, 1); /* the third request begins its renewal */
    assert_true(qc_clock_mono() - before >= 30 * INT64_C(1000000));
    assert_int_equal(w.mapped.port, 8333);
    assert_memory_equal(w.mapped.addr.b, PUBLIC, 4);
    assert_int_equal(w.starts, 3); /* two rounds, and to take it back */
}

static void test_upnp__a_mapping_without_an_end_is_asked_for_again_too(void **state)
{
    world w;
    (void)state;
    qc_mono before = qc_clock_mono();
    play(&w, "fpf", 3, ANSWERED);
    assert_int_equal(w.mappings, 1);
    /* half of the 2,400 seconds that were asked for */
    assert_true(qc_clock_mono() - before >= 1200 * INT64_C(1000000));
}

static void test_upnp__nothing_is_taken_back_when_nothing_was_mapped(void **state)
{
    world w;
    (void)state;
    play(&w, "nncdf", 2, ANSWERED);
    assert_string_equal(w.asked, FIND FIND);
    assert_int_equal(w.mappings, 0);
    assert_int_equal(w.starts, 2);
}

static void test_upnp__what_may_be_mapped_is_taken_back(void **state)
{
    /* The node stops, the helper ends, or the router is not heard of before it is known. */
    static const char *const LOST[] = {"fx", "fef", "fof"};
    world w;
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(LOST); i++) {
        play(&w, LOST[i], strlen(LOST[i]), ANSWERED);
        assert_string_equal(w.asked, i == 0 ? FIND MAP UNMAP : FIND MAP FIND UNMAP);
    }
    play(&w, "fefdf", 5, ANSWERED); /* the second answer tells of both */
    assert_string_equal(w.asked, FIND MAP FIND MAP FIND);
}

static void test_upnp__what_is_not_ours_any_more_is_not_taken_back(void **state)
{
    world w;
    (void)state;
    play(&w, "fpfcf", 5, ANSWERED); /* another machine has the port */
    assert_string_equal(w.asked, FIND MAP FIND MAP FIND);
    assert_int_equal(w.mappings, 1);
    play(&w, "fmnf", 4, ANSWERED); /* its 60 seconds are over */
    assert_string_equal(w.asked, FIND MAP FIND FIND);
    assert_int_equal(w.mappings, 1);
    play(&w, "fpnf", 4, ANSWERED);
    assert_string_equal(w.asked, FIND MAP FIND FIND UNMAP);
}

static void count_warning(void *arg, qc_log_level level, const char *area, const char *line,
                          size_t len)
{
    (void)area;
    (void)line;
    (void)len;
    *(int *)arg += level == QC_LOG_WARN;
}

static void test_upnp__a_helper_that_is_unable_is_warned_of_once(void **state)
{
    world w;
    int warnings = 0;
    (void)state;
    qc_log_set_sink(count_warning, &warnings);
    play(&w, "u", 4, ANSWERED);
    qc_log_set_sink(NULL, NULL);
    assert_string_equal(w.asked, FIND FIND FIND FIND);
    assert_int_equal(warnings, 1);
}

static void test_upnp__refusals_are_no_mappings_and_are_not_run_after(void **state)
{
    world w;
    (void)state;
    qc_mono before = qc_clock_mono();
    play(&w, "fcfdfdfmf", 9, ANSWERED);
    assert_int_equal(w.mappings, 1);
    /* 5 minutes of this clock are 300 ms, three times; and half of the mapping's life */
    assert_true(qc_clock_mono() - before >= 930 * INT64_C(1000000));
}

static void test_upnp__a_router_behind_a_router_is_asked_for_nothing(void **state)
{
    world w;
    (void)state;
    play(&w, "i", 2, ANSWERED);
    assert_string_equal(w.asked, FIND FIND);
    assert_int_equal(w.mappings, 0);
}

static void test_upnp__a_helper_that_dies_or_babbles_or_is_silent_is_ended(void **state)
{
    world w;
    (void)state;
    play(&w, "egmfef", 6, ANSWERED); /* "mapped" without a question is garbage, too */
    assert_string_equal(w.asked, FIND FIND FIND FIND MAP FIND UNMAP);
    assert_int_equal(w.mappings, 0);
    play(&w, "xf", 2, 20);
    assert_string_equal(w.asked, FIND FIND);
    assert_int_equal(w.starts, 2);
}

static void test_upnp__a_lifetime_that_is_too_short_is_not_run_after(void **state)
{
    world w;
    (void)state;
    qc_mono before = qc_clock_mono();
    play(&w, "fsf", 3, ANSWERED);
    assert_true(qc_clock_mono() - before >= 300 * INT64_C(1000000));
}

static void test_upnp_new__says_when_there_is_no_such_program(void **state)
{
    const qc_upnp_options o = {.program = "/nonexistent/quoin-upnp"};
    qc_upnp *u = NULL;
    (void)state;
    assert_int_equal(qc_upnp_new(&u, &o), QC_ENOENT);
    assert_null(u);
}

QC_TEST_MAIN(cmocka_unit_test(test_read__takes_each_answer_apart),
             cmocka_unit_test(test_read__everything_else_is_garbage_and_leaves_no_trace),
             cmocka_unit_test(test_upnp__maps_and_asks_again_before_the_mapping_ends),
             cmocka_unit_test(test_upnp__a_mapping_without_an_end_is_asked_for_again_too),
             cmocka_unit_test(test_upnp__nothing_is_taken_back_when_nothing_was_mapped),
             cmocka_unit_test(test_upnp__what_may_be_mapped_is_taken_back),
             cmocka_unit_test(test_upnp__what_is_not_ours_any_more_is_not_taken_back),
             cmocka_unit_test(test_upnp__a_helper_that_is_unable_is_warned_of_once),
             cmocka_unit_test(test_upnp__refusals_are_no_mappings_and_are_not_run_after),
             cmocka_unit_test(test_upnp__a_router_behind_a_router_is_asked_for_nothing),
             cmocka_unit_test(test_upnp__a_helper_that_dies_or_babbles_or_is_silent_is_ended),
             cmocka_unit_test(test_upnp__a_lifetime_that_is_too_short_is_not_run_after),
             cmocka_unit_test(test_upnp_new__says_when_there_is_no_such_program))
