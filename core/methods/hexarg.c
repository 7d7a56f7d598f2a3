#include "core/methods/hexarg.h"

#include "lib/hex.h"

#include <string.h>

bool qc_m_hex_decode(const char *hex, qc_bytes *out)
{
    size_t n = strlen(hex);
    if (n == 0 || n % 2 || qc_bytes_alloc(out, n / 2))
        return false;
    if (qn_hex_decode(hex, n, out->data, out->len))
        return true;
    qc_bytes_free(out);
    return false;
}

/* Every opcode decodes and every push is within 520 bytes (Core script.h HasValidOps). */
bool qc_m_has_valid_ops(qc_span s)
{
    size_t i = 0;
    while (i < s.len) {
        uint8_t op = s.data[i++];
        size_t n = op, width = op == 0x4c ? 1 : op == 0x4d ? 2 : op == 0x4e ? 4 : 0;
        if (op > 0xb9) /* Core MAX_OPCODE: the last NOP */
            return false;
        if (op > 0x4e)
            continue;
        if (width) {
            if (s.len - i < width)
                return false;
            n = 0;
            for (size_t k = 0; k < width; k++)
                n |= (size_t)s.data[i + k] << (8 * k);
            i += width;
        }
        if (n > 520 || s.len - i < n)
            return false;
        i += n;
    }
    return true;
}

/* Do the scripts look like scripts? (Core core_io.cpp CheckTxScriptsSanity) */
static bool scripts_sane(const qc_tx *tx)
{
    if (!qc_tx_is_coinbase(tx))
        for (uint32_t i = 0; i < tx->rec->n_in; i++) {
            qc_span s = qc_tx_script_sig(tx, i);
            if (!qc_m_has_valid_ops(s) || s.len > 10000)
                return false;
        }
    for (uint32_t i = 0; i < tx->rec->n_out; i++) {
        qc_span s = qc_tx_script(tx, i);
        if (!qc_m_has_valid_ops(s) || s.len > 10000)
            return false;
    }
    return true;
}

bool qc_m_decode_tx(const char *hex, bool try_no_witness, bool try_witness, qc_txbuf *out)
{
    qc_bytes b;
    if (!qc_m_hex_decode(hex, &b))
        return false;
    qc_txbuf wide, narrow;
    bool have_wide = try_witness && !qc_tx_parse(qc_bytes_span(&b), true, &wide);
    bool wide_sane = have_wide && scripts_sane(&wide.tx);
    bool have_narrow =
        !wide_sane && try_no_witness && !qc_tx_parse(qc_bytes_span(&b), false, &narrow);
    qc_bytes_free(&b);
    /* A sane reading wins; otherwise the one with witness data, when there is one. */
    if (have_narrow && (!have_wide || scripts_sane(&narrow.tx))) {
        if (have_wide)
            qc_txbuf_clear(&wide);
        *out = narrow;
        return true;
    }
    if (have_narrow)
        qc_txbuf_clear(&narrow);
    if (have_wide)
        *out = wide;
    return have_wide;
}
