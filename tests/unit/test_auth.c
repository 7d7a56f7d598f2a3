#include "core/rpc/auth.h"
#include "core/base/hostport.h"
#include "core/rpc/subnet.h"
#include "tests/unit/harness.h"

#include <arpa/inet.h>
#include <sys/stat.h>

static bool check(const qc_rpc_auth *a, const char *header, const char *want_user)
{
    char *user = NULL;
    bool ok = qc_rpc_auth_check(a, header, &user);
    if (ok)
        assert_string_equal(user, want_user);
    qc_free(user);
    return ok;
}

static void test_check__plain_users(void **state)
{
    (void)state;
    qc_rpc_auth *a = qc_rpc_auth_new();
    assert_false(check(a, "Basic YWxpY2U6c2VjcmV0", ""));
    qc_rpc_auth_add_plain(a, "alice", "secret");
    assert_true(check(a, "Basic YWxpY2U6c2VjcmV0", "alice")); /* alice:secret */
    assert_true(check(a, "Basic   YWxpY2U6c2VjcmV0 ", "alice"));
    assert_false(check(a, "Basic YWxpY2U6c2VjcmV1", "")); /* alice:secreu */
    assert_false(check(a, "Basic Ym9iOnNlY3JldA==", "")); /* bob:secret */
    assert_false(check(a, "basic YWxpY2U6c2VjcmV0", ""));
    assert_false(check(a, "Bearer YWxpY2U6c2VjcmV0", ""));
    assert_false(check(a, "Basic YWxpY2U", ""));
    assert_false(check(a, "Basic bm9jb2xvbg==", "")); /* nocolon */
    assert_false(check(a, "Basic !!!notbase64!!!", ""));
    assert_false(check(a, "Basic ", ""));
    assert_false(check(a, "", ""));
    qc_rpc_auth_free(a);
}

static void test_check__rpcauth_users(void **state)
{
    (void)state;
    /* password "b" with salt "a": HMAC-SHA256 over it */
    qc_rpc_auth *a = qc_rpc_auth_new();
    assert_int_equal(qc_rpc_auth_add_hashed(
                         a, "u:a$08de329931e295683776aa9a43529bd0b275286df3160300c49ba4e841833013"),
                     QC_OK);
    assert_true(check(a, "Basic dTpi", "u"));
    assert_false(check(a, "Basic dTpj", ""));
    assert_int_equal(qc_rpc_auth_add_hashed(a, "u"), QC_EINVAL);
    assert_int_equal(qc_rpc_auth_add_hashed(a, "u:a"), QC_EINVAL);
    assert_int_equal(qc_rpc_auth_add_hashed(a, "u:a:b$c"), QC_EINVAL);
    assert_int_equal(qc_rpc_auth_add_hashed(a, "u:a$b$c"), QC_EINVAL);
    assert_int_equal(qc_rpc_auth_add_hashed(a, "u:a$b"), QC_OK);
    assert_false(check(a, "Basic dTpj", ""));
    qc_rpc_auth_free(a);
}

static bool allows(const qc_rpc_auth *a, const char *user, const char *method, bool *has_list)
{
    const qc_rpc_access *acc = qc_rpc_auth_access(a);
    bool deny;
    acc->user(acc->arg, user, has_list, &deny);
    return acc->allows(acc->arg, user, method);
}

static void test_whitelist__lists_of_one_user_intersect(void **state)
{
    (void)state;
    bool has;
    qc_rpc_auth *a = qc_rpc_auth_new();
    qc_rpc_auth_add_whitelist(a, "alice:getblock,stop, help");
    assert_true(allows(a, "alice", "stop", &has));
    assert_true(allows(a, "alice", "help", &has));
    assert_false(allows(a, "alice", "stopp", &has));
    qc_rpc_auth_add_whitelist(a, "alice:stop,uptime");
    assert_true(allows(a, "alice", "stop", &has));
    assert_false(allows(a, "alice", "getblock", &has));
    assert_false(allows(a, "alice", "uptime", &has));
    qc_rpc_auth_add_whitelist(a, "bob");
    assert_false(allows(a, "bob", "stop", &has));
    assert_true(has);
    assert_false(allows(a, "carol", "stop", &has));
    assert_false(has);
    qc_rpc_auth_free(a);
}

