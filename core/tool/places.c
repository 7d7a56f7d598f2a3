/* Do the places that a plugin's configuration names fit those that it is granted? A plugin that is
 * told to listen where it may not fails at its start, or never notices. */
#include "core/tool/tool.h"

#include "core/base/alloc.h"
#include "core/host/endpoint.h"

typedef struct places {
    qc_endpoint at[2 * QC_ENDPOINT_MAX];
    size_t n;
    char text[1024]; /* "net.listen/1 = ..., net.connect/1 = ..." */
    bool wanted;     /* the manifest asks for such an interface */
} places;

static void note_text(places *p, const char *id, const char *value)
{
    size_t used = strlen(p->text);
    snprintf(p->text + used, sizeof p->text - used, "%s%s = %s", used ? "; " : "", id, value);
}

static void note(places *p, const qc_resolved *r)
{
    const qc_grant_key *k = qc_tool_place_key(r->iface);
    char value[1024];
    size_t n = 0, room = QC_COUNTOF(p->at) - p->n;
    if (!k)
        return;
    p->wanted = true;
    if (r->answer != QC_ANSWER_GRANTED) {
        note_text(p, r->want->id, "nothing");
        return;
    }
    if (!qc_interface_param(r->iface, r->params, k->key, value, sizeof value) ||
        !qc_endpoint_list(value, false, p->at + p->n, room, &n))
        return;
    p->n += n;
    note_text(p, r->want->id, value);
}

static bool has(const places *p, const qc_endpoint *e)
{
    for (size_t i = 0; i < p->n; i++)
        if (qc_endpoint_eq(&p->at[i], e))
            return true;
    return false;
}

/* "HOST:PORT ..." or "http://HOST:PORT/..." . Out: at most QC_ENDPOINT_MAX. */
static size_t read_places(const char *value, qc_endpoint *out)
{
    static const char HTTP[] = "http://";
    size_t n = 0;
    if (strncmp(value, HTTP, sizeof HTTP - 1) == 0) {
        const char *host = value + sizeof HTTP - 1;
        return qc_endpoint_parse(host, strcspn(host, "/"), out);
    }
    return qc_endpoint_list(value, false, out, QC_ENDPOINT_MAX, &n) ? n : 0;
}

static void judge(const places *p, const char *name, const char *value)
{
    qc_endpoint e[QC_ENDPOINT_MAX];
    char text[300];
    size_t n = read_places(value, e);
    for (size_t i = 0; i < n; i++) {
        if (has(p, &e[i]))
            continue;
        qc_endpoint_text(&e[i], text, sizeof text);
        fprintf(stderr,
                "Warning: the configuration has %s = %s, but %s is not granted (%s): change one "
                "of the two\n",
                name, value, text, p->text);
        return;
    }
}

void qc_tool_warn_places(const qc_manifest *m, const qc_resolution *r)
{
    places *p = qc_alloc(sizeof *p);
    for (size_t i = 0; i < r->n; i++)
        note(p, &r->item[i]);
    for (size_t i = 0; i < m->n_config && p->wanted; i++)
        if (m->config[i].type == QC_CONFIG_TEXT && r->config[i])
            judge(p, m->config[i].name, r->config[i]);
    qc_free(p);
}
