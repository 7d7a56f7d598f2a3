/* What -whitelist grants to whom. */
#include "core/net/permit.h"
#include "tests/unit/harness.h"

static uint32_t granted(const char *rule, const char *addr, bool inbound)
{
    qc_permit p;
    assert_int_equal(qc_permit_parse(rule, &p), QC_OK);
    return qc_permit_of(&p, 1, addr, inbound);
}

static void test_permit_of__matches_the_network_and_the_direction(void **state)
{
    (void)state;
    assert_int_equal(granted("noban@10.1.2.0/23", "10.1.3.9:8333", true), QC_PERMIT_NOBAN);
    assert_int_equal(granted("noban@10.1.2.0/23", "10.1.4.9:8333", true), 0);
    assert_int_equal(granted("noban@10.1.2.3", "10.1.2.3:1", true), QC_PERMIT_NOBAN);
    assert_int_equal(granted("noban@10.1.2.3", "10.1.2.4:1", true), 0);
    assert_int_equal(granted("relay@2001:db8::/33", "[2001:db8:7fff::1]:1", true), QC_PERMIT_RELAY);
    assert_int_equal(granted("relay@2001:db8::/33", "[2001:db8:8000::1]:1", true), 0);
    assert_int_equal(granted("addr@0.0.0.0/0", "1.2.3.4:1", false), 0);
    assert_int_equal(granted("addr,out@0.0.0.0/0", "1.2.3.4:1", false), QC_PERMIT_ADDR);
    assert_int_equal(granted("addr,out@0.0.0.0/0", "1.2.3.4:1", true), 0);
    assert_int_equal(granted("addr@0.0.0.0/0", "[::1]:1", true), 0);
}

static void test_permit_parse__implies_as_core_does_and_refuses_nonsense(void **state)
{
    static const char *const BAD[] = {"",
                                      "noban@",
                                      "nobann@1.2.3.4",
                                      "in@1.2.3.4",
                                      "noban@1.2.3.4/33",
                                      "noban@1.2.3.4/",
                                      "noban@1.2.3.4/8x",
                                      "noban@name",
                                      "noban@::1/129"};
    (void)state;
    uint32_t plain = granted("1.2.3.4", "1.2.3.4:1", true);
    assert_int_equal(plain, QC_PERMIT_NOBAN | QC_PERMIT_RELAY | QC_PERMIT_MEMPOOL);
    assert_true(plain & QC_PERMIT_DOWNLOAD);
    assert_string_equal(qc_permit_name(plain, 0), "noban");
    assert_string_equal(qc_permit_name(plain, 3), "download");
    assert_null(qc_permit_name(plain, 4));
    for (size_t i = 0; i < QC_COUNTOF(BAD); i++) {
        qc_permit p;
        assert_int_equal(qc_permit_parse(BAD[i], &p), QC_EINVAL);
    }
}

QC_TEST_MAIN(cmocka_unit_test(test_permit_of__matches_the_network_and_the_direction),
             cmocka_unit_test(test_permit_parse__implies_as_core_does_and_refuses_nonsense))
