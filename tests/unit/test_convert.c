/* The table that quoin-cli converts words by equals what the method tables of the server say. */
#include "core/cli/convert.h"
#include "core/host/internal.h"
#include "core/methods/context.h"
#include "core/rpc/registry.h"
#include "tests/unit/harness.h"

static bool is_text(const qc_rpc_param *p)
{
    return p->type == QC_T_STR || p->type == QC_T_HEX;
}

/* Text is taken as well: what does not parse is passed on as it stands. */
static bool takes_text(const qc_rpc_param *p)
{
    return p->type == QC_T_AMOUNT ||
           (p->skip_type_check && p->type_text && strstr(p->type_text, "string"));
}

typedef struct checker {
    size_t row; /* next row of QC_CONVERT */
    size_t wrong;
} checker;

static int row_order(const qc_convert *c, const char *method, size_t pos)
{
    int by_name = strcmp(c->method, method);
    return by_name ? by_name : (int)c->pos - (int)pos;
}

static void check_name(checker *k, const char *method, size_t pos, const char *name, int len,
                       const qc_rpc_param *p)
{
    bool json = !is_text(p) || strcmp(method, "echojson") == 0;
    const qc_convert *c = &QC_CONVERT[k->row];
    for (; c->method && row_order(c, method, pos) < 0; c = &QC_CONVERT[++k->row], k->wrong++)
        print_message("surplus: {\"%s\", %u, \"%s\"}\n", c->method, c->pos, c->name);
    bool same = c->method && strcmp(c->method, method) == 0 && c->pos == pos &&
                strlen(c->name) == (size_t)len && memcmp(c->name, name, (size_t)len) == 0;
    bool text_too = takes_text(p);
    if (json && same && (c->kind == QC_CONVERT_JSON_OR_TEXT) == text_too) {
        k->row++;
    } else if (json) {
        print_message("missing: {\"%s\", %zu, \"%.*s\", %s},\n", method, pos, len, name,
                      text_too ? "JT" : "J");
        k->wrong++;
        k->row += same;
    } else if (same) {
        print_message("is text: {\"%s\", %zu, \"%.*s\"}\n", method, pos, len, name);
        k->wrong++;
        k->row++;
    }
}

static void check_names(checker *k, const char *method, size_t pos, const qc_rpc_param *p)
{
    for (const char *s = p->names; s; s = strchr(s, '|'), s = s ? s + 1 : NULL)
        check_name(k, method, pos, s, qc_rpc_first_name_len(s), p);
}

static int by_name(const void *pa, const void *pb)
{
    const qc_rpc_entry *a = *(qc_rpc_entry *const *)pa, *b = *(qc_rpc_entry *const *)pb;
    return strcmp(a->m.name, b->m.name);
}

static void test_table__equals_the_servers_methods(void **state)
{
    (void)state;
    size_t n;
    checker k = {0};
    qc_node node = {.registry = qc_rpc_registry_new()};
    qc_methods_register(&node);
    qc_rpc_register_all(node.registry, QC_HOST_ACTIONS, NULL);
    qc_rpc_entry **list = qc_rpc_entries(node.registry, &n);
    qsort(list, n, sizeof *list, by_name);
    for (size_t i = 0; i < n; i++) {
        const qc_rpc_param *p = list[i]->m.params;
        for (size_t pos = 0; p && p[pos].names; pos++) {
            check_names(&k, list[i]->m.name, pos, &p[pos]);
            for (const qc_rpc_param *in = p[pos].inner;
                 p[pos].type == QC_T_OBJ_NAMED && in && in->names; in++)
                check_names(&k, list[i]->m.name, pos, in);
        }
        qc_rpc_entry_unref(list[i]);
    }
    for (; QC_CONVERT[k.row].method; k.row++, k.wrong++)
        print_message("surplus: {\"%s\", %u}\n", QC_CONVERT[k.row].method, QC_CONVERT[k.row].pos);
    qc_free(list);
    qc_rpc_registry_free(node.registry);
    assert_int_equal(k.wrong, 0);
}

QC_TEST_MAIN(cmocka_unit_test(test_table__equals_the_servers_methods))
