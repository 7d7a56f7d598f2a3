/* enable of a plugin that has a grant: the difference in plain words, and then in the file, whose
 * other lines are the operator's and stay. */
#include "core/tool/tool.h"

#include "core/base/alloc.h"
#include "core/base/clean.h"
#include "core/os/file.h"

#define EDITS_MAX (3 * QC_MANIFEST_LIST_MAX + 2)

typedef struct change {
    const qc_tool *t;
    const qc_manifest *m;
    qc_grant was;
    qc_consent wish;
    char *value[QC_MANIFEST_LIST_MAX]; /* of the configuration, as -config gives them */
    qc_grant_edit edit[EDITS_MAX];
    size_t n;
    const char *grant; /* its path */
} change;

static void clear(change *c)
{
    for (size_t i = 0; i < c->n; i++)
        qc_free(c->edit[i].value);
    for (size_t i = 0; i < QC_COUNTOF(c->value); i++)
        qc_free(c->value[i]);
    qc_consent_clear(&c->wish);
    qc_grant_clear(&c->was);
}

static void note(change *c, const char *section, const char *key, const char *value,
                 const char *lets)
{
    QC_ASSERT(c->n < EDITS_MAX);
    if (!c->n) /* what is said next stands below it */
        printf("In its grant, %s:\n", c->grant);
    c->edit[c->n++] = (qc_grant_edit){section, key, value ? qc_strdup(value) : NULL, lets};
}

/* ---- in plain words ---- */

/* What stands in a file may be anybody's text. */
static void say(const char *before, const char *text, const char *after)
{
    char *clean = qc_strdup(text);
    qc_clean_text(clean);
    printf("%s%s%s", before, clean, after);
    qc_free(clean);
}

static void say_value(const qc_interface *f, const char *params, const char *key)
{
    char value[1024], dflt[1024];
    bool given = qc_interface_param(f, params, key, value, sizeof value);
    bool is_default =
        given && qc_interface_param(f, NULL, key, dflt, sizeof dflt) && strcmp(value, dflt) == 0;
    if (!given)
        printf("nothing");
    else
        say("", value, is_default ? " (as when nothing is said)" : "");
}

static void say_keys(const qc_interface *f, const char *old, const char *now)
{
    const qc_grant_key *k;
    char a[1024], b[1024];
    for (size_t i = 0; (k = qc_interface_key(f, i)); i++) {
        bool had = qc_interface_param(f, old, k->key, a, sizeof a);
        bool has = qc_interface_param(f, now, k->key, b, sizeof b);
        if (had == has && (!had || strcmp(a, b) == 0))
            continue;
        printf("      %s (%s): was ", k->key, k->meaning);
        say_value(f, old, k->key);
        printf(", becomes ");
        say_value(f, now, k->key);
        printf("\n");
    }
}

static void say_interface(const qc_interface *f, const char *old, const char *now)
{
    if (!old)
        printf("  added: %s = %s\n      lets it %s\n", f->id, now, f->lets);
    else if (!now)
        say("  taken away: ", f->id, "");
    else
        say("  changed: ", f->id, "");
    if (old && now) {
        say(" = ", old, "");
        printf(", becomes %s\n", now);
        say_keys(f, old, now);
    } else if (old) {
        say(" = ", old, "\n");
        printf("      let it %s\n", f->lets);
    }
}

/* ---- what is to change ---- */

static void want_interface(change *c, size_t i, const char *now)
{
    const qc_interface *f = qc_interface_find(c->m->want[i].id);
    const char *old = qc_grant_get(&c->was, c->m->want[i].id);
    if (!f || (!old && !now) || (old && now && strcmp(old, now) == 0))
        return;
    note(c, "grant", f->id, now, old ? NULL : f->lets);
    say_interface(f, old, now);
    if (now && c->m->want[i].unstable && !c->was.unstable && !c->wish.unstable) {
        c->wish.unstable = true;
        note(c, "grant", "unstable", "yes", NULL);
        printf("  changed: unstable = yes: it uses what may change in the next release\n");
    }
}

/* What it asks for and was not asked about yet, or was refused. */
static void offer(change *c, size_t i, bool all)
{
    const qc_want *w = &c->m->want[i];
    const qc_interface *f = qc_interface_find(w->id);
    qc_bytes text = QC_BYTES_INIT;
    if (!f || strcmp(f->id, "host/1") == 0 || qc_grant_get(&c->was, f->id) ||
        (w->optional && !all) || qc_settings_bool(c->t->settings, "yes", false))
        return;
    bool unstable = c->wish.unstable;
    printf("Not granted so far:\n");
    qc_tool_ask(c->t, c->m, &c->wish, i);
    c->wish.unstable = unstable; /* this is told with the change */
    if (!c->wish.take[i] || (qc_tool_place_key(f) && !c->wish.params[i]))
        return;
    if (!c->wish.params[i]) {
        qc_tool_add_params(&text, c->m, f);
        qc_tool_add(&text, "%c", 0);
        c->wish.params[i] = (char *)text.data;
    }
    want_interface(c, i, c->wish.params[i]);
}

