/* A runner that speaks the messages wrongly on purpose, in one way per run: see rogue.h. The host
 * starts it in place of quoin-runner. It does not end by itself, so that a test sees who is killed.
 */
#include "tests/hostile/rogue.h"

#include "core/frame/hello.h"
#include "core/frame/frame.h"
#include "core/frame/wire.h"
#include "quoin/chain_follow.h"
#include "quoin/chain_read.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Capabilities in the order of the host's list. */
enum { HOST, READ, FOLLOW, BLOCK, RPC };
enum { LOG = 1, FAIL };
enum { OPEN, NEXT, ACK, CLOSE, GO_ON, RELEASE };
enum { VIEWS, VIEWS_AT, BLOCK_RELEASE, RANGES };

static qc_chan g_chan;
static uint32_t g_seq;

/* ---- sending ---- */

static void say(qc_frame_kind kind, uint16_t method, uint32_t seq, uint32_t cap, qc_pack *p)
{
    qc_outgoing o =
        qc_outgoing_of(kind, method, seq, cap, p ? qc_bytes_span(&p->out) : qc_span_of(NULL, 0));
    if (qc_chan_send(&g_chan, &o))
        pause(); /* the end has come, or will */
    if (p)
        qc_pack_clear(p);
}

static void cast(uint32_t cap, uint16_t method, qc_pack *p)
{
    say(QC_FRAME_CAST, method, 0, cap, p);
}

static void cast_u32(uint32_t cap, uint16_t method, uint32_t v)
{
    qc_pack p = QC_PACK_INIT;
    qc_pack_u32(&p, v);
    cast(cap, method, &p);
}

static void raw(const void *data, size_t len)
{
    if (send(g_chan.fd, data, len, MSG_NOSIGNAL) < 0)
        pause();
}

static void with_fds(uint32_t n)
{
    int fd[64];
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof fd)];
    } control = {0};
    uint8_t head[QC_FRAME_HEAD] = {QC_FRAME_CAST, 0, LOG};
    struct iovec iov = {head, sizeof head};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control};
    for (uint32_t i = 0; i < n; i++)
        fd[i] = 0;
    m.msg_controllen = CMSG_SPACE(n * sizeof(int));
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(h), fd, n * sizeof(int));
    if (sendmsg(g_chan.fd, &m, MSG_NOSIGNAL) < 0)
        pause();
}

/* ---- receiving ---- */

static const qc_frame *receive(void)
{
    const qc_frame *f;
    qc_err err;
    while ((err = qc_chan_recv(&g_chan, &f)) == QC_ECANCELED)
        continue;
    if (err) /* the node has gone */
        _exit(0);
    return f;
}

static void done(uint16_t what, uint32_t status)
{
    qc_pack p = QC_PACK_INIT;
    qc_pack_u32(&p, status);
    say(QC_FRAME_DONE, what, 0, 0, &p);
}

/* The next message that is not about life or pings. */
static const qc_frame *next(void)
{
    for (;;) {
        const qc_frame *f = receive();
        if (f->kind == QC_FRAME_PING) {
            say(QC_FRAME_PONG, 0, f->seq, 0, NULL);
        } else if (f->kind == QC_FRAME_LIFE) {
            uint16_t what = f->method;
            done(what, 0);
            if (what == QC_LIFE_STOP)
                _exit(0);
        } else {
            return f;
        }
    }
}

static void __attribute__((noreturn)) linger(void)
{
    for (;;)
        (void)next();
}

static void until_life(uint16_t what)
{
    const qc_frame *f;
    do
        f = receive();
    while (f->kind != QC_FRAME_LIFE || f->method != what);
}

/* A call and its reply, behind the status. */
static qc_unpack call(uint32_t cap, uint16_t method, qc_pack *p, uint32_t *status)
{
    const qc_frame *f;
    say(QC_FRAME_CALL, method, ++g_seq, cap, p);
    do
        f = next();
    while (f->kind != QC_FRAME_REPLY || f->seq != g_seq);
    qc_unpack u = qc_unpack_of(f->payload);
    *status = qc_unpack_u32(&u);
    return u;
}

/* ---- the right way, as far as it goes ---- */

static qc_pack ready(void)
{
    qc_pack p = QC_PACK_INIT;
    qc_pack_u32(&p, 0);
    qc_pack_u32(&p, 1);
    qc_pack_str(&p, "");
    qc_pack_u64(&p, 0);
    return p;
}

