/* The script code of a signature check, and the removal of the signature from it that legacy
 * scripts ask for (Core FindAndDelete). */
#include "core/script/sigcheck.h"

qc_script_code qc_script_code_here(const qc_vm *v)
{
    qc_span tail = {v->code_start, (size_t)(v->end - v->code_start)};
    return (qc_script_code){.bytes = tail, .start = tail.data};
}

/* Does a push of `sig`, written as CScript << writes it, start at p? */
static bool push_is_at(const uint8_t *p, size_t left, const uint8_t *head, size_t head_len,
                       qc_span sig)
{
    return left >= head_len + sig.len && memcmp(p, head, head_len) == 0 &&
           (sig.len == 0 || memcmp(p + head_len, sig.data, sig.len) == 0);
}

size_t qc_script_code_delete(qc_vm *v, qc_script_code *code, qc_span sig)
{
    uint8_t head[5];
    size_t head_len = qc_push_header(sig.len, head), found = 0;
    const uint8_t *pc = code->bytes.data, *kept = pc, *end = pc + code->bytes.len;
    uint8_t *out = v->code_buf;
    uint8_t op;
    qc_span data;
    /* Matches are looked for where an operation starts, over the bytes. A code that was changed
     * before lies in code_buf already and is compacted in place: out never overtakes kept. */
    do {
        const uint8_t *op_end = pc;
        while (push_is_at(pc, (size_t)(end - pc), head, head_len, sig)) {
            pc += head_len + sig.len;
            found++;
        }
        if (pc != op_end) {
            memmove(out, kept, (size_t)(op_end - kept));
            out += op_end - kept;
            kept = pc;
        }
    } while (qc_op_read(&pc, end, &op, &data));
    if (found == 0)
        return 0;
    memmove(out, kept, (size_t)(end - kept));
    out += end - kept;
    code->bytes = (qc_span){v->code_buf, (size_t)(out - v->code_buf)};
    code->start = NULL;
    return found;
}

void qc_script_code_seal(qc_script_code *code)
{
    if (!code->start)
        qc_sha256(code->bytes, code->digest.b);
}
