/* core/rpc/rpc.h: what a JSON-RPC method is, and what its handler may do. For authors of methods;
 * the transport is in server.h. Names, types, codes and texts of errors are Core's. */
#pragma once
#include "core/rpc/json_write.h"

/* Codes of Core's rpc/protocol.h. */
typedef enum qc_rpc_code {
    QC_RPC_INVALID_REQUEST = -32600,
    QC_RPC_METHOD_NOT_FOUND = -32601,
    QC_RPC_INVALID_PARAMS = -32602,
    QC_RPC_INTERNAL_ERROR = -32603,
    QC_RPC_PARSE_ERROR = -32700,
    QC_RPC_MISC_ERROR = -1,
    QC_RPC_TYPE_ERROR = -3,
    QC_RPC_INVALID_ADDRESS_OR_KEY = -5,
    QC_RPC_OUT_OF_MEMORY = -7,
    QC_RPC_INVALID_PARAMETER = -8,
    QC_RPC_CLIENT_NOT_CONNECTED = -9,
    QC_RPC_CLIENT_IN_INITIAL_DOWNLOAD = -10,
    QC_RPC_DATABASE_ERROR = -20,
    QC_RPC_DESERIALIZATION_ERROR = -22,
    QC_RPC_CLIENT_NODE_ALREADY_ADDED = -23,
    QC_RPC_CLIENT_NODE_NOT_ADDED = -24,
    QC_RPC_VERIFY_ERROR = -25,
    QC_RPC_VERIFY_REJECTED = -26,
    QC_RPC_VERIFY_ALREADY_IN_UTXO_SET = -27,
    QC_RPC_IN_WARMUP = -28,
    QC_RPC_CLIENT_NODE_NOT_CONNECTED = -29,
    QC_RPC_CLIENT_INVALID_IP_OR_SUBNET = -30,
    QC_RPC_CLIENT_P2P_DISABLED = -31,
    QC_RPC_METHOD_DEPRECATED = -32,
    QC_RPC_CLIENT_MEMPOOL_DISABLED = -33,
    QC_RPC_CLIENT_NODE_CAPACITY_REACHED = -34,
    QC_RPC_LIMIT_EXCEEDED = -37
} qc_rpc_code;

/** One call being served. Opaque; borrowed by the handler until it returns without parking, or
 *  until the resumption that ends it returns. */
typedef struct qc_rpc_req qc_rpc_req;

/** A handler. Runs on an rpc thread, many at once. It either writes one JSON value to
 *  qc_rpc_out() (nothing written: null), or calls qc_rpc_fail(), or parks, and returns. */
typedef void qc_rpc_fn(qc_rpc_req *r, void *arg);

typedef enum qc_rpc_type {
    QC_T_STR,
    QC_T_HEX,
    QC_T_NUM,
    QC_T_AMOUNT, /* number or string: qc_rpc_amount() checks */
    QC_T_RANGE,  /* number or [begin, end]: the method checks */
    QC_T_BOOL,
    QC_T_OBJ,
    QC_T_OBJ_USER_KEYS,
    QC_T_OBJ_NAMED, /* an options object whose members may also be given as named parameters */
    QC_T_ARR
} qc_rpc_type;

/** One parameter. Tables end with a row whose names are NULL. */
typedef struct qc_rpc_param {
    const char *names; /* "verbosity|verbose": all are accepted, the first is shown */
    qc_rpc_type type;
    bool required;
    const char *dflt; /* shown default; NULL: optional without one, or required */
    const char *help;
    const struct qc_rpc_param *inner; /* members (OBJ_NAMED: checked names) or element types */
    bool hidden;                      /* not in the help text (nor any that follows) */
    bool skip_type_check;             /* the method checks the type itself */
    bool also_positional;             /* inside OBJ_NAMED: the name is a positional one as well */
    const char *type_text;            /* shown type, e.g. "numeric or array"; NULL: from type */
    const char *usage;                /* how it looks on the usage line; NULL: from name and type */
} qc_rpc_param;

/** One method. Static rows and everything they point to live for ever. */
typedef struct qc_rpc_method {
    const char *category; /* "blockchain" "control" ...; "hidden" is not listed by help */
    const char *name;
    const char *summary;        /* what it does */
    const qc_rpc_param *params; /* NULL: takes none */
    const char *result;         /* lines under "Result:"; NULL: none shown */
    const char *examples;       /* command lines (method and words), one per line; NULL: none */
    qc_rpc_fn *fn;
    bool raw_params; /* parameters are passed unchecked and untransformed: qc_rpc_raw_params() */
} qc_rpc_method;

