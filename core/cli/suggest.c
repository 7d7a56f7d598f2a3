/* "Did you mean": a misspelt method against those that the node's help lists, those of its plugins
 * among them. */
#include "core/base/alloc.h"
#include "core/base/err.h"
#include "core/base/nearest.h"
#include "core/cli/cli.h"
#include "core/cli/text.h"

#include <stdio.h>

#define PATIENCE_S 3 /* the error is told already: the shell is not kept waiting for a hint */

/* Owned text of help, or NULL: then there is nothing to say. */
static char *ask_help(const qc_cli *c)
{
    qc_bytes request = QC_BYTES_INIT, reply = QC_BYTES_INIT, text = QC_BYTES_INIT;
    char *error = NULL;
    qc_cli brief = *c;
    brief.at_most_s = PATIENCE_S;
    qc_cli_request(&request, "help", qc_span_str("[]"), "1");
    qc_err err = qc_cli_send(&brief, qc_bytes_span(&request), &reply, &error);
    qc_bytes_free(&request);
    qc_free(error);
    if (err)
        return NULL;
    qc_span result = qc_text_member(qc_bytes_span(&reply), "result");
    if (!qc_text_is_null(result))
        qc_text_plain(&text, result);
    qc_text_add(&text, "", 1);
    qc_bytes_free(&reply);
    return (char *)text.data;
}

/* What people ask a node of Bitcoin Core for first. */
static bool is_of_wallets(const char *method)
{
    static const char *const known[] = {"bumpfee",
                                        "createwallet",
                                        "getaddressinfo",
                                        "getbalance",
                                        "getbalances",
                                        "getnewaddress",
                                        "getwalletinfo",
                                        "importdescriptors",
                                        "listdescriptors",
                                        "listsinceblock",
                                        "listtransactions",
                                        "listunspent",
                                        "listwallets",
                                        "loadwallet",
                                        "send",
                                        "sendmany",
                                        "sendtoaddress",
                                        "unloadwallet",
                                        "walletcreatefundedpsbt",
                                        "walletprocesspsbt",
                                        "walletpassphrase"};
    for (size_t i = 0; i < QC_COUNTOF(known); i++)
        if (strcmp(method, known[i]) == 0)
            return true;
    return false;
}

/* With what names this node: for another one it would be a grant in vain. */
static void tell_of_watch(const qc_cli *c)
{
    const char *dir = qc_settings_str(c->settings, "datadir", ""), *chain = "main";
    bool elsewhere = *dir && qc_settings_on_command_line(c->settings, "datadir");
    char *error = NULL;
    bool known = !qc_settings_chain(c->settings, &chain, &error) && strcmp(chain, "main") != 0;
    qc_free(error);
    fprintf(stderr,
            "Quoin has no wallet and keeps no keys. Watch-only wallets, which make PSBTs, are the "
            "plugin watch: quoin-plugin%s%s%s%s enable watch\n",
            elsewhere ? " -datadir=" : "", elsewhere ? dir : "", known ? " -chain=" : "",
            known ? chain : "");
}

void qc_cli_suggest(const qc_cli *c, const char *method)
{
    if (is_of_wallets(method)) {
        tell_of_watch(c);
        return;
    }
    qc_nearest near;
    char *text = ask_help(c), *save = NULL;
    if (!text)
        return;
    qc_nearest_init(&near, method);
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        line[strcspn(line, " ")] = 0; /* behind the name stand its parameters */
        qc_nearest_try(&near, line);
    }
    if (near.best && near.distance) { /* the name itself: its plugin was away for a moment */
        char *hint = qc_asprintf("Did you mean %s?", near.best);
        qc_cli_print(stderr, qc_span_str(hint), QC_CLI_TEXT);
        qc_free(hint);
    }
    qc_free(text);
}
