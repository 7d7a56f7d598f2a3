/* BIP431: a version 3 transaction has at most one unconfirmed parent or one child, both of that
 * version and small, so that replacing it stays cheap to judge. */
#include "core/mempool/policy_package.h"

#include <stdio.h>
#include <string.h>

_Static_assert(QC_TRUC_ANCESTORS == 2 && QC_TRUC_DESCENDANTS == 2, "one parent, one child");

#define REASON "TRUC-violation"
#define NAME_LEN (2 * QC_HASH_HEX_LEN + 16)

/* "TXID (wtxid=WTXID)" */
typedef struct name {
    char text[NAME_LEN];
} name;

static name name_ids(const uint8_t txid[static 32], const uint8_t wtxid[static 32])
{
    qc_hash t, w;
    char a[QC_HASH_HEX_LEN + 1], b[QC_HASH_HEX_LEN + 1];
    name n;
    memcpy(t.b, txid, 32);
    memcpy(w.b, wtxid, 32);
    qc_hash_hex(&t, a);
    qc_hash_hex(&w, b);
    snprintf(n.text, sizeof n.text, "%s (wtxid=%s)", a, b);
    return n;
}

static name name_tx(const qc_tx *tx)
{
    return name_ids(tx->rec->txid, tx->rec->wtxid);
}

static name name_parent(const qc_truc_parent *p)
{
    return name_ids(p->txid->b, p->wtxid->b);
}

static bool is_truc(const qc_tx *tx)
{
    return tx->rec->version == QC_TRUC_VERSION;
}

static bool wrong_parent(const qc_tx *tx, name parent, qc_vcode code, qc_verdict *v)
{
    name own = name_tx(tx);
    const char *child_kind = is_truc(tx) ? "" : "non-", *parent_kind = is_truc(tx) ? "non-" : "";
    return qc_verdict_fail(v, code, REASON, "%sversion=3 tx %s cannot spend from %sversion=3 tx %s",
                           child_kind, own.text, parent_kind, parent.text);
}

static bool too_many_ancestors(name own, qc_vcode code, qc_verdict *v)
{
    return qc_verdict_fail(v, code, REASON, "tx %s would have too many ancestors", own.text);
}

static bool too_many_descendants(name parent, qc_vcode code, qc_verdict *v)
{
    return qc_verdict_fail(v, code, REASON, "tx %s would exceed descendant count limit",
                           parent.text);
}

static bool check_size(const qc_tx *tx, int64_t vsize, bool child, qc_vcode code, qc_verdict *v)
{
    int64_t max = child ? QC_TRUC_CHILD_MAX_VSIZE : QC_TRUC_MAX_VSIZE;
    if (vsize <= max)
        return true;
    name own = name_tx(tx);
    return qc_verdict_fail(v, code, REASON,
                           "version=3 %stx %s is too big: %lld > %lld virtual bytes",
                           child ? "child " : "", own.text, (long long)vsize, (long long)max);
}

/* Only the like may spend from the like. */
static bool check_heritage(const qc_tx *tx, const qc_truc_parent *parents, size_t n, qc_vcode code,
                           qc_verdict *v)
{
    for (size_t i = 0; i < n; i++)
        if (is_truc(tx) != (parents[i].version == QC_TRUC_VERSION))
            return wrong_parent(tx, name_parent(&parents[i]), code, v);
    return true;
}

bool qc_truc_check(const qc_tx *tx, int64_t vsize, const qc_truc_parent *parents, size_t n,
                   bool *evict_sibling, qc_verdict *v)
{
    const qc_vcode code = QC_V_MEMPOOL_POLICY;
    if (evict_sibling)
        *evict_sibling = false;
    if (!check_heritage(tx, parents, n, code, v))
        return false;
    if (!is_truc(tx))
        return true;
    if (!check_size(tx, vsize, false, code, v))
        return false;
    if (n == 0)
        return true;
    if (n + 1 > QC_TRUC_ANCESTORS || parents[0].ancestors + 1 > QC_TRUC_ANCESTORS)
        return too_many_ancestors(name_tx(tx), code, v);
    if (!check_size(tx, vsize, true, code, v))
        return false;
    if (parents[0].descendants + 1 <= QC_TRUC_DESCENDANTS || parents[0].child_conflicts)
        return true;
    /* After a reorganisation there may be more of them; it is then unclear whom to evict. */
    if (evict_sibling)
        *evict_sibling = parents[0].descendants == 2 && parents[0].sibling_ancestors == 2;
    return too_many_descendants(name_parent(&parents[0]), code, v);
}

