/* What quoin-cli prints of a node, of its plugins and of what they were told. */
#include "core/base/alloc.h"
#include "core/cli/cli.h"
#include "core/cli/text.h"

#include <stdlib.h>
#include <unistd.h>

void qc_cli_print(FILE *to, qc_span text, qc_cli_form form)
{
    qc_bytes tame = QC_BYTES_INIT;
    if (isatty(fileno(to))) {
        qc_text_tame(&tame, text, form == QC_CLI_JSON);
        text = qc_bytes_span(&tame);
    }
    if (text.len)
        fwrite(text.data, 1, text.len, to);
    fputc('\n', to);
    qc_bytes_free(&tame);
}

int qc_cli_fail(char *error)
{
    char *line = qc_asprintf("error: %s", error);
    qc_cli_print(stderr, qc_span_str(line), QC_CLI_TEXT);
    qc_free(line);
    qc_free(error);
    return EXIT_FAILURE;
}
