/* Types, limits, scripts and texts of Miniscript. What is expected was asked of Bitcoin Core. */
#include "lib/miniscript.h"
#include "tests/unit/harness.h"

#include "lib/hash.h"
#include "lib/hex.h"

/* A key is one letter: its bytes are 02 and 32 times the letter. */
typedef struct keys {
    char letter[3000];
    size_t n;
    uint8_t bytes[33];
    bool tap;
} keys;

static bool read_text(void *arg, qn_text t)
{
    keys *k = arg;
    if (t.len != 1 || t.p[0] < 'A' || t.p[0] > 'Z' || k->n == sizeof k->letter)
        return false;
    k->letter[k->n++] = t.p[0];
    return true;
}

static bool read_bytes(void *arg, const uint8_t *key, size_t len)
{
    keys *k = arg;
    if (len != (k->tap ? 32u : 33u) || key[len - 1] < 'A' || key[len - 1] > 'Z')
        return false;
    k->letter[k->n++] = (char)key[len - 1];
    return true;
}

static const uint8_t *bytes_of(keys *k, char letter, size_t *len)
{
    k->bytes[0] = 2;
    memset(k->bytes + 1, letter, 32);
    *len = k->tap ? 32 : 33;
    return k->bytes + k->tap;
}

static bool read_hash(void *arg, const uint8_t *hash)
{
    keys *k = arg;
    for (char c = 'A'; c <= 'Z'; c++) {
        size_t len;
        uint8_t id[20];
        const uint8_t *p = bytes_of(k, c, &len);
        qn_hash160(p, len, id);
        if (memcmp(id, hash, 20) == 0) {
            k->letter[k->n++] = c;
            return true;
        }
    }
    return false;
}

static const uint8_t *key_bytes(void *arg, uint32_t n, size_t *len)
{
    keys *k = arg;
    return bytes_of(k, k->letter[n], len);
}

static void print_key(void *arg, uint32_t n, qn_out *o)
{
    const keys *k = arg;
    qn_out_put(o, &k->letter[n], 1);
}

static int compare(const void *arg, uint32_t a, uint32_t b)
{
    const keys *k = arg;
    return k->letter[a] - k->letter[b];
}

typedef struct fixture {
    qn_arena arena;
    keys k;
    qn_ms m;
    bool ok;
} fixture;

static void start(fixture *f, const char *text, bool tap)
{
    const qn_ms_reader r = {&f->k, read_text, read_bytes, read_hash};
    memset(f, 0, sizeof *f);
    f->k.tap = tap;
    qn_ms_init(&f->m, &f->arena, tap);
    f->ok = qn_ms_parse(&f->m, (qn_text){text, strlen(text)}, &r);
    if (f->ok)
        assert_true(qn_ms_find_duplicates(&f->m, compare, &f->k));
}

static void finish(fixture *f)
{
    qn_arena_clear(&f->arena);
}

#define H32 "926a54995ca48600920a19bf7bc502ca5f2f7d07e6f804c4f00ebf0325084dfc"
#define H20 "dd69735817e0e3f6f826a9238dc2e291184f0131"

/* ---- texts that are sane ---- */

