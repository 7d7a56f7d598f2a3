/* Grant files: written, and taken up by a node that runs. */
#include "core/tool/tool.h"

#include "core/base/alloc.h"
#include "core/os/file.h"

#include <sys/stat.h>
#include <unistd.h>

/* Errors of plugin reload: the old one goes on; it is down, and may do more than is granted now. */
#define REFUSED 26
#define DOWN 25

#define FILE_GONE "the file that it was for is no more"

char *qc_tool_command(const qc_tool *t, const char *program)
{
    const char *dir = qc_settings_str(t->settings, "datadir", "");
    bool named = *dir && qc_settings_on_command_line(t->settings, "datadir");
    return qc_conf_command(t->settings, program, named ? dir : NULL, t->chain);
}

/* One that is there stays whose it was, and as readable: a node of another user must read on. */
static qc_err put_grant(const qc_tool *t, const char *grant, qc_span text)
{
    struct stat was;
    bool there = stat(grant, &was) == 0;
    qc_err err = qc_os_mkdirs(t->grant_dir);
    if (!err)
        err = qc_os_write_file_atomic(grant, text, there ? was.st_mode & 0755 : 0600);
    if (!err && there && geteuid() == 0)
        err = qc_os_own_tree(grant, was.st_uid, was.st_gid);
    return err;
}

void qc_tool_say_when(const qc_tool *t, const char *verb, const char *id)
{
    char *cli = qc_tool_command(t, "quoin-cli");
    printf("It takes effect when the node starts; in a node that runs, by\n  %s plugin %s %s\n",
           cli, verb, id);
    qc_free(cli);
}

/* Nobody has changed it meanwhile. */
static bool holds(const char *grant, qc_span text)
{
    qc_bytes now = QC_BYTES_INIT;
    bool same =
        !qc_os_read_file(grant, QC_GRANT_FILE_MAX, &now) && qc_span_eq(qc_bytes_span(&now), text);
    qc_bytes_free(&now);
    return same;
}

/* What the node that runs would not have must not wait for its next start. */
static bool put_back(const qc_tool *t, const char *grant, qc_span text, const qc_bytes *was)
{
    return holds(grant, text) && !put_grant(t, grant, qc_bytes_span(was));
}

static bool same_bounds(const qc_grant *a, const qc_grant *b)
{
    return a->best_effort == b->best_effort && a->memory == b->memory && a->threads == b->threads &&
           a->calls_per_s == b->calls_per_s && a->log_per_s == b->log_per_s;
}

/* What stands against the old text; NULL: nothing. Whether it starts is up to the plugin: it must
 * not win back by a failure what an operator took away. */
static const char *against_old(int code, qc_span text, const qc_bytes *was)
{
    qc_grant a = {0}, b = {0};
    qc_problems p = {0};
    const char *why = NULL;
    if (!qc_grant_parse(text, &a, &p) || !qc_grant_parse(qc_bytes_span(was), &b, &p))
        why = "it is no grant";
    else if (!qc_grant_same_text(a.file, b.file) || !qc_grant_same_text(a.sha256, b.sha256))
        why = FILE_GONE;
    else if (!qc_grant_covers(&a, &b) || !same_bounds(&a, &b))
        why = "it allowed more";
    else if (code == DOWN)
        why = "the one that ran was allowed more";
    qc_grant_clear(&a);
    qc_grant_clear(&b);
    qc_problems_clear(&p);
    return why;
}

/* The old text stays away. */
static void say_not_back(const qc_tool *t, int code, const char *id, const char *why)
{
    char *self = qc_tool_command(t, "quoin-plugin"), *cli = qc_tool_command(t, "quoin-cli");
    fprintf(stderr, "What it was is not put back: %s\n", why);
    if (code == REFUSED)
        fprintf(stderr,
                "The old one runs on, from memory and with what it was granted; to stop it:\n"
                "  %s plugin stop %s\n",
                cli, id);
    if (strcmp(why, FILE_GONE) == 0)
        fprintf(stderr, "Once its file is mended:\n  %s pin -reload %s\n", self, id);
    else
        fprintf(stderr, "To change it again:\n  %s enable -reload -grant=INTERFACE=PARAMETERS %s\n",
                self, id);
    qc_free(cli);
    qc_free(self);
}

/* What it is in the node now, and what the file is. */
static void say_not_taken(const qc_tool *t, const char *id, const char *grant)
{
    qc_tool_seen now;
    qc_tool_look_at(t, id, &now);
    fprintf(stderr, "Error: %s; ",
            now.reached ? "the node that runs has not taken it up"
                        : "no node that runs has taken it up");
    if (now.known)
        fprintf(stderr, "%s is %s%s%s; ", id, now.state, *now.reason ? ": " : "", now.reason);
    fprintf(stderr, "%s stays as it is now, and is what the next start goes by\n", grant);
}

/* A node that does not run has refused nothing, nor has one that must be started anew for it. */
int qc_tool_take_up(const qc_tool *t, const char *id, const char *grant, qc_span text,
                    const qc_bytes *was)
{
    bool first = !was && text.data;
    qc_tool_seen before;
    qc_tool_look_at(t, id, &before);
    bool starts = before.reached ? !before.known : first;
    const char *verb = starts ? "start" : "reload";
    int code = qc_tool_ask_node(t, (const char *const[]){"plugin", verb, id, NULL});
    if (code == 0)
        return printf("The node that runs has taken it up: %s runs.\n", id) < 0;
    bool failed = was && (code == REFUSED || code == DOWN);
    const char *against = failed ? against_old(code, text, was) : NULL;
    if (failed && !against && put_back(t, grant, text, was)) {
        fprintf(stderr,
                "Error: the node refused it and goes on with what it had. So will its next start: "
                "%s is again what it was\n",
                grant);
        return 1;
    }
    say_not_taken(t, id, grant);
    if (against)
        say_not_back(t, code, id, against);
    if (first) {
        char *self = qc_tool_command(t, "quoin-plugin");
        fprintf(stderr, "To take it back: %s disable %s\n", self, id);
        qc_free(self);
    }
    qc_tool_say_when(t, verb, id);
    return 1;
}

int qc_tool_write_grant(const qc_tool *t, const char *verb, const char *id, const char *grant,
                        qc_span text, const qc_bytes *was)
{
    qc_err err = put_grant(t, grant, text);
    if (err) {
        fprintf(stderr, "Error: %s: %s\n", grant, qc_err_text(err));
        return 1;
    }
    printf("Written: %s\n", grant);
    if (qc_settings_bool(t->settings, "reload", false))
        return qc_tool_take_up(t, id, grant, text, was);
    qc_tool_say_when(t, verb, id);
    return 0;
}

int qc_tool_stop_now(const qc_tool *t, const char *id)
{
    if (qc_tool_ask_node(t, (const char *const[]){"plugin", "stop", id, NULL}) == 0)
        return printf("The node that runs has stopped it.\n") < 0;
    fprintf(stderr, "Error: no node that runs has stopped it\n");
    qc_tool_say_when(t, "stop", id);
    return 1;
}
