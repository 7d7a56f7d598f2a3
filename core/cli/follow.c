/* -follow: call a method again and again, each time with the cursor of its last answer, and print
 * its events as lines. It goes on until it is stopped, or the method answers with an error. What a
 * reload of its plugin brings (an error, or that there is no such method) is waited out for a
 * while; with -rpcwait, however long it takes, and the node's own restart too. */
#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/cli/cli.h"
#include "core/cli/convert.h"
#include "core/cli/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PAUSE_NS 200000000L /* between two answers without events that did not wait for any */
#define AWAY_S 60           /* what is away for longer without -rpcwait is gone */

/* What follows, and where it stands. */
typedef struct follower {
    const qc_cli *c;
    char **word; /* the method's parameters: the first is the cursor, once there is one */
    size_t n;
    char *cursor;
    bool from_node;  /* the error is an answer of the node's */
    int code;        /* of that error */
    qc_mono away_at; /* since when its plugin or node is away; 0: it is not */
} follower;

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

/* Numbered ones: `next` is the number of the last, else NULL. False: one of them, and it is not
 * printed, has no number. */
static bool print_events(qc_span events, qc_span *next, size_t *n)
{
    size_t at = 0;
    for (qc_span e; (e = qc_text_next(events, &at)).len; ++*n) {
        if (next && (*next = qc_text_member(e, "seq"), qc_text_is_null(*next)))
            return false;
        print_event(e);
    }
    return true;
}

static char *copy_of(qc_span s)
{
    return qc_asprintf("%.*s", (int)s.len, (const char *)s.data);
}

static qc_err ask(const follower *f, qc_bytes *reply, char **error)
{
    qc_bytes params = QC_BYTES_INIT, request = QC_BYTES_INIT;
    qc_err err = qc_convert_positional(f->c->word[0], f->word, f->n, &params, error);
    if (!err) {
        qc_cli_request(&request, f->c->word[0], qc_bytes_span(&params), "1");
        err = qc_cli_send(f->c, qc_bytes_span(&request), reply, error);
    }
    qc_bytes_free(&params);
    qc_bytes_free(&request);
    return err;
}

static bool is_true(qc_span result, const char *member)
{
    return qc_span_eq(qc_text_member(result, member), qc_span_str("true"));
}

static void say_missed(const follower *f, qc_span result, qc_span next)
{
    const int n = (int)next.len;
    const char *at = (const char *)next.data;
    char *line = NULL;
    if (is_true(result, "ahead") && f->n)
        line =
            qc_asprintf("warning: the cursor %s is ahead of the last event, %.*s: it is of another "
                        "store, or of one from before it was restored; going on behind %.*s",
                        f->word[0], n, at, n, at);
    else if (is_true(result, "missed"))
        line = qc_strdup("warning: events were missed, which are not kept any more");
    if (line)
        qc_cli_print(stderr, qc_span_str(line), QC_CLI_TEXT);
    qc_free(line);
}

/* A list of numbered events, or an object with events and a cursor. False: neither. */
static bool take_events(follower *f, qc_span result, size_t *n)
{
    bool is_list = result.len && result.data[0] == '[';
    qc_span events = is_list ? result : qc_text_member(result, "events");
    qc_span next = is_list ? qc_span_of(NULL, 0) : qc_text_member(result, "cursor");
    if (!events.len || events.data[0] != '[' || (!is_list && qc_text_is_null(next)))
        return false;
    say_missed(f, result, next);
    if (!print_events(events, is_list ? &next : NULL, n))
        return false;
    if (is_list && *n == 0)
        return f->cursor || f->n; /* it waited in vain; without a number it can go on from none */
    qc_free(f->cursor);
    f->cursor = copy_of(next);
    f->word[0] = f->cursor;
    f->n = f->n ? f->n : 1;
    return true;
}

/* What an answer says. Out: *n events. Returns: NULL, or what is wrong: owned. */
static char *take(follower *f, qc_span reply, size_t *n)
{
    qc_bytes text = QC_BYTES_INIT;
    if (qc_text_is_null(qc_text_member(reply, "error")))
        return take_events(f, qc_text_member(reply, "result"), n)
                   ? NULL
                   : qc_strdup("the method does not answer with events and a cursor");
    f->from_node = true;
    f->code = qc_cli_error_text(qc_text_member(reply, "error"), &text);
    char *why = copy_of(qc_bytes_span(&text));
    qc_bytes_free(&text);
    return why;
}

/* It has answered before, and what came instead may pass. */
static bool may_pass(follower *f)
{
    bool waits = qc_settings_bool(f->c->settings, "rpcwait", false);
    qc_mono now = qc_clock_mono();
    if (!f->cursor ||
        (f->from_node ? f->code != QC_CLI_NO_METHOD && f->code != QC_CLI_INTERNAL : !waits))
        return false;
    if (!f->away_at)
        f->away_at = now;
    return waits || now - f->away_at < AWAY_S * INT64_C(1000000000);
}

/* One call. Returns: NULL to go on, or why not: owned. */
static char *follow_once(follower *f)
{
    qc_bytes reply = QC_BYTES_INIT;
    char *error = NULL;
    size_t events = 0;
    qc_mono began = qc_clock_mono();
    f->from_node = false;
    f->code = EXIT_FAILURE;
    if (!ask(f, &reply, &error))
        error = take(f, qc_bytes_span(&reply), &events);
    qc_bytes_free(&reply);
    if (!error) {
        f->away_at = 0;
        if (fflush(stdout) != 0)
            return qc_strdup("the output cannot be written");
    } else if (may_pass(f)) {
        qc_free(error);
        error = NULL;
    }
    if (!error && !events && qc_clock_mono() - began < PAUSE_NS)
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    return error;
}

int qc_cli_follow(const qc_cli *c)
{
    char *error = NULL;
    follower f = {.c = c,
                  .word = qc_alloc((c->n_word + 1) * sizeof *f.word),
                  .n = c->n_word > 1 ? c->n_word - 1 : 0,
                  .code = EXIT_FAILURE};
    for (size_t i = 0; i < f.n; i++)
        f.word[i] = c->word[i + 1];
    if (c->n_word == 0)
        error = qc_strdup("too few parameters (need at least command)");
    while (!error)
        error = follow_once(&f);
    /* As of any call: the error's code, and its text alone. */
    char *line = qc_asprintf("%s%s", f.from_node ? "" : "error: ", error);
    qc_cli_print(stderr, qc_span_str(line), QC_CLI_TEXT);
    qc_free(line);
    if (f.code == QC_CLI_NO_METHOD)
        qc_cli_suggest(c, c->word[0]);
    qc_free(error);
    qc_free(f.cursor);
    qc_free(f.word);
    return f.code;
}
