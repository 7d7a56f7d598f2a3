/* PSBTs: the cases of BIP174, 370, 371 and 373, what is read and what is refused and why, and what
 * the roles make of them. */
#include "lib/psbt_sign.h"
#include "tests/unit/harness.h"

#include "lib/secp/curve.h"

#include <stdio.h>
#include <stdlib.h>

#define WORDS 5

/* One line of the cases. */
typedef struct one_case {
    char *word[WORDS]; /* kind, name, and what follows; the last one is the rest of the line */
} one_case;

static char *slurp(void)
{
    const char *top = getenv("top_srcdir");
    char path[1024];
    snprintf(path, sizeof path, "%s/tests/unit/psbt_cases.txt", top ? top : ".");
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("cannot open %s", path);
    char *text = malloc(1 << 20);
    assert_non_null(text);
    size_t n = fread(text, 1, (1 << 20) - 1, f);
    text[n] = 0;
    fclose(f);
    return text;
}

static unsigned each_case(const char *kind, void (*fn)(const one_case *c))
{
    char *text = slurp(), *line = text, *next;
    unsigned n = 0;
    for (; line && *line; line = next) {
        one_case c = {{NULL}};
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        for (int i = 0; i < WORDS && line && *line; i++) {
            c.word[i] = line;
            bool last = i + 1 == WORDS || (i == 3 && strcmp(c.word[0], "refused") == 0);
            char *space = last ? NULL : strchr(line, ' ');
            if (space)
                *space++ = 0;
            line = space;
        }
        if (c.word[0] && strcmp(c.word[0], kind) == 0) {
            fn(&c);
            n++;
        }
    }
    free(text);
    return n;
}

static qn_psbt *read_text(const char *text, char **why)
{
    const qn_curve curve = qn_secp_curve(NULL);
    size_t len;
    *why = NULL;
    uint8_t *raw = qn_base64_decode(text, strlen(text), &len);
    if (!raw)
        return NULL;
    qn_psbt *p = qn_psbt_read(&curve, raw, len, why);
    free(raw);
    return p;
}

static qn_psbt *must_read(const char *name, const char *text)
{
    char *why;
    qn_psbt *p = read_text(text, &why);
    if (!p)
        fail_msg("%s: %s", name, why ? why : "no Base64");
    return p;
}

/* Owned: free(). */
static char *written(const qn_psbt *p)
{
    uint8_t *raw;
    size_t len;
    assert_true(qn_psbt_write(p, &raw, &len));
    char *text = qn_base64_encode(raw, len);
    free(raw);
    assert_non_null(text);
    return text;
}

static void must_write(const char *name, const qn_psbt *p, const char *want)
{
    char *text = written(p);
    if (strcmp(text, want) != 0)
        fail_msg("%s: written as\n%s\nwanted\n%s", name, text, want);
    free(text);
}

static void kept(const one_case *c)
{
    qn_psbt *p = must_read(c->word[1], c->word[2]);
    must_write(c->word[1], p, strcmp(c->word[3], "=") == 0 ? c->word[2] : c->word[3]);
    qn_psbt_free(p);
}

static void test_read__keeps_what_is_valid(void **state)
{
    (void)state;
    assert_true(each_case("kept", kept) >= 48);
}

static void refused(const one_case *c)
{
    char *why;
    qn_psbt *p = read_text(c->word[2], &why);
    if (p)
        fail_msg("%s: it was read", c->word[1]);
    const char *got = why ? why : "invalid base64";
    if (strcmp(got, c->word[3]) != 0)
        fail_msg("%s: refused for '%s', wanted '%s'", c->word[1], got, c->word[3]);
    free(why);
}

static void test_read__says_why_it_refuses(void **state)
{
    (void)state;
    assert_true(each_case("refused", refused) >= 80);
}

static void combined(const one_case *c)
{
    qn_psbt *a = must_read(c->word[1], c->word[3]), *b = must_read(c->word[1], c->word[4]);
    assert_int_equal(qn_psbt_combine(a, b), QN_PSBT_OK);
    must_write(c->word[1], a, c->word[2]);
    qn_psbt_free(a);
    qn_psbt_free(b);
}

static void test_combine__has_what_both_have(void **state)
{
    (void)state;
    assert_int_equal(each_case("combined", combined), 1);
}

/* Scripts are not run here. */
static bool believe(void *arg, size_t in, qn_psbt_bytes sig, qn_psbt_bytes wit)
{
    (void)arg;
    (void)in;
    return sig.len || wit.len;
}

static void finalized(const one_case *c)
{
    const qn_psbt_helper h = {.verify = believe};
    qn_psbt *p = must_read(c->word[1], c->word[2]);
    for (size_t i = 0; i < p->n_in; i++)
        assert_int_equal(qn_psbt_sign(p, i, &h, qn_psbt_sighash(&p->in[i]), true, NULL),
                         QN_PSBT_SIGN_DONE);
    must_write(c->word[1], p, c->word[3]);
    qn_psbt_free(p);
}

