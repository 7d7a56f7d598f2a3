#include "core/net/i2p.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/os/file.h"

#include <stdio.h>

#define UNUSED_MAX 10u /* Core MAX_UNUSED_I2P_SESSIONS_SIZE */
#define WAIT_FIRST_MS 1000
#define WAIT_MAX_MS 300000
#define ID_LEN 10u

/* A session with the router; its streams live as long as its connection does. */
struct qc_i2p_session {
    qc_i2p *i2p;
    qc_i2p_session *next; /* among the unused */
    bool lasting, ready, opening;
    bool saving; /* opening, and its key is being written */
    char id[ID_LEN + 1];
    qc_netaddr me;
    qc_sam control;
};

struct qc_i2p_dial {
    qc_i2p *i2p;
    qc_i2p_dial *next;
    qc_i2p_session *session;
    qc_peer_addr to;
    char text[QC_PEER_ADDR_TEXT];
    bool waiting, named; /* for the session; the name has been asked for */
    bool alone;          /* not by the lasting session */
    qc_sam stream;
    qc_timer *soon; /* begins it, so that no end comes inside qc_i2p_connect() */
    qc_i2p_fn *fn;
    void *arg;
};

/* A key on its way to the disk. */
typedef struct key_job {
    qc_i2p *i2p; /* NULL: gone */
    char *path;
    qc_bytes key;
    qc_err err;
} key_job;

struct qc_i2p {
    qc_i2p_options o;
    char *key_path;
    qc_bytes key; /* of the lasting session; empty: the router is to make one */
    key_job *saving;
    qc_i2p_session *lasting, *unused;
    qc_i2p_dial *dials;
    /* accepting */
    qc_sam listener;
    qc_timer *retry;
    int64_t wait_ms;
    bool accepting, awaiting, announced; /* the session; a peer */
    qc_netaddr announced_as;
};

static void go_on(qc_i2p_session *s, const char *problem);
static void accept_with(qc_i2p *i, const char *problem);

/* ---- sessions ---- */

static qc_i2p_session *session_new(qc_i2p *i, bool lasting)
{
    qc_i2p_session *s = qc_alloc(sizeof *s);
    *s = (qc_i2p_session){.i2p = i, .lasting = lasting, .control = {.fd = -1}};
    return s;
}

static void session_close(qc_i2p_session *s)
{
    if (s->ready)
        qc_log(QC_LOG_INFO, "i2p", "Destroying I2P SAM session %s", s->id);
    s->ready = s->opening = s->saving = false;
    qc_sam_close(&s->control);
}

void qc_i2p_release(qc_i2p_session *s)
{
    if (!s)
        return;
    session_close(s);
    qc_free(s);
}

static void session_fails(qc_i2p_session *s, const char *why)
{
    char text[256];
    snprintf(text, sizeof text, "%s", why); /* it may lie in what is closed now */
    session_close(s);
    go_on(s, text);
}

static void on_control_after(void *arg, const char *line, const char *problem)
{
    qc_i2p_session *s = arg;
    qc_log(QC_LOG_DEBUG, "i2p", "Control socket error: %s", problem ? problem : line);
    session_fails(s, problem ? problem : "unasked words on the control connection");
}

static void on_created(void *arg, const char *line, const char *problem)
{
    qc_i2p_session *s = arg;
    qc_span text, dest;
    qc_bytes key = QC_BYTES_INIT;
    const char *why = problem;
    if (!why && !qc_sam_result_is(line, "OK"))
        why = "Reply to \"SESSION CREATE ...\": had a RESULT not equal to OK.";
    if (!why && !s->lasting &&
        (!qc_sam_value(line, "DESTINATION", &text) || qc_i2p_decode(text, &key)))
        why = "no DESTINATION in the reply to \"SESSION CREATE ...\"";
    if (!why && !qc_i2p_destination(qc_bytes_span(s->lasting ? &s->i2p->key : &key), &dest))
        why = "The private key is too short";
    if (!why) {
        s->me = qc_i2p_address(dest);
        s->ready = true;
        s->opening = false;
        s->control.fn = on_control_after;
        char me[QC_NETADDR_TEXT];
        qc_netaddr_text(&s->me, me);
        qc_log(QC_LOG_INFO, "i2p", "%s I2P SAM session %s created, my address=%s:0",
               s->lasting ? "Persistent" : "Transient", s->id, me);
    }
    if (key.data)
        qc_wipe(key.data, key.len);
    qc_bytes_free(&key);
    if (why)
        session_fails(s, why);
    else
        go_on(s, NULL);
}