static const struct {
    const char *text;
    bool tap;
    const char *as;      /* how it is shown; NULL: the same */
    const char *decoded; /* how its script is read; NULL: as shown */
} SANE[] = {
    {"pk(A)", false, NULL, NULL},
    {"c:pk_k(A)", false, "pk(A)", NULL},
    {"c:pk_h(A)", false, "pkh(A)", NULL},
    {"and_v(v:pk(A),older(16))", false, NULL, NULL},
    {"and_v(v:pk(A),older(17))", false, NULL, NULL},
    {"and_v(v:pk(A),after(2147483647))", false, NULL, NULL},
    {"and_v(v:pk(A),1)", false, "tv:pk(A)", NULL},
    {"or_i(0,pk(A))", false, "l:pk(A)", NULL},
    {"or_i(pk(A),0)", false, "u:pk(A)", NULL},
    {"andor(pk(A),pk(B),0)", false, "and_n(pk(A),pk(B))", NULL},
    {"andor(pk(A),older(1000),pk(B))", false, NULL, NULL},
    {"or_d(pk(A),and_v(v:pkh(B),older(65535)))", false, NULL, NULL},
    {"or_b(pk(A),s:pk(B))", false, NULL, NULL},
    {"or_b(pk(A),a:pkh(B))", false, NULL, NULL},
    {"and_b(pk(A),s:pk(B))", false, NULL, NULL},
    {"t:or_c(pk(A),v:pk(B))", false, NULL, NULL},
    {"and_v(or_c(pk(A),v:pk(B)),pk(C))", false, NULL, NULL},
    {"and_v(v:pk(A),and_v(v:pk(B),pk(C)))", false, NULL, "and_v(and_v(v:pk(A),v:pk(B)),pk(C))"},
    {"c:and_v(v:pk(A),pk_k(B))", false, NULL, "and_v(v:pk(A),pk(B))"},
    {"thresh(2,pk(A),s:pk(B),sln:older(9))", false, NULL, NULL},
    {"thresh(1,pk(A))", false, NULL, NULL},
    {"multi(2,A,B,C)", false, NULL, NULL},
    {"multi(17,A,B,C,D,E,F,G,H,I,J,K,L,M,N,O,P,Q,R,S,T)", false, NULL, NULL},
    {"and_v(v:multi(1,A,B),pk(C))", false, NULL, NULL},
    {"j:and_v(v:pk(A),sha256(" H32 "))", false, NULL, NULL},
    {"and_b(sha256(" H32 "),a:pk(A))", false, NULL, NULL},
    {"and_b(hash256(" H32 "),a:pk(A))", false, NULL, NULL},
    {"and_v(v:ripemd160(" H20 "),pk(A))", false, NULL, NULL},
    {"and_v(v:hash160(" H20 "),pk(A))", false, NULL, NULL},
    {"andor(n:pk(A),pk(B),pk(C))", false, NULL, NULL},
    {"and_v(v:pk(A),dv:older(3))", false, NULL, NULL},
    {"multi_a(2,A,B,C)", true, NULL, NULL},
    {"and_v(v:multi_a(1,A,B),pk(C))", true, NULL, NULL},
    {"thresh(2,pk(A),s:pk(B),adv:older(3))", true, NULL, NULL},
    {"and_v(v:pkh(A),or_i(pk(B),after(500000000)))", true, NULL, NULL},
};

static void print(fixture *f, const qn_ms *m, keys *k, char *out, size_t cap)
{
    qn_out o = {out, cap, 0};
    (void)f;
    assert_true(qn_ms_print(m, m->root, print_key, k, &o));
    qn_out_end(&o);
    assert_true(o.len < cap);
}

static void check_script(fixture *f, const char *want)
{
    qn_grow s = {NULL, 0, 0, false};
    char text[600];
    qn_ms back;
    keys k = {.tap = f->k.tap};
    const qn_ms_reader r = {&k, NULL, read_bytes, read_hash};
    assert_true(qn_ms_script(&f->m, key_bytes, &f->k, &s));
    assert_int_equal(s.len, f->m.root->size);
    qn_ms_init(&back, &f->arena, f->k.tap);
    assert_true(qn_ms_decode(&back, s.data, s.len, &r));
    print(f, &back, &k, text, sizeof text);
    assert_string_equal(text, want);
    /* One byte less or more is another script. */
    qn_ms_init(&back, &f->arena, f->k.tap);
    assert_false(qn_ms_decode(&back, s.data, s.len - 1, &r));
    qn_grow_byte(&s, 0x61);
    qn_ms_init(&back, &f->arena, f->k.tap);
    assert_false(qn_ms_decode(&back, s.data, s.len, &r));
    qn_grow_clear(&s);
}

static void test_miniscript__reads_and_writes_what_is_sane(void **state)
{
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(SANE); i++) {
        fixture *f = qc_alloc(sizeof *f);
        char text[600];
        const qn_ms_node *part = NULL;
        const char *shown = SANE[i].as ? SANE[i].as : SANE[i].text;
        start(f, SANE[i].text, SANE[i].tap);
        if (!f->ok)
            fail_msg("%s is refused", SANE[i].text);
        if (!qn_ms_sane(&f->m))
            fail_msg("%s%s", SANE[i].text, qn_ms_why(&f->m, &part));
        assert_null(qn_ms_why(&f->m, &part));
        print(f, &f->m, &f->k, text, sizeof text);
        assert_string_equal(text, shown);
        check_script(f, SANE[i].decoded ? SANE[i].decoded : shown);
        finish(f);
        qc_free(f);
    }
}

/* ---- why not ---- */