static const char *config_was(const change *c, const char *name)
{
    for (size_t i = 0; i < c->was.n_config; i++)
        if (strcmp(c->was.config[i].key, name) == 0)
            return c->was.config[i].value;
    return NULL;
}

static void want_config(change *c, size_t i)
{
    const qc_config_def *d = &c->m->config[i];
    const char *old = config_was(c, d->name), *now = c->value[i];
    if (!now || (old && strcmp(old, now) == 0))
        return;
    note(c, "config", d->name, now, NULL);
    printf("  %s: configuration %s", old ? "changed" : "added", d->name);
    say(" = ", old ? old : now, "");
    if (old)
        say(", becomes ", now, "");
    say(" (", d->help, ")\n");
}

static void want_mode(change *c)
{
    const char *now = qc_settings_str(c->t->settings, "mode", NULL);
    const char *old = c->was.trusted ? "trusted" : "isolated";
    if (!now || strcmp(old, now) == 0)
        return;
    note(c, "plugin", "mode", now, NULL);
    printf("  changed: mode = %s, becomes ", old);
    say("", now, "\n");
    if (strcmp(now, "trusted") == 0 || strcmp(now, "isolated") == 0)
        qc_tool_explain_mode(now);
}

/* Only what is named is changed; with nothing named, it is asked about all that is not granted. */
static void find_changes(change *c)
{
    bool named = qc_settings_is_set(c->t->settings, "mode");
    for (size_t i = 0; i < c->m->n_want; i++)
        named |= c->wish.params[i] != NULL;
    for (size_t i = 0; i < c->m->n_config; i++)
        named |= c->value[i] != NULL;
    for (size_t i = 0; i < c->m->n_want; i++) {
        const char *given = c->wish.params[i];
        if (given)
            want_interface(c, i, qc_tool_withheld(given) ? NULL : given);
        else
            offer(c, i, !named);
    }
    for (size_t i = 0; i < c->m->n_config; i++)
        want_config(c, i);
    want_mode(c);
}

/* ---- the file ---- */

static const char *edited(const change *c, const char *section, const qc_grant_item *was)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->edit[i].section, section) == 0 && strcmp(c->edit[i].key, was->key) == 0)
            return c->edit[i].value;
    return was->value;
}

static bool kept(const change *c, const char *section, const qc_grant_item *was, size_t n_was,
                 const qc_grant_item *now, size_t n_now)
{
    for (size_t i = 0; i < n_was; i++) {
        const char *want = edited(c, section, &was[i]), *got = NULL;
        for (size_t k = 0; k < n_now; k++)
            if (strcmp(now[k].key, was[i].key) == 0)
                got = now[k].value;
        if (!want != !got || (want && strcmp(want, got) != 0))
            return false;
    }
    return true;
}

/* The new text says of all that was not to be changed what the old one said. */
static bool rest_is_kept(const change *c, qc_span text)
{
    qc_grant g;
    qc_problems p = {0};
    bool ok = qc_grant_parse(text, &g, &p) && strcmp(g.file, c->was.file) == 0 &&
              kept(c, "grant", c->was.iface, c->was.n_iface, g.iface, g.n_iface) &&
              kept(c, "config", c->was.config, c->was.n_config, g.config, g.n_config) &&
              g.memory == c->was.memory && g.threads == c->was.threads &&
              g.best_effort == c->was.best_effort;
    qc_grant_clear(&g);
    qc_problems_clear(&p);
    return ok;
}

/* Out: *text replaced. */
static void apply(const change *c, qc_bytes *text)
{
    for (size_t i = 0; i < c->n; i++) {
        qc_bytes now = QC_BYTES_INIT;
        qc_tool_edit_grant(qc_bytes_span(text), &c->edit[i], &now);
        qc_bytes_free(text);
        *text = now;
    }
}