/* Ed25519 keys by number: i2pd before 2.24 does not know their name. */
static void create(qc_i2p_session *s, const char *destination)
{
    char *line = qc_asprintf("SESSION CREATE STYLE=STREAM ID=%s DESTINATION=%s%s "
                             "i2cp.leaseSetEncType=4,0 inbound.quantity=%d outbound.quantity=%d",
                             s->id, destination, s->lasting ? "" : " SIGNATURE_TYPE=7",
                             s->lasting ? 3 : 1, s->lasting ? 3 : 1);
    s->control.fn = on_created;
    qc_sam_ask(&s->control, line);
    qc_wipe(line, strlen(line));
    qc_free(line);
}

static void create_lasting(qc_i2p_session *s)
{
    char *text = qc_i2p_encode(qc_bytes_span(&s->i2p->key));
    create(s, text);
    qc_wipe(text, strlen(text));
    qc_free(text);
}

/* ---- the key of the lasting session ---- */

static void save(void *arg)
{
    key_job *j = arg;
    j->err = qc_os_write_file_atomic(j->path, qc_bytes_span(&j->key), 0600);
}

static void key_job_free(key_job *j)
{
    if (j->key.data)
        qc_wipe(j->key.data, j->key.len);
    qc_bytes_free(&j->key);
    qc_free(j->path);
    qc_free(j);
}

/* On the loop. A key that cannot be kept is not used: the next start would have another address. */
static void on_saved(void *arg)
{
    key_job *j = arg;
    qc_i2p *i = j->i2p;
    if (i) {
        i->saving = NULL;
        bool wanted = i->lasting->saving;
        i->lasting->saving = false;
        if (!j->err) {
            i->key = j->key;
            j->key = (qc_bytes)QC_BYTES_INIT;
        }
        if (j->err && wanted)
            session_fails(i->lasting, "Cannot save I2P private key");
        else if (wanted)
            create_lasting(i->lasting);
    }
    key_job_free(j);
}

static void on_generated(void *arg, const char *line, const char *problem)
{
    qc_i2p_session *s = arg;
    qc_i2p *i = s->i2p;
    qc_span text, dest;
    qc_bytes key;
    if (problem || !qc_sam_value(line, "PRIV", &text) || qc_i2p_decode(text, &key)) {
        session_fails(s, problem ? problem : "Missing PRIV= in the reply to \"DEST GENERATE\"");
        return;
    }
    if (!qc_i2p_destination(qc_bytes_span(&key), &dest)) {
        qc_bytes_free(&key);
        session_fails(s, "The private key is too short");
        return;
    }
    i->saving = qc_alloc(sizeof *i->saving);
    *i->saving = (key_job){.i2p = i, .path = qc_strdup(i->key_path), .key = key};
    s->saving = true;
    qc_sam_be_patient(&s->control);
    s->control.fn = on_control_after;
    qc_loop_job(i->o.loop, i->o.pool, save, on_saved, i->saving);
}

static void on_greeted(void *arg, const char *line, const char *problem)
{
    qc_i2p_session *s = arg;
    (void)line;
    if (problem) {
        session_fails(s, problem);
    } else if (!s->lasting) {
        create(s, "TRANSIENT");
    } else if (s->i2p->key.len) {
        create_lasting(s);
    } else if (s->i2p->saving) {
        session_fails(s, "the private key is still being saved");
    } else {
        s->control.fn = on_generated;
        qc_sam_ask(&s->control, "DEST GENERATE SIGNATURE_TYPE=7");
    }
}