static void say_ready(void)
{
    qc_pack p = ready();
    say(QC_FRAME_READY, 0, 0, 0, &p);
}

static void run(void)
{
    say_ready();
    until_life(QC_LIFE_INIT);
    done(QC_LIFE_INIT, 0);
    until_life(QC_LIFE_START);
    done(QC_LIFE_START, 0);
}

static void problem(const char *step, const char *line)
{
    qc_pack p = QC_PACK_INIT;
    qc_pack_str(&p, step);
    qc_pack_str(&p, line);
    say(QC_FRAME_PROBLEM, 0, 0, 0, &p);
}

static uint32_t follow_open(void)
{
    qc_pack p = QC_PACK_INIT;
    const qn_block_ref start = {0};
    uint32_t status;
    qc_pack_u8(&p, 0); /* options */
    qc_pack_u8(&p, 0); /* locator */
    qc_pack_u32(&p, 0);
    qc_pack_u8(&p, 1);
    qc_pack_raw(&p, &start, sizeof start);
    qc_unpack u = call(FOLLOW, OPEN, &p, &status);
    uint64_t id = qc_unpack_u64(&u);
    if (status || u.failed)
        _exit(9);
    return (uint32_t)id;
}

/* The id of a view of the genesis block. Its own file, if it has one, is kept open. */
static uint32_t one_view_of(int *fd)
{
    qc_pack p = QC_PACK_INIT;
    uint32_t status;
    qc_pack_u32(&p, 0);
    qc_pack_u32(&p, 0);
    qc_pack_u32(&p, 1);
    qc_unpack u = call(BLOCK, VIEWS_AT, &p, &status);
    uint32_t n = qc_unpack_u32(&u);
    (void)qc_unpack_u8(&u);
    uint32_t id = qc_unpack_u32(&u);
    if (status || n != 1 || u.failed)
        _exit(9);
    *fd = g_chan.frame.n_fd ? qc_wire_take_fd(&g_chan.frame.fd[0]) : -1;
    return id;
}

static uint32_t one_view(void)
{
    int fd;
    return one_view_of(&fd);
}

/* Give a view back and hold on to its file. */
static void hold_view(void)
{
    char text[64];
    struct stat before = {0}, after = {0};
    uint32_t status;
    int fd;
    uint32_t id = one_view_of(&fd);
    qc_pack p = QC_PACK_INIT, any = QC_PACK_INIT;
    (void)fstat(fd, &before);
    cast_u32(BLOCK, BLOCK_RELEASE, id);
    qc_pack_u8(&any, 0);
    (void)call(READ, 0, &any, &status); /* it has been served */
    (void)fstat(fd, &after);
    int n = snprintf(text, sizeof text, "held %d of %d bytes", (int)after.st_blocks * 512,
                     (int)before.st_blocks * 512);
    qc_pack_u32(&p, 0);
    qc_pack_bytes(&p, text, (size_t)n);
    cast(HOST, FAIL, &p);
}

/* As many as it gets, up to 200. */
static void keep_views(void)
{
    char text[32];
    uint32_t kept = 0, status = 0;
    for (; kept < 200; kept++) {
        qc_pack p = QC_PACK_INIT;
        qc_pack_u32(&p, 0);
        qc_pack_u32(&p, 0);
        qc_pack_u32(&p, 1);
        qc_unpack u = call(BLOCK, VIEWS_AT, &p, &status);
        if (status || qc_unpack_u32(&u) != 1)
            break;
    }
    int n = snprintf(text, sizeof text, "kept %u", kept);
    qc_pack p = QC_PACK_INIT;
    qc_pack_u32(&p, status);
    qc_pack_bytes(&p, text, (size_t)n);
    cast(HOST, FAIL, &p);
}

/* ---- what it does wrong ---- */

