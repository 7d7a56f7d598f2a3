/* lib/mock/mining.h: templates and blocks of the mock, as its parts see them. */
#ifndef QUOIN_LIB_MOCK_MINING_H
#define QUOIN_LIB_MOCK_MINING_H
#include "lib/mock/internal.h"

typedef struct qn_mk_made {
    struct qn_mk_made *next;
    qn_template_view view;
    qn_template_tx *tx;
    qn_template_place *place;
    uint8_t *bytes;
    uint32_t refs;     /* of the plugin that runs */
    uint64_t given_at; /* ms; or released */
    bool given;        /* to the plugin */
} qn_mk_made;

typedef struct qn_mk_subscription {
    uint64_t id; /* 0: free */
    qn_mining_options o;
    qn_mining_throttle t;
    qn_template_ready_fn *on_ready;
    void *arg;
    bool waiting, ended; /* on_ready is owed; wait() has ended with `status` */
    qn_status status;
    uint64_t deadline;    /* ms; 0: none */
    uint64_t chain_seq;   /* of what was made last; UINT64_MAX: nothing */
    uint64_t fees_at;     /* when a template came last, ms */
    int64_t fees;         /* of it */
    qn_mk_made *queue[2]; /* an EMPTY one and a FULL one, each with a reference */
} qn_mk_subscription;

struct qn_mk_mining {
    qn_mk_made *all;
    qn_mk_subscription sub[MOCK_FOLLOWS];
    uint64_t last_id, tip_at, chain_seq; /* when the chain was last seen to have changed, ms */
    qn_hash *known;                      /* blocks that were accepted */
    uint32_t n_known;
    const qn_mining_result *result; /* borrowed from the test */
    uint32_t n_result;
    const qn_mining_info *info; /* borrowed from the test; NULL: ready */
    const void *challenge;
    uint32_t challenge_len;
};

/** By its id, whether it is held or not; NULL: none is kept. */
qn_mk_made *qn_mk_template(const qn_mock *m, uint64_t id);
/** Let go those that nobody can name any more. */
void qn_mk_templates_prune(qn_mock *m);
#endif
