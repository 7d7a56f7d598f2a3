/* What a stranger sends before he is known, and what an operator may mistype: Authorization
 * headers, subnets, rpcauth lines, host:port. A header is right exactly when it is the one that is
 * right. */
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "core/base/hostport.h"
#include "core/rpc/auth.h"
#include "core/rpc/subnet.h"

static const char RIGHT[] = "Basic YWxpY2U6c2VjcmV0"; /* alice:secret */

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    qc_rpc_auth *a = qc_rpc_auth_new();
    qc_rpc_auth_add_plain(a, "alice", "secret");
    char *text = qc_alloc(len + 1), *user = NULL, host[64];
    memcpy(text, data, len);
    bool ok = qc_rpc_auth_check(a, text, &user);
    /* Blanks around the token do not count. */
    size_t n = strlen(text);
    while (n && (text[n - 1] == ' ' || text[n - 1] == '\t'))
        n--;
    const char *token = n > 6 ? text + 6 + strspn(text + 6, " \t") : text;
    bool same = strncmp(text, RIGHT, 6) == 0 && (size_t)(text + n - token) == strlen(RIGHT + 6) &&
                strncmp(token, RIGHT + 6, strlen(RIGHT + 6)) == 0;
    QC_ASSERT(ok == same);
    QC_ASSERT(!ok || strcmp(user, "alice") == 0);
    qc_subnet s;
    if (qc_subnet_parse(text, &s) == QC_OK)
        for (size_t i = 0; i < sizeof s.addr; i++)
            QC_ASSERT((s.addr[i] & ~s.mask[i] & 0xff) == 0);
    if (qc_rpc_auth_add_hashed(a, text) == QC_OK)
        QC_ASSERT(strchr(text, ':') && strchr(text, '$'));
    qc_rpc_auth_add_whitelist(a, text);
    uint16_t port = 0;
    if (qc_split_host_port(text, host, sizeof host, &port) == QC_OK)
        QC_ASSERT(strlen(host) <= strlen(text));
    qc_free(user);
    qc_free(text);
    qc_rpc_auth_free(a);
    return 0;
}
