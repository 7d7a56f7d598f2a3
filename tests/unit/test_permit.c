/* What -whitelist and -whitebind grant to whom. */
#include "core/net/permit.h"
#include "tests/unit/harness.h"

static uint32_t granted(const char *rule, const char *addr, bool inbound)
{
    qc_permit p;
    char why[QC_PERMIT_WHY];
    assert_int_equal(qc_permit_parse(rule, &p, why), QC_OK);
    return qc_permit_of(&p, 1, addr, inbound);
}

static void refused(const char *rule, const char *want)
{
    qc_permit p;
    char why[QC_PERMIT_WHY];
    assert_int_equal(qc_permit_parse(rule, &p, why), QC_EINVAL);
    assert_string_equal(why, want);
}

static void test_permit_of__matches_the_network_and_the_direction(void **state)
{
    (void)state;
    assert_int_equal(granted("noban@10.1.2.0/23", "10.1.3.9:8333", true), QC_PERMIT_NOBAN);
    assert_int_equal(granted("noban@10.1.2.0/23", "10.1.4.9:8333", true), 0);
    assert_int_equal(granted("noban@10.1.2.3", "10.1.2.3:1", true), QC_PERMIT_NOBAN);
    assert_int_equal(granted("noban@10.1.2.3", "10.1.2.4:1", true), 0);
    assert_int_equal(granted("relay@2001:db8::/33", "[2001:db7::1]:1", true), 0);
    assert_int_equal(granted("relay@2a00:db8::/33", "[2a00:db8:7fff::1]:1", true), QC_PERMIT_RELAY);
    assert_int_equal(granted("relay@2a00:db8::/33", "[2a00:db8:8000::1]:1", true), 0);
    assert_int_equal(granted("addr@0.0.0.0/0", "1.2.3.4:1", false), 0);
    assert_int_equal(granted("addr,out@0.0.0.0/0", "1.2.3.4:1", false), QC_PERMIT_ADDR);
    assert_int_equal(granted("addr,out@0.0.0.0/0", "1.2.3.4:1", true), 0);
    assert_int_equal(granted("addr,in,out@0.0.0.0/0", "1.2.3.4:1", true), QC_PERMIT_ADDR);
    assert_int_equal(granted("addr@0.0.0.0/0", "[::1]:1", true), 0);
}

/* The same sets of addresses as bans (netrange.h). */
static void test_permit_parse__takes_masks_and_other_networks(void **state)
{
    static const char onion[] = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion";
    char rule[100], peer[100];
    (void)state;
    assert_int_equal(granted("noban@10.1.2.0/255.255.254.0", "10.1.3.9:1", true), QC_PERMIT_NOBAN);
    assert_int_equal(granted("noban@10.1.2.0/255.255.254.0", "10.1.4.9:1", true), 0);
    assert_int_equal(granted("noban@[::1]", "[::1]:1", true), QC_PERMIT_NOBAN);
    assert_int_equal(granted("noban@::/0", "[2a00::1]:1", true), QC_PERMIT_NOBAN);
    assert_int_equal(granted("noban@::/0", "1.2.3.4:1", true), 0);
    assert_int_equal(granted("noban@::ffff:1.2.3.4", "1.2.3.4:1", true), QC_PERMIT_NOBAN);
    snprintf(rule, sizeof rule, "addr@%s", onion);
    snprintf(peer, sizeof peer, "%s:8333", onion);
    assert_int_equal(granted(rule, peer, true), QC_PERMIT_ADDR);
    assert_int_equal(granted(rule, "1.2.3.4:8333", true), 0);
    refused("noban@10.1.2.0/255.0.255.0",
            "Invalid netmask specified in -whitelist: '10.1.2.0/255.0.255.0'");
}

static void test_permit_parse__implies_as_core_does(void **state)
{
    (void)state;
    assert_int_equal(granted("1.2.3.4", "1.2.3.4:1", true), QC_PERMIT_DEFAULT);
    assert_int_equal(granted("1.2.3.4", "1.2.3.4:1", false), 0);
    assert_int_equal(granted("@1.2.3.4", "1.2.3.4:1", true), 0); /* named: none */
    assert_int_equal(granted("bloom,,@1.2.3.4", "1.2.3.4:1", true), QC_PERMIT_BLOOM);
    uint32_t all = granted("all@1.2.3.4", "1.2.3.4:1", true);
    static const char *const shown[] = {"bloomfilter", "noban",    "forcerelay", "relay",
                                        "mempool",     "download", "addr"};
    for (size_t i = 0; i < QC_COUNTOF(shown); i++)
        assert_string_equal(qc_permit_name(all, i), shown[i]);
    assert_null(qc_permit_name(all, QC_COUNTOF(shown)));
}

