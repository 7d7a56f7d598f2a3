#include "core/index/blocktx.h"

#include "core/base/log.h"
#include "core/os/file.h"
#include "lib/tx.h"

qc_err qc_blocktx_at(qc_span block, uint64_t offset, qc_span *tx)
{
    qn_tx_view v;
    if (offset >= block.len || !qn_tx_read(block.data + offset, block.len - offset, &v))
        return QC_ECORRUPT;
    *tx = qc_span_of(block.data + offset, v.len);
    return QC_OK;
}

bool qc_blocktx_spends(qc_span tx, const qc_outpoint *o)
{
    qn_tx_view v;
    qn_tx_cursor c = {.index = 0};
    qn_tx_in in;
    if (!qn_tx_read(tx.data, tx.len, &v))
        return false;
    while (qn_tx_next_in(&v, &c, &in))
        if (in.prev_n == o->n && memcmp(in.prev_txid, o->txid.b, sizeof o->txid.b) == 0)
            return true;
    return false;
}

qc_err qc_blocktx_id(qc_span tx, qc_hash *out)
{
    qn_tx_view v;
    if (!qn_tx_read(tx.data, tx.len, &v))
        return QC_ECORRUPT;
    qn_tx_id(&v, out->b);
    return QC_OK;
}

qc_err qc_index_salt(qc_kv *kv, qc_span key, qc_siphash_key *out)
{
    uint8_t raw[16];
    qc_bytes v = QC_BYTES_INIT;
    qc_err err = qc_kv_get(kv, NULL, key, &v);
    if (err == QC_ENOENT) {
        qc_kv_batch *b = qc_kv_batch_new(kv);
        qc_os_random(raw, sizeof raw);
        qc_kv_batch_put(b, key, qc_span_of(raw, sizeof raw));
        err = qc_kv_write(kv, b, true);
        qc_kv_batch_free(b);
    } else if (!err) {
        if (v.len == sizeof raw)
            memcpy(raw, v.data, sizeof raw);
        else
            err = QC_ECORRUPT;
        qc_bytes_free(&v);
    }
    if (!err)
        *out = (qc_siphash_key){qc_read_le64(raw), qc_read_le64(raw + 8)};
    return err;
}

qc_err qc_index_open(qc_kv **out, const char *path, size_t cache, bool wipe, char *detail,
                     size_t cap)
{
    qc_kv_options o = {.engine = QC_KV_LEVELDB, .cache_bytes = cache, .create = true, .wipe = wipe};
    qc_err err = qc_os_mkdirs(path);
    if (err)
        return err;
    if (wipe)
        qc_log(QC_LOG_INFO, "leveldb", "Wiping LevelDB in %s", path);
    qc_log(QC_LOG_INFO, "leveldb", "Opening LevelDB in %s", path);
    return qc_kv_open(out, path, &o, detail, cap);
}
