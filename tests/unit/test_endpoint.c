/* Addresses in grants, and which parameters fit an interface. */
#include "core/host/endpoint.h"
#include "tests/unit/harness.h"

#include "core/host/grant.h"
#include "core/host/interfaces.h"

static void expect(const char *text, const char *want)
{
    qc_endpoint e;
    char got[300] = "refused";
    if (qc_endpoint_parse(text, strlen(text), &e))
        qc_endpoint_text(&e, got, sizeof got);
    if (strcmp(got, want) != 0)
        fail_msg("%s: got %s, wanted %s", text, got, want);
}

static void test_endpoint_parse__equal_addresses_have_one_form(void **state)
{
    (void)state;
    expect("127.0.0.1:50001", "127.0.0.1:50001");
    expect("[::1]:1", "[::1]:1");
    expect("[2001:DB8:0:0::1]:65535", "[2001:db8::1]:65535");
    expect("DB.Example.org:80", "db.example.org:80");
    expect("localhost:80", "localhost:80");
}

static void test_endpoint_parse__what_is_no_address_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      ":80",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "127.0.0.1:0",
                                      "127.0.0.1:65536",
                                      "1.2.3:80",
                                      "0x7f.1:80",
                                      "::1:80",
                                      "[::1]",
                                      "[::1",
                                      "[127.0.0.1]:80",
                                      "a..b:80",
                                      "-a:80",
                                      "a-:80",
                                      "a b:80",
                                      "a/b:80",
                                      "a@b:80",
                                      ".:80",
                                      "a.:80",
                                      "2130706433:1",
                                      "127.0.0.1:+80",
                                      "127.0.0.1:80 ",
                                      "h\xc3\xa4:80"};
    for (size_t i = 0; i < QC_COUNTOF(bad); i++)
        expect(bad[i], "refused");
    assert_false(qc_endpoint_parse("a\0b:80", 6, &(qc_endpoint){{0}, 0, false}));
}

static void test_endpoint_list__is_bounded_and_says_names_apart(void **state)
{
    (void)state;
    qc_endpoint e[2];
    size_t n;
    assert_true(qc_endpoint_list(" 127.0.0.1:1  [::1]:2 ", true, e, 2, &n));
    assert_int_equal(n, 2);
    assert_int_equal(e[1].port, 2);
    assert_false(qc_endpoint_list("127.0.0.1:1 127.0.0.1:2 127.0.0.1:3", true, e, 2, &n));
    assert_false(qc_endpoint_list("localhost:1", true, e, 2, &n));
    assert_true(qc_endpoint_list("localhost:1", false, e, 2, &n));
    assert_false(qc_endpoint_list("  ", false, e, 2, &n));
}

/* An interface of our own making would need a generated row; those that exist do as well. */
static void misfit(const char *id, const char *params, const char *part)
{
    const qc_interface *f = qc_interface_find(id);
    assert_non_null(f);
    const char *got = qc_interface_misfit(f, params);
    if (part ? !got || !strstr(got, part) : got != NULL)
        fail_msg("%s = %s: %s, wanted %s", id, params, got ? got : "fits", part ? part : "a fit");
}

static void test_interface_misfit__says_what_is_wrong(void **state)
{
    (void)state;
    char *longest = qc_alloc(2000);
    memset(longest, 'x', 1999);
    memcpy(longest, "names=", 6);
    misfit("chain.follow/1", "window=16, pin=500MB", NULL);
    misfit("chain.follow/1", "yes", NULL);
    misfit("chain.follow/1", "window=16, window=17", "found window twice");
    misfit("chain.follow/1", "window=0", "window to be a count");
    misfit("chain.follow/1", "window", "wanted yes or key=value");
    misfit("chain.follow/1", "127.0.0.1:1", "wanted yes or key=value");
    misfit("tx.submit/1", "rate=3, max_fee=100000000000000, test_only=yes", NULL);
    misfit("tx.submit/1", "max_fee=0", NULL);
    misfit("tx.submit/1", "max_fee=100000000000001", "max_fee to be satoshis");
    misfit("tx.submit/1", "max_fee=1MB", "max_fee to be satoshis");
    misfit("net.listen/1", "127.0.0.1:1, max_con=9",
           "found max_con=9, wanted yes or key=value with");
    misfit("net.listen/1", "127.0.0.1:1, max_con=9", "(did you mean max_conns?)");
    misfit("watch/1", "script=5", "(did you mean scripts?)");
    misfit("watch/1", "many=5", "of this interface (scripts, memory, window)");
    misfit("mining.submit/1", "many=5", "of this interface (it has none)");
    misfit("rpc.serve/1", longest, "characters in a row");
    qc_free(longest);
}

/* One spelling wherever a grant, quoin-plugin or a page of the reference shows a size. */
static void test_interface_key__sizes_are_said_in_megabytes(void **state)
{
    (void)state;
    const qc_interface *f;
    const qc_grant_key *k;
    size_t n = 0;
    for (size_t i = 0; (f = qc_interface_at(i)); i++)
        for (size_t j = 0; (k = qc_interface_key(f, j)); j++) {
            uint64_t bytes;
            if (k->type != QC_PARAM_BYTES)
                continue;
            n++;
            const char *unit = k->dflt + strspn(k->dflt, "0123456789");
            if (!qc_bytes_of_text(k->dflt, &bytes) || (bytes && strcmp(unit, "MB") != 0))
                fail_msg("%s: %s = %s", f->id, k->key, k->dflt);
        }
    assert_true(n > 4);
}

static void test_interface_acts__looking_is_no_act_and_a_way_that_is_off_is_none(void **state)
{
    (void)state;
    assert_true(qc_interface_acts(qc_interface_find("tx.submit/1"), "rate=60, max_fee=1"));
    assert_true(qc_interface_acts(qc_interface_find("mining.submit/1"), "yes"));
    assert_false(qc_interface_acts(qc_interface_find("mining.check/1"), "yes"));
    assert_false(qc_interface_acts(qc_interface_find("mining.template/1"), "prioritise=no"));
    assert_false(qc_interface_acts(qc_interface_find("node.control/1"), "yes"));
    assert_false(qc_interface_acts(qc_interface_find("node.control/1"), "stop=no, log=no"));
    assert_true(qc_interface_acts(qc_interface_find("node.control/1"), "stop=no, log=yes"));
    assert_true(qc_interface_acts(qc_interface_find("peers.control/1"), "ban=yes"));
}

QC_TEST_MAIN(cmocka_unit_test(test_endpoint_parse__equal_addresses_have_one_form),
             cmocka_unit_test(test_endpoint_parse__what_is_no_address_is_refused),
             cmocka_unit_test(test_endpoint_list__is_bounded_and_says_names_apart),
             cmocka_unit_test(test_interface_misfit__says_what_is_wrong),
             cmocka_unit_test(test_interface_key__sizes_are_said_in_megabytes),
             cmocka_unit_test(test_interface_acts__looking_is_no_act_and_a_way_that_is_off_is_none))
