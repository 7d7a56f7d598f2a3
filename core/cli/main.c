/* quoin-cli: one call to a node, printed as it was answered. */
#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/cli/cli.h"
#include "core/cli/convert.h"
#include "core/cli/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static const char ABOUT[] = "Usage: quoin-cli [options] <method> [parameters]\n"
                            "or:    quoin-cli [options] -named <method> [name=value]...\n"
                            "or:    quoin-cli [options] help\n"
                            "or:    quoin-cli [options] help <method>\n\n";

/* ---- words ---- */
static void add_word(qc_cli *c, const char *s)
{
    c->word = qc_try_realloc(c->word, (c->n_word + 1) * sizeof *c->word);
    QC_ASSERT(c->word);
    c->word[c->n_word++] = qc_strdup(s);
}

/* A line without its end; NULL at the end of the input. Owned: free(). */
static char *read_line(void)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n = getline(&line, &cap, stdin);
    if (n < 0) {
        free(line);
        return NULL;
    }
    if (n && line[n - 1] == '\n')
        line[n - 1] = 0;
    return line;
}

/* Without echo when it is typed. */
static char *read_secret(const char *prompt)
{
    struct termios old, quiet;
    bool tty = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &old) == 0;
    if (tty) {
        quiet = old;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
        fputs(prompt, stderr);
    }
    char *line = read_line();
    if (tty) {
        tcsetattr(STDIN_FILENO, TCSANOW, &old);
        fputc('\n', stdout);
    }
    return line;
}

static bool read_stdin(qc_cli *c, char **error)
{
    if (qc_settings_bool(c->settings, "stdinrpcpass", false)) {
        char *secret = read_secret("RPC password> ");
        if (!secret) {
            *error = qc_strdup("-stdinrpcpass specified but failed to read from standard input");
            return false;
        }
        qc_settings_force(c->settings, "rpcpassword", secret);
        free(secret);
    }
    if (!qc_settings_bool(c->settings, "stdin", false))
        return true;
    for (char *line; (line = read_line());) {
        add_word(c, line);
        free(line);
    }
    return true;
}

/* ---- calls ---- */
/* Print a reply's result or error; the exit code. */
static int print_reply(qc_span reply)
{
    qc_bytes out = QC_BYTES_INIT;
    qc_span error = qc_text_member(reply, "error"), result = qc_text_member(reply, "result");
    int code = EXIT_SUCCESS;
    if (!qc_text_is_null(error)) {
        code = qc_cli_error_text(error, &out);
        qc_cli_print(stderr, qc_bytes_span(&out), QC_CLI_TEXT);
    } else if (result.len && result.data[0] == '"') {
        qc_text_plain(&out, result);
        if (out.len)
            qc_cli_print(stdout, qc_bytes_span(&out), QC_CLI_TEXT);
    } else if (!qc_text_is_null(result)) {
        qc_text_pretty(&out, result);
        qc_cli_print(stdout, qc_bytes_span(&out), QC_CLI_JSON);
    }
    qc_bytes_free(&out);
    return code;
}

static qc_err call(const qc_cli *c, const char *method, char *const *word, size_t n, bool named,
                   qc_bytes *reply, char **error)
{
    qc_bytes params = QC_BYTES_INIT, id = QC_BYTES_INIT, request = QC_BYTES_INIT;
    const char *given = qc_settings_str(c->settings, "rpcid", "1");
    qc_err err = named ? qc_convert_named(method, word, n, &params, error)
                       : qc_convert_positional(method, word, n, &params, error);
    if (!err) {
        qc_text_quote(&id, given, strlen(given));
        qc_text_add(&id, "", 1);
        qc_cli_request(&request, method, qc_bytes_span(&params), (const char *)id.data);
        err = qc_cli_send(c, qc_bytes_span(&request), reply, error);
    }
    qc_bytes_free(&params);
    qc_bytes_free(&id);
    qc_bytes_free(&request);
    return err;
}