static void test_permit_settle__gives_the_default_its_meaning(void **state)
{
    (void)state;
    uint32_t plain = qc_permit_settle(QC_PERMIT_DEFAULT, true, false);
    assert_int_equal(plain, QC_PERMIT_NOBAN | QC_PERMIT_RELAY | QC_PERMIT_MEMPOOL);
    assert_true(plain & QC_PERMIT_DOWNLOAD);
    assert_string_equal(qc_permit_name(plain, 0), "noban");
    assert_string_equal(qc_permit_name(plain, 3), "download");
    assert_null(qc_permit_name(plain, 4));
    assert_int_equal(qc_permit_settle(QC_PERMIT_DEFAULT, false, false),
                     QC_PERMIT_NOBAN | QC_PERMIT_MEMPOOL);
    assert_true(qc_permit_settle(QC_PERMIT_DEFAULT, false, true) & QC_PERMIT_RELAY);
    assert_int_equal(qc_permit_settle(QC_PERMIT_ADDR, true, true), QC_PERMIT_ADDR);
}

static void test_permit_parse__says_what_is_wrong(void **state)
{
    (void)state;
    refused("", "Invalid netmask specified in -whitelist: ''");
    refused("noban@", "Invalid netmask specified in -whitelist: ''");
    refused("noban@1.2.3.4/33", "Invalid netmask specified in -whitelist: '1.2.3.4/33'");
    refused("noban@1.2.3.4/", "Invalid netmask specified in -whitelist: '1.2.3.4/'");
    refused("noban@1.2.3.4/8x", "Invalid netmask specified in -whitelist: '1.2.3.4/8x'");
    refused("noban@1.2.3.4:230", "Invalid netmask specified in -whitelist: '1.2.3.4:230'");
    refused("noban@name", "Invalid netmask specified in -whitelist: 'name'");
    refused("noban@::1/129", "Invalid netmask specified in -whitelist: '::1/129'");
    refused("nobann@1.2.3.4", "Invalid P2P permission: 'nobann'");
    refused("relay,nob@1.2.3.4", "Invalid P2P permission: 'nob'");
    refused("in@1.2.3.4", "Only direction was set, no permissions: 'in@1.2.3.4'");
    refused("in,out@1.2.3.4", "Only direction was set, no permissions: 'in,out@1.2.3.4'");
}

static void bind_refused(const char *text, const char *want)
{
    uint32_t flags;
    const char *address;
    char why[QC_PERMIT_WHY];
    assert_int_equal(qc_permit_parse_bind(text, &flags, &address, why), QC_EINVAL);
    assert_string_equal(why, want);
}

static void test_permit_parse_bind__is_about_one_address_and_its_port(void **state)
{
    uint32_t flags;
    const char *address;
    char why[QC_PERMIT_WHY];
    (void)state;
    assert_int_equal(qc_permit_parse_bind("mempool,noban@[::1]:8333", &flags, &address, why), 0);
    assert_int_equal(flags, QC_PERMIT_MEMPOOL | QC_PERMIT_NOBAN);
    assert_string_equal(address, "[::1]:8333");
    assert_int_equal(qc_permit_parse_bind("127.0.0.1:1", &flags, &address, why), 0);
    assert_int_equal(flags, QC_PERMIT_DEFAULT);
    assert_string_equal(address, "127.0.0.1:1");
    bind_refused("noban@127.0.0.1", "Need to specify a port with -whitebind: '127.0.0.1'");
    bind_refused("noban@127.0.0.1/10", "Cannot resolve -whitebind address: '127.0.0.1/10'");
    bind_refused("noban@host:1", "Cannot resolve -whitebind address: 'host:1'");
    bind_refused("in@127.0.0.1:1", "Only direction was set, no permissions: 'in@127.0.0.1:1'");
    bind_refused("oops@127.0.0.1:1", "Invalid P2P permission: 'oops'");
    bind_refused("noban,out@127.0.0.1:1",
                 "whitebind may only be used for incoming connections (\"out\" was passed)");
}

QC_TEST_MAIN(cmocka_unit_test(test_permit_of__matches_the_network_and_the_direction),
             cmocka_unit_test(test_permit_parse__takes_masks_and_other_networks),
             cmocka_unit_test(test_permit_parse__implies_as_core_does),
             cmocka_unit_test(test_permit_settle__gives_the_default_its_meaning),
             cmocka_unit_test(test_permit_parse__says_what_is_wrong),
             cmocka_unit_test(test_permit_parse_bind__is_about_one_address_and_its_port))
