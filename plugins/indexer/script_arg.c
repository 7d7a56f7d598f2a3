/* How a caller names a script: an address, a scriptPubKey in hex, or its Electrum script hash. */
#include "lib/address.h"
#include "lib/hash.h"
#include "lib/hex.h"
#include "plugins/indexer/indexer.h"

#define SCRIPT_MAX 10000

static bool from_script_hash(const char *hex, uint8_t out[static 32], const char **why)
{
    if (qn_hex_decode_reversed(hex, strlen(hex), out, 32))
        return true;
    *why = "a script hash has 64 hex digits";
    return false;
}

static bool from_script(const char *hex, uint8_t out[static 32], const char **why)
{
    uint8_t script[SCRIPT_MAX];
    size_t len = strlen(hex);
    if (len > 2 * SCRIPT_MAX || !qn_hex_decode(hex, len, script, sizeof script)) {
        *why = "a scriptPubKey is given as an even number of hex digits, at most 20,000";
        return false;
    }
    qn_script_hash(script, len / 2, out);
    return true;
}

static bool all_hex(const char *s)
{
    for (; *s; s++)
        if (qn_hex_digit(*s) < 0)
            return false;
    return true;
}

bool ix_script_arg(const ix *x, const char *text, uint8_t out[static 32], const char **why)
{
    uint8_t script[QN_ADDRESS_SCRIPT_MAX];
    size_t len = strlen(text), script_len;
    if (strncmp(text, "scripthash:", 11) == 0)
        return from_script_hash(text + 11, out, why);
    if (strncmp(text, "script:", 7) == 0)
        return from_script(text + 7, out, why);
    if (qn_address_decode(x->text, text, len, script, &script_len, NULL)) {
        qn_script_hash(script, script_len, out);
        return true;
    }
    if (len == 64 && all_hex(text))
        return from_script_hash(text, out, why);
    if (len > 0 && all_hex(text))
        return from_script(text, out, why);
    *why = "not an address of this chain, a hex scriptPubKey or a 64-digit script hash";
    return false;
}