static const struct {
    const char *text;
    bool tap;
    const char *part, *why;
} INSANE[] = {
    {"older(1)", false, "older(1)", " is not sane: witnesses without signature exist"},
    {"or_i(pk(A),pk(A))", false, "or_i(pk(A),pk(A))",
     " is not sane: contains duplicate public keys"},
    {"and_v(v:or_i(pk(A),pk(A)),pk(B))", false, "or_i(pk(A),pk(A))",
     " is not sane: contains duplicate public keys"},
    {"and_v(v:pk(A),or_i(pk(B),pk(A)))", false, "and_v(v:pk(A),or_i(pk(B),pk(A)))",
     " is not sane: contains duplicate public keys"},
    {"and_v(v:pk(A),or_i(older(1),older(2)))", false, "or_i(older(1),older(2))",
     " is not sane: malleable witnesses exist"},
    {"and_v(v:older(4194305),and_v(v:older(1),pk(A)))", false,
     "and_v(v:older(4194305),and_v(v:older(1),pk(A)))",
     " is not sane: contains mixes of timelocks expressed in blocks and seconds"},
    {"and_v(v:after(500000000),and_v(v:after(499999999),pk(A)))", false,
     "and_v(v:after(500000000),and_v(v:after(499999999),pk(A)))",
     " is not sane: contains mixes of timelocks expressed in blocks and seconds"},
    {"pk_k(A)", false, "pk_k(A)", " is not sane"},
    {"c:older(1)", false, "c:older(1)", " is invalid"},
    {"and_b(pk(A),pk(B))", false, "and_b(pk(A),pk(B))", " is invalid"},
    {"d:pk(A)", false, "d:pk(A)", " is invalid"},
    {"0", false, "0", " is not satisfiable"},
    {"and_v(v:pk(A),0)", false, "and_v(v:pk(A),0)", " is not satisfiable"},
    /* d: leaves a 1 that is one for certain in a leaf only. */
    {"thresh(2,pk(A),s:pk(B),adv:older(3))", false, "thresh(2,pk(A),s:pk(B),adv:older(3))",
     " is invalid"},
};

static void test_miniscript_why__names_the_part_and_the_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(INSANE); i++) {
        fixture *f = qc_alloc(sizeof *f);
        char text[200];
        const qn_ms_node *part = NULL;
        start(f, INSANE[i].text, INSANE[i].tap);
        if (!f->ok)
            fail_msg("%s is refused", INSANE[i].text);
        const char *why = qn_ms_why(&f->m, &part);
        if (!why)
            fail_msg("%s is taken", INSANE[i].text);
        assert_string_equal(why, INSANE[i].why);
        qn_out o = {text, sizeof text, 0};
        assert_true(qn_ms_print(&f->m, part, print_key, &f->k, &o));
        qn_out_end(&o);
        assert_string_equal(text, INSANE[i].part);
        finish(f);
        qc_free(f);
    }
}

static void test_miniscript_parse__refuses_what_is_none(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "pk",
                                      "pk()",
                                      "pk(A",
                                      "pk(A))",
                                      "pk(a)",
                                      "2",
                                      "x:pk(A)",
                                      "vv:pk(A)",
                                      ":pk(A)",
                                      "older(0)",
                                      "older(2147483648)",
                                      "older(-1)",
                                      "older(1h)",
                                      "after(0)",
                                      "sha256(00)",
                                      "hash160(" H32 ")",
                                      "and_v(pk(A))",
                                      "and_v(pk(A),pk(B),pk(C))",
                                      "andor(pk(A),pk(B))",
                                      "thresh(0,pk(A))",
                                      "thresh(2,pk(A))",
                                      "thresh(1)",
                                      "thresh(1,)",
                                      "multi(0,A)",
                                      "multi(2,A)",
                                      "multi(1)",
                                      "multi(1,A",
                                      "multi(1,,A)",
                                      "multi_a(1,A)",
                                      "or_i(0,1)x",
                                      "AND_V(1,1)",
                                      "and_v(0 ,1)",
                                      "multi(1,A,B,C,D,E,F,G,H,I,J,K,L,M,N,O,P,Q,R,S,T,U)"};
    for (size_t i = 0; i < QC_COUNTOF(bad); i++) {
        fixture *f = qc_alloc(sizeof *f);
        start(f, bad[i], false);
        if (f->ok)
            fail_msg("'%s' is taken", bad[i]);
        finish(f);
        qc_free(f);
    }
}

