/* indexer.*: requests to jobs, jobs to answers. A job scans in slices posted to the plugin's loop.
 */
#include "plugins/indexer/methods.h"

#include "lib/hash.h"
#include "lib/hex.h"

#include <stdlib.h>

static void fail(const ix *x, uint64_t request, int32_t code, const char *message)
{
    x->rpc.t->reply_error(x->rpc.cap, request, code, message, (uint32_t)strlen(message));
}

static void fail_status(const ix *x, uint64_t request, qn_status st)
{
    switch (st) {
    case QN_E_NOTFOUND:
        fail(x, request, IX_RPC_NOT_FOUND, "No such transaction in the index");
        return;
    case QN_E_PRUNED:
        fail(x, request, IX_RPC_NOT_FOUND,
             "The block is pruned: the node has its transactions no more");
        return;
    case QN_E_NOMEM:
        fail(x, request, -7, "Out of memory");
        return;
    default:
        fail(x, request, IX_RPC_INTERNAL, "The index or a block could not be read");
    }
}

static void send(const ix *x, uint64_t request, qn_json *j)
{
    if (j->failed)
        fail_status(x, request, QN_E_NOMEM);
    else
        x->rpc.t->reply(x->rpc.cap, request, j->data, j->len);
    qn_json_free(j);
}

/* ---- arguments ---- */

static json_t *parse(const ix *x, uint64_t request, const char *params, uint32_t len)
{
    json_t *a = json_loadb(params, len, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_array(a))
        return a;
    json_decref(a);
    fail(x, request, IX_RPC_INVALID_PARAMETER, "Parameters must be an array");
    return NULL;
}

/* At most ten digits and nothing else; -1 otherwise. */
static int64_t decimal(const char *s)
{
    size_t len = strlen(s);
    int64_t n = 0;
    if (len == 0 || len > 10 || strspn(s, "0123456789") != len)
        return -1;
    for (; *s; s++)
        n = n * 10 + (*s - '0');
    return n;
}

static bool number_arg(const ix *x, uint64_t request, const json_t *a, size_t i, const char *name,
                       uint32_t max, uint32_t *out)
{
    char text[120];
    const json_t *v = json_array_get(a, i);
    int64_t n = -1;
    if (!v || json_is_null(v))
        return true;
    if (json_is_integer(v))
        n = json_integer_value(v);
    else if (json_is_string(v)) /* a command line client that does not know the method */
        n = decimal(json_string_value(v));
    if (n >= 0 && n <= max) {
        *out = (uint32_t)n;
        return true;
    }
    snprintf(text, sizeof text, "%s must be a whole number from 0 to %u", name, max);
    fail(x, request, IX_RPC_INVALID_PARAMETER, text);
    return false;
}

static bool script_param(const ix *x, uint64_t request, const json_t *a, uint8_t out[static 32])
{
    const char *text = json_string_value(json_array_get(a, 0)), *why = "it must be a string";
    char message[200];
    if (text && ix_script_arg(x, text, out, &why))
        return true;
    snprintf(message, sizeof message, "Invalid script: %s", why);
    fail(x, request, IX_RPC_INVALID_PARAMETER, message);
    return false;
}

static bool txid_param(const ix *x, uint64_t request, const json_t *a, qn_hash *out)
{
    const char *text = json_string_value(json_array_get(a, 0));
    if (text && qn_hex_decode_reversed(text, strlen(text), out->b, 32))
        return true;
    fail(x, request, IX_RPC_INVALID_PARAMETER, "txid must be a string of 64 hex digits");
    return false;
}

/* ---- jobs ---- */

static void job_unlink(ix_job *job)
{
    for (ix_job **p = &job->x->jobs; *p; p = &(*p)->next)
        if (*p == job) {
            *p = job->next;
            break;
        }
    ix_query_clear(&job->q);
    free(job);
}

void ix_jobs_cancel(ix *x)
{
    while (x->jobs) {
        fail(x, x->jobs->request, IX_RPC_INTERNAL, "The indexer is being stopped");
        job_unlink(x->jobs);
    }
}

static void job_answer(const ix_job *job)
{
    const ix *x = job->x;
    qn_json j = {0};
    qn_json_open(&j, NULL, '{');
    ix_put_tip(&j, job->q.heights, &job->q.tip);
    switch (job->want) {
    case IX_HISTORY:
        ix_put_history(&j, job);
        break;
    case IX_UTXOS:
        ix_put_utxos(&j, job);
        break;
    case IX_BALANCE:
        ix_put_balance(&j, job);
        break;
    case IX_SPENDER:
        ix_put_spender(&j, job);
        break;
    }
    qn_json_close(&j, '}');
    send(x, job->request, &j);
}

static void job_run(void *arg)
{
    ix_job *job = arg;
    const ix *x = job->x;
    qn_status st = ix_query_step(x, &job->q);
    if (st == QN_E_AGAIN)
        st = x->host->post(x->cap, job_run, job);
    else if (st == QN_OK) {
        job_answer(job);
        job_unlink(job);
        return;
    }
    if (st != QN_OK) {
        fail_status(x, job->request, st);
        job_unlink(job);
    }
}

static void job_start(ix *x, const ix_job *want)
{
    ix_job *job = malloc(sizeof *job);
    if (!job) {
        fail_status(x, want->request, QN_E_NOMEM);
        return;
    }
    *job = *want;
    job->x = x;
    job->next = x->jobs;
    x->jobs = job;
    qn_status st = ix_query_begin(x, &job->q);
    if (st == QN_OK) {
        job_run(job);
    } else {
        fail_status(x, job->request, st);
        job_unlink(job);
    }
}