/* Several calls without parameters in one batch, with the ids 0, 1 ... */
static qc_err batch(const qc_cli *c, const char *const *method, qc_bytes *reply, char **error)
{
    qc_bytes request = QC_BYTES_INIT;
    for (size_t i = 0; method[i]; i++) {
        const char id[] = {(char)('0' + i), 0};
        qc_text_add(&request, i ? "," : "[", 1);
        qc_cli_request(&request, method[i], qc_span_str("[]"), id);
    }
    qc_text_add(&request, "]", 1);
    qc_err err = qc_cli_send(c, qc_bytes_span(&request), reply, error);
    qc_bytes_free(&request);
    return err;
}

/* What a text made of a batch comes to, which has nothing in it that is not tame but our own
 * colours; the exit code. */
static int show(qc_err err, QC_OWN qc_bytes *reply, QC_OWN qc_bytes *out, QC_OWN char *error)
{
    if (err)
        qc_cli_print(stderr, qc_span_str(error), QC_CLI_TEXT);
    else
        printf("%.*s\n", (int)out->len, out->len ? (const char *)out->data : "");
    qc_free(error);
    qc_bytes_free(reply);
    qc_bytes_free(out);
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run_getinfo(const qc_cli *c)
{
    static const char *const METHOD[] = {"getnetworkinfo", "getblockchaininfo", NULL};
    char *error = NULL;
    qc_bytes reply = QC_BYTES_INIT, out = QC_BYTES_INIT;
    const char *when = qc_settings_str(c->settings, "color", "auto");
    bool color =
        strcmp(when, "always") == 0 || (strcmp(when, "auto") == 0 && isatty(STDOUT_FILENO));
    if (c->n_word)
        return qc_cli_fail(qc_strdup("-getinfo takes no arguments"));
    if (!color && strcmp(when, "auto") != 0 && strcmp(when, "never") != 0)
        return qc_cli_fail(
            qc_strdup("Invalid value for -color option. Valid values: always, auto, never."));
    if (batch(c, METHOD, &reply, &error))
        return qc_cli_fail(error);
    qc_err err = qc_cli_info(qc_bytes_span(&reply), color, &out, &error);
    return show(err, &reply, &out, error);
}

static int run_addrinfo(const qc_cli *c)
{
    static const char *const METHOD[] = {"getaddrmaninfo", NULL};
    char *error = NULL;
    qc_bytes reply = QC_BYTES_INIT, out = QC_BYTES_INIT;
    if (c->n_word)
        return qc_cli_fail(qc_strdup("-addrinfo takes no arguments"));
    if (batch(c, METHOD, &reply, &error))
        return qc_cli_fail(error);
    qc_err err = qc_cli_addrinfo_text(qc_bytes_span(&reply), &out, &error);
    return show(err, &reply, &out, error);
}

#define MORE "\nFor more information, run: quoin-cli -netinfo help"

/* The words behind -netinfo. NULL, or what is wrong with them: owned. */
static char *netinfo_words(const qc_cli *c, qc_cli_netinfo *o)
{
    const char *level = c->n_word ? c->word[0] : "0", *only = c->n_word > 1 ? c->word[1] : NULL;
    size_t digits = strspn(level, "0123456789");
    long n = strtol(level, NULL, 10);
    if (!digits || level[digits] || digits > 3 || n > UINT8_MAX)
        return qc_asprintf("invalid -netinfo level argument: %s" MORE, level);
    o->level = n > 4 ? 4 : (unsigned)n;
    if (!only)
        return NULL;
    if (n == 0)
        return qc_asprintf("invalid -netinfo outonly argument: %s\nThe outonly argument is only "
                           "valid for a level greater than 0 (the first argument)." MORE,
                           only);
    if (strcmp(only, "o") != 0 && strcmp(only, "outonly") != 0)
        return qc_asprintf("invalid -netinfo outonly argument: %s" MORE, only);
    o->outbound_only = true;
    return NULL;
}

static int run_netinfo(const qc_cli *c)
{
    static const char *const METHOD[] = {"getpeerinfo", "getnetworkinfo", NULL};
    qc_cli_netinfo o = {.now = qc_clock_real_us() / 1000000};
    qc_bytes reply = QC_BYTES_INIT, out = QC_BYTES_INIT;
    if (c->n_word && (strcmp(c->word[0], "help") == 0 || strcmp(c->word[0], "h") == 0)) {
        printf("%s", QC_CLI_NETINFO_HELP);
        return EXIT_SUCCESS;
    }
    char *error = netinfo_words(c, &o);
    if (error || qc_settings_chain(c->settings, &o.chain, &error) ||
        batch(c, METHOD, &reply, &error))
        return qc_cli_fail(error);
    qc_err err = qc_cli_netinfo_text(qc_bytes_span(&reply), &o, &out, &error);
    return show(err, &reply, &out, error);
}

static char *plain_text(qc_span v)
{
    qc_bytes b = QC_BYTES_INIT;
    qc_text_plain(&b, v);
    qc_text_add(&b, "", 1);
    return (char *)b.data;
}

/* {"address":...,"blocks":[...]} */
static int print_generated(qc_span reply, const char *address)
{
    qc_span blocks = qc_text_member(reply, "result");
    if (qc_text_is_null(blocks))
        return print_reply(reply);
    qc_bytes both = QC_BYTES_INIT, out = QC_BYTES_INIT;
    qc_text_add(&both, "{\"address\":", 11);
    qc_text_quote(&both, address, strlen(address));
    qc_text_add(&both, ",\"blocks\":", 10);
    qc_text_add(&both, (const char *)blocks.data, blocks.len);
    qc_text_add(&both, "}", 1);
    qc_text_pretty(&out, qc_bytes_span(&both));
    qc_cli_print(stdout, qc_bytes_span(&out), QC_CLI_JSON);
    qc_bytes_free(&both);
    qc_bytes_free(&out);
    return EXIT_SUCCESS;
}

static int run_generate(const qc_cli *c)
{
    char *error = NULL;
    qc_bytes reply = QC_BYTES_INIT;
    if (c->n_word > 2)
        return qc_cli_fail(qc_strdup("too many arguments (maximum 2 for nblocks and maxtries)"));
    if (c->n_word && strcmp(c->word[0], "0") == 0)
        return qc_cli_fail(
            qc_strdup("the first argument (number of blocks to generate, default: 1) must be "
                      "an integer value greater than zero"));
    if (call(c, "getnewaddress", NULL, 0, false, &reply, &error))
        return qc_cli_fail(error);
    qc_span result = qc_text_member(qc_bytes_span(&reply), "result");
    if (qc_text_is_null(result)) {
        int code = print_reply(qc_bytes_span(&reply));
        fprintf(stderr, "\nThe address comes from a wallet. Without one use: quoin-cli "
                        "generatetoaddress <number> <address>\n");
        qc_bytes_free(&reply);
        return code;
    }
    char *address = plain_text(result), one[] = "1";
    char *word[] = {c->n_word ? c->word[0] : one, address, c->n_word > 1 ? c->word[1] : NULL};
    qc_bytes_free(&reply);
    int code = EXIT_FAILURE;
    if (call(c, "generatetoaddress", word, c->n_word > 1 ? 3 : 2, false, &reply, &error))
        qc_cli_fail(error);
    else
        code = print_generated(qc_bytes_span(&reply), address);
    qc_bytes_free(&reply);
    qc_free(address);
    return code;
}

static int run(qc_cli *c)
{
    char *error = NULL;
    qc_bytes reply = QC_BYTES_INIT;
    if (!read_stdin(c, &error))
        return qc_cli_fail(error);
    static const struct {
        const char *name;
        int (*run)(const qc_cli *c);
    } COMMAND[] = {{"addrinfo", run_addrinfo},
                   {"follow", qc_cli_follow},
                   {"generate", run_generate},
                   {"getinfo", run_getinfo},
                   {"netinfo", run_netinfo}};
    int (*command)(const qc_cli *c) = NULL;
    for (size_t i = 0; i < QC_COUNTOF(COMMAND); i++) {
        if (!qc_settings_bool(c->settings, COMMAND[i].name, false))
            continue;
        if (command)
            return qc_cli_fail(qc_strdup(
                "Only one of -addrinfo, -follow, -generate, -getinfo, -netinfo may be specified."));
        command = COMMAND[i].run;
    }
    if (command)
        return command(c);
    if (c->n_word == 0)
        return qc_cli_fail(qc_strdup("too few parameters (need at least command)"));
    if (call(c, c->word[0], c->word + 1, c->n_word - 1,
             qc_settings_bool(c->settings, "named", false), &reply, &error))
        return qc_cli_fail(error);
    int code = print_reply(qc_bytes_span(&reply));
    qc_bytes_free(&reply);
    if (code == QC_CLI_NO_METHOD)
        qc_cli_suggest(c, c->word[0]);
    return code;
}

/* ---- start ---- */
static bool help_wanted(const qc_settings *s)
{
    return qc_settings_is_set(s, "help") || qc_settings_is_set(s, "h") ||
           qc_settings_is_set(s, "?") || qc_settings_is_set(s, "help-debug");
}

static void print_help(const qc_settings *s)
{
    printf("Quoin RPC client version v%s\n", PACKAGE_VERSION);
    if (qc_settings_bool(s, "version", false)) {
        printf("Free software under the MIT licence, without any warranty.\n");
        return;
    }
    char *text = qc_opt_help(QC_CLI_OPTIONS, false);
    printf("\n%s%s", ABOUT, text);
    qc_free(text);
}

static int start(qc_cli *c, int argc, char **argv)
{
    char *error = NULL;
    int first;
    const char *chain;
    if (qc_settings_args(c->settings, argc, argv, true, &first, &error)) {
        fprintf(stderr, "Error parsing command line arguments: %s\n", error);
        qc_free(error);
        return EXIT_FAILURE;
    }
    if (argc < 2 || help_wanted(c->settings) || qc_settings_bool(c->settings, "version", false)) {
        print_help(c->settings);
        if (argc < 2)
            fprintf(stderr, "Error: too few parameters\n");
        return argc < 2 ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    if (qc_conf_load(c->settings, &c->paths, &error)) {
        bool whole = strncmp(error, "Error reading", 13) == 0;
        fprintf(stderr, "%s%s\n", whole ? "" : "Error: ", error);
        qc_free(error);
        return EXIT_FAILURE;
    }
    if ((error = qc_settings_refused(c->settings)))
        return qc_cli_fail(error);
    qc_err err = qc_settings_chain(c->settings, &chain, &error);
    QC_ASSERT(err == QC_OK); /* it was loaded */
    char *net = qc_conf_net_dir(c->paths.base, qc_conf_chain_folder(chain));
    c->default_port = qc_conf_rpc_port(chain);
    c->cookie_path = qc_conf_file_option(c->settings, "rpccookiefile", ".cookie", net);
    qc_free(net);
    for (int i = first; i < argc; i++)
        add_word(c, argv[i]);
    return run(c);
}

int main(int argc, char **argv)
{
    qc_cli c = {.settings = qc_settings_new(QC_CLI_OPTIONS)};
    int code = start(&c, argc, argv);
    for (size_t i = 0; i < c.n_word; i++)
        qc_free(c.word[i]);
    qc_free(c.word);
    qc_free(c.cookie_path);
    qc_conf_paths_clear(&c.paths);
    qc_settings_free(c.settings);
    return fflush(stdout) == 0 ? code : EXIT_FAILURE;
}