/* ---- limits ---- */

/* `before` n times, `middle`, `after` n times. Owned: qc_free(). */
static char *nest(const char *before, const char *middle, const char *after, size_t n)
{
    qc_bytes b = QC_BYTES_INIT;
    for (size_t i = 0; i < n; i++)
        assert_false(qc_bytes_append(&b, before, strlen(before)));
    assert_false(qc_bytes_append(&b, middle, strlen(middle)));
    for (size_t i = 0; i < n; i++)
        assert_false(qc_bytes_append(&b, after, strlen(after)));
    assert_false(qc_bytes_append(&b, "", 1));
    return (char *)b.data;
}

static const char *why_nested(const char *before, const char *middle, const char *after, size_t n,
                              bool tap)
{
    fixture *f = qc_alloc(sizeof *f);
    const qn_ms_node *part = NULL;
    char *text = nest(before, middle, after, n);
    start(f, text, tap);
    const char *why = f->ok ? qn_ms_why(&f->m, &part) : "refused";
    finish(f);
    qc_free(f);
    qc_free(text);
    return why;
}

static void test_miniscript__counts_opcodes_up_to_201(void **state)
{
    (void)state;
    const char *much = " is not sane: needs witnesses that may exceed resource limits";
    /* pk() has one, each n: one more, but the colon needs a letter. */
    assert_null(why_nested("n", ":pk(A)", "", 200, false));
    assert_string_equal(why_nested("n", ":pk(A)", "", 201, false), much);
    /* A key of a multisig that is run counts too: 1 + 20 + 20 + ... */
    assert_null(why_nested("n", ":multi(1,A,B,C)", "", 197, false));
    assert_string_equal(why_nested("n", ":multi(1,A,B,C)", "", 198, false), much);
    assert_null(why_nested("n", ":pk(A)", "", 5000, true));
}

static void test_miniscript__counts_what_the_stack_holds(void **state)
{
    (void)state;
    fixture *f = qc_alloc(sizeof *f);
    qc_bytes b = QC_BYTES_INIT;
    char one[40];
    /* Signatures of 1 + n keys in a leaf: 1,000 elements are the most. All keys are the same, which
     * is a lesser fault than the stack's only where that is within bounds. */
    for (size_t n_keys = 999; n_keys <= 1001; n_keys++) {
        const qn_ms_node *part = NULL;
        b.len = 0;
        assert_false(qc_bytes_append(&b, "thresh(1,pk(A)", 14));
        for (size_t i = 1; i < n_keys; i++) {
            int n = snprintf(one, sizeof one, ",s:pk(B)");
            assert_false(qc_bytes_append(&b, one, (size_t)n));
        }
        assert_false(qc_bytes_append(&b, ")", 2));
        start(f, (char *)b.data, true);
        assert_true(f->ok);
        for (qn_ms_node *n = f->m.first; n; n = n->made_after)
            n->duplicate = false;
        const char *why = qn_ms_why(&f->m, &part);
        if (n_keys <= 999)
            assert_null(why);
        else
            assert_string_equal(why, " is not sane: needs witnesses that may exceed resource "
                                     "limits");
        finish(f);
    }
    qc_bytes_free(&b);
    qc_free(f);
}

/* Elements of the largest witness, beside the script: what BIP379's table of satisfactions says.
 * `no`: of the one that does not satisfy, 0: there is none. */
static const struct {
    const char *text;
    int yes, no, multi;
} WITNESS[] = {
    {"pk(A)", 1, 1, 0},
    {"pkh(A)", 2, 2, 0},
    {"multi(2,A,B,C)", 3, 3, 3},
    {"or_d(pk(A),pkh(B))", 3, 3, 0},
    {"or_d(multi(1,A),pk(B))", 3, 3, 1},
    {"or_b(pk(A),s:pk(B))", 2, 2, 0},
    {"or_i(pk(A),pkh(B))", 3, 3, 0},
    {"t:or_c(pk(A),v:pkh(B))", 3, 0, 0},
    {"and_b(pk(A),a:pkh(B))", 3, 3, 0},
    {"and_v(v:pk(A),pkh(B))", 3, 0, 0},
    {"andor(pk(A),pkh(B),pk(C))", 3, 2, 0},
    {"andor(pk(A),pk(B),pkh(C))", 3, 3, 0},
    {"thresh(2,pk(A),a:pkh(B),s:pk(C))", 4, 4, 0},
    {"thresh(1,pk(A),s:pk(B),sln:older(1))", 3, 3, 0},
    {"j:and_v(v:pkh(A),pk(B))", 3, 1, 0},
    {"and_v(v:pk(A),dv:older(1))", 2, 0, 0},
    {"and_v(v:sha256(" H32 "),pk(A))", 2, 0, 0},
};