/* ---- the registry. Thread: any ---- */
typedef struct qc_rpc_registry qc_rpc_registry;
qc_rpc_registry *qc_rpc_registry_new(void);
/** Nothing may be running. NULL is allowed. */
void qc_rpc_registry_free(QC_OWN qc_rpc_registry *g);
/** Add a static method; its handler gets `arg`. Returns: QC_OK; QC_EEXIST (name taken). */
QC_MUST_CHECK qc_err qc_rpc_register(qc_rpc_registry *g, const qc_rpc_method *m, void *arg);
/** Add a table that ends with a NULL name. A taken name is a caller bug. */
void qc_rpc_register_all(qc_rpc_registry *g, const qc_rpc_method *table, void *arg);
/** Add a method at run time: names and texts are copied, parameters arrive raw. `release`
 *  (may be NULL) is called once, when the method was removed and its last call has ended.
 *  Returns: QC_OK; QC_EEXIST (name taken; release is not called). */
QC_MUST_CHECK qc_err qc_rpc_register_dynamic(qc_rpc_registry *g, const char *category,
                                             const char *name, const char *help, qc_rpc_fn *fn,
                                             void *arg, void (*release)(void *arg));
/** The same, and a static method of the name is no obstacle: it is not called until this one is
 *  removed. */
QC_MUST_CHECK qc_err qc_rpc_register_in_front(qc_rpc_registry *g, const char *category,
                                              const char *name, const char *help, qc_rpc_fn *fn,
                                              void *arg, void (*release)(void *arg));
/** Remove it. Calls that are running or parked go on. Returns: QC_OK; QC_ENOENT. */
QC_MUST_CHECK qc_err qc_rpc_unregister(qc_rpc_registry *g, const char *name);
/** Keep the name of a dynamic method while its plugin is exchanged: calls wait until the name is
 *  registered again, or released, at most 30 s. `owner` tells whose it is. Returns: QC_OK;
 * QC_ENOENT.
 */
QC_MUST_CHECK qc_err qc_rpc_hold(qc_rpc_registry *g, const char *name, const char *owner);
/** For a handler whose plugin has just left its names behind: serve the request by whoever has the
 *  name now, or wait for that as for a held name. */
void qc_rpc_again(qc_rpc_req *r, qc_rpc_registry *g);
/** Give up the names that `owner` still holds: their calls end with "Method not found". */
void qc_rpc_release_held(qc_rpc_registry *g, const char *owner);
/** What is to be said of a name that no method has. */
typedef enum qc_rpc_absent {
    QC_RPC_NOBODYS, /* there is none */
    QC_RPC_COMES,   /* whoever serves it is on the way: the call waits, at most 30 s */
    QC_RPC_AWAY     /* whoever would serve it is not there: `why` is told */
} qc_rpc_absent;
/** Asked before "Method not found" is answered. Out: why, a text of at most cap bytes, of COMES and
 *  AWAY. Thread: any. */
typedef qc_rpc_absent qc_rpc_ask_absent(void *arg, const char *name, char *why, size_t cap);
/** NULL: nobody is asked any more; `arg` is not in use when this returns. Thread: any. */
void qc_rpc_set_absent(qc_rpc_registry *g, qc_rpc_ask_absent *ask, void *arg);
/** The answer may be another now: who waits asks again. */
void qc_rpc_absent_changed(qc_rpc_registry *g);
/** What was called since the start: finished, of those failed, and running or parked now. */
void qc_rpc_counts(const qc_rpc_registry *g, uint64_t *finished, uint64_t *failed,
                   uint64_t *active);
/** Text of `help [name]`; NULL or "": the list of all. Out: owned, qc_free(). */
char *qc_rpc_help(qc_rpc_registry *g, const char *name);
/** [method, position, name, is-text] of every parameter (help dump_all_command_conversions). */
void qc_rpc_dump_arg_map(qc_rpc_registry *g, qc_jw *w);

/* ---- what a handler does ---- */
/** Where the result goes. */
qc_jw *qc_rpc_out(qc_rpc_req *r);
/** End with an error; what was written is dropped. Always false, so that checks can return it. */
bool qc_rpc_fail(qc_rpc_req *r, int code, const char *fmt, ...) QC_PRINTF(3, 4);
bool qc_rpc_failed(const qc_rpc_req *r);
/** Method name as called. Borrowed. */
const char *qc_rpc_name(const qc_rpc_req *r);
/** User that authenticated. Borrowed. */
const char *qc_rpc_user(const qc_rpc_req *r);
/** "127.0.0.1:51312". Borrowed. */
const char *qc_rpc_peer(const qc_rpc_req *r);
qc_rpc_registry *qc_rpc_registry_of(const qc_rpc_req *r);

/** Number of positional parameters after names were resolved. */
size_t qc_rpc_n(const qc_rpc_req *r);
/** Parameter i, or NULL when it is absent or null. Borrowed. */
const json_t *qc_rpc_arg(const qc_rpc_req *r, size_t i);
/** The parameters as they were sent (array, object, or NULL). Borrowed. */
const json_t *qc_rpc_raw_params(const qc_rpc_req *r);

/** A key that an object of the call's parameters had twice, "" when it cannot be told which, or
 * NULL: parsed objects keep the last one only. Borrowed. */