/* go_on() tells how it ends, never within this call. False: it could not begin. */
static bool session_open(qc_i2p_session *s)
{
    uint8_t r[ID_LEN / 2];
    if (s->ready || s->opening)
        return true;
    qc_os_random(r, sizeof r);
    for (size_t i = 0; i < sizeof r; i++)
        snprintf(s->id + 2 * i, 3, "%02x", r[i]);
    if (qc_sam_open(&s->control, s->i2p->o.loop, &s->i2p->o.sam, on_greeted, s))
        return false;
    s->opening = true;
    qc_log(QC_LOG_DEBUG, "i2p", "Creating %s I2P SAM session %s with %s",
           s->lasting ? "persistent" : "transient", s->id, s->control.where);
    return true;
}

/* ---- connecting ---- */

static void unlink_dial(qc_i2p_dial *d)
{
    qc_i2p_dial **at = &d->i2p->dials;
    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
}

/* An unused session serves the next connection: making one is slow. */
static void put_back(qc_i2p *i, qc_i2p_session *s)
{
    size_t n = 0;
    for (const qc_i2p_session *k = i->unused; k; k = k->next)
        n++;
    if (s->lasting)
        return;
    if (n >= UNUSED_MAX || !s->ready) {
        qc_i2p_release(s);
        return;
    }
    s->next = i->unused;
    i->unused = s;
}

static void dial_free(qc_i2p_dial *d)
{
    qc_sam_close(&d->stream);
    qc_timer_free(d->soon);
    qc_free(d);
}

void qc_i2p_cancel(qc_i2p_dial *d)
{
    if (!d)
        return;
    unlink_dial(d);
    if (d->session)
        put_back(d->i2p, d->session);
    dial_free(d);
}

static void dial_fails(qc_i2p_dial *d, qc_dial_end end, const char *why)
{
    qc_i2p_fn *fn = d->fn;
    void *arg = d->arg;
    qc_log(QC_LOG_DEBUG, "i2p", "Error connecting to %s: %s", d->text, why);
    qc_i2p_cancel(d);
    fn(arg, end, -1, NULL, NULL);
}

static void dial_ends(qc_i2p_dial *d)
{
    qc_i2p_fn *fn = d->fn;
    void *arg = d->arg;
    int fd = qc_sam_take(&d->stream);
    qc_netaddr me = d->session->me;
    qc_i2p_session *hold = d->session->lasting ? NULL : d->session;
    unlink_dial(d);
    dial_free(d);
    fn(arg, QC_DIAL_OK, fd, &me, hold);
}

static void on_connected(void *arg, const char *line, const char *problem)
{
    qc_i2p_dial *d = arg;
    char why[300];
    if (line && qc_sam_result_is(line, "OK")) {
        dial_ends(d);
        return;
    }
    bool far =
        line && (qc_sam_result_is(line, "CANT_REACH_PEER") || qc_sam_result_is(line, "TIMEOUT"));
    if (line && qc_sam_result_is(line, "INVALID_ID") && d->session->ready)
        session_close(d->session);
    if (line)
        snprintf(why, sizeof why, "\"%.280s\"", line);
    dial_fails(d, far ? QC_DIAL_REFUSED : QC_DIAL_NO_PROXY, line ? why : problem);
}

static void on_named(void *arg, const char *line, const char *problem)
{
    qc_i2p_dial *d = arg;
    qc_span dest;
    if (problem || !qc_sam_result_is(line, "OK") || !qc_sam_value(line, "VALUE", &dest)) {
        dial_fails(d, QC_DIAL_NO_PROXY, problem ? problem : "the router does not know the name");
        return;
    }
    char *ask = qc_asprintf("STREAM CONNECT ID=%s DESTINATION=%.*s SILENT=false", d->session->id,
                            (int)dest.len, (const char *)dest.data);
    d->stream.fn = on_connected;
    qc_sam_ask(&d->stream, ask);
    qc_free(ask);
}

static void on_stream(void *arg, const char *line, const char *problem)
{
    qc_i2p_dial *d = arg;
    char host[QC_NETADDR_TEXT];
    (void)line;
    if (problem) {
        dial_fails(d, QC_DIAL_NO_PROXY, problem);
        return;
    }
    qc_netaddr_text(&d->to.addr, host);
    char *ask = qc_asprintf("NAMING LOOKUP NAME=%s", host);
    d->stream.fn = on_named;
    qc_sam_ask(&d->stream, ask);
    qc_free(ask);
}

