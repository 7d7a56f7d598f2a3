/* -follow: call a method again and again, each time with the cursor of its last answer, and print
 * its events as lines. It goes on until it is stopped, or the method answers with an error. */
#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/cli/cli.h"
#include "core/cli/convert.h"
#include "core/cli/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PAUSE_NS 200000000L /* between two answers without events that did not wait for any */

/* One event as one line: outside of strings, JSON has line ends only as blanks. */
static void print_event(qc_span event)
{
    qc_bytes line = QC_BYTES_INIT;
    qc_text_add(&line, (const char *)event.data, event.len);
    for (size_t i = 0; i < line.len; i++)
        if (line.data[i] == '\n' || line.data[i] == '\r')
            line.data[i] = ' ';
    qc_cli_print(stdout, qc_bytes_span(&line), QC_CLI_JSON);
    qc_bytes_free(&line);
}

static size_t print_events(qc_span events)
{
    size_t n = 0;
    for (qc_span e; (e = qc_text_element(events, n)).len; n++)
        print_event(e);
    return n;
}

static char *copy_of(qc_span s)
{
    return qc_asprintf("%.*s", (int)s.len, (const char *)s.data);
}

static qc_err ask(const qc_cli *c, char *const *word, size_t n, qc_bytes *reply, char **error)
{
    qc_bytes params = QC_BYTES_INIT, request = QC_BYTES_INIT;
    qc_err err = qc_convert_positional(c->word[0], word, n, &params, error);
    if (!err) {
        qc_cli_request(&request, c->word[0], qc_bytes_span(&params), "1");
        err = qc_cli_send(c, qc_bytes_span(&request), reply, error);
    }
    qc_bytes_free(&params);
    qc_bytes_free(&request);
    return err;
}

/* What an answer says. Out: *cursor replaced, *n events; *code of an error, if the node answered
 * with one. Returns: NULL, or what is wrong: owned. */
static char *take(qc_span reply, char **cursor, size_t *n, int *code, bool *from_node)
{
    qc_span result = qc_text_member(reply, "result"), next = qc_text_member(result, "cursor");
    qc_span events = qc_text_member(result, "events");
    qc_bytes text = QC_BYTES_INIT;
    if (!qc_text_is_null(qc_text_member(reply, "error"))) {
        *from_node = true;
        *code = qc_cli_error_text(qc_text_member(reply, "error"), &text);
        char *why = copy_of(qc_bytes_span(&text));
        qc_bytes_free(&text);
        return why;
    }
    if (qc_text_is_null(next) || !events.len || events.data[0] != '[')
        return qc_strdup("the method does not answer with events and a cursor");
    if (qc_text_member(result, "missed").len == 4)
        fprintf(stderr, "warning: events were missed, which are not kept any more\n");
    *n = print_events(events);
    qc_free(*cursor);
    *cursor = copy_of(next);
    return NULL;
}

int qc_cli_follow(const qc_cli *c)
{
    char *error = NULL, *cursor = NULL;
    int code = EXIT_FAILURE;
    bool from_node = false;
    char **word = qc_alloc((c->n_word + 1) * sizeof *word);
    size_t n = c->n_word > 1 ? c->n_word - 1 : 0;
    for (size_t i = 0; i < n; i++)
        word[i] = c->word[i + 1];
    if (c->n_word == 0)
        error = qc_strdup("too few parameters (need at least command)");
    while (!error) {
        qc_bytes reply = QC_BYTES_INIT;
        size_t events = 0;
        qc_mono began = qc_clock_mono();
        if (!ask(c, word, n, &reply, &error))
            error = take(qc_bytes_span(&reply), &cursor, &events, &code, &from_node);
        qc_bytes_free(&reply);
        if (!error && fflush(stdout) != 0)
            error = qc_strdup("the output cannot be written");
        word[0] = cursor;
        n = n ? n : 1;
        if (!error && !events && qc_clock_mono() - began < PAUSE_NS)
            nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    }
    /* As of any call: the error's code, and its text alone. */
    char *line = qc_asprintf("%s%s", from_node ? "" : "error: ", error);
    qc_cli_print(stderr, qc_span_str(line), QC_CLI_TEXT);
    qc_free(line);
    if (code == QC_CLI_NO_METHOD)
        qc_cli_suggest(c, c->word[0]);
    qc_free(error);
    qc_free(cursor);
    qc_free(word);
    return code;
}
