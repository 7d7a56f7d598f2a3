/* lib/mock/internal.h: the mock host as its parts see it. */
#ifndef QUOIN_LIB_MOCK_INTERNAL_H
#define QUOIN_LIB_MOCK_INTERNAL_H
#include "lib/rpc_args.h"
#include "quoin/mock.h"

#include <pthread.h>
#include <stdbool.h>

#define MOCK_FOLLOWS 16
#define MOCK_METHODS 64
#define MOCK_ITERS 64
#define MOCK_SNAPSHOTS 16
#define MOCK_ITEMS 128
#define MOCK_LISTENS 16
#define MOCK_ROUTES 64
#define MOCK_CONNS 64
#define MOCK_WATCHES 128
#define MOCK_SCANS 4

struct qn_cap {
    qn_mock *mock;
    const char *id;
    const void *table;
};

typedef struct qn_mk_block {
    qn_block_view *view;
    struct qn_mk_block *parent;
    uint32_t lent; /* views given out and not released */
} qn_mk_block;

typedef struct qn_mk_follow {
    uint64_t id; /* 0: free */
    uint64_t seq, acked;
    qn_mk_block *cursor; /* NULL: before from_height */
    uint32_t from_height, window, flags;
    bool waiting;
    qn_follow_ready_fn *on_ready;
    void *arg;
    qn_follow_event event;
} qn_mk_follow;

typedef struct qn_mk_pool_follow {
    uint64_t id; /* 0: free */
    uint64_t seq, acked, chain_seq;
    uint32_t window;
    bool waiting;
    qn_mempool_ready_fn *on_ready;
    void *arg;
    qn_mempool_event *event; /* those from `at` on are still to come */
    size_t at, n, cap;
} qn_mk_pool_follow;

/** Coins in the order of a walk. */
typedef struct qn_mk_coin {
    qn_coin_row row;
    const uint8_t *script; /* of a block */
} qn_mk_coin;
typedef struct qn_mk_coins {
    qn_mk_coin *coin;
    size_t n, cap;
} qn_mk_coins;
typedef struct qn_mk_scan {
    uint64_t id; /* 0: free */
    qn_mk_coins coins;
    size_t at;
    qn_coins_at tip;
} qn_mk_scan;
typedef struct qn_mk_watcher qn_mk_watcher; /* watch.c */

/** A transaction that has left the mempool, and why. */
typedef struct qn_mk_left {
    qn_hash txid, by;
    uint32_t reason;
} qn_mk_left;

typedef struct qn_mk_task {
    uint64_t id; /* of a timer; 0: a post */
    uint64_t due;
    qn_task_fn *fn;
    void *arg;
    struct qn_mk_task *next;
} qn_mk_task;

/** Sorted by key. */
typedef struct qn_mk_rows {
    struct qn_mk_row {
        uint8_t *key, *value;
        uint32_t key_len, value_len;
    } * row;
    size_t n, cap;
} qn_mk_rows;

typedef struct qn_mk_method {
    char *name, *arg_names, *help;
    qn_rpc_range n_args;
    qn_rpc_handler_fn *fn;
    void *arg;
    uint32_t timeout_ms;
} qn_mk_method;

typedef struct qn_mk_route {
    char *path;             /* NULL: free */
    qn_http_handler_fn *fn; /* NULL: content */
    void *arg;
    uint32_t methods;
    char *content;
} qn_mk_route;

struct qn_mock {
    qn_cap cap[22];
    struct {
        const char *id;
        qn_status with;
    } denied[MOCK_ITEMS];
    unsigned n_denied;
    qn_config_item config[MOCK_ITEMS];
    unsigned n_config;
    const qn_plugin_1 *entry;
    void *self;
    bool running;
    char *failure, *log;
    uint64_t calls, fail_at;
    qn_status fail_with;
    pthread_t thread;     /* of the plugin's loop */
    pthread_mutex_t lock; /* one table call at a time; tasks */
    char wrong_thread[64];
    qn_mock_call_fn *on_call;
    void *on_call_arg;
    qn_mock_line_fn *trace;
    void *trace_arg;
    unsigned steps; /* callbacks that run() may still make */
    uint64_t now_ms, next_id;
    qn_mk_task *tasks; /* in the order of their due times */

    qn_mk_block **block; /* all of them */
    size_t n_block;
    qn_mk_block **active; /* by height */
    uint32_t height;
    uint64_t chain_seq;
    uint32_t salt, window;
    uint32_t pruned;  /* blocks below have no body */
    uint32_t damaged; /* height of one that cannot be read, and 1; 0: none */
    struct mock_queued_out {
        uint8_t *script;
        uint32_t len;
        int64_t value;
    } out[MOCK_ITEMS];
    struct mock_queued_in {
        qn_hash txid;
        uint32_t n;
    } in[MOCK_ITEMS];
    uint32_t n_out, n_in;
    qn_mk_follow follow[MOCK_FOLLOWS];
    qn_mk_scan scan[MOCK_SCANS];

