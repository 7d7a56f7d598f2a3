/* core/cli/cli.h: quoin-cli from its settings to what it prints. */
#pragma once
#include "core/base/bytes.h"
#include "core/conf/load.h"

#include <stdio.h>

extern const qc_opt *const QC_CLI_OPTIONS[];

#define QC_CLI_NO_METHOD 32601 /* as an exit code, before the shell cuts it */
#define QC_CLI_INTERNAL 32603  /* the same, of a plugin that is being stopped among others */

typedef struct qc_cli {
    qc_settings *settings;
    qc_conf_paths paths;
    char *cookie_path; /* NULL: disabled */
    uint16_t default_port;
    int64_t at_most_s; /* a call's whole time, whatever the settings say; 0: as they say */
    char **word;       /* method and parameters */
    size_t n_word;
} qc_cli;

/** Send `request` (with -rpcwait: until it is answered, unless at_most_s is set). Out: *reply
 * owned; *error owned on failure, a sentence. Returns: QC_OK; QC_EIO; QC_EINVAL. */
QC_MUST_CHECK qc_err qc_cli_send(const qc_cli *c, qc_span request, qc_bytes *reply, char **error);
/** What is printed: on a terminal no order to it, else byte for byte as the node said it. */
typedef enum qc_cli_form { QC_CLI_TEXT, QC_CLI_JSON } qc_cli_form;
/** Write a line. A terminal gets it as qc_text_tame() makes it; a program or a file as it is. */
void qc_cli_print(FILE *to, qc_span text, qc_cli_form form);
/** "error: ..." on stderr, as qc_cli_print() does. Returns: EXIT_FAILURE. */
int qc_cli_fail(QC_OWN char *error);
/** Call the method that the words name until it fails, with the cursor of its last answer as first
 *  parameter; print each event as a line. Returns: the exit code. */
int qc_cli_follow(const qc_cli *c);
/** The node knows no such method: name the nearest that it has, on stderr, if one is near and the
 *  node tells its methods within a few seconds. */
void qc_cli_suggest(const qc_cli *c, const char *method);
/** {"method":...,"params":<raw>,"id":<raw>,"jsonrpc":"2.0"} */
void qc_cli_request(qc_bytes *out, const char *method, qc_span params, const char *id);
/** Text of -getinfo from a batch of getnetworkinfo and getblockchaininfo (valid JSON).
 *  Out: *error owned on failure. */
QC_MUST_CHECK qc_err qc_cli_info(qc_span batch, bool color, qc_bytes *out, char **error);
typedef struct qc_cli_netinfo {
    unsigned level; /* 0 to 4 */
    bool outbound_only;
    const char *chain; /* "main" ... */
    int64_t now;       /* seconds since 1970 */
} qc_cli_netinfo;
/** Text of -netinfo from a batch of getpeerinfo and getnetworkinfo. Out: *error owned on failure.
 */
QC_MUST_CHECK qc_err qc_cli_netinfo_text(qc_span batch, const qc_cli_netinfo *o, qc_bytes *out,
                                         char **error);
/** Text of -addrinfo from a batch of getaddrmaninfo. Out: *error owned on failure. */
QC_MUST_CHECK qc_err qc_cli_addrinfo_text(qc_span batch, qc_bytes *out, char **error);
/** Of -netinfo help. */
extern const char QC_CLI_NETINFO_HELP[];
/** The result in a batch (valid JSON) with this id. Out: *out borrowed; *error owned on failure. */
QC_MUST_CHECK qc_err qc_cli_result(qc_span batch, char id, qc_span *out, char **error);
/** "error code: ..." for an error object; the exit code: without its sign, and EXIT_FAILURE for one
 *  that a shell, which keeps 8 bits, would take for a success. */
int qc_cli_error_text(qc_span error, qc_bytes *out);
