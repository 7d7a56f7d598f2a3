/* Small parts of the watch plugin: its maps, and the signature of the webhook. */
#include "lib/hex.h"
#include "plugins/watch/hmac.h"
#include "plugins/watch/map.h"
#include "tests/unit/harness.h"

static void test_map__finds_what_it_has_after_growing_and_dropping(void **state)
{
    (void)state;
    wt_map m = {.key = {1, 2}};
    wt_node node[500];
    for (size_t i = 0; i < 500; i++)
        assert_true(wt_map_put(&m, &node[i], wt_map_hash(&m, &i, sizeof i)));
    for (size_t i = 0; i < 500; i += 2)
        wt_map_drop(&m, &node[i]);
    for (size_t i = 0; i < 500; i++) {
        const wt_node *n = wt_map_find(&m, wt_map_hash(&m, &i, sizeof i));
        assert_ptr_equal(n, i % 2 ? &node[i] : NULL);
    }
    size_t n = 0;
    for (wt_node *x = wt_map_next(&m, NULL); x; x = wt_map_next(&m, x))
        n++;
    assert_int_equal(n, 250);
    wt_map_clear(&m);
}

/* RFC 4231, test cases 1, 2 and 6. */
static void test_hmac__is_that_of_the_rfc(void **state)
{
    (void)state;
    uint8_t key[131], mac[32];
    char hex[65];
    memset(key, 0x0b, 20);
    assert_true(wt_hmac(key, 20, "Hi There", 8, mac));
    qn_hex_encode(mac, 32, hex);
    assert_string_equal(hex, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    assert_true(wt_hmac("Jefe", 4, "what do ya want for nothing?", 28, mac));
    qn_hex_encode(mac, 32, hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    assert_true(wt_hmac(key, sizeof key, "Test Using Larger Than Block-Size Key - Hash Key First",
                        54, mac));
    qn_hex_encode(mac, 32, hex);
    assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

QC_TEST_MAIN(cmocka_unit_test(test_map__finds_what_it_has_after_growing_and_dropping),
             cmocka_unit_test(test_hmac__is_that_of_the_rfc))
