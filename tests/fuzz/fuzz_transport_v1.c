/* A plain connection: whatever comes, in whatever pieces, the same messages come out, each is
 * exactly the bytes that were sent, and what has failed stays failed. */
#include "tests/fuzz/fuzz.h"

#include "core/net/transport.h"

#include <stdio.h>

static const uint8_t MAGIC[4] = {0xfa, 0xbf, 0xb5, 0xda};

/* All that is said about one event, folded into one number. */
static uint64_t fold(uint64_t before, const qc_transport_event *e)
{
    char text[300];
    int n = snprintf(text, sizeof text, "%016llx %d %d %s %s %zu", (unsigned long long)before,
                     (int)e->what, (int)e->fail, e->why, e->what == QC_TR_MESSAGE ? e->m.name : "",
                     e->what == QC_TR_MESSAGE ? e->m.total : 0);
    QC_ASSERT(n > 0 && n < (int)sizeof text);
    uint64_t h = before;
    for (int i = 0; i < n; i++)
        h = (h ^ (uint8_t)text[i]) * UINT64_C(0x100000001b3);
    return h;
}

static void check_message(const qc_message *m, const uint8_t *sent, size_t left)
{
    qc_bytes again = QC_BYTES_INIT;
    QC_ASSERT(m->total <= left && m->payload.len <= QC_MSG_MAX);
    QC_ASSERT(!qc_message_write(&again, MAGIC, m->name, m->payload));
    QC_ASSERT(again.len == m->total && memcmp(again.data, sent, again.len) == 0);
    qc_bytes_free(&again);
}

/* Pieces of 1 to `piece` bytes. */
static uint64_t run(const uint8_t *data, size_t len, size_t piece)
{
    qc_transport_options o = {.initiating = (len & 1) != 0};
    memcpy(o.magic, MAGIC, sizeof MAGIC);
    qc_transport *t = qc_transport_new(&o);
    qc_transport_event e;
    uint64_t sum = 0;
    bool failed = false;
    QC_ASSERT(qc_transport_next(t, &e) == QC_TR_READY);
    for (size_t at = 0, taken = 0; at < len;) {
        size_t n = QC_MIN(len - at, 1 + at % piece);
        QC_ASSERT(!qc_transport_receive(t, qc_span_of(data + at, n)));
        at += n;
        while (qc_transport_next(t, &e) != QC_TR_MORE) {
            QC_ASSERT(e.what == QC_TR_FAILED || (!failed && e.what != QC_TR_READY));
            if (!failed)
                sum = fold(sum, &e);
            failed = e.what == QC_TR_FAILED;
            if (failed)
                break;
            if (e.what == QC_TR_MESSAGE)
                check_message(&e.m, data + taken, at - taken);
            taken += e.m.total;
            QC_ASSERT(taken <= at);
        }
    }
    QC_ASSERT(qc_transport_pending(t).len == 0);
    QC_ASSERT(qc_transport_get_kind(t) == (failed ? QC_TRANSPORT_DETECTING : QC_TRANSPORT_V1));
    qc_transport_free(t);
    return sum;
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    if (len < 1)
        return 0;
    uint64_t whole = run(data + 1, len - 1, SIZE_MAX);
    QC_ASSERT(whole == run(data + 1, len - 1, 1u + data[0]));
    return 0;
}