static bool has(const char *subnet, const char *addr)
{
    qc_subnet s;
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    assert_int_equal(qc_subnet_parse(subnet, &s), QC_OK);
    if (inet_pton(AF_INET, addr, &v4.sin_addr) == 1)
        return qc_subnet_has(&s, (struct sockaddr *)&v4);
    assert_int_equal(inet_pton(AF_INET6, addr, &v6.sin6_addr), 1);
    return qc_subnet_has(&s, (struct sockaddr *)&v6);
}

static void test_subnet__matches_by_mask(void **state)
{
    (void)state;
    assert_true(has("1.2.3.4", "1.2.3.4"));
    assert_false(has("1.2.3.4", "1.2.3.5"));
    assert_true(has("1.2.3.4/24", "1.2.3.200"));
    assert_false(has("1.2.3.4/24", "1.2.4.4"));
    assert_true(has("1.2.3.4/255.255.0.0", "1.2.9.9"));
    assert_true(has("0.0.0.0/0", "9.9.9.9"));
    assert_false(has("0.0.0.0/0", "::1"));
    assert_true(has("127.0.0.0/8", "::ffff:127.0.0.1"));
    assert_true(has("fd00::/8", "fdab::1"));
    assert_true(has("::/0", "::1"));
    assert_false(has("::1", "::2"));
    assert_true(has("[::1]", "::1"));
    assert_true(has("[fd00::]/8", "fdab::1"));
}

static void test_subnet_parse__refuses_nonsense(void **state)
{
    (void)state;
    static const char *const BAD[] = {"",
                                      "x",
                                      "1.2.3",
                                      "1.2.3.4/33",
                                      "1.2.3.4/",
                                      "1.2.3.4/-1",
                                      "1.2.3.4/255.0.255.0",
                                      "::1/129",
                                      "1.2.3.4/::1",
                                      "1.2.3.4/24/24",
                                      "host/8",
                                      "1.2.3.4/4294967304"};
    qc_subnet s;
    for (size_t i = 0; i < QC_COUNTOF(BAD); i++)
        assert_int_equal(qc_subnet_parse(BAD[i], &s), QC_EINVAL);
}

static void test_split_host_port__as_core_splits(void **state)
{
    (void)state;
    static const struct {
        const char *in, *host;
        int port; /* -1: refused */
    } CASE[] = {{"127.0.0.1", "127.0.0.1", 8332},
                {"127.0.0.1:99", "127.0.0.1", 99},
                {"::1", "::1", 8332},
                {"[::1]", "::1", 8332},
                {"[::1]:99", "::1", 99},
                {"localhost:65535", "localhost", 65535},
                {"h:65536", "", -1},
                {"h:0", "", -1},
                {"h:", "", -1},
                {"h:9x", "", -1},
                {"[::1]:", "", -1},
                {":99", "", 99}};
    for (size_t i = 0; i < QC_COUNTOF(CASE); i++) {
        char host[64] = "";
        uint16_t port = 8332;
        qc_err err = qc_split_host_port(CASE[i].in, host, sizeof host, &port);
        assert_int_equal(err, CASE[i].port < 0 ? QC_EINVAL : QC_OK);
        if (err)
            continue;
        assert_string_equal(host, CASE[i].host);
        assert_int_equal(port, CASE[i].port);
    }
}

static void test_make_cookie__is_private_and_valid(void **state)
{
    (void)state;
    struct stat st;
    qc_rpc_auth *a = qc_rpc_auth_new();
    const char *path = tmp_path(".cookie");
    assert_int_equal(qc_rpc_auth_make_cookie(a, path, 0600), QC_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    qc_bytes text = tmp_read(path);
    assert_int_equal(text.len, strlen("__cookie__:") + 64);
    assert_memory_equal(text.data, "__cookie__:", 11);
    qc_bytes_free(&text);
    qc_rpc_auth_free(a);
}

QC_TEST_MAIN(cmocka_unit_test(test_check__plain_users), cmocka_unit_test(test_check__rpcauth_users),
             cmocka_unit_test(test_whitelist__lists_of_one_user_intersect),
             cmocka_unit_test(test_subnet__matches_by_mask),
             cmocka_unit_test(test_subnet_parse__refuses_nonsense),
             cmocka_unit_test(test_split_host_port__as_core_splits),
             cmocka_unit_test(test_make_cookie__is_private_and_valid))