static void test_sign__finalizes_what_has_its_signatures(void **state)
{
    (void)state;
    assert_int_equal(each_case("finalized", finalized), 1);
}

static void extracted(const one_case *c)
{
    qn_psbt *p = must_read(c->word[1], c->word[2]);
    uint8_t *raw;
    size_t len;
    assert_int_equal(qn_psbt_tx(p, true, &raw, &len), QN_PSBT_OK);
    assert_int_equal(strlen(c->word[3]), 2 * len);
    for (size_t i = 0; i < len; i++) {
        unsigned x;
        assert_int_equal(sscanf(c->word[3] + 2 * i, "%2x", &x), 1);
        assert_int_equal(raw[i], x);
    }
    free(raw);
    qn_psbt_free(p);
}

static void test_tx__is_what_finalizers_have_made(void **state)
{
    (void)state;
    assert_int_equal(each_case("extracted", extracted), 1);
}

static void cut(const one_case *c)
{
    const qn_curve curve = qn_secp_curve(NULL);
    size_t len;
    char *why;
    uint8_t *raw = qn_base64_decode(c->word[2], strlen(c->word[2]), &len);
    assert_non_null(raw);
    for (size_t n = 0; n < len; n += 1 + n / 40) {
        assert_null(qn_psbt_read(&curve, raw, n, &why));
        assert_non_null(why);
        free(why);
    }
    raw = realloc(raw, len + 1);
    assert_non_null(raw);
    raw[len] = 0;
    assert_null(qn_psbt_read(&curve, raw, len + 1, &why));
    assert_string_equal(why, "extra data after PSBT");
    free(why);
    free(raw);
}

static void test_read__refuses_all_that_is_cut_off_or_goes_on(void **state)
{
    (void)state;
    assert_true(each_case("kept", cut) >= 48);
}

/* ---- Base64 ---- */

static void test_base64__is_canonical(void **state)
{
    (void)state;
    static const char *const BAD[] = {"a",    "ab",   "abc",      "ab==", "abd=",  "a===",
                                      "====", "ab=c", "abc=abcd", "ab c", "abc\n", "ab-_"};
    static const char *const GOOD[] = {"", "YQ==", "YWI=", "YWJj", "YWJjZA=="};
    size_t len;
    for (size_t i = 0; i < QC_COUNTOF(BAD); i++)
        if (qn_base64_decode(BAD[i], strlen(BAD[i]), &len))
            fail_msg("'%s' was read", BAD[i]);
    for (size_t i = 0; i < QC_COUNTOF(GOOD); i++) {
        uint8_t *raw = qn_base64_decode(GOOD[i], strlen(GOOD[i]), &len);
        assert_non_null(raw);
        assert_int_equal(len, i);
        assert_memory_equal(raw, "abcd", i);
        char *text = qn_base64_encode(raw, len);
        assert_string_equal(text, GOOD[i]);
        free(text);
        free(raw);
    }
}

/* ---- creator and lock times ---- */

static void test_locktime__by_what_inputs_need(void **state)
{
    (void)state;
    qn_psbt_in in[3] = {{.txid = NULL}};
    qn_psbt p = {.version = 2, .n_in = 3, .in = in, .has_locktime = true, .locktime = 77};
    uint32_t at;
    assert_true(qn_psbt_locktime(&p, &at));
    assert_int_equal(at, 77);
    in[0].has_height = in[1].has_height = true;
    in[0].height = 10;
    in[1].height = 12;
    assert_true(qn_psbt_locktime(&p, &at));
    assert_int_equal(at, 12);
    in[1].has_time = true;
    in[1].time = 1600000000;
    assert_true(qn_psbt_locktime(&p, &at));
    assert_int_equal(at, 12);
    in[0].has_height = false;
    assert_true(qn_psbt_locktime(&p, &at)); /* both would do: heights come first */
    assert_int_equal(at, 12);
    in[0].has_time = true;
    in[0].time = 1700000000;
    assert_true(qn_psbt_locktime(&p, &at));
    assert_int_equal(at, 1700000000);
    in[2].has_height = true;
    in[2].height = 5;
    assert_false(qn_psbt_locktime(&p, &at));
}

QC_TEST_MAIN(cmocka_unit_test(test_read__keeps_what_is_valid),
             cmocka_unit_test(test_read__says_why_it_refuses),
             cmocka_unit_test(test_combine__has_what_both_have),
             cmocka_unit_test(test_sign__finalizes_what_has_its_signatures),
             cmocka_unit_test(test_tx__is_what_finalizers_have_made),
             cmocka_unit_test(test_read__refuses_all_that_is_cut_off_or_goes_on),
             cmocka_unit_test(test_base64__is_canonical),
             cmocka_unit_test(test_locktime__by_what_inputs_need))