const char *qc_rpc_dup_key(const qc_rpc_req *r);

/* Typed access by position. Absent or null: true, *out untouched (preset the default). A value of
 * the wrong type or range fails the request as Core does and returns false. */
bool qc_rpc_bool(qc_rpc_req *r, size_t i, bool *out);
bool qc_rpc_i32(qc_rpc_req *r, size_t i, int32_t *out);
bool qc_rpc_u32(qc_rpc_req *r, size_t i, uint32_t *out);
bool qc_rpc_i64(qc_rpc_req *r, size_t i, int64_t *out);
bool qc_rpc_double(qc_rpc_req *r, size_t i, double *out);
/** *out is borrowed from the request. */
bool qc_rpc_str(qc_rpc_req *r, size_t i, const char **out);
/** `name` is used in the error text. */
bool qc_rpc_hash(qc_rpc_req *r, size_t i, const char *name, qc_hash *out);
/** Out: owned, qc_bytes_free(). */
bool qc_rpc_hex(qc_rpc_req *r, size_t i, const char *name, qc_bytes *out);
/** Satoshis, from a number or text of bitcoins. */
bool qc_rpc_amount(qc_rpc_req *r, size_t i, int64_t *out);
/** A verbosity: number, or (allow_bool) false/true as 0/1. */
bool qc_rpc_verbosity(qc_rpc_req *r, size_t i, bool allow_bool, int32_t *out);

/* The same for a value found inside an object or array. NULL counts as null: wrong type. */
bool qc_rpc_v_bool(qc_rpc_req *r, const json_t *v, bool *out);
bool qc_rpc_v_i32(qc_rpc_req *r, const json_t *v, int32_t *out);
bool qc_rpc_v_u32(qc_rpc_req *r, const json_t *v, uint32_t *out);
bool qc_rpc_v_i64(qc_rpc_req *r, const json_t *v, int64_t *out);
bool qc_rpc_v_double(qc_rpc_req *r, const json_t *v, double *out);
bool qc_rpc_v_str(qc_rpc_req *r, const json_t *v, const char **out);
bool qc_rpc_v_hash(qc_rpc_req *r, const json_t *v, const char *name, qc_hash *out);
bool qc_rpc_v_hex(qc_rpc_req *r, const json_t *v, const char *name, qc_bytes *out);
bool qc_rpc_v_amount(qc_rpc_req *r, const json_t *v, int64_t *out);
/** Fail with -3 unless v is of JSON type `want` (JSON_TRUE stands for bool, JSON_INTEGER for
 * number). */
bool qc_rpc_v_type(qc_rpc_req *r, const json_t *v, json_type want);
/** "null" "bool" "object" "array" "string" "number". */
const char *qc_rpc_type_name(const json_t *v);
/** The same for a type. */
const char *qc_rpc_type_text(json_type t);
/** Text of bitcoins ("-0.5", "1e-8") to satoshis, exactly. No range check beyond 10^18. */
bool qc_rpc_parse_amount(const char *text, int64_t *out);

/* ---- parking: wait without holding a thread ---- */
typedef enum qc_rpc_why { QC_RPC_WOKEN, QC_RPC_TIMEOUT, QC_RPC_SHUTDOWN } qc_rpc_why;
/** Called once per park, on an rpc thread. It ends the request as a handler does, or parks again
 *  (not after SHUTDOWN: that fails the request with -9). */
typedef void qc_rpc_resume(qc_rpc_req *r, void *arg, qc_rpc_why why);
/** Park `r` when the handler returns. timeout_ms < 0: none. */
void qc_rpc_park(qc_rpc_req *r, int64_t timeout_ms, qc_rpc_resume *fn, void *arg);

/** A handle that wakes a parked request; harmless when it is not parked any more. A wake that
 *  comes between taking the ticket and parking is remembered: take it, look at the condition,
 *  then park. Thread: any. Shared: _unref. */
typedef struct qc_rpc_ticket qc_rpc_ticket;
qc_rpc_ticket *qc_rpc_ticket_take(qc_rpc_req *r);
void qc_rpc_wake(qc_rpc_ticket *t);
void qc_rpc_ticket_unref(QC_OWN qc_rpc_ticket *t);

/** Requests that wait for the same event. Thread: any. */
typedef struct qc_rpc_waitlist qc_rpc_waitlist;
qc_rpc_waitlist *qc_rpc_waitlist_new(void);
void qc_rpc_waitlist_free(QC_OWN qc_rpc_waitlist *l);
/** Join before looking at the condition; every wake empties the list, so join again before
 *  parking again. */
void qc_rpc_waitlist_join(qc_rpc_waitlist *l, qc_rpc_req *r);
void qc_rpc_waitlist_wake(qc_rpc_waitlist *l);

/** Calls in progress, oldest first: fn(arg, method, microseconds). For getrpcinfo. */
void qc_rpc_each_active(qc_rpc_req *r, void (*fn)(void *arg, const char *method, int64_t us),
                        void *arg);
