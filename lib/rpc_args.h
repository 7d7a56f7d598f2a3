/* lib/rpc_args.h: how many parameters a method of rpc.serve takes, by what it was added with; for
 * the hosts, so that all of them judge calls alike. */
#ifndef QUOIN_LIB_RPC_ARGS_H
#define QUOIN_LIB_RPC_ARGS_H
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct qn_rpc_range {
    size_t least, most;
} qn_rpc_range;

/** The place of a parameter by one of its names, of `len` bytes; -1: none has it. arg_names: in
 *  order, separated by spaces; alternatives by '|'. */
int qn_rpc_arg_at(const char *arg_names, const char *name, size_t len);

/** As many as are named may be given; those that stand before the "(" of the synopsis, the first
 *  line of `help`, must be. A synopsis that is anything else than the method's name and the first
 * of arg_names in their order, in quotes or not, requires none. */
qn_rpc_range qn_rpc_args(const char *name, const char *arg_names, const char *help);

#ifdef __cplusplus
}
#endif
#endif
