/* What is written for another chain: people who meet a test network paste what they have at hand.
 * Test networks share their version bytes, so there may be several. */
#include "lib/elsewhere.h"

#include "lib/address.h"
#include "lib/base58.h"

#include <stdio.h>
#include <string.h>

#define KEY_LEN 78u /* bytes of an extended key (BIP32) */

typedef bool fits_fn(const qn_chain_text *chain, const char *text, size_t len);

static const char *const NAME[] = {"main", "test", "testnet4", "signet", "regtest"};
#define NAMES (sizeof NAME / sizeof NAME[0])

static bool is_address(const qn_chain_text *chain, const char *text, size_t len)
{
    uint8_t script[QN_ADDRESS_SCRIPT_MAX];
    size_t n;
    return qn_address_decode(chain, text, len, script, &n, NULL);
}

static bool is_extended(const qn_chain_text *chain, const char *text, size_t len)
{
    uint8_t b[KEY_LEN];
    size_t n;
    bool is = qn_base58check_decode(text, len, b, sizeof b, &n) && n == sizeof b &&
              (memcmp(b, chain->xpub, 4) == 0 || memcmp(b, chain->xprv, 4) == 0);
    memset(b, 0, sizeof b);
    __asm__ volatile("" : : "r"(b) : "memory");
    return is;
}

/* "main", "test, testnet4 or signet"; "": none. */
static void name_chains(fits_fn *fits, const char *text, size_t len, char *out, size_t cap)
{
    bool fit[NAMES];
    size_t left = 0, at = 0;
    out[0] = 0;
    for (size_t i = 0; i < NAMES; i++)
        left += fit[i] = fits(qn_chain_by_name(NAME[i]), text, len);
    for (size_t i = 0; i < NAMES && at < cap; i++)
        if (fit[i]) {
            left--;
            at += (size_t)snprintf(out + at, cap - at, "%s%s%s", at && !left ? "or " : "", NAME[i],
                                   left > 1    ? ", "
                                   : left == 1 ? " "
                                               : "");
        }
}

static bool elsewhere(fits_fn *fits, const qn_chain_text *chain, const char *text, size_t len,
                      const char *how, char *out)
{
    char names[48];
    out[0] = 0;
    if (fits(chain, text, len))
        return false;
    name_chains(fits, text, len, names, sizeof names);
    if (names[0])
        snprintf(out, QN_ELSEWHERE_MAX, "of %s; this node is on %s (%s)", names, chain->name, how);
    return names[0] != 0;
}

bool qn_address_elsewhere(const qn_chain_text *chain, const char *text, size_t len, char *out)
{
    char how[64];
    snprintf(how, sizeof how, "addresses begin with %s1, %s", chain->hrp,
             chain->p2pkh == 0 ? "1 or 3" : "m, n or 2");
    return elsewhere(is_address, chain, text, len, how, out);
}

bool qn_ext_elsewhere(const qn_chain_text *chain, const char *text, size_t len, char *out)
{
    const char *how = chain->p2pkh == 0 ? "keys begin with xpub" : "keys begin with tpub";
    return elsewhere(is_extended, chain, text, len, how, out);
}
