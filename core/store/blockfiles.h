/* core/store/blockfiles.h: blkNNNNN.dat, revNNNNN.dat, xor.dat in Core's formats (Core
 * node/blockstorage.cpp). Knows bytes, not rules. Writers: chain thread only. Readers: any. */
#pragma once
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/btc/block.h"

typedef struct qc_blockfiles qc_blockfiles;

/** Place of a record: offset of the block (or undo) bytes, after the 8-byte frame. */
typedef struct qc_filepos {
    int32_t file; /* -1: none */
    uint32_t pos;
} qc_filepos;

/** Core's CBlockFileInfo. */
typedef struct qc_fileinfo {
    uint32_t blocks, size, undo_size, height_first, height_last;
    uint64_t time_first, time_last;
} qc_fileinfo;

typedef struct qc_blockfiles_options {
    const char *dir; /* .../blocks */
    uint8_t magic[4];
    bool use_xor; /* -blocksxor, only for an empty folder */
    bool fast;    /* -fastprune: 64 KiB files */
    char *detail; /* NULL, or detail_cap bytes for a sentence when opening fails */
    size_t detail_cap;
} qc_blockfiles_options;

/** Open the folder (made when absent) and its xor.dat. The file table starts empty.
 *  Returns: QC_OK; QC_ECORRUPT (xor.dat has a wrong length); QC_EINVAL (use_xor off, but the folder
 *  has a key); QC_EFULL; QC_EPERM; QC_EIO. Out: owned, qc_blockfiles_close(). */
QC_MUST_CHECK qc_err qc_blockfiles_open(qc_blockfiles **out, const qc_blockfiles_options *o);
/** Closes without a sync. NULL is allowed. */
void qc_blockfiles_close(QC_OWN qc_blockfiles *f);
/** File table, as loaded from and saved to the block index. QC_ERANGE: no such file number can be.
 */
QC_MUST_CHECK qc_err qc_blockfiles_set_info(qc_blockfiles *f, uint32_t file,
                                            const qc_fileinfo *info);
qc_fileinfo qc_blockfiles_info(const qc_blockfiles *f, uint32_t file);
uint32_t qc_blockfiles_last(const qc_blockfiles *f);
/** Numbers of files whose info changed since the last call: for the index batch. Returns the count
 * written to out. */
size_t qc_blockfiles_dirty(qc_blockfiles *f, uint32_t *out, size_t cap);

/** Append a block. Not synced, except a file that it leaves full. Out: *pos.
 *  Returns: QC_OK; QC_EFULL; QC_EIO; QC_ENOMEM. On failure nothing is accounted for. */
QC_MUST_CHECK qc_err qc_blockfiles_write_block(qc_blockfiles *f, qc_span block, uint32_t height,
                                               uint32_t time, qc_filepos *pos);
/** Account for a block that already lies at pos (reindex). */
QC_MUST_CHECK qc_err qc_blockfiles_note_block(qc_blockfiles *f, size_t len, uint32_t height,
                                              uint32_t time, qc_filepos pos);
/** Append undo to the rev file of `file` (the block's file). prev: hash of the parent block. */
QC_MUST_CHECK qc_err qc_blockfiles_write_undo(qc_blockfiles *f, int32_t file, qc_span undo,
                                              const qc_hash *prev, qc_filepos *pos);
/** Read; checks magic and length (and, for undo, the checksum). QC_EPRUNED: the file is gone.
 *  QC_ECORRUPT: detail names file, offset, found and wanted. Out: owned, qc_bytes_free(). Thread:
 * any. */
QC_MUST_CHECK qc_err qc_blockfiles_read_block(const qc_blockfiles *f, qc_filepos pos, qc_bytes *out,
                                              char *detail, size_t cap);
QC_MUST_CHECK qc_err qc_blockfiles_read_undo(const qc_blockfiles *f, qc_filepos pos,
                                             const qc_hash *prev, qc_bytes *out, char *detail,
                                             size_t cap);
/** The frame before `pos`, as found: the caller judges its magic. QC_ENOENT: there is no such file,
 *  or nothing was ever written there. Thread: any. */
QC_MUST_CHECK qc_err qc_blockfiles_frame(const qc_blockfiles *f, qc_filepos pos, uint8_t magic[4],
                                         uint32_t *len);
/** fdatasync of every file written since the last sync; names too. */
QC_MUST_CHECK qc_err qc_blockfiles_sync(qc_blockfiles *f);
/** Zero the info of `file` (it becomes dirty), so that the index batch forgets it: before the files
 * go. */
void qc_blockfiles_forget(qc_blockfiles *f, uint32_t file);
/** Delete blk and rev of `file` (pruning), forgetting it too. Call it when the index batch that
 *  forgot the file is durable: a crash between then leaves files that nothing points to. */
QC_MUST_CHECK qc_err qc_blockfiles_delete(qc_blockfiles *f, uint32_t file);
/** Bytes of all blk and rev files. */
uint64_t qc_blockfiles_usage(const qc_blockfiles *f);

/** Scan blk-framed bytes of any file (reindex, -loadblock, import): finds magic, length, block,
 *  skipping garbage as Core's LoadExternalBlockFile does. */
typedef struct qc_blkscan qc_blkscan;
/** Returns: QC_OK; QC_ENOENT; QC_EPERM; QC_EIO; QC_ENOMEM. xor_key NULL: none. Out: owned. */
QC_MUST_CHECK qc_err qc_blkscan_open(qc_blkscan **out, const char *path, const uint8_t magic[4],
                                     const uint8_t *xor_key);
/** Next framed block. Returns: QC_OK (*block borrowed until the next call, *offset of it);
 * QC_ENOENT at the end; QC_EIO. */
QC_MUST_CHECK qc_err qc_blkscan_next(qc_blkscan *s, qc_span *block, uint64_t *offset);
/** After a block that did not parse: resume the search one byte after its magic. */
void qc_blkscan_resync(qc_blkscan *s);
/** The block given last parsed, but took only its first `len` bytes (a frame length that is too
 *  large): go on right after them, as Core does. */
void qc_blkscan_used(qc_blkscan *s, size_t len);
/** Go on at `offset` of the file, wherever the scan is. */
void qc_blkscan_seek(qc_blkscan *s, uint64_t offset);
uint64_t qc_blkscan_skipped(const qc_blkscan *s); /* garbage bytes so far */
uint64_t qc_blkscan_size(const qc_blkscan *s);
void qc_blkscan_close(qc_blkscan *s);
/** The blk files' XOR key, all zero when off. */
const uint8_t *qc_blockfiles_xor(const qc_blockfiles *f);

/** Undo coding (Core undo.h CBlockUndo): over the block's non-coinbase inputs in order. */
QC_MUST_CHECK qc_err qc_undo_encode(const qc_block *b, const qc_spent *spent, qc_bytes *out);
/** Decode against the block. Out: *spent: one per input of the block (coinbase zero); script bytes
 *  live in *scripts. Both owned (qc_free, qc_bytes_free). QC_ECORRUPT: counts differ from the
 * block's. */
QC_MUST_CHECK qc_err qc_undo_decode(const qc_block *b, qc_span undo, qc_spent **spent,
                                    qc_bytes *scripts);