static int nothing_to_do(const qc_tool *t, const char *id, const char *grant)
{
    if (qc_settings_bool(t->settings, "reload", false)) {
        printf("Its grant says so already, and stays as it is.\n");
        return qc_tool_take_up(t, id, grant, (qc_span){NULL, 0}, NULL);
    }
    char *cli = qc_tool_command(t, "quoin-cli"), *self = qc_tool_command(t, "quoin-plugin");
    printf("%s has a grant already, which stays as it is: %s\n"
           "To grant more or less: -grant=INTERFACE=PARAMETERS (or =no), -config=NAME=VALUE, "
           "-mode=MODE. Or edit it; then\n"
           "  %s resolve %s    tells what the node makes of it,\n"
           "  %s plugin reload %s    has it take effect.\n"
           "After an update of the file: %s pin -reload %s. To begin anew: %s disable %s\n",
           id, grant, self, id, cli, id, self, id, self, id);
    qc_free(self);
    qc_free(cli);
    return 0;
}

/* Who was asked may have taken his time: somebody else's change is not undone. */
static bool is_as_read(const char *grant, const qc_bytes *was)
{
    qc_bytes now = QC_BYTES_INIT;
    bool same = !qc_os_read_file(grant, QC_GRANT_FILE_MAX, &now) && now.len == was->len &&
                (!now.len || memcmp(now.data, was->data, now.len) == 0);
    qc_bytes_free(&now);
    if (!same)
        fprintf(stderr, "Error: %s has changed meanwhile; nothing was written\n", grant);
    return same;
}

/* `text` is what the file was, and becomes what it shall be. */
static int write_changes(const change *c, const char *path, const qc_image *image,
                         const char *grant, const qc_bytes *was, qc_bytes *text)
{
    apply(c, text);
    const qc_span now = qc_bytes_span(text);
    bool lacks = false;
    if (!qc_tool_text_is_fit(c->t, now, image, path, &lacks)) {
        fprintf(stderr, "Error: it would not be loaded; nothing was written%s\n",
                lacks ? " (-grant=INTERFACE=PARAMETERS adds a line)" : "");
    } else if (!rest_is_kept(c, now)) {
        fprintf(stderr, "Error: %s would change in other lines too: edit it by hand\n", grant);
    } else if (!c->n) {
        return nothing_to_do(c->t, c->m->id, grant);
    } else if (!qc_tool_confirm(c->t, "\nChange its grant so?")) {
        printf("Nothing was written.\n");
    } else if (is_as_read(grant, was)) {
        return qc_tool_write_grant(c->t, "reload", c->m->id, grant, now, was);
    }
    return 1;
}

/* Is the grant for this very file? What its manifest says is worth as much as the file is. */
static bool is_its_file(const change *c, const char *path, const qc_image *image, const char *grant)
{
    const char *file = c->was.file;
    char *own = *file == '/' ? qc_strdup(file) : qc_asprintf("%s/%s", c->t->plugin_dir, file);
    char *real = realpath(own, NULL);
    bool same = real && strcmp(real, path) == 0;
    bool pinned = !c->was.sha256 || strcmp(c->was.sha256, image->sha256) == 0;
    char *self = qc_tool_command(c->t, "quoin-plugin");
    if (!same)
        fprintf(stderr,
                "Error: %s is for %s, not for %s: put the latter behind 'file =' there and then\n"
                "  %s pin %s\nor begin anew:\n  %s disable %s\n  %s enable %s\n",
                grant, qc_printable(file), path, self, c->m->id, self, c->m->id, self, path);
    else if (!pinned)
        fprintf(stderr,
                "Error: %s is not what it was when it was granted. If you know why: %s pin %s\n",
                path, self, c->m->id);
    qc_free(self);
    free(real);
    qc_free(own);
    return same && pinned;
}

int qc_tool_extend(const qc_tool *t, const char *path, const qc_image *m, const char *grant)
{
    change c = {.t = t, .m = &m->manifest};
    qc_bytes was = QC_BYTES_INIT, text = QC_BYTES_INIT;
    qc_problems p = {0};
    int code = 1;
    if (!qc_grant_load(grant, &c.was, &p)) {
        qc_tool_print_problems(stderr, grant, &p);
    } else if (qc_os_read_file(grant, QC_GRANT_FILE_MAX, &was) ||
               qc_bytes_append(&text, was.data, was.len)) {
        fprintf(stderr, "Error: %s cannot be read\n", grant);
    } else if (is_its_file(&c, path, m, grant) && qc_tool_take_given(t, c.m, &c.wish) &&
               qc_tool_take_values(t, c.m, c.value)) {
        printf("%s %s: %s\n\n", c.m->id, c.m->version, c.m->summary);
        c.grant = grant;
        find_changes(&c);
        code = write_changes(&c, path, m, grant, &was, &text);
    }
    qc_bytes_free(&was);
    qc_bytes_free(&text);
    qc_problems_clear(&p);
    clear(&c);
    return code;
}
