/* lib/bech32.h: bech32 (BIP173) and bech32m (BIP350). Thread: any. */
#ifndef QUOIN_LIB_BECH32_H
#define QUOIN_LIB_BECH32_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define QN_BECH32_MAX 90 /* characters */
#define QN_BECH32_CHECKSUM 6

typedef enum qn_bech32_kind {
    QN_BECH32_INVALID = 0,
    QN_BECH32 = 1,  /* BIP173: witness version 0 */
    QN_BECH32M = 2, /* BIP350: versions 1 to 16 */
} qn_bech32_kind;

/** A decoded text. */
typedef struct qn_bech32_text {
    qn_bech32_kind kind;
    char hrp[QN_BECH32_MAX];     /* lower case, NUL-terminated */
    uint8_t data[QN_BECH32_MAX]; /* values 0 to 31, without the checksum */
    size_t data_len;
} qn_bech32_text;

/** Encode `len` values below 32. `hrp` is lower case.
 *  Out: text and a NUL in out, which has room for `cap` characters.
 *  Returns: its length, or 0 when it does not fit or is above QN_BECH32_MAX. */
size_t qn_bech32_encode(qn_bech32_kind kind, const char *hrp, const uint8_t *values, size_t len,
                        char *out, size_t cap);
/** Decode `len` characters. Returns: out->kind; QN_BECH32_INVALID when nothing decodes. */
qn_bech32_kind qn_bech32_decode(const char *text, size_t len, qn_bech32_text *out);

/** Where an undecodable text is wrong. */
typedef struct qn_bech32_error {
    const char *text; /* static; "" when nothing is wrong */
    size_t n;         /* places known in `at`, ascending */
    size_t more;      /* further places, all consecutive from at[n - 1] + 1: of a text too long */
    uint32_t at[QN_BECH32_MAX];
} qn_bech32_error;
/** Say what is wrong; finds up to two wrong characters. Texts and places are Core's. */
void qn_bech32_locate(const char *text, size_t len, qn_bech32_error *out);

/** Regroup bits: `from`-bit values into `to`-bit values, padding the last with zeros if `pad`.
 *  Out: values in out, which has room for `cap`; *out_len their number.
 *  Returns: false when it does not fit, a value is too large, or (without pad) the bits left over
 *  are a whole group or not zero. */
bool qn_convert_bits(const uint8_t *in, size_t len, unsigned from, unsigned to, bool pad,
                     uint8_t *out, size_t cap, size_t *out_len);

#ifdef __cplusplus
}
#endif
#endif