static void before_load(rogue_case c)
{
    qc_pack p = ready();
    if (c == ROGUE_CALL_EARLY) {
        say(QC_FRAME_CALL, 0, 1, READ, NULL);
    } else if (c == ROGUE_LOG_EARLY) {
        cast(HOST, LOG, NULL);
    } else if (c == ROGUE_DONE_EARLY) {
        done(QC_LIFE_INIT, 0);
    } else if (c == ROGUE_READY_SHORT) {
        p.out.len--;
        say(QC_FRAME_READY, 0, 0, 0, &p);
    } else if (c == ROGUE_READY_LONG) {
        qc_pack_u8(&p, 0);
        say(QC_FRAME_READY, 0, 0, 0, &p);
    } else if (c == ROGUE_READY_TWICE) {
        say(QC_FRAME_READY, 0, 0, 0, &p);
        say_ready();
    } else if (c == ROGUE_PROBLEM_SHORT) {
        say(QC_FRAME_PROBLEM, 0, 0, 0, NULL);
    } else if (c == ROGUE_PROBLEM_FLOOD) {
        for (;;)
            problem("load", "again and again");
    } else if (c == ROGUE_PROBLEM_DIRTY) {
        problem("lo\xff\nad", "a line\n\x1b[31m and \xff\xfe no text");
    } else if (c == ROGUE_BAD_BUILD) {
        problem("runner", "build: found quoin-runner 0, wanted another (the node's)");
    } else if (c == ROGUE_EXIT) {
        _exit(3);
    } else if (c == ROGUE_TRAP) {
        __builtin_trap();
    } else if (c == ROGUE_CLOSES_EARLY) {
        close(g_chan.fd);
    } else if (c == ROGUE_INIT_FAILS) {
        say_ready();
        until_life(QC_LIFE_INIT);
        done(QC_LIFE_INIT, (uint32_t)-99);
    }
    qc_pack_clear(&p);
}

static void kinds(rogue_case c)
{
    static const uint16_t kind[] = {QC_FRAME_HELLO,
                                    QC_FRAME_LIFE,
                                    QC_FRAME_REPLY,
                                    QC_FRAME_CALLBACK,
                                    QC_FRAME_PING,
                                    QC_FRAME_PONG,
                                    0,
                                    QC_FRAME_KIND_END};
    qc_pack p = QC_PACK_INIT;
    if (c <= ROGUE_KIND_END) {
        say((qc_frame_kind)kind[c - ROGUE_KIND_HELLO], 0, 0, 0, NULL);
    } else if (c <= ROGUE_PONG_LONG) {
        const qc_frame *f;
        do
            f = receive();
        while (f->kind != QC_FRAME_PING);
        uint32_t seq = f->seq;
        if (c == ROGUE_PONG_LONG)
            qc_pack_u8(&p, 1);
        say(QC_FRAME_PONG, 0, c == ROGUE_PONG_OTHER ? seq + 1 : seq, 0, &p);
        say(QC_FRAME_PONG, 0, seq, 0, NULL);
    } else if (c == ROGUE_DONE_AGAIN) {
        done(QC_LIFE_START, 0);
    } else if (c == ROGUE_DONE_UNASKED) {
        for (int i = 0; i < 1000; i++)
            done(QC_LIFE_RECONFIGURE, 0);
    } else {
        problem("load", "late");
    }
}

/* chain.read's headers: from, and room for max of them. */
static void headers(uint32_t max)
{
    qc_pack p = QC_PACK_INIT;
    uint32_t n = 0;
    qc_pack_u32(&p, 0);
    qc_pack_u8(&p, 1);
    qc_pack_u32(&p, max);
    qc_pack_u8(&p, 1);
    qc_pack_raw(&p, &n, sizeof n);
    say(QC_FRAME_CALL, 2, ++g_seq, READ, &p);
}

/* chain.read's locator with less room than there is to say: what fits comes. */
static void short_room(void)
{
    char text[64];
    qc_pack p = QC_PACK_INIT, fail = QC_PACK_INIT;
    uint32_t status, n = 0;
    qn_hash got[2] = {0};
    const qn_hash none = {0};
    qc_pack_u8(&p, 0);
    qc_wire_put_room(&p, got, 2, &n);
    qc_unpack u = call(READ, 4, &p, &status);
    qc_wire_take_room(&u, got, 2, &n, sizeof *got);
    uint32_t filled = 0;
    for (unsigned i = 0; i < 2; i++)
        filled += memcmp(&got[i], &none, sizeof none) != 0;
    int len = snprintf(text, sizeof text, "%u of %s", filled, n > 2 ? "many" : "few");
    qc_pack_u32(&fail, status);
    qc_pack_bytes(&fail, text, (size_t)len);
    cast(HOST, FAIL, &fail);
}

/* rpc.serve's add, each time with another callback; the name is none, so nothing comes of it. */
static void offer(uint32_t id)
{
    qc_pack p = QC_PACK_INIT;
    uint32_t status;
    qc_pack_u8(&p, 0);
    for (int i = 0; i < 3; i++)
        qc_pack_str(&p, "");
    qc_pack_u32(&p, id);
    (void)call(RPC, 0, &p, &status);
}

