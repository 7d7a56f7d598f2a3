/* lib/secp/curve.h: a qn_curve of libsecp256k1. Thread: any, one at a time for qn_secp_free(). */
#ifndef QUOIN_LIB_SECP_CURVE_H
#define QUOIN_LIB_SECP_CURVE_H
#include "lib/curve.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Tables for secret keys. */
typedef struct qn_secp qn_secp;
/** `seed`: entropy that blinds the arithmetic. Returns: owned, qn_secp_free(); NULL without memory.
 */
qn_secp *qn_secp_new(const uint8_t seed[32]);
void qn_secp_free(qn_secp *s);
/** The curve. `s` is borrowed for as long as the table is used; NULL: secret keys are all refused.
 *  Secret sums and products of G are in constant time. */
qn_curve qn_secp_curve(qn_secp *s);

#ifdef __cplusplus
}
#endif
#endif
