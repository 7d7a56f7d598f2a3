/* lib/psbt_impl.h: what the files about PSBTs share. */
#ifndef QUOIN_LIB_PSBT_IMPL_H
#define QUOIN_LIB_PSBT_IMPL_H
#include "lib/arena_impl.h"
#include "lib/psbt.h"

typedef enum qn_psbt_kind { QN_PSBT_GLOBAL, QN_PSBT_INPUT, QN_PSBT_OUTPUT } qn_psbt_kind;

struct qn_psbt_memory {
    qn_arena arena;
};

/** Bytes that are read one after the other; after a failure everything reads as 0. */
typedef struct qn_psbt_reader {
    const uint8_t *p;
    size_t left;
    const char *fail; /* NULL: none; static */
} qn_psbt_reader;
qn_psbt_bytes qn_psbt_take(qn_psbt_reader *r, uint64_t n);
uint8_t qn_psbt_u8(qn_psbt_reader *r);
uint32_t qn_psbt_u32(qn_psbt_reader *r);
uint64_t qn_psbt_u64(qn_psbt_reader *r);
/** A CompactSize of any value, and one that counts bytes or items (at most 0x02000000). */
uint64_t qn_psbt_number(qn_psbt_reader *r);
uint64_t qn_psbt_size(qn_psbt_reader *r);
/** Bytes with their number in front. */
qn_psbt_bytes qn_psbt_var(qn_psbt_reader *r);

qn_psbt *qn_psbt_blank(void);
void *qn_psbt_room(qn_psbt *p, size_t n, size_t size);
qn_psbt_bytes qn_psbt_copy(qn_psbt *p, const void *data, size_t len);
/** Append, out of order until qn_psbt_sort(); bytes are borrowed. False: memory. */
bool qn_psbt_append(qn_psbt *p, qn_psbt_map *m, const qn_psbt_record *r);
/** The inputs and outputs of a transaction without witness data. Out: *used: its bytes; NULL: they
 *  must be all of `tx`. Returns: what is wrong, static; NULL: nothing. */
const char *qn_psbt_take_tx(qn_psbt *p, qn_psbt_bytes tx, bool *bare, size_t *used);

void qn_psbt_put_size(qn_grow *g, uint64_t n);
void qn_psbt_put_var(qn_grow *g, const void *data, size_t len);
void qn_psbt_put_le(qn_grow *g, uint64_t v, unsigned n);
/** Into the order of writing. */
void qn_psbt_sort(qn_psbt_map *m);
/** The signature with the key of this HASH160; NULL: none. */
const qn_psbt_record *qn_psbt_sig_by_id(const qn_psbt_map *m, const uint8_t id[20]);
/** qn_psbt_merge() without hash types: whoever signs must want one (as Core's Merge()). */
bool qn_psbt_merge_some(qn_psbt *p, qn_psbt_map *to, const qn_psbt_map *from);
int qn_psbt_compare(qn_psbt_bytes a, qn_psbt_bytes b);
#endif
