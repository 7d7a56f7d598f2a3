/* bip-0054_test_vectors_timestamps: a tree of headers mined on the main chain's genesis with every
 * shape of timewarp. BIP54 would forbid some; by the rules in force all of them are valid, and the
 * retarget rule has to follow them to the bit. */
#include "tests/unit/builder.h"
#include "tests/vectors/sets.h"

#define NOW 0xffffffff /* no header is in the future */

static void header_case(tb_chain *c, const char *hex, tally *t)
{
    qc_bytes raw = unhex(hex);
    qc_verdict v = {0};
    char text[300];
    if (raw.len != QC_HEADER_LEN)
        bad_vectors("a header of %zu bytes", raw.len);
    qc_header h;
    qc_hash hash;
    qc_header_read(raw.data, &h);
    qc_header_hash(&h, &hash);
    /* The genesis block stands at the root of the tree. */
    bool ok = qc_hash_eq(&hash, &c->params->genesis_hash) ? c->tip == 0
                                                          : tb_chain_connect(c, &h, NOW, &v);
    tally_case(t, ok, "on height %u: %s", c->tip, qc_verdict_text(&v, text, sizeof text));
    qc_bytes_free(&raw);
}

static void branch(tb_chain *c, const json_t *node, tally *t)
{
    uint32_t from = c->tip;
    const json_t *headers = json_need(node, "block_headers");
    const json_t *extensions = json_object_get(node, "extensions");
    for (size_t i = 0; i < json_array_size(headers); i++)
        header_case(c, json_text(json_at(headers, i)), t);
    for (size_t i = 0; i < json_array_size(extensions); i++)
        branch(c, json_at(extensions, i), t);
    tb_chain_cut(c, from);
}

void set_bip54_timestamps(const char *file, tally *t)
{
    json_t *set = load_json(file);
    tb_chain *c = tb_chain_new(QC_CHAIN_MAIN, NULL);
    branch(c, set, t);
    tb_chain_free(c);
    json_decref(set);
}
