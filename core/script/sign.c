/* An output script is solved step by step: a template says what must lie on the stack, a script
 * hash or witness program leads to the next script. What was found for each step is put together
 * to a scriptSig and a witness, and the interpreter has the last word. */
#include "core/script/sign.h"

#include "core/base/alloc.h"
#include "core/crypto/hashes.h"
#include "core/script/pattern.h"
#include "lib/address.h"
#include "lib/script.h"

#define MAX_ITEMS (QN_MAX_MULTISIG_KEYS + 2) /* dummy, signatures, script */
#define MAX_MONEY INT64_C(2100000000000000)

typedef struct stack {
    qc_span item[MAX_ITEMS];
    size_t n;
} stack;

typedef struct solver {
    const qc_sign_job *j;
    uint8_t made[QN_MAX_MULTISIG_KEYS][QC_DER_MAX + 1];
    size_t n_made;
    uint8_t schnorr[QC_SCHNORR_LEN + 1];
    uint8_t keyhash_code[QN_ADDRESS_SCRIPT_MAX];
    stack sig, wit; /* of the scriptSig and the witness */
} solver;

/* ---- signatures ---- */

static void ecdsa_hash(const qc_sign_job *j, bool v0, qc_span code, uint8_t type, qc_hash *out)
{
    if (v0)
        qc_sighash_v0(j->tx, j->in, code, j->spent[j->in].value, type, j->hashes, out);
    else
        qc_sighash_legacy(j->tx, j->in, code, type, out);
}

static bool sign_ecdsa(solver *s, const uint8_t id[static 20], bool v0, qc_span code, qc_span *out)
{
    const qc_sign_job *j = s->j;
    const qc_ring_key *key = qc_keyring_by_id(j->ring, id);
    int64_t value = j->spent[j->in].value;
    /* Segwit signs the amount, and wants compressed keys (BIP143). */
    if (!key || (v0 && (key->len != QC_PUBKEY_COMPRESSED || value < 0 || value > MAX_MONEY)))
        return false;
    QC_ASSERT(s->n_made < QC_COUNTOF(s->made));
    uint8_t type = j->sighash == QC_SIGHASH_DEFAULT ? QC_SIGHASH_ALL : j->sighash;
    qc_hash hash;
    ecdsa_hash(j, v0, code, type, &hash);
    uint8_t *sig = s->made[s->n_made];
    size_t len = qc_ecdsa_sign_low_r(qc_keyring_signer(j->ring), key->secret, hash.b, sig);
    if (!len)
        return false;
    sig[len] = type;
    s->n_made++;
    *out = qc_span_of(sig, len + 1);
    return true;
}

static bool sign_taproot(solver *s, const uint8_t output[static 32])
{
    const qc_sign_job *j = s->j;
    const qc_ring_key *key = qc_keyring_by_output(j->ring, output);
    qc_taproot_env e = {j->tx, j->in, j->spent, j->hashes, NULL, NULL, UINT32_MAX, NULL};
    uint8_t secret[QC_SECKEY_LEN];
    qc_hash hash;
    if (!key || !j->all_known || !qc_sighash_taproot(&e, j->sighash, &hash))
        return false;
    memcpy(secret, key->secret, sizeof secret);
    const qc_signer *signer = qc_keyring_signer(j->ring);
    bool ok = memcmp(key->x, output, 32) == 0 || qc_seckey_tap_tweak(signer, secret, NULL, secret);
    ok = ok && qc_schnorr_sign(signer, secret, qc_span_of(hash.b, 32), NULL, s->schnorr);
    qc_wipe(secret, sizeof secret);
    s->schnorr[QC_SCHNORR_LEN] = j->sighash;
    return ok;
}

/* ---- what the copies hold ---- */

/* Items that a scriptSig pushes. False: it does more, or too much for any template. */
static bool read_pushes(qc_span script, stack *out)
{
    const uint8_t *pc = script.data, *end = script.data + script.len;
    out->n = 0;
    if (script.len > QC_MAX_SCRIPT_SIZE)
        return false;
    while (pc < end) {
        uint8_t op;
        qc_span data;
        if (out->n == MAX_ITEMS || !qc_op_read(&pc, end, &op, &data) || op > QC_OP_16)
            return false;
        out->item[out->n++] = data;
    }
    return true;
}

static bool read_witness(qc_span witness, stack *out)
{
    qc_reader r = qc_reader_of(witness);
    uint64_t n = witness.len ? qc_r_count(&r, 1) : 0;
    out->n = 0;
    if (n > MAX_ITEMS)
        return false;
    for (uint64_t i = 0; i < n; i++)
        out->item[out->n++] = qc_r_var(&r);
    return !r.fail;
}

