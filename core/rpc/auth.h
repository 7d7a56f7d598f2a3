/* core/rpc/auth.h: who may call, from where, and what: cookie, rpcuser/rpcpassword, rpcauth,
 * rpcwhitelist, rpcallowip. Immutable once the server runs. Thread: any for the questions. */
#pragma once
#include "core/rpc/engine.h"

#include <netinet/in.h>

typedef struct qc_rpc_auth qc_rpc_auth;
qc_rpc_auth *qc_rpc_auth_new(void);
void qc_rpc_auth_free(QC_OWN qc_rpc_auth *a);

/** A user with a password in clear (cookie, rpcuser/rpcpassword); kept salted and hashed. */
void qc_rpc_auth_add_plain(qc_rpc_auth *a, const char *user, const char *password);
/** "user:salt$hash" (-rpcauth). Returns: QC_OK; QC_EINVAL. */
QC_MUST_CHECK qc_err qc_rpc_auth_add_hashed(qc_rpc_auth *a, const char *spec);
/** "user:method1,method2" (-rpcwhitelist). Given again for a user, both lists must allow. */
void qc_rpc_auth_add_whitelist(qc_rpc_auth *a, const char *spec);
/** -rpcwhitelistdefault: users without a list may call nothing. */
void qc_rpc_auth_set_whitelist_default(qc_rpc_auth *a, bool deny);
/** An address, address/bits or address/mask (-rpcallowip). Loopback is always allowed.
 *  Returns: QC_OK; QC_EINVAL. */
QC_MUST_CHECK qc_err qc_rpc_auth_allow(qc_rpc_auth *a, const char *subnet);

/** Check an Authorization header ("Basic ..."). Out: *user owned, qc_free(); set only when true. */
bool qc_rpc_auth_check(const qc_rpc_auth *a, const char *header, char **user);
/** May this address connect? */
bool qc_rpc_auth_allows_peer(const qc_rpc_auth *a, const struct sockaddr *sa);
/** The whitelists, for the engine. Borrowed for the life of `a`. */
const qc_rpc_access *qc_rpc_auth_access(const qc_rpc_auth *a);

/** Make <path> with "__cookie__:<64 hex>" and add that user. mode: 0600, or as -rpccookieperms
 * says. Returns: QC_OK; QC_EIO and the like. */
QC_MUST_CHECK qc_err qc_rpc_auth_make_cookie(qc_rpc_auth *a, const char *path, unsigned mode);