static void dial_with_session(qc_i2p_dial *d)
{
    d->waiting = false;
    if (qc_sam_open(&d->stream, d->i2p->o.loop, &d->i2p->o.sam, on_stream, d))
        dial_fails(d, QC_DIAL_NO_PROXY, "no timer to be had");
}

static qc_i2p_session *pick_session(qc_i2p *i, bool alone)
{
    qc_i2p_session *s = i->lasting && !alone ? i->lasting : i->unused;
    if (!s)
        return session_new(i, false);
    if (!s->lasting)
        i->unused = s->next;
    return s;
}

static void on_soon(void *arg)
{
    qc_i2p_dial *d = arg;
    d->session = pick_session(d->i2p, d->alone);
    d->waiting = true;
    if (d->session->ready)
        dial_with_session(d);
    else if (!session_open(d->session))
        dial_fails(d, QC_DIAL_NO_PROXY, "no timer to be had");
}

qc_i2p_dial *qc_i2p_connect(qc_i2p *i, const qc_peer_addr *to, bool alone, qc_i2p_fn *fn, void *arg)
{
    qc_i2p_dial *d = qc_alloc(sizeof *d);
    *d = (qc_i2p_dial){
        .i2p = i, .to = *to, .alone = alone, .stream = {.fd = -1}, .fn = fn, .arg = arg};
    qc_peer_addr_text(to, d->text);
    if (qc_timer_new(i->o.loop, on_soon, d, &d->soon)) {
        qc_free(d);
        return NULL;
    }
    d->next = i->dials;
    i->dials = d;
    qc_timer_set(d->soon, 0);
    return d;
}

/* A session is ready or has failed: whoever waits for it goes on. */
static void go_on(qc_i2p_session *s, const char *problem)
{
    qc_i2p *i = s->i2p;
    bool lasting = s->lasting; /* another is gone once its dial has failed */
    for (qc_i2p_dial *d = i->dials; d;) {
        if (d->session != s || !d->waiting) {
            d = d->next;
            continue;
        }
        d->waiting = false;
        if (problem)
            dial_fails(d, QC_DIAL_NO_PROXY, problem);
        else
            dial_with_session(d);
        d = i->dials; /* any may have gone */
        if (!lasting)
            return;
    }
    if (lasting)
        accept_with(i, problem);
}

/* ---- accepting ---- */

static void announce(qc_i2p *i, bool on)
{
    if (on == i->announced && (!on || qc_netaddr_eq(&i->announced_as, &i->lasting->me)))
        return;
    if (i->announced)
        i->o.listening(i->o.arg, &i->announced_as, false);
    i->announced = on;
    i->announced_as = i->lasting->me;
    if (on)
        i->o.listening(i->o.arg, &i->announced_as, true);
}

static void accept_fails(qc_i2p *i, const char *why)
{
    qc_log(QC_LOG_DEBUG, "i2p", "Couldn't listen: %s", why);
    if (!i->awaiting)
        announce(i, false);
    i->accepting = i->awaiting = false;
    qc_sam_close(&i->listener);
    qc_timer_set(i->retry, i->wait_ms);
    i->wait_ms = QC_MIN(i->wait_ms + i->o.first_wait_ms, WAIT_MAX_MS);
}

static void accept_next(qc_i2p *i);

/* The destination of who has come, and his bytes behind it. */
static void on_visitor(void *arg, const char *line, const char *problem)
{
    qc_i2p *i = arg;
    qc_bytes dest;
    if (problem) {
        accept_fails(i, problem);
        return;
    }
    /* Words may follow the destination in newer versions. */
    if (qc_i2p_decode(qc_span_of(line, strcspn(line, " \r")), &dest)) {
        /* The router says so where it should tell who has come: the session is unusable, even
         * though its connection is there. */
        if (qc_sam_result_is(line, "I2P_ERROR") && i->lasting->ready)
            session_close(i->lasting);
        accept_fails(i, "no destination of a peer");
        return;
    }
    qc_netaddr from = qc_i2p_address(qc_bytes_span(&dest));
    qc_bytes_free(&dest);
    int fd = qc_sam_take(&i->listener);
    i->wait_ms = i->o.first_wait_ms;
    i->awaiting = false;
    i->o.accepted(i->o.arg, fd, &from, &i->lasting->me);
    accept_next(i);
}

