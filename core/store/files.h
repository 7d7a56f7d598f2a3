/* core/store/files.h: what the parts of the block file store share. Private to core/store. */
#pragma once
#include "core/store/blockfiles.h"
#include "core/store/indexdb.h"

#define QC_FILE_MAX 999999u /* highest block file number that is believed: 128 TB */
#define QC_FRAME_LEN 8u     /* magic, length */
#define QC_SUM_LEN 32u      /* checksum behind undo data */
#define QC_BLOCK_MAX 4000000u
#define QC_BLOCK_MIN 80u
#define QC_INDEX_RECORD_MAX 150

typedef enum qc_filekind { QC_FILE_BLK, QC_FILE_REV } qc_filekind;

/** <dir>/blkNNNNN.dat or revNNNNN.dat. Owned: qc_free(). */
char *qc_blockfile_path(const char *dir, qc_filekind kind, uint32_t file);

/* What reading needs. Set at opening, so any thread may look. */
typedef struct qc_filebase {
    char *dir;
    uint8_t magic[4];
    uint8_t key[8];
    bool xored;
} qc_filebase;
const qc_filebase *qc_blockfiles_base(const qc_blockfiles *f);

/** Pack a block record; returns the bytes taken. */
size_t qc_index_record_encode(const qc_index_record *r, uint8_t out[static QC_INDEX_RECORD_MAX]);
/** NULL, or why the bytes are no block record (*out untouched). */
const char *qc_index_record_decode(qc_span value, qc_index_record *out);
