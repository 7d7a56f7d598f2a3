/* What is said between version and verack, and what becomes of it. No sockets: the first ping,
 * which follows the handshake, is caught (the linker's --wrap). */
#include "core/btc/cmpct.h"
#include "core/net/internal.h"
#include "tests/unit/harness.h"

typedef struct rig {
    qc_net net;
    qc_peer p;
    qc_peer_info opened;
    unsigned n_opened;
} rig;

static rig R; /* too large for a stack */

void __wrap_qc_peer_ping(qc_peer *p);
void __wrap_qc_peer_ping(qc_peer *p)
{
    assert_ptr_equal(p, &R.p);
}

static void opened(void *arg, const qc_peer_info *p)
{
    assert_ptr_equal(arg, &R);
    R.opened = *p;
    R.n_opened++;
}

static int start(void **state)
{
    (void)state;
    memset(&R, 0, sizeof R);
    R.net.owner = (qc_net_owner){.arg = &R, .opened = opened};
    R.p.net = &R.net;
    R.p.version_seen = true;
    R.p.info.version = 70016;
    return 0;
}

/* Is it of the handshake? */
static bool say(const char *name, qc_span payload)
{
    qc_message m = {.payload = payload};
    snprintf(m.name, sizeof m.name, "%s", name);
    return qc_handshake_takes(&R.p, &m);
}

static bool say_cmpct(uint8_t announce, uint8_t version)
{
    const uint8_t word[9] = {announce, version};
    return say("sendcmpct", qc_span_of(word, sizeof word));
}

static void verack(void)
{
    assert_true(say("verack", qc_span_of("", 0)));
    assert_int_equal(R.n_opened, 1);
    assert_false(R.p.closing);
}

static void test_takes__nothing_said_is_nothing_told(void **state)
{
    (void)state;
    assert_true(say("ping", qc_span_of("12345678", 8)));
    verack();
    assert_false(R.opened.early_headers || R.opened.early_cmpct);
}

static void test_takes__sendheaders_before_verack(void **state)
{
    (void)state;
    assert_true(say("sendheaders", qc_span_of("", 0)));
    verack();
    assert_true(R.opened.early_headers);
    assert_false(R.opened.early_cmpct);
}

static void test_takes__not_before_version(void **state)
{
    (void)state;
    R.p.version_seen = false;
    assert_true(say("sendheaders", qc_span_of("", 0)));
    assert_true(say_cmpct(1, QC_CMPCT_VERSION));
    R.p.version_seen = true;
    verack();
    assert_false(R.opened.early_headers || R.opened.early_cmpct);
}

static void test_takes__the_last_sendcmpct_of_the_version_spoken(void **state)
{
    (void)state;
    assert_true(say_cmpct(1, 1));
    assert_true(say("sendcmpct", qc_span_of("\1\2\0\0\0\0\0\0", 8))); /* ends early */
    assert_false(R.p.info.early_cmpct);
    assert_true(say_cmpct(0, QC_CMPCT_VERSION));
    assert_true(say_cmpct(1, QC_CMPCT_VERSION));
    assert_true(say_cmpct(0, 1));
    assert_true(say_cmpct(0, 3));
    verack();
    assert_true(R.opened.early_cmpct);
    assert_int_equal(R.opened.cmpct_announce, 1);
}

static void test_takes__nothing_makes_up_for_a_wrong_sendcmpct(void **state)
{
    (void)state;
    assert_true(say_cmpct(2, 1)); /* of any version */
    assert_true(say_cmpct(1, QC_CMPCT_VERSION));
    verack();
    assert_true(R.opened.early_cmpct);
    assert_int_equal(R.opened.cmpct_announce, 2);
}

static void test_takes__neither_after_verack(void **state)
{
    (void)state;
    verack();
    assert_false(say("sendheaders", qc_span_of("", 0)));
    assert_false(say_cmpct(1, QC_CMPCT_VERSION));
    assert_false(R.p.info.early_headers || R.p.info.early_cmpct);
}

#define WITH_PEER(f) cmocka_unit_test_setup(f, start)

QC_TEST_MAIN(WITH_PEER(test_takes__nothing_said_is_nothing_told),
             WITH_PEER(test_takes__sendheaders_before_verack),
             WITH_PEER(test_takes__not_before_version),
             WITH_PEER(test_takes__the_last_sendcmpct_of_the_version_spoken),
             WITH_PEER(test_takes__nothing_makes_up_for_a_wrong_sendcmpct),
             WITH_PEER(test_takes__neither_after_verack))