static void test_miniscript__knows_the_largest_witness(void **state)
{
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(WITNESS); i++) {
        fixture *f = qc_alloc(sizeof *f);
        start(f, WITNESS[i].text, false);
        assert_true(f->ok);
        const qn_ms_node *n = f->m.root;
        assert_true(n->sat.possible);
        if (n->sat.net + 1 != WITNESS[i].yes || n->sat.multi != WITNESS[i].multi)
            fail_msg("%s: %d and %d", WITNESS[i].text, n->sat.net + 1, n->sat.multi);
        assert_int_equal(n->dsat.possible, WITNESS[i].no > 0);
        if (n->dsat.possible && n->dsat.net + 1 != WITNESS[i].no)
            fail_msg("%s, not satisfied: %d", WITNESS[i].text, n->dsat.net + 1);
        finish(f);
        qc_free(f);
    }
}

static void test_miniscript__depth_costs_no_stack(void **state)
{
    (void)state;
    assert_null(why_nested("l:", "pk(A)", "", 0, true));
    assert_string_equal(why_nested("or_i(0,", "pk(A)", ")", 30000, true),
                        " is not sane: needs witnesses that may exceed resource limits");
    assert_string_equal(why_nested("or_i(0,", "pk(A)", ")", 300000, true), "refused");
    assert_string_equal(why_nested("and_v(v:1,", "pk(A)", ")", 1799, false), "refused");
}

static void test_miniscript__scripts_are_bounded(void **state)
{
    (void)state;
    /* pk() is 35 bytes, and each v:1 before it adds two. */
    fixture *f = qc_alloc(sizeof *f);
    char *text = nest("and_v(v:1,", "pk(A)", ")", 1782);
    start(f, text, false);
    assert_true(f->ok);
    assert_int_equal(f->m.root->size, 35 + 2 * 1782);
    finish(f);
    qc_free(f);
    qc_free(text);
    assert_string_equal(why_nested("and_v(v:1,", "pk(A)", ")", 1783, false), "refused");
}

/* ---- scripts ---- */

static void test_miniscript_decode__refuses_other_scripts(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "ac",
        "61",
        /* pk(A) with a longer push */
        "4c21024141414141414141414141414141414141414141414141414141414141414141ac",
        /* CHECKSIG VERIFY as two opcodes */
        "21024141414141414141414141414141414141414141414141414141414141414141ac6951",
        /* 1 CHECKSEQUENCEVERIFY with the number as a byte */
        "0101b2",
        "0200014fb2",
        /* ends within a push */
        "2102",
        "6351",
        "5167",
    };
    for (size_t i = 0; i < QC_COUNTOF(bad); i++) {
        qc_bytes s = hex_bytes(bad[i]);
        qn_arena arena = {NULL, false};
        keys *k = qc_alloc(sizeof *k);
        qn_ms m;
        memset(k, 0, sizeof *k);
        const qn_ms_reader r = {k, NULL, read_bytes, read_hash};
        qn_ms_init(&m, &arena, false);
        if (qn_ms_decode(&m, s.data, s.len, &r))
            fail_msg("%s is taken", bad[i]);
        qn_arena_clear(&arena);
        qc_bytes_free(&s);
        qc_free(k);
    }
}

QC_TEST_MAIN(cmocka_unit_test(test_miniscript__reads_and_writes_what_is_sane),
             cmocka_unit_test(test_miniscript_why__names_the_part_and_the_reason),
             cmocka_unit_test(test_miniscript_parse__refuses_what_is_none),
             cmocka_unit_test(test_miniscript__counts_opcodes_up_to_201),
             cmocka_unit_test(test_miniscript__counts_what_the_stack_holds),
             cmocka_unit_test(test_miniscript__knows_the_largest_witness),
             cmocka_unit_test(test_miniscript__depth_costs_no_stack),
             cmocka_unit_test(test_miniscript__scripts_are_bounded),
             cmocka_unit_test(test_miniscript_decode__refuses_other_scripts))
