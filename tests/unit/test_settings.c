#include "core/conf/load.h"
#include "core/conf/settings.h"
#include "tests/unit/harness.h"

#include <sys/stat.h>

static const qc_opt TABLE[] = {
    {"chain", "=<c>", .help = "Chain."},
    {"regtest", "", .help = "Regtest."},
    {"signet", "", .help = "Signet."},
    {"testnet", "", .help = "Testnet."},
    {"testnet4", "", .help = "Testnet4."},
    {"conf", "=<f>", .help = "Conf."},
    {"datadir", "=<d>", .help = "Dir."},
    {"includeconf", "=<f>", .help = "Include."},
    {"allowignoredconf", "", .help = "Allow."},
    {"foo", "=<n>", .help = "Foo."},
    {"bar", "=<n>", .flags = QC_OPTF_NO_NEGATION | QC_OPTF_NO_ELISION, .help = "Bar."},
    {"port", "=<n>", .flags = QC_OPTF_NETWORK_ONLY, .help = "Port."},
    {"rpcpassword", "=<p>", .flags = QC_OPTF_SENSITIVE, .help = "Secret."},
    {"wish", "", .kind = QC_OPT_NO_EFFECT, .help = "Wish.", .note = "there are no fairies."},
    {"txindex", "", .kind = QC_OPT_REFUSED, .help = "Index.", .note = "Use a plugin."},
    {"reindex", "", .help = "Reindex."},
    {.name = NULL}};
static const qc_opt *const TABLES[] = {TABLE, NULL};

/* Settings from words separated by blanks, and a configuration text. */
static qc_settings *make(const char *args, const char *config, const char *chain, char **error)
{
    char buf[512], *argv[32] = {buf};
    int argc = 1;
    qc_settings *s = qc_settings_new(TABLES);
    snprintf(buf, sizeof buf, "quoind %s", args);
    for (char *p = buf; *p; p++)
        if (*p == ' ') {
            *p = 0;
            if (p[1])
                argv[argc++] = p + 1;
        }
    *error = NULL;
    qc_err err = qc_settings_args(s, argc, argv, false, NULL, error);
    if (!err && config)
        err = qc_settings_config(s, qc_span_str(config), "f.conf", error);
    assert_int_equal(!err, !*error);
    qc_settings_select_chain(s, chain);
    return s;
}

static void expect_error(const char *args, const char *config, const char *text)
{
    char *error;
    qc_settings *s = make(args, config, "main", &error);
    assert_non_null(error);
    assert_string_equal(error, text);
    qc_free(error);
    qc_settings_free(s);
}

static qc_settings *good(const char *args, const char *config, const char *chain)
{
    char *error;
    qc_settings *s = make(args, config, chain, &error);
    assert_null(error);
    return s;
}

static void test_args__forms_and_errors(void **state)
{
    (void)state;
    qc_settings *s = good("-foo=5 --foo=7 -rpcpassword=a=b", NULL, "main");
    assert_int_equal(qc_settings_int(s, "foo", 1), 7); /* the last one wins */
    assert_string_equal(qc_settings_str(s, "rpcpassword", ""), "a=b");
    assert_false(qc_settings_is_set(s, "wish"));
    qc_settings_free(s);
    s = good("-nofoo", NULL, "main");
    assert_true(qc_settings_is_negated(s, "foo"));
    assert_false(qc_settings_bool(s, "foo", true));
    assert_string_equal(qc_settings_str(s, "foo", "x"), "0");
    qc_settings_free(s);
    s = good("-nofoo=0", NULL, "main"); /* twice no is yes */
    assert_true(qc_settings_bool(s, "foo", false));
    assert_string_equal(qc_settings_str(s, "foo", "x"), "1");
    qc_settings_free(s);
    s = good("-foo", NULL, "main");
    assert_true(qc_settings_bool(s, "foo", false));
    assert_int_equal(qc_settings_int(s, "foo", 9), 0);
    qc_settings_free(s);
    s = good("-foo=bar stray -unknown", NULL, "main");
    assert_false(qc_settings_bool(s, "foo", true)); /* no number is zero */
    assert_string_equal(qc_settings_stray(s), "stray");
    qc_settings_free(s);
    expect_error("-fo", NULL, "Invalid parameter -fo");
    expect_error("--fo=1", NULL, "Invalid parameter --fo=1");
    expect_error("-regtest.foo=1", NULL, "Invalid parameter -regtest.foo=1");
    expect_error("-nobar", NULL, "Negating of -bar is meaningless and therefore forbidden");
    expect_error("-bar", NULL,
                 "Can not set -bar with no value. Please specify value with -bar=value.");
    expect_error("-includeconf=x", NULL,
                 "-includeconf cannot be used from commandline; -includeconf=\"x\"");
}

