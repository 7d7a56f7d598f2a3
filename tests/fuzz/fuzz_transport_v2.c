/* Version 2. Even first byte: two of ours talk while the input says who sends what, how many bytes
 * arrive, and which bit is spoiled on the way; what arrives must be what was sent, in order, and
 * all of it when nothing was spoiled. Odd: the rest of the input is what a peer sends. */
#include "tests/fuzz/fuzz.h"

#include "core/net/transport.h"

#define QUEUE 64u
#define PAYLOAD_MAX 2000u

static const uint8_t MAGIC[4] = {0xfa, 0xbf, 0xb5, 0xda};
static const char *const NAME[] = {"ping", "tx", "version", "twelve chars", "a", "block", "", "~~"};

typedef struct sent {
    const char *name;
    size_t len;
    uint8_t fill;
} sent;

/* One side, and what it has sent that the other has not received. */
typedef struct side {
    qc_transport *t;
    bool ready, failed;
    bool spoiled;  /* something on the way from here */
    uint32_t flip; /* the bit of the next bytes from here to be spoiled, plus one */
    sent queue[QUEUE];
    size_t first, n;
} side;

static qc_transport *make(bool initiating, uint16_t garbage, bool v2)
{
    static qc_signer *signer;
    static const uint8_t seed[32] = {1};
    qc_v2_secrets s = {.key = {1, (uint8_t)initiating}, .entropy = {2}};
    qc_transport_options o = {.initiating = initiating, .secrets = &s};
    if (!signer)
        signer = qc_signer_new(seed);
    o.signer = v2 ? signer : NULL;
    s.garbage_len = garbage % (QC_GARBAGE_MAX + 1);
    memset(s.garbage, garbage >> 8, sizeof s.garbage);
    memcpy(o.magic, MAGIC, sizeof MAGIC);
    return qc_transport_new(&o);
}

static void check_message(side *from, const qc_message *m)
{
    QC_ASSERT(from->first < from->n);
    const sent *s = &from->queue[from->first++];
    QC_ASSERT(strcmp(m->name, s->name) == 0 && m->payload.len == s->len);
    for (size_t i = 0; i < s->len; i++)
        QC_ASSERT(m->payload.data[i] == s->fill);
}

static void drain(side *to, side *from)
{
    qc_transport_event e;
    while (qc_transport_next(to->t, &e) != QC_TR_MORE) {
        QC_ASSERT(e.what != QC_TR_NOMEM && e.what != QC_TR_DROPPED);
        if (e.what == QC_TR_FAILED) {
            QC_ASSERT(from->spoiled || to->spoiled); /* to: its key may have come out as another */
            to->failed = true;
            break;
        }
        QC_ASSERT(!to->failed && (e.what == QC_TR_READY) == !to->ready);
        if (e.what == QC_TR_READY)
            to->ready = true;
        else
            check_message(from, &e.m);
    }
}

static void carry(side *from, side *to, size_t n)
{
    uint8_t piece[65536];
    qc_span out = qc_transport_pending(from->t);
    n = QC_MIN(QC_MIN(out.len, n), sizeof piece);
    memcpy(piece, out.data, n);
    if (from->flip && n) {
        uint32_t bit = (from->flip - 1) % (uint32_t)(8 * n);
        piece[bit / 8] ^= (uint8_t)(1u << bit % 8);
        from->flip = 0;
        from->spoiled = true;
    }
    qc_transport_sent(from->t, n);
    QC_ASSERT(!qc_transport_receive(to->t, qc_span_of(piece, n)));
    drain(to, from);
}

static void send(side *s, uint8_t a, size_t len)
{
    uint8_t payload[PAYLOAD_MAX];
    size_t wire = 0, before = qc_transport_pending(s->t).len;
    if (!s->ready || s->failed || s->n == QUEUE)
        return;
    sent m = {NAME[a % QC_COUNTOF(NAME)], len % PAYLOAD_MAX, a};
    memset(payload, a, sizeof payload);
    QC_ASSERT(!qc_transport_send(s->t, m.name, qc_span_of(payload, m.len), &wire));
    QC_ASSERT(qc_transport_pending(s->t).len == before + wire && wire >= m.len + 21);
    s->queue[s->n++] = m;
}

static void talk(qc_fuzz_in *in)
{
    side s[2] = {{.t = make(false, (uint16_t)qc_fuzz_u32(in), true)},
                 {.t = make(true, (uint16_t)qc_fuzz_u32(in), true)}};
    drain(&s[1], &s[0]);
    while (in->left) {
        uint8_t op = qc_fuzz_u8(in), a = qc_fuzz_u8(in);
        side *from = &s[op & 1], *to = &s[~op & 1];
        if ((op >> 1) % 4 == 0)
            send(from, a, qc_fuzz_u8(in) * 8u);
        else if ((op >> 1) % 4 == 1)
            from->flip = 1u + a + (uint32_t)qc_fuzz_u8(in) * 256u;
        else
            carry(from, to, a * (op & 0x80 ? 100u : 1u));
    }
    s[0].flip = s[1].flip = 0;
    while (qc_transport_pending(s[0].t).len || qc_transport_pending(s[1].t).len) {
        carry(&s[0], &s[1], SIZE_MAX);
        carry(&s[1], &s[0], SIZE_MAX);
    }
    if (!s[0].spoiled && !s[1].spoiled) {
        QC_ASSERT(s[0].first == s[0].n && s[1].first == s[1].n);
        QC_ASSERT(qc_transport_get_kind(s[0].t) == QC_TRANSPORT_V2);
        QC_ASSERT(memcmp(qc_transport_session_id(s[0].t), qc_transport_session_id(s[1].t),
                         QC_SESSION_ID_LEN) == 0);
    }
    qc_transport_free(s[0].t);
    qc_transport_free(s[1].t);
}

/* Without our keys nobody gets as far as version 2; version 1 may be met. */
static void listen_to(qc_fuzz_in *in)
{
    uint8_t how = qc_fuzz_u8(in);
    qc_transport *t = make(how & 1, how, true);
    qc_transport_event e;
    bool ready = false, failed = false;
    size_t piece = how & 2 ? (size_t)(how >> 2) + 1 : SIZE_MAX;
    for (;;) {
        while (qc_transport_next(t, &e) != QC_TR_MORE) {
            QC_ASSERT(e.what != QC_TR_READY || !ready);
            ready = ready || e.what == QC_TR_READY;
            QC_ASSERT(e.what == QC_TR_READY || e.what == QC_TR_FAILED ||
                      qc_transport_get_kind(t) == QC_TRANSPORT_V1);
            failed = e.what == QC_TR_FAILED;
            if (failed)
                break;
        }
        QC_ASSERT(!qc_transport_session_id(t));
        QC_ASSERT(qc_transport_pending(t).len <=
                  64 + QC_GARBAGE_MAX + 16 + 20); /* it is not made to talk */
        if (!in->left)
            break;
        size_t n = QC_MIN(in->left, piece);
        QC_ASSERT(!qc_transport_receive(t, qc_span_of(in->p, n)));
        in->p += n;
        in->left -= n;
    }
    qc_transport_free(t);
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    qc_fuzz_in in = {data, len};
    if (qc_fuzz_u8(&in) & 1)
        listen_to(&in);
    else
        talk(&in);
    return 0;
}
