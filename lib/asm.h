/* lib/asm.h: scripts as text. Thread: any. */
#ifndef QUOIN_LIB_ASM_H
#define QUOIN_LIB_ASM_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Write a script as Core's RPC shows it in "asm": names, pushes of up to four bytes as numbers,
 *  longer ones in hex, "[error]" where it breaks off. With `sighash`, pushes that look like a
 *  signature end in "[ALL]" and the like instead of their last byte (for scriptSigs).
 *  Out:     at most cap - 1 characters and a NUL in out; nothing when cap is 0.
 *  Returns: the whole text's length, as snprintf(): call with cap 0 to learn it. At most
 *           23 * len. */
size_t qn_script_asm(const uint8_t *script, size_t len, bool sighash, char *out, size_t cap);

#ifdef __cplusplus
}
#endif
#endif
