/* core/cli/cli.h: quoin-cli from its settings to what it prints. */
#pragma once
#include "core/base/bytes.h"
#include "core/conf/load.h"

extern const qc_opt *const QC_CLI_OPTIONS[];

typedef struct qc_cli {
    qc_settings *settings;
    qc_conf_paths paths;
    char *cookie_path; /* NULL: disabled */
    uint16_t default_port;
    char **word; /* method and parameters */
    size_t n_word;
} qc_cli;

/** Send `request` (with -rpcwait: until it is answered). Out: *reply owned; *error owned on
 * failure, a sentence. Returns: QC_OK; QC_EIO; QC_EINVAL. */
QC_MUST_CHECK qc_err qc_cli_send(const qc_cli *c, qc_span request, qc_bytes *reply, char **error);
/** {"method":...,"params":<raw>,"id":<raw>,"jsonrpc":"2.0"} */
void qc_cli_request(qc_bytes *out, const char *method, qc_span params, const char *id);
/** Text of -getinfo from a batch of getnetworkinfo and getblockchaininfo (valid JSON).
 *  Out: *error owned on failure. */
QC_MUST_CHECK qc_err qc_cli_info(qc_span batch, bool color, qc_bytes *out, char **error);
/** "error code: ..." for an error object; the exit code. */
int qc_cli_error_text(qc_span error, qc_bytes *out);