static bool read_copy(const solver *s, size_t i, bool witness, stack *out)
{
    const qc_tx *tx = s->j->copy[i];
    return witness ? read_witness(qc_tx_witness(tx, s->j->in), out)
                   : read_pushes(qc_tx_script_sig(tx, s->j->in), out);
}

static qc_span find_script(const solver *s, const uint8_t *hash, bool witness)
{
    qc_span found =
        witness ? qc_keyring_witness_script(s->j->ring, hash) : qc_keyring_script(s->j->ring, hash);
    for (size_t i = 0; i < s->j->n_copies && !found.data; i++) {
        stack st;
        uint8_t h[32];
        if (!read_copy(s, i, witness, &st) || !st.n)
            continue;
        qc_span last = st.item[st.n - 1];
        if (witness)
            qc_sha256(last, h);
        else
            qc_hash160(last, h);
        if (memcmp(h, hash, witness ? 32 : 20) == 0)
            found = last;
    }
    return found;
}

static bool sig_holds(const solver *s, qc_span sig, qc_span key, bool v0, qc_span code)
{
    qc_hash hash;
    if (sig.len < 9 || sig.len > QC_DER_MAX + 1)
        return false;
    ecdsa_hash(s->j, v0, code, sig.data[sig.len - 1], &hash);
    return qc_ecdsa_verify(key, (qc_span){sig.data, sig.len - 1}, hash.b);
}

static bool copied_sig(const solver *s, qc_span key, bool v0, qc_span code, qc_span *out)
{
    for (size_t i = 0; i < s->j->n_copies; i++) {
        stack st;
        if (!read_copy(s, i, v0, &st))
            continue;
        for (size_t k = 0; k < st.n; k++)
            if (sig_holds(s, st.item[k], key, v0, code)) {
                *out = st.item[k];
                return true;
            }
    }
    return false;
}

/* ---- templates ---- */

static void push(stack *st, qc_span item)
{
    QC_ASSERT(st->n < MAX_ITEMS);
    st->item[st->n++] = item;
}

/* Signatures in the order of the keys; empty items stand for those that are missing. */
static bool solve_multisig(solver *s, const qn_script_info *info, bool v0, qc_span code, stack *st)
{
    uint8_t id[20];
    qc_span sig;
    push(st, (qc_span){NULL, 0}); /* CHECKMULTISIG takes one item more than it needs */
    for (unsigned i = 0; i < info->n_parts && st->n <= info->required; i++) {
        qc_span key = {info->part[i].data, info->part[i].len};
        qc_hash160(key, id);
        if (copied_sig(s, key, v0, code, &sig) || sign_ecdsa(s, id, v0, code, &sig))
            push(st, sig);
    }
    bool all = st->n == info->required + 1;
    while (st->n < info->required + 1)
        push(st, (qc_span){NULL, 0});
    return all;
}

static bool solve_key(solver *s, const uint8_t id[static 20], bool with_key, bool v0, qc_span code,
                      stack *st)
{
    qc_span sig;
    const qc_ring_key *key = qc_keyring_by_id(s->j->ring, id);
    if (!sign_ecdsa(s, id, v0, code, &sig))
        return false;
    push(st, sig);
    if (with_key)
        push(st, qc_span_of(key->pub, key->len));
    return true;
}

static bool solve_hash(const solver *s, const uint8_t *hash, bool witness, stack *st)
{
    qc_span script = find_script(s, hash, witness);
    if (script.data)
        push(st, script);
    return script.data != NULL;
}

/* Put on the stack what `script` wants. True: that is all it wants, or the next step is known. */
static bool solve(solver *s, qc_span script, bool v0, stack *st, qn_script_type *type)
{
    qn_script_info info;
    uint8_t id[20];
    st->n = 0;
    *type = qn_script_classify(script.data, script.len, &info);
    const uint8_t *part = info.part[0].data;
    switch (*type) {
    case QN_SCRIPT_PUBKEY:
        qc_hash160(qc_span_of(part, info.part[0].len), id);
        return solve_key(s, id, false, v0, script, st);
    case QN_SCRIPT_PUBKEYHASH:
        return solve_key(s, part, true, v0, script, st);
    case QN_SCRIPT_MULTISIG:
        return solve_multisig(s, &info, v0, script, st);
    case QN_SCRIPT_SCRIPTHASH:
        return solve_hash(s, part, false, st);
    case QN_SCRIPT_WITNESS_V0_SCRIPTHASH:
        return solve_hash(s, part, true, st);
    case QN_SCRIPT_WITNESS_V0_KEYHASH:
        push(st, qc_span_of(part, info.part[0].len));
        return true;
    case QN_SCRIPT_WITNESS_V1_TAPROOT:
        if (!sign_taproot(s, part))
            return false;
        push(st, qc_span_of(s->schnorr, QC_SCHNORR_LEN + (s->j->sighash != QC_SIGHASH_DEFAULT)));
        return true;
    case QN_SCRIPT_ANCHOR:
        return true;
    case QN_SCRIPT_NONSTANDARD:
    case QN_SCRIPT_NULLDATA:
    case QN_SCRIPT_WITNESS_UNKNOWN:
        break;
    }
    return false;
}