static void script_method(ix *x, uint64_t request, const char *params, uint32_t len, ix_want want)
{
    ix_job job = {.request = request, .want = want, .limit = x->max_results};
    json_t *a = parse(x, request, params, len);
    if (!a)
        return;
    bool paged = want != IX_BALANCE;
    if (script_param(x, request, a, job.q.script_hash) &&
        (!paged || (number_arg(x, request, a, 1, "from", 0xffffffffu, &job.from) &&
                    number_arg(x, request, a, 2, "limit", x->max_results, &job.limit))))
        job_start(x, &job);
    json_decref(a);
}

/* ---- handlers ---- */

static void on_history(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    script_method(arg, r->request, params, len, IX_HISTORY);
}

static void on_utxos(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    script_method(arg, r->request, params, len, IX_UTXOS);
}

static void on_balance(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    script_method(arg, r->request, params, len, IX_BALANCE);
}

static void on_tx(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    const ix *x = arg;
    qn_hash txid;
    uint32_t height, pos, txnum;
    const qn_block_view *v;
    json_t *a = parse(x, r->request, params, len);
    if (a && txid_param(x, r->request, a, &txid)) {
        qn_status st = ix_find_tx(x, &txid, &height, &pos, &txnum, &v);
        if (st == QN_OK) {
            qn_json j = {0};
            qn_json_open(&j, NULL, '{');
            ix_put_tx(x, &j, v, height, pos);
            qn_json_close(&j, '}');
            x->blocks.t->release(x->blocks.cap, v);
            send(x, r->request, &j);
        } else {
            fail_status(x, r->request, st);
        }
    }
    json_decref(a);
}

/* The spender is among the transactions of the output's own script. */
static void find_spender(ix *x, uint64_t request, const qn_hash *txid, uint32_t n)
{
    uint32_t height, pos, txnum;
    const qn_block_view *v;
    ix_job job = {.request = request, .want = IX_SPENDER};
    qn_status st = ix_find_tx(x, txid, &height, &pos, &txnum, &v);
    if (st != QN_OK) {
        fail_status(x, request, st);
        return;
    }
    const qn_tx_rec *tx = qn_view_tx(v, pos);
    bool there = n < tx->n_out;
    if (there) {
        const qn_out_rec *out = qn_view_out(v, tx->out0 + n);
        qn_script_hash(qn_out_script(v, out), out->script_len, job.q.script_hash);
        job.q.seek = true;
        job.q.seek_txid = *txid;
        job.q.seek_n = n;
        job.q.after = txnum;
    }
    x->blocks.t->release(x->blocks.cap, v);
    if (there)
        job_start(x, &job);
    else
        fail(x, request, IX_RPC_INVALID_PARAMETER, "The transaction has no such output");
}

static void on_spender(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    ix *x = arg;
    qn_hash txid;
    uint32_t n = 0xffffffffu;
    json_t *a = parse(x, r->request, params, len);
    if (a && txid_param(x, r->request, a, &txid) &&
        number_arg(x, r->request, a, 1, "vout", 0xfffffffeu, &n)) {
        if (n == 0xffffffffu)
            fail(x, r->request, IX_RPC_INVALID_PARAMETER, "vout is missing");
        else
            find_spender(x, r->request, &txid, n);
    }
    json_decref(a);
}

static void on_status(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    const ix *x = arg;
    (void)params;
    (void)len;
    qn_json j = {0};
    qn_json_open(&j, NULL, '{');
    ix_put_status(x, &j);
    qn_json_close(&j, '}');
    send(x, r->request, &j);
}

static const struct {
    const char *name, *args, *help;
    qn_rpc_handler_fn *fn;
} METHOD[] = {
    {"indexer.tx", "txid",
     "indexer.tx \"txid\"\n\nThe transaction with this id on the active chain: its bytes, block, "
     "height, position and fee.\n",
     on_tx},
    {"indexer.history", "script from limit",
     "indexer.history \"script\" ( from limit )\n\nTransactions that pay to or spend from a "
     "script, in chain order.\nscript: an address, a hex scriptPubKey, or an Electrum script hash "
     "(\"script:\" and \"scripthash:\" say which hex is meant).\nfrom: first entry to show "
     "(default 0). limit: most entries to show.\n",
     on_history},
    {"indexer.utxos", "script from limit",
     "indexer.utxos \"script\" ( from limit )\n\nUnspent outputs of a script, in chain order. "
     "Parameters as indexer.history.\n",
     on_utxos},
    {"indexer.balance", "script",
     "indexer.balance \"script\"\n\nWhat a script holds, and what it received and sent in all.\n",
     on_balance},
    {"indexer.spender", "txid vout",
     "indexer.spender \"txid\" vout\n\nThe transaction and input that spend an output, or spent: "
     "false.\n",
     on_spender},
    {"indexer.status", "", "indexer.status\n\nHow far the index is, and how large.\n", on_status},
};

qn_status ix_methods_add(ix *x)
{
    qn_rpc_method limits;
    QN_INIT(&limits);
    limits.set = QN_SET_RPC_METHOD_TIMEOUT_MS;
    limits.timeout_ms = 600000; /* a script with a long history takes its time */
    for (size_t i = 0; i < sizeof METHOD / sizeof METHOD[0]; i++) {
        qn_status st = x->rpc.t->add(x->rpc.cap, &limits, METHOD[i].name, METHOD[i].args,
                                     METHOD[i].help, METHOD[i].fn, x);
        if (st != QN_OK)
            return st;
    }
    return QN_OK;
}