    qn_mk_rows rows, synced;
    uint64_t quota;          /* 0: none */
    int folder;              /* file of batches; -1: memory only */
    uint64_t folder_durable; /* bytes of it that survive a kill */
    struct qn_mk_snapshot {
        uint64_t id;
        qn_mk_rows rows;
    } snapshot[MOCK_SNAPSHOTS];
    struct qn_mk_iter {
        uint64_t id, snapshot;
        qn_mk_rows rows; /* of its own: a walk sees one state */
        size_t at, end;
        bool reverse;
    } iter[MOCK_ITERS];

    qn_mk_method method[MOCK_METHODS];
    struct qn_mk_listen {
        uint64_t id; /* 0: free */
        char address[64];
        qn_accept_fn *fn;
        void *arg;
    } listen[MOCK_LISTENS];
    uint64_t conn[MOCK_CONNS]; /* connections that are out */
    struct qn_mk_watch {
        int32_t fd;
        uint32_t events;
        qn_io_fn *fn;
        void *arg;
    } watch[MOCK_WATCHES];
    int n_conn, n_watch;
    struct qn_mk_connect {
        uint64_t id;
        qn_mock *mock;
        qn_connected_fn *fn;
        void *arg;
    } connect[MOCK_CONNS]; /* under way */
    qn_status connect_with;
    int far_end[MOCK_CONNS], n_far; /* ends that the test has not taken */

    qn_node_info node;
    const char *node_warnings; /* what follows is borrowed from the test */
    const qn_node_plugin *node_plugin;
    const qn_node_metric *node_metric;
    uint32_t n_node_plugin, n_node_metric;
    qn_peers_info peers;
    const qn_peer *peer;
    const qn_peer_message *peer_message;
    const qn_peer_network *peer_network;
    const qn_peer_local *peer_local;
    const qn_peer_ban *peer_ban;
    const qn_peer_added *peer_added;
    uint32_t n_peer, n_peer_message, n_peer_network, n_peer_local, n_peer_ban, n_peer_added;

    qn_mock_tx *pool;
    uint32_t n_pool;
    uint64_t pool_seq; /* of the next event */
    qn_mk_pool_follow pool_follow[MOCK_FOLLOWS];
    qn_mk_left *left;
    uint32_t n_left;
    qn_mk_watcher *watcher;                /* MOCK_FOLLOWS of them */
    const qn_submit_result *submit_result; /* borrowed from the test */
    uint32_t n_submit_result;
    int64_t fee_floor, fee_estimate;

    struct qn_mk_mining *mining; /* mining.c */

    qn_mk_route route[MOCK_ROUTES];
    uint64_t http_request; /* waiting; 0: none */
    uint32_t http_status;
    uint64_t request; /* waiting; 0: none */
    char *reply;
};

/** Every method's first line. */
qn_status qn_mk_enter(qn_cap *cap);

/* What tables.c, which is generated, says of a call. */
typedef struct qn_mk_slot {
    const char *interface, *method;
    uint8_t any, status; /* from any thread; answers a status */
} qn_mk_slot;

typedef struct qn_mk_line {
    qn_mock *mock;
    bool on, comma;
    size_t len;
    char text[1000];
} qn_mk_line;