/* The witness side of a segwit program that solve() has led to. */
static void solve_program(solver *s, qn_script_type type)
{
    qn_script_type inner;
    qc_span item = s->sig.item[0];
    if (type == QN_SCRIPT_WITNESS_V0_KEYHASH) {
        qc_span code = {s->keyhash_code, qn_script_p2pkh(item.data, s->keyhash_code)};
        (void)solve(s, code, true, &s->wit, &inner);
    } else if (type == QN_SCRIPT_WITNESS_V0_SCRIPTHASH) {
        (void)solve(s, item, true, &s->wit, &inner);
        push(&s->wit, item);
    } else {
        push(&s->wit, item);
    }
    s->sig.n = 0;
}

static bool is_program(qn_script_type type, bool p2sh)
{
    return type == QN_SCRIPT_WITNESS_V0_KEYHASH || type == QN_SCRIPT_WITNESS_V0_SCRIPTHASH ||
           (type == QN_SCRIPT_WITNESS_V1_TAPROOT && !p2sh);
}

static void solve_output(solver *s, qc_span script)
{
    qn_script_type type;
    qc_span redeem = {NULL, 0};
    bool ok = solve(s, script, false, &s->sig, &type);
    if (ok && type == QN_SCRIPT_SCRIPTHASH) {
        redeem = s->sig.item[0];
        ok = solve(s, redeem, false, &s->sig, &type) && type != QN_SCRIPT_SCRIPTHASH;
    }
    if (ok && is_program(type, redeem.data))
        solve_program(s, type);
    if (redeem.data)
        push(&s->sig, redeem);
}

/* ---- putting together ---- */

static qc_err write_push(qc_bytes *out, qc_span item)
{
    uint8_t head[5];
    if (item.len == 1 && item.data[0] >= 1 && item.data[0] <= 16)
        return qc_w_u8(out, (uint8_t)(QC_OP_1 + item.data[0] - 1));
    if (item.len == 1 && item.data[0] == 0x81)
        return qc_w_u8(out, QC_OP_1NEGATE);
    qc_err err = qc_bytes_append(out, head, qc_push_header(item.len, head));
    return err || !item.len ? err : qc_bytes_append(out, item.data, item.len);
}

static qc_err write_unlock(const solver *s, qc_unlock *u)
{
    qc_err err = QC_OK;
    for (size_t i = 0; i < s->sig.n && !err; i++)
        err = write_push(&u->script_sig, s->sig.item[i]);
    if (!err && s->wit.n)
        err = qc_w_compact(&u->witness, s->wit.n);
    for (size_t i = 0; i < s->wit.n && !err; i++)
        err = qc_w_var(&u->witness, s->wit.item[i]);
    return err;
}

static qc_err copy_unlock(const qc_tx *tx, uint32_t in, qc_unlock *u)
{
    qc_span sig = qc_tx_script_sig(tx, in), wit = qc_tx_witness(tx, in);
    qc_err err = sig.len ? qc_bytes_append(&u->script_sig, sig.data, sig.len) : QC_OK;
    return err || !wit.len ? err : qc_bytes_append(&u->witness, wit.data, wit.len);
}

static qc_script_err judge(const qc_sign_job *j, qc_span sig, qc_span witness)
{
    qc_script_check c = {
        .tx = j->tx, .in = j->in, .spent = j->spent, .hashes = j->hashes, .flags = QC_SIGN_FLAGS};
    return qc_script_verify(sig, j->spent[j->in].script, witness, &c);
}

qc_err qc_sign_input(const qc_sign_job *j, qc_unlock *out, qc_script_err *why)
{
    qc_unlock u = {QC_BYTES_INIT, QC_BYTES_INIT};
    qc_err err;
    const qc_tx *keep = NULL;
    for (size_t i = 0; i < j->n_copies && !keep; i++)
        if (judge(j, qc_tx_script_sig(j->copy[i], j->in), qc_tx_witness(j->copy[i], j->in)) ==
            QC_SE_OK)
            keep = j->copy[i];
    if (!keep && qc_sighash_is_single(j->sighash) && j->in >= j->tx->rec->n_out)
        keep = j->tx;
    if (keep) {
        err = copy_unlock(keep, j->in, &u);
    } else {
        solver s = {.j = j, .n_made = 0};
        solve_output(&s, j->spent[j->in].script);
        err = write_unlock(&s, &u);
    }
    if (err) {
        qc_unlock_clear(&u);
        *out = u;
        return err;
    }
    *why = judge(j, qc_bytes_span(&u.script_sig), qc_bytes_span(&u.witness));
    *out = u;
    return QC_OK;
}