static void calls(rogue_case c)
{
    qc_pack p = QC_PACK_INIT;
    uint32_t status;
    if (c == ROGUE_SEQ_ZERO) {
        say(QC_FRAME_CALL, 0, 0, READ, NULL);
    } else if (c == ROGUE_SEQ_AGAIN) {
        qc_pack_u8(&p, 0);
        (void)call(READ, 0, &p, &status);
        say(QC_FRAME_CALL, 0, 1, READ, NULL);
    } else if (c == ROGUE_SEQ_CAST) {
        say(QC_FRAME_CAST, LOG, 7, HOST, NULL);
    } else if (c == ROGUE_CAP_UNKNOWN || c == ROGUE_CAP_HUGE) {
        say(QC_FRAME_CALL, 0, 1, c == ROGUE_CAP_HUGE ? UINT32_MAX : RPC + 1, NULL);
    } else if (c == ROGUE_METHOD_HUGE) {
        say(QC_FRAME_CALL, UINT16_MAX, 1, READ, NULL);
    } else if (c == ROGUE_CAST_OF_CALL) {
        qc_pack_u8(&p, 0);
        cast(READ, 0, &p);
    } else if (c == ROGUE_CALL_OF_CAST) {
        qc_pack_u32(&p, 1);
        qc_pack_bytes(&p, "x", 1);
        say(QC_FRAME_CALL, LOG, 1, HOST, &p);
    } else if (c == ROGUE_LENGTH_SHORT) {
        say(QC_FRAME_CALL, 0, 1, READ, NULL);
    } else if (c == ROGUE_LENGTH_LONG) {
        qc_pack_u32(&p, 0);
        say(QC_FRAME_CALL, 0, 1, READ, &p);
    } else if (c == ROGUE_ROOM_HUGE) {
        headers(UINT32_MAX);
    } else if (c == ROGUE_ROOM_GREAT) { /* as much as may be asked for */
        char text[32];
        headers(QC_WIRE_ROOM / sizeof(qn_header_rec));
        const qc_frame *f = next();
        int n =
            snprintf(text, sizeof text, "status %d", (int)(int32_t)qc_read_le32(f->payload.data));
        qc_pack_u32(&p, 0);
        qc_pack_bytes(&p, text, (size_t)n);
        cast(HOST, FAIL, &p);
    } else if (c == ROGUE_ROOM_SHORT) {
        short_room();
    } else if (c == ROGUE_COUNT_HUGE) {
        qc_pack_u8(&p, 1);
        qc_pack_u32(&p, UINT32_MAX);
        say(QC_FRAME_CALL, 3, 1, READ, &p);
    } else if (c == ROGUE_CALLS_UNREAD) {
        for (;;)
            headers(2000);
    } else {
        for (uint32_t i = 1; i < 70000; i++)
            offer(i);
    }
}

static void packets(rogue_case c)
{
    static uint8_t part[QC_PACKET_MAX] = {QC_FRAME_PART};
    qc_write_le32(part + 12, sizeof part - QC_FRAME_HEAD);
    if (c == ROGUE_HALF_HEAD) {
        raw(part, QC_FRAME_HEAD - 1);
    } else if (c == ROGUE_HEAD_LIES) {
        raw(part, sizeof part - 1);
    } else if (c == ROGUE_PART_EMPTY) {
        for (;;)
            say(QC_FRAME_PART, 0, 0, 0, NULL);
    } else if (c == ROGUE_PART_ENDLESS) {
        for (;;)
            raw(part, sizeof part);
    } else if (c == ROGUE_PARTS_OPEN) {
        raw(part, sizeof part);
        for (;;)
            (void)receive(); /* a PONG would end the message */
    } else {
        with_fds(c == ROGUE_DESCRIPTOR ? 1 : 64);
    }
}

/* Take and acknowledge every event, and keep the views. */
static void keep_all(uint32_t id)
{
    for (;;) {
        const qc_frame *f = next();
        if (f->kind != QC_FRAME_CALLBACK || f->method != 0)
            continue;
        qc_pack p = QC_PACK_INIT;
        uint64_t seq = qc_read_le64(f->payload.data + offsetof(qn_follow_event, seq));
        cast_u32(FOLLOW, NEXT, id);
        qc_pack_u32(&p, id);
        qc_pack_u64(&p, seq);
        cast(FOLLOW, ACK, &p);
    }
}