/** The table that is handed out for an interface: it goes through qn_mk_begin() and qn_mk_end(). */
const void *qn_mk_handed_out(const char *id);
/** QN_OK: go on; else what the call answers. Ends with qn_mk_end() in any case. */
qn_status qn_mk_begin(qn_mk_line *l, qn_cap *cap, const qn_mk_slot *slot);
/** st NULL: the method answers none. Returns *st. */
qn_status qn_mk_end(qn_mk_line *l, const qn_status *st);
void qn_mk_u64(qn_mk_line *l, const char *name, uint64_t value);
void qn_mk_i64(qn_mk_line *l, const char *name, int64_t value);
void qn_mk_words(qn_mk_line *l, const char *name, const char *text, uint64_t len);
void qn_mk_hex(qn_mk_line *l, const char *name, const void *bytes, uint64_t len, bool hash);
void qn_mk_open(qn_mk_line *l, const char *name);
void qn_mk_close(qn_mk_line *l);
void qn_mk_view(qn_mk_line *l, const char *name, const qn_block_view *v);
void qn_mk_arrow(qn_mk_line *l);
/** A line of the trace that is no table call. */
void qn_mk_note(qn_mock *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** realloc() that ends the program instead of failing. */
void *qn_mk_grow(void *p, size_t size);
char *qn_mk_text(const char *text, size_t len);
/** What the method is called with: by position what came by name. Out: *refused: it is not called,
 *  and this is the answer. Owned: free(). rpc_params.c. */
char *qn_mk_params(const qn_mk_method *x, const char *params, bool *refused);
void qn_mk_post(qn_mock *m, uint64_t id, uint64_t delay_ms, qn_task_fn *fn, void *arg);

extern const qn_chain_read_1 QN_MK_CHAIN_READ;
extern const qn_chain_follow_1 QN_MK_CHAIN_FOLLOW;
extern const qn_block_read_1 QN_MK_BLOCK_READ;
extern const qn_coins_read_1 QN_MK_COINS_READ;
extern const qn_store_own_1 QN_MK_STORE_OWN;
extern const qn_rpc_serve_1 QN_MK_RPC_SERVE;
extern const qn_net_listen_1 QN_MK_NET_LISTEN;
extern const qn_http_serve_1 QN_MK_HTTP_SERVE;
extern const qn_node_read_1 QN_MK_NODE_READ;
extern const qn_node_control_1 QN_MK_NODE_CONTROL;
extern const qn_peers_read_1 QN_MK_PEERS_READ;
extern const qn_peers_control_1 QN_MK_PEERS_CONTROL;
extern const qn_net_connect_1 QN_MK_NET_CONNECT;
extern const qn_mempool_read_1 QN_MK_MEMPOOL_READ;
extern const qn_mempool_follow_1 QN_MK_MEMPOOL_FOLLOW;
extern const qn_tx_submit_1 QN_MK_TX_SUBMIT;
extern const qn_fees_estimate_1 QN_MK_FEES_ESTIMATE;
extern const qn_mining_template_1 QN_MK_MINING_TEMPLATE;
extern const qn_mining_submit_1 QN_MK_MINING_SUBMIT;
extern const qn_mining_check_1 QN_MK_MINING_CHECK;
extern const qn_watch_1 QN_MK_WATCH;

void qn_mk_chain_init(qn_mock *m);
void qn_mk_chain_free(qn_mock *m);
/** The plugin is gone: its subscriptions are too. */
void qn_mk_chain_drop(qn_mock *m);
qn_mk_block *qn_mk_find(const qn_mock *m, const qn_hash *hash);
bool qn_mk_is_active(const qn_mock *m, const qn_mk_block *b);
/** The plugin is gone: its walks are too. */
void qn_mk_coins_drop(qn_mock *m);
/** on_ready for who waits. */
void qn_mk_wake(qn_mock *m);
/** Make a view of a block with a coinbase and, when something is queued, one more transaction. */
qn_block_view *qn_mk_build(qn_mock *m, const qn_mk_block *parent);
void qn_mk_rows_free(qn_mk_rows *r);
void qn_mk_store_drop(qn_mock *m, bool crash);
/** A well-formed batch into the rows. */
void qn_mk_store_apply(qn_mock *m, const uint8_t *batch, uint64_t len);
/** To the file, when there is one. */
qn_status qn_mk_folder_write(qn_mock *m, const void *batch, uint64_t len, uint32_t flags);
qn_status qn_mk_folder_wipe(qn_mock *m);
/** The plugin is gone: everything is durable, or after a crash what was not is dropped. */
void qn_mk_folder_end(qn_mock *m, bool crash);
void qn_mk_rpc_drop(qn_mock *m);
void qn_mk_net_drop(qn_mock *m);
void qn_mk_node_init(qn_mock *m);
void qn_mk_peers_init(qn_mock *m);
void qn_mk_pool_init(qn_mock *m);
/** The plugin is gone: its subscriptions are too. */
void qn_mk_pool_drop(qn_mock *m);
void qn_mk_pool_free(qn_mock *m);
/** on_ready for who waits. */
void qn_mk_pool_wake(qn_mock *m);
void qn_mk_mining_init(qn_mock *m);
/** The plugin is gone: what it was given can still be submitted. */
void qn_mk_mining_drop(qn_mock *m);
void qn_mk_mining_free(qn_mock *m);
/** on_ready for who waits. */
void qn_mk_mining_wake(qn_mock *m);
void qn_mk_watch_init(qn_mock *m);
/** The plugin is gone: its streams are too. */
void qn_mk_watch_drop(qn_mock *m);
void qn_mk_watch_free(qn_mock *m);
/** on_ready for who waits. */
void qn_mk_watch_wake(qn_mock *m);
/** warnings() of node.read and peers.read. */
qn_status qn_mk_warnings(qn_cap *cap, void *text, uint32_t max, uint32_t *used);
/** The whole of what a control table does: a line "WHO: WHAT ON" in the log. */
qn_status qn_mk_control(qn_cap *cap, const char *who, const char *what, const char *on);
/** A line "WHO: WHAT ON" in the log. */
void qn_mk_logf(qn_mock *m, const char *who, const char *what, const char *on);
void qn_mk_http_drop(qn_mock *m);
qn_status qn_mk_io_watch(qn_cap *cap, int32_t fd, uint32_t events, qn_io_fn *fn, void *arg);
qn_status qn_mk_io_unwatch(qn_cap *cap, int32_t fd);
/** Run the callbacks of what is ready now. Returns how many. */
unsigned qn_mk_io_poll(qn_mock *m);
#endif
