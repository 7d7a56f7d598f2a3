#!/bin/sh
# gbt_node.sh ARGUMENT ...: quoind with the gbt plugin in the place of the node's own getblocktemplate
# and submitblock, for test suites that take the path of a node. QUOIN_BUILD names the build folder;
# QUOIN_GRANTS a folder for the grant, which is made (0700) where it is missing; QUOIN_MODE may be
# trusted. The plugin is not left to what others do not want of the processors: suites wait no longer
# for it than for a node.
set -eu
build=${QUOIN_BUILD:?the build folder} grants=${QUOIN_GRANTS:?a folder for the grant}
so=$build/.libs/gbt.so
grant=$grants/org.quoin.gbt.grant
if [ ! -e "$grant" ]; then
    umask 077
    mkdir -p "$grants"
    cat >"$grant.$$" <<GRANT
[plugin]
file = $so
sha256 = $(sha256sum "$so" | cut -d' ' -f1)
mode = ${QUOIN_MODE:-isolated}
[grant]
mining.template/1 = yes
mining.submit/1 = yes
mining.check/1 = yes
rpc.serve/1 = prefix=gbt., names=getblocktemplate submitblock
[limits]
cpu = normal
GRANT
    mv "$grant.$$" "$grant"
fi
exec "$build/quoind" "-plugingrants=$grants" "$@"