static void test_config__errors_name_the_line(void **state)
{
    (void)state;
    expect_error("", "foo=1\n\n nono # x\n",
                 "parse error on line 3: nono, if you intended to specify a negated option, use "
                 "nono=1 instead");
    expect_error("", "-foo=1",
                 "parse error on line 1: -foo=1, options in configuration file must be specified "
                 "without leading -");
    expect_error("", "foo", "parse error on line 1: foo");
    expect_error("", "\nrpcpassword=a#b\n",
                 "parse error on line 2, using # in rpcpassword can be ambiguous and should be "
                 "avoided");
    expect_error("", "conf=x\n",
                 "conf cannot be set in the configuration file; use includeconf= if you want to "
                 "include additional config files");
}

static void test_get__precedence_is_cores(void **state)
{
    (void)state;
    static const char CONF[] = "foo=1\nfoo=2\nport=3\nregtest.port=4\n[regtest]\nfoo=5\nfoo=6\n";
    qc_settings *s = good("", CONF, "main");
    assert_int_equal(qc_settings_int(s, "foo", 0), 1); /* in files the first one wins */
    assert_int_equal(qc_settings_int(s, "port", 0), 3);
    qc_settings_free(s);
    s = good("", CONF, "regtest");
    assert_int_equal(qc_settings_int(s, "foo", 0), 5);
    assert_int_equal(qc_settings_int(s, "port", 0), 4);
    qc_settings_free(s);
    s = good("-foo=9", CONF, "regtest");
    assert_int_equal(qc_settings_int(s, "foo", 0), 9);
    assert_false(qc_settings_soft_set(s, "foo", "8"));
    assert_true(qc_settings_soft_set(s, "bar", "8"));
    assert_int_equal(qc_settings_int(s, "bar", 0), 8);
    qc_settings_free(s);
    s = good("", "port=3\n", "regtest"); /* network-only: the default section does not count */
    assert_false(qc_settings_is_set(s, "port"));
    qc_settings_free(s);
    s = good("", "noport=1\n", "regtest"); /* but a negation there does */
    assert_true(qc_settings_is_negated(s, "port"));
    qc_settings_free(s);
}

static void expect_list(const char *args, const char *config, const char *want)
{
    char got[128] = "";
    qc_settings *s = good(args, config, "regtest");
    const char **list = qc_settings_list(s, "foo", NULL);
    for (size_t i = 0; list[i]; i++) {
        size_t n = strlen(got);
        snprintf(got + n, sizeof got - n, "%s,", list[i]);
    }
    assert_string_equal(got, want);
    qc_free(list);
    qc_settings_free(s);
}

static void test_list__negation_cuts_what_came_before(void **state)
{
    (void)state;
    expect_list("-foo=1 -foo=2", "foo=3\nregtest.foo=4\n", "1,2,4,3,");
    expect_list("-foo=1 -nofoo -foo=2", "foo=3\n", "2,3,"); /* the file comes back */
    expect_list("-foo=1 -nofoo", "foo=3\n", "");
    expect_list("", "foo=3\nnofoo=1\nfoo=5\n", "5,");
    expect_list("", NULL, "");
}

static void test_chain__one_choice_at_most(void **state)
{
    (void)state;
    static const struct {
        const char *args, *config, *chain; /* NULL: an error */
    } CASE[] = {{"", NULL, "main"},
                {"-regtest", NULL, "regtest"},
                {"-testnet", NULL, "test"},
                {"-chain=signet", NULL, "signet"},
                {"-chain=x", NULL, "x"},
                {"-regtest -signet", NULL, NULL},
                {"-regtest=0", NULL, "main"},
                {"", "regtest=1\n", "regtest"},
                {"-noregtest", "regtest=1\n", "regtest"}, /* Core's oddity */
                {"-signet", "regtest=1\n", NULL}};
    for (size_t i = 0; i < QC_COUNTOF(CASE); i++) {
        const char *name = NULL;
        char *error = NULL;
        qc_settings *s = good(CASE[i].args, CASE[i].config, "");
        qc_err err = qc_settings_chain(s, &name, &error);
        assert_int_equal(!err, CASE[i].chain != NULL);
        if (!err)
            assert_string_equal(name, CASE[i].chain);
        qc_free(error);
        qc_settings_free(s);
    }
}