static void on_accepting(void *arg, const char *line, const char *problem)
{
    qc_i2p *i = arg;
    if (problem || !qc_sam_result_is(line, "OK")) {
        if (line && qc_sam_result_is(line, "INVALID_ID") && i->lasting->ready)
            session_close(i->lasting);
        accept_fails(i, problem ? problem : "the router does not let us");
        return;
    }
    announce(i, true);
    i->awaiting = true;
    i->listener.fn = on_visitor;
    qc_sam_be_patient(&i->listener);
}

static void on_listener(void *arg, const char *line, const char *problem)
{
    qc_i2p *i = arg;
    (void)line;
    if (problem) {
        accept_fails(i, problem);
        return;
    }
    char *ask = qc_asprintf("STREAM ACCEPT ID=%s SILENT=false", i->lasting->id);
    i->listener.fn = on_accepting;
    qc_sam_ask(&i->listener, ask);
    qc_free(ask);
}

static void accept_with(qc_i2p *i, const char *problem)
{
    if (!i->accepting)
        return;
    if (problem)
        accept_fails(i, problem);
    else if (i->listener.fd < 0 && !i->listener.dial &&
             qc_sam_open(&i->listener, i->o.loop, &i->o.sam, on_listener, i))
        accept_fails(i, "no timer to be had");
}

static void accept_next(qc_i2p *i)
{
    i->accepting = true;
    if (i->lasting->ready)
        accept_with(i, NULL);
    else if (!session_open(i->lasting))
        accept_fails(i, "no timer to be had");
}

static void on_retry(void *arg)
{
    accept_next(arg);
}

/* ---- life ---- */

static qc_err begin_accepting(qc_i2p *i)
{
    qc_err err = qc_os_read_file(i->key_path, QC_SAM_KEY_MAX, &i->key);
    if (err && err != QC_ENOENT) {
        qc_log(QC_LOG_ERROR, "i2p", "Cannot read %s: %s", i->key_path, qc_err_text(err));
        return QC_EIO;
    }
    err = qc_timer_new(i->o.loop, on_retry, i, &i->retry);
    if (err)
        return err;
    i->lasting = session_new(i, true);
    qc_timer_set(i->retry, 0);
    return QC_OK;
}

qc_err qc_i2p_new(qc_i2p **out, const qc_i2p_options *o)
{
    qc_i2p *i = qc_alloc(sizeof *i);
    *i = (qc_i2p){.o = *o, .listener = {.fd = -1}};
    i->key_path = qc_strdup(o->key_path ? o->key_path : "");
    if (i->o.first_wait_ms <= 0)
        i->o.first_wait_ms = WAIT_FIRST_MS;
    i->wait_ms = i->o.first_wait_ms;
    qc_err err = o->lasting ? begin_accepting(i) : QC_OK;
    if (err) {
        qc_i2p_free(i);
        return err;
    }
    *out = i;
    return QC_OK;
}

void qc_i2p_free(qc_i2p *i)
{
    if (!i)
        return;
    QC_ASSERT(!i->dials);
    if (i->announced)
        i->o.listening(i->o.arg, &i->announced_as, false);
    if (i->saving)
        i->saving->i2p = NULL;
    qc_sam_close(&i->listener);
    qc_timer_free(i->retry);
    qc_i2p_release(i->lasting);
    while (i->unused) {
        qc_i2p_session *s = i->unused;
        i->unused = s->next;
        qc_i2p_release(s);
    }
    if (i->key.data)
        qc_wipe(i->key.data, i->key.len);
    qc_bytes_free(&i->key);
    qc_free(i->key_path);
    qc_free(i);
}
