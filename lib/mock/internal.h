/* lib/mock/internal.h: the mock host as its parts see it. */
#ifndef QUOIN_LIB_MOCK_INTERNAL_H
#define QUOIN_LIB_MOCK_INTERNAL_H
#include "quoin/mock.h"

#include <stdbool.h>

#define MOCK_FOLLOWS 16
#define MOCK_METHODS 64
#define MOCK_ITERS 64
#define MOCK_SNAPSHOTS 16
#define MOCK_ITEMS 32

struct qn_cap {
    qn_mock *mock;
    const char *id;
    const void *table;
};

typedef struct mock_block {
    qn_block_view *view;
    struct mock_block *parent;
    uint32_t lent; /* views given out and not released */
} mock_block;

typedef struct mock_follow {
    uint64_t id; /* 0: free */
    uint64_t seq, acked;
    mock_block *cursor; /* NULL: before from_height */
    uint32_t from_height, window, flags;
    bool waiting;
    qn_follow_ready_fn *on_ready;
    void *arg;
    qn_follow_event event;
} mock_follow;

typedef struct mock_task {
    uint64_t id; /* of a timer; 0: a post */
    uint64_t due;
    qn_task_fn *fn;
    void *arg;
    struct mock_task *next;
} mock_task;

/** Sorted by key. */
typedef struct mock_rows {
    struct mock_row {
        uint8_t *key, *value;
        uint32_t key_len, value_len;
    } * row;
    size_t n, cap;
} mock_rows;

typedef struct mock_method {
    char *name;
    qn_rpc_handler_fn *fn;
    void *arg;
} mock_method;

struct qn_mock {
    qn_cap cap[6];
    const char *denied[MOCK_ITEMS];
    unsigned n_denied;
    qn_config_item config[MOCK_ITEMS];
    unsigned n_config;
    const qn_plugin_1 *entry;
    void *self;
    bool running;
    char *failure, *log;
    uint64_t calls, fail_at;
    qn_status fail_with;
    uint64_t now_ms, next_id;
    mock_task *tasks; /* in the order of their due times */

    mock_block **block; /* all of them */
    size_t n_block;
    mock_block **active; /* by height */
    uint32_t height;
    uint64_t chain_seq;
    uint32_t salt, window;
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
    mock_follow follow[MOCK_FOLLOWS];

    mock_rows rows, synced;
    struct mock_snapshot {
        uint64_t id;
        mock_rows rows;
    } snapshot[MOCK_SNAPSHOTS];
    struct mock_iter {
        uint64_t id, snapshot;
        mock_rows rows; /* of its own: a walk sees one state */
        size_t at, end;
        bool reverse;
    } iter[MOCK_ITERS];

    mock_method method[MOCK_METHODS];
    uint64_t request; /* waiting; 0: none */
    char *reply;
};

/** Every method's first line: counts, and says when this call is to fail. */
qn_status mock_enter(qn_cap *cap);
/** realloc() that ends the program instead of failing. */
void *mock_grow(void *p, size_t size);
char *mock_text(const char *text, size_t len);
void mock_post(qn_mock *m, uint64_t id, uint64_t delay_ms, qn_task_fn *fn, void *arg);

extern const qn_chain_read_1 MOCK_CHAIN_READ;
extern const qn_chain_follow_1 MOCK_CHAIN_FOLLOW;
extern const qn_block_read_1 MOCK_BLOCK_READ;
extern const qn_store_own_1 MOCK_STORE_OWN;
extern const qn_rpc_serve_1 MOCK_RPC_SERVE;

void mock_chain_init(qn_mock *m);
void mock_chain_free(qn_mock *m);
/** The plugin is gone: its subscriptions are too. */
void mock_chain_drop(qn_mock *m);
mock_block *mock_find(const qn_mock *m, const qn_hash *hash);
bool mock_is_active(const qn_mock *m, const mock_block *b);
/** on_ready for who waits. */
void mock_wake(qn_mock *m);
/** Make a view of a block with a coinbase and, when something is queued, one more transaction. */
qn_block_view *mock_build(qn_mock *m, const mock_block *parent);
void mock_rows_free(mock_rows *r);
void mock_store_drop(qn_mock *m, bool crash);
void mock_rpc_drop(qn_mock *m);
#endif