static char g_notes[1024];
static void note(void *arg, const char *text)
{
    (void)arg;
    size_t n = strlen(g_notes);
    snprintf(g_notes + n, sizeof g_notes - n, "%s\n", text);
}

static void test_report__says_what_the_operator_should_know(void **state)
{
    (void)state;
    qc_settings *s =
        good("-wish -rpcpassword=x -nofoo=0",
             "port=1\nwhat=1\n[regtset]\nfoo=1\n[test]\nbar=2\nmain.foo=1\n", "regtest");
    g_notes[0] = 0;
    qc_settings_each_unsuitable(s, note, NULL);
    assert_string_equal(g_notes, "Config setting for -port only applied on regtest network when in "
                                 "[regtest] section.\n");
    g_notes[0] = 0;
    qc_settings_each_unknown_section(s, note, NULL);
    assert_string_equal(g_notes, "f.conf:3 Section [regtset] is not recognized.\n"
                                 "f.conf:7 Section [test.main] is not recognized.\n");
    g_notes[0] = 0;
    qc_settings_each_unknown(s, note, NULL);
    assert_string_equal(g_notes, "what\ntest.main.foo\n");
    g_notes[0] = 0;
    qc_settings_each_without_effect(s, note, NULL);
    assert_string_equal(g_notes,
                        "Option -wish is accepted but has no effect: there are no fairies.\n");
    g_notes[0] = 0;
    qc_settings_each_warning(s, note, NULL);
    assert_string_equal(g_notes, "Parsed potentially confusing double-negative -foo=0\n");
    g_notes[0] = 0;
    qc_settings_each_arg(s, note, NULL);
    assert_string_equal(g_notes,
                        "Config file arg: port=\"1\"\nConfig file arg: [regtset] foo=\"1\"\n"
                        "Config file arg: [test] bar=\"2\"\nCommand-line arg: wish=\"\"\n"
                        "Command-line arg: rpcpassword=****\nCommand-line arg: foo=true\n");
    assert_null(qc_settings_refused(s));
    qc_settings_free(s);
    s = good("-txindex=0", NULL, "main");
    assert_null(qc_settings_refused(s));
    qc_settings_free(s);
    s = good("-txindex", NULL, "main");
    char *text = qc_settings_refused(s);
    assert_string_equal(text, "-txindex is not supported. Use a plugin.");
    qc_free(text);
    qc_settings_free(s);
}

static void test_atoi64__reads_as_core(void **state)
{
    (void)state;
    assert_int_equal(qc_atoi64("12x"), 12);
    assert_int_equal(qc_atoi64(" +7"), 7);
    assert_int_equal(qc_atoi64("+-7"), 0);
    assert_int_equal(qc_atoi64("-7"), -7);
    assert_int_equal(qc_atoi64("x"), 0);
    assert_true(qc_atoi64("99999999999999999999") == INT64_MAX);
}