static void views(rogue_case c)
{
    qc_pack p = QC_PACK_INIT;
    if (c == ROGUE_VIEW_UNKNOWN) {
        cast_u32(BLOCK, BLOCK_RELEASE, 12345);
    } else if (c == ROGUE_VIEW_UNKNOWN_FOLLOW) {
        cast_u32(FOLLOW, RELEASE, 12345);
    } else if (c == ROGUE_VIEW_TWICE) {
        uint32_t id = one_view();
        cast_u32(BLOCK, BLOCK_RELEASE, id);
        cast_u32(BLOCK, BLOCK_RELEASE, id);
    } else if (c == ROGUE_VIEW_ELSEWHERE) {
        cast_u32(FOLLOW, RELEASE, one_view());
    } else if (c == ROGUE_VIEWS_ALL) {
        keep_views();
    } else if (c == ROGUE_VIEW_HELD) {
        hold_view();
    } else if (c == ROGUE_VIEWS_KEPT) {
        (void)one_view();
        (void)follow_open();
    } else if (c == ROGUE_FOLLOW_UNKNOWN) {
        cast_u32(FOLLOW, NEXT, 77);
    } else if (c == ROGUE_FOLLOW_TAKES) {
        uint32_t id = follow_open();
        for (int i = 0; i < 100; i++) /* more than can have been sent */
            cast_u32(FOLLOW, NEXT, id);
    } else if (c == ROGUE_FOLLOW_ACKS) {
        qc_pack_u32(&p, follow_open());
        qc_pack_u64(&p, UINT64_MAX);
        cast(FOLLOW, ACK, &p);
    } else if (c == ROGUE_FOLLOW_RESUMES) {
        cast_u32(FOLLOW, GO_ON, follow_open());
    } else {
        keep_all(follow_open());
    }
}

static void useless(rogue_case c)
{
    if (c == ROGUE_LOG_FLOOD) {
        for (int i = 0; i < 20000; i++) {
            qc_pack p = QC_PACK_INIT;
            qc_pack_u32(&p, 1);
            qc_pack_bytes(&p, "flood", 5);
            cast(HOST, LOG, &p);
        }
    } else if (c == ROGUE_CLOSES) {
        close(g_chan.fd);
        for (;;)
            pause();
    } else if (c == ROGUE_READS_NOTHING) {
        (void)follow_open();
        for (;;)
            pause();
    }
}

static void garbage(uint32_t n)
{
    qc_pack p = QC_PACK_INIT;
    for (int i = 0; i < 37; i++)
        qc_pack_u8(&p, 0xff);
    bool is_cast = n & 1;
    say(is_cast ? QC_FRAME_CAST : QC_FRAME_CALL, (uint16_t)(n / 2 % ROGUE_METHODS), is_cast ? 0 : 1,
        n / 2 / ROGUE_METHODS, &p);
}

int main(void)
{
    struct pollfd greeted = {3, POLLIN, 0};
    uint8_t *peek = qc_alloc(QC_PACKET_MAX);
    qc_hello h;
    qc_chan_init(&g_chan, 3, QC_MESSAGE_MAX);
    ssize_t n = poll(&greeted, 1, -1) == 1 ? recv(3, peek, QC_PACKET_MAX, MSG_PEEK) : -1;
    if (n < (ssize_t)QC_FRAME_HEAD ||
        !qc_hello_read(qc_span_of(peek + QC_FRAME_HEAD, (size_t)n - QC_FRAME_HEAD), &h))
        return 8;
    rogue_case c = (rogue_case)(h.memory - ROGUE_BASE);
    if (c == ROGUE_HELLO_UNREAD)
        for (;;)
            pause();
    (void)receive();
    if (c > ROGUE_GOOD && c <= ROGUE_INIT_FAILS) {
        before_load(c);
        linger();
    }
    if (c == ROGUE_CLOSES_EARLY) {
        before_load(c);
        for (;;)
            pause();
    }
    run();
    if (c >= ROGUE_GARBAGE)
        garbage((uint32_t)c - ROGUE_GARBAGE);
    else if (c >= ROGUE_KIND_HELLO && c <= ROGUE_PROBLEM_LATE)
        kinds(c);
    else if (c >= ROGUE_SEQ_ZERO && c <= ROGUE_CALLBACKS)
        calls(c);
    else if ((c >= ROGUE_HALF_HEAD && c <= ROGUE_DESCRIPTORS) || c == ROGUE_PARTS_OPEN)
        packets(c);
    else if (c >= ROGUE_VIEW_UNKNOWN && c <= ROGUE_VIEWS_KEPT)
        views(c);
    else
        useless(c);
    linger();
}
