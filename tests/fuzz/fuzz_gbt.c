/* What miners ask of the gbt plugin, against the mock: templates, long polls, proposals, blocks,
 * and solutions of the light variant. Whatever the parameters, the plugin lives, and each call has
 * one answer: JSON, or an error with a code; only who polls may wait.
 *
 * A byte for the method, then its parameters. In them "{l}" stands for a longpollid and "{t}" for
 * the id of a template that was given out. */
#include "tests/fuzz/fuzz.h"

#include "quoin/mock.h"

#include <jansson.h>
#include <stdlib.h>

extern const qn_plugin_1 qn_plugin_entry;

static const char *const METHODS[] = {"gbt.getblocktemplate", "gbt.light",        "gbt.solve",
                                      "gbt.submitblock",      "getblocktemplate", "submitblock"};
static const char RULES[] = "[{\"rules\":[\"segwit\"]}]";

/* A member of the answer of gbt.light. Owned. */
static char *of_light(qn_mock *m, const char *member)
{
    char *text = qn_mock_rpc(m, "gbt.light", RULES);
    json_t *j = json_loads(text, 0, NULL);
    const char *s = json_string_value(json_object_get(j, member));
    QC_ASSERT(s);
    char *copy = strdup(s);
    json_decref(j);
    free(text);
    return copy;
}

/* With what no mutation would guess. Owned; up to a NUL, as the host's texts are. */
static char *filled(qn_mock *m, const uint8_t *data, size_t len)
{
    char *poll = of_light(m, "longpollid"), *id = of_light(m, "template");
    size_t longest = strlen(poll) + strlen(id), n = 0;
    char *out = malloc(len * longest + 1);
    QC_ASSERT(out);
    for (size_t i = 0; i < len && data[i]; i++) {
        bool known = data[i] == '{' && i + 2 < len && data[i + 2] == '}';
        const char *word = known && data[i + 1] == 'l'   ? poll
                           : known && data[i + 1] == 't' ? id
                                                         : NULL;
        if (!word) {
            out[n++] = (char)data[i];
            continue;
        }
        memcpy(out + n, word, strlen(word));
        n += strlen(word);
        i += 2;
    }
    out[n] = 0;
    free(poll);
    free(id);
    return out;
}

static void look_at(const char *params, const char *answer)
{
    int code;
    if (strcmp(answer, "error: no answer") == 0) {
        QC_ASSERT(strstr(params, "longpollid") || strchr(params, '\\'));
        return;
    }
    if (sscanf(answer, "error %d: ", &code) == 1) {
        QC_ASSERT(code < 0);
        return;
    }
    json_t *j = json_loads(answer, JSON_DECODE_ANY, NULL);
    QC_ASSERT(j);
    json_decref(j);
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    const qn_mock_tx tx = {.txid = {{1}}, .fee = 1000, .vsize = 100, .bytes = "abc", .len = 3};
    if (!len)
        return -1;
    qn_mock *m = qn_mock_new();
    qn_mock_mine(m, 3);
    qn_mock_pool_add(m, &tx);
    QC_ASSERT(qn_mock_start(m, &qn_plugin_entry) == QN_OK);
    char *params = filled(m, data + 1, len - 1);
    char *answer = qn_mock_rpc(m, METHODS[data[0] % QC_COUNTOF(METHODS)], params);
    look_at(params, answer);
    free(answer);
    QC_ASSERT(!qn_mock_failure(m));
    QC_ASSERT(qn_mock_stop(m) == QN_OK);
    qn_mock_free(m);
    free(params);
    return 0;
}