static void put(const char *dir, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* Load with -datadir=dir and more arguments; the error or NULL. */
static char *load(const char *dir, const char *args, qc_settings **s, qc_conf_paths *p)
{
    char line[512], *error;
    snprintf(line, sizeof line, "-datadir=%s %s", dir, args);
    *s = make(line, NULL, "", &error);
    assert_null(error);
    qc_err err = qc_conf_load(*s, p, &error);
    assert_int_equal(!err, !error);
    return error;
}

static void test_load__finds_files_and_includes(void **state)
{
    (void)state;
    qc_settings *s;
    qc_conf_paths p;
    const char *dir = tmp_mkdir();
    put(dir, "bitcoin.conf",
        "foo=1\nregtest=1\nincludeconf=more.conf\n[regtest]\nincludeconf=reg.conf\n");
    put(dir, "more.conf", "foo=2\nbar=3\nincludeconf=deeper.conf\n");
    put(dir, "reg.conf", "regtest.port=9\n");
    char *error = load(dir, "", &s, &p);
    assert_null(error);
    assert_int_equal(qc_settings_int(s, "foo", 0), 1);
    assert_int_equal(qc_settings_int(s, "bar", 0), 3);
    assert_int_equal(qc_settings_int(s, "port", 0), 9);
    assert_string_equal(p.base, dir);
    assert_null(p.warning);
    qc_conf_paths_clear(&p);
    qc_settings_free(s);
    /* Ours wins, and says so. */
    put(dir, "quoin.conf", "foo=4\n");
    error = load(dir, "", &s, &p);
    assert_null(error);
    assert_int_equal(qc_settings_int(s, "foo", 0), 4);
    assert_non_null(strstr(p.warning, "quoin.conf"));
    assert_non_null(strstr(p.warning, "bitcoin.conf"));
    qc_conf_paths_clear(&p);
    qc_settings_free(s);
    error = load(dir, "-noconf", &s, &p);
    assert_null(error);
    assert_false(qc_settings_is_set(s, "foo"));
    assert_non_null(strstr(
        p.warning, "contains a \"quoin.conf\" file which is explicitly ignored using -noconf."));
    qc_conf_paths_clear(&p);
    qc_settings_free(s);
    error = load(dir, "-conf=bitcoin.conf -noincludeconf", &s, &p);
    assert_null(error);
    assert_false(qc_settings_is_set(s, "bar"));
    qc_conf_paths_clear(&p);
    qc_settings_free(s);
}

static void test_load__without_a_file_it_names_the_first_choice(void **state)
{
    (void)state;
    qc_settings *s;
    qc_conf_paths p;
    const char *dir = tmp_mkdir();
    char *error = load(dir, "", &s, &p), *want = qc_asprintf("%s/quoin.conf", dir);
    assert_null(error);
    assert_string_equal(p.conf, want);
    qc_free(want);
    qc_conf_paths_clear(&p);
    qc_settings_free(s);
}

static void expect_load_error(const char *dir, const char *args, const char *want)
{
    qc_settings *s;
    qc_conf_paths p;
    char *error = load(dir, args, &s, &p);
    assert_non_null(error);
    if (!strstr(error, want))
        assert_string_equal(error, want);
    qc_free(error);
    qc_conf_paths_clear(&p);
    qc_settings_free(s);
}

static void test_load__errors(void **state)
{
    (void)state;
    const char *dir = tmp_mkdir();
    expect_load_error("/nonexistent", "",
                      "Specified data directory \"/nonexistent\" does not exist.");
    expect_load_error(dir, "-conf=none.conf",
                      "Error reading configuration file: specified config file \"");
    expect_load_error(dir, "-conf=/", "Config file \"/\" is a directory.");
    expect_load_error(dir, "-chain=moon", "Unknown chain moon.");
    put(dir, "quoin.conf", "includeconf=absent.conf\n");
    expect_load_error(
        dir, "",
        "Error reading configuration file: Failed to include configuration file absent.conf");
    char other[512];
    snprintf(other, sizeof other, "%s/x.conf", tmp_mkdir());
    put(dir, "x.conf", "");
    FILE *f = fopen(other, "w");
    assert_non_null(f);
    fclose(f);
    char args[600];
    snprintf(args, sizeof args, "-conf=%s", other);
    expect_load_error(dir, args,
                      "contains a \"quoin.conf\" file which is ignored, because a different ");
    expect_load_error(dir, args, " from command line argument \"-conf=/");
    put(dir, "quoin.conf", "datadir=/nonexistent\n");
    qc_settings *s;
    qc_conf_paths p;
    char *error = load(dir, "", &s, &p); /* the command line's stays */
    assert_null(error);
    qc_conf_paths_clear(&p);
    qc_settings_free(s);
}

static void test_help__lists_alphabetically_and_marks_what_does_nothing(void **state)
{
    (void)state;
    char *text = qc_opt_help(TABLES, false);
    assert_non_null(strstr(text, "Options:\n\n  -allowignoredconf\n       Allow.\n\n  -bar=<n>\n"));
    assert_non_null(strstr(text, "  -wish\n       Wish. (no effect here)\n"));
    assert_null(strstr(text, "txindex"));
    qc_free(text);
}

QC_TEST_MAIN(cmocka_unit_test(test_args__forms_and_errors),
             cmocka_unit_test(test_config__errors_name_the_line),
             cmocka_unit_test(test_get__precedence_is_cores),
             cmocka_unit_test(test_list__negation_cuts_what_came_before),
             cmocka_unit_test(test_chain__one_choice_at_most),
             cmocka_unit_test(test_report__says_what_the_operator_should_know),
             cmocka_unit_test(test_atoi64__reads_as_core),
             cmocka_unit_test(test_load__finds_files_and_includes),
             cmocka_unit_test(test_load__without_a_file_it_names_the_first_choice),
             cmocka_unit_test(test_load__errors),
             cmocka_unit_test(test_help__lists_alphabetically_and_marks_what_does_nothing))