static bool spends(const qc_tx *tx, const uint8_t txid[static 32])
{
    for (uint32_t k = 0; k < tx->rec->n_in; k++)
        if (memcmp(tx->in[k].prev_txid, txid, 32) == 0)
            return true;
    return false;
}

/* Parents of transaction i in the package. Out: *first, the first of them; untouched for 0. */
static size_t package_parents(const qc_package *p, size_t i, const qc_tx **first)
{
    size_t n = 0;
    for (size_t k = 0; k < i; k++)
        if (spends(p->tx[i], p->tx[k]->rec->txid) && n++ == 0)
            *first = p->tx[k];
    return n;
}

/* Does another one in the package spend from the one parent, or from transaction i itself? Of one
 * transaction that does both, its first such input is told. */
static bool check_family(const qc_package *p, size_t i, const uint8_t parent[static 32],
                         name parent_name, qc_verdict *v)
{
    const qc_vcode code = QC_V_PACKAGE_POLICY;
    for (size_t k = 0; k < p->n; k++) {
        const qc_tx *other = p->tx[k];
        for (uint32_t j = 0; j < other->rec->n_in && k != i; j++) {
            if (memcmp(other->in[j].prev_txid, parent, 32) == 0)
                return too_many_descendants(parent_name, code, v);
            if (memcmp(other->in[j].prev_txid, p->tx[i]->rec->txid, 32) == 0)
                return too_many_ancestors(name_tx(other), code, v);
        }
    }
    return true;
}

static bool check_ordinary(const qc_package *p, size_t i, const qc_truc_parent *parents, size_t n,
                           qc_verdict *v)
{
    const qc_vcode code = QC_V_PACKAGE_POLICY;
    if (!check_heritage(p->tx[i], parents, n, code, v))
        return false;
    for (size_t k = 0; k < i; k++)
        if (is_truc(p->tx[k]) && spends(p->tx[i], p->tx[k]->rec->txid))
            return wrong_parent(p->tx[i], name_tx(p->tx[k]), code, v);
    return true;
}

bool qc_truc_check_package(const qc_package *p, size_t i, int64_t vsize,
                           const qc_truc_parent *parents, size_t n, qc_verdict *v)
{
    const qc_vcode code = QC_V_PACKAGE_POLICY;
    const qc_tx *tx = p->tx[i], *inner = NULL;
    if (!is_truc(tx))
        return check_ordinary(p, i, parents, n, v);
    if (!check_size(tx, vsize, false, code, v))
        return false;
    size_t n_inner = package_parents(p, i, &inner);
    if (n + n_inner + 1 > QC_TRUC_ANCESTORS ||
        (n > 0 && parents[0].ancestors + n_inner + 1 > QC_TRUC_ANCESTORS))
        return too_many_ancestors(name_tx(tx), code, v);
    if (n + n_inner == 0)
        return true;
    if (!check_size(tx, vsize, true, code, v))
        return false;
    const uint8_t *parent = n ? parents[0].txid->b : inner->rec->txid;
    name parent_name = n ? name_parent(&parents[0]) : name_tx(inner);
    if ((n ? parents[0].version : inner->rec->version) != QC_TRUC_VERSION)
        return wrong_parent(tx, parent_name, code, v);
    if (!check_family(p, i, parent, parent_name, v))
        return false;
    if (n && parents[0].descendants > 1)
        return too_many_descendants(parent_name, code, v);
    return true;
}
