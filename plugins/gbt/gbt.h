/* plugins/gbt: getblocktemplate and submitblock from the interfaces about mining alone. template.c
 * keeps the last template and writes it down, poll.c lets long polls wait, request.c reads what
 * miners ask, hand_in.c hands in what they found, gbt.c is the plugin. All on the plugin's loop. */
#pragma once
#include "lib/gbt.h"
#include "quoin/mining_check.h"
#include "quoin/mining_submit.h"
#include "quoin/mining_template.h"
#include "quoin/rpc_serve.h"
#include "quoin/sdk.h"

#include <jansson.h>
#include <stdbool.h>

/** Error codes of bitcoind's RPC. */
enum {
    GB_MISC = -1,
    GB_TYPE = -3,
    GB_NOMEM = -7,
    GB_PARAMETER = -8,
    GB_NOT_CONNECTED = -9,
    GB_DOWNLOADING = -10,
    GB_DECODE = -22,
    GB_INTERNAL = -25
};

#define GB_POLLS 512u   /* that wait at once */
#define GB_LATE 16u     /* blocks that the node was too busy for */
#define GB_PROPOSALS 8u /* not answered yet: they leave room for blocks among the late ones */
#define GB_PROPOSAL_BYTES 16000000u /* of all those: as many as one may have */

/** The template that was made last, with all that its JSON needs. */
typedef struct gb_template {
    bool have;
    qn_template_view v;
    int64_t made; /* seconds, as the host tells the time */
    qn_template_tx *tx;
    qn_template_place *place;
    uint8_t *bytes;
    qn_template_rule *rule;
} gb_template;

/** A call that waits for a better template. */
typedef struct gb_poll {
    uint64_t request;
    qn_hash tip; /* answer when the tip is another one */
    uint64_t updates;
    uint64_t look_at; /* ms: whether the mempool has changed */
    uint64_t until;   /* ms: answer with what there is, before the host answers that it is late */
    bool light;
    const char **rule; /* owned, with the texts behind it */
    size_t n_rules;
} gb_poll;

/** A block that is offered again for a while before its miner hears that the node is busy. */
typedef struct gb_late {
    uint64_t request;
    uint8_t *block; /* owned, free() */
    uint32_t len;
    uint32_t tries; /* that are left */
    bool proposal;
} gb_late;

typedef struct gb {
    const qn_host_1 *host;
    const qn_mining_template_1 *mining;
    const qn_mining_submit_1 *submit;
    const qn_mining_check_1 *check;
    const qn_rpc_serve_1 *rpc;
    qn_cap *cap, *mining_cap, *submit_cap, *check_cap, *rpc_cap;
    uint32_t reuse_s;
    uint8_t challenge[10000]; /* of a signet */
    uint32_t challenge_len;
    bool signet;
    gb_template t;
    gb_poll poll[GB_POLLS];
    uint32_t n_polls;
    uint64_t subscription, timer; /* 0: none */
    gb_late late[GB_LATE];
    uint32_t n_late;
    uint64_t late_timer;            /* 0: none */
    gb_late proposal[GB_PROPOSALS]; /* not looked at yet, oldest first */
    uint32_t n_proposals;
    uint32_t unanswered, unanswered_bytes; /* proposals: those, and late ones */
} gb;

/** Parameters of a call. A block in hex digits is not copied into the JSON. */
typedef struct gb_params {
    json_t *array;   /* NULL after an error; json_decref() it */
    const char *hex; /* NULL: none was left out; borrowed of the request */
    size_t n_hex;
} gb_params;

/** Answer a request with an error, with a format. */
__attribute__((format(printf, 4, 5))) void gb_fail(const gb *g, uint64_t request, int32_t code,
                                                   const char *fmt, ...);
/** The error that a failed call of the host means to a miner. */
void gb_fail_status(const gb *g, uint64_t request, qn_status st, const char *what);
/** Answer with a JSON text, which is freed. */
void gb_send(const gb *g, uint64_t request, qn_json *j);

/* ---- template.c ---- */
/** A template of now, or the last one while that will do. Returns QN_OK or why not. */
qn_status gb_template_get(gb *g);
void gb_template_clear(gb *g);
/** Answer with the template: all of it, or the light variant. */
void gb_answer(gb *g, uint64_t request, const qn_gbt_client *client, bool light);

/* ---- poll.c ---- */
/** Let the call wait; p->rule is taken. Answers it, now or later. */
void gb_poll_add(gb *g, gb_poll *p);
/** Answer all that wait with an error: the plugin is being stopped. */
void gb_poll_end(gb *g);

/* ---- request.c, hand_in.c: the methods ---- */
void gb_on_template(void *arg, const qn_rpc_request *r, const char *params, uint32_t len);
void gb_on_template_light(void *arg, const qn_rpc_request *r, const char *params, uint32_t len);
void gb_on_block(void *arg, const qn_rpc_request *r, const char *params, uint32_t len);
void gb_on_solution(void *arg, const qn_rpc_request *r, const char *params, uint32_t len);
/** A proposal (BIP23): `data` of the parameters, hex digits. It is looked at when no other request
 *  is there to be served, and refused while too much of its kind waits. */
void gb_propose(gb *g, uint64_t request, const gb_params *p, const json_t *data);
/** Answer all proposals that wait and all blocks that are still to be offered again: the plugin is
 *  being stopped. */
void gb_late_end(gb *g);
/** The parameters as an array. False after an error, which has been answered. */
bool gb_params_read(const gb *g, uint64_t request, const char *params, uint32_t len,
                    gb_params *out);
/** A string of them. Out: *len. Returns: NULL: it is none. */
const char *gb_params_text(const gb_params *p, const json_t *v, size_t *len);
