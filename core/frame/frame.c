#include "core/frame/frame.h"

#include "core/base/alloc.h"
#include "core/base/endian.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define PIECE (QC_PACKET_MAX - QC_FRAME_HEAD)
#define PARTS_KEPT ((size_t)1 << 20)

void qc_chan_init(qc_chan *c, int fd, size_t message_max)
{
    *c = (qc_chan){.fd = fd, .message_max = message_max};
    c->packet = qc_alloc(QC_PACKET_MAX);
}

static void drop_fds(qc_frame *f)
{
    for (uint32_t i = 0; i < f->n_fd; i++)
        if (f->fd[i] >= 0)
            close(f->fd[i]);
    f->n_fd = 0;
}

void qc_chan_clear(qc_chan *c)
{
    drop_fds(&c->frame);
    qc_bytes_free(&c->parts);
    qc_free(c->packet);
    if (c->fd >= 0)
        close(c->fd);
    *c = (qc_chan){.fd = -1};
}

/* ---- receive ---- */

/* Descriptors are closed with the next packet unless they were taken out; those beyond the limit
 * the kernel has closed already, and says so. */
static bool take_fds(qc_frame *f, struct msghdr *m)
{
    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n && f->n_fd < QC_FRAME_FDS; i++)
            memcpy(&f->fd[f->n_fd++], CMSG_DATA(h) + i * sizeof(int), sizeof(int));
    }
    return !(m->msg_flags & (MSG_CTRUNC | MSG_TRUNC));
}

static qc_err read_packet(qc_chan *c, int flags, size_t *len)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(QC_FRAME_FDS * sizeof(int))];
    } control;
    struct iovec iov = {c->packet, QC_PACKET_MAX};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};
    ssize_t n;
    do
        n = recvmsg(c->fd, &m, MSG_CMSG_CLOEXEC | flags);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return QC_EBUSY;
    if (n == 0 || (n < 0 && errno == ECONNRESET))
        return QC_ENOENT;
    if (n < 0)
        return QC_EIO;
    if (!take_fds(&c->frame, &m) || (size_t)n < QC_FRAME_HEAD)
        return QC_ECORRUPT;
    *len = (size_t)n;
    return QC_OK;
}

static qc_err keep_part(qc_chan *c, qc_span piece)
{
    /* An empty one would add nothing for ever. */
    if (!piece.len || c->parts.len + piece.len > c->message_max || c->frame.n_fd)
        return QC_ECORRUPT;
    qc_err err = qc_bytes_append(&c->parts, piece.data, piece.len);
    return err ? err : QC_ECANCELED;
}

/* The last piece completes what PART packets began; c->parts then lives until the next message. */
static qc_err complete(qc_chan *c, qc_span piece)
{
    c->frame.payload = piece;
    if (!c->parts.len)
        return piece.len <= c->message_max ? QC_OK : QC_ECORRUPT;
    if (c->parts.len + piece.len > c->message_max)
        return QC_ECORRUPT;
    qc_err err = qc_bytes_append(&c->parts, piece.data, piece.len);
    c->frame.payload = qc_bytes_span(&c->parts);
    return err;
}

/* Their memory serves the next message, if it is not much. */
static void forget_parts(qc_chan *c)
{
    if (c->parts.cap > PARTS_KEPT)
        qc_bytes_free(&c->parts);
    c->parts.len = 0;
}

static qc_err receive(qc_chan *c, int flags, const qc_frame **out)
{
    size_t len;
    if (c->frame.kind != QC_FRAME_PART) /* the message before is over */
        forget_parts(c);
    drop_fds(&c->frame);
    qc_err err = read_packet(c, flags, &len);
    if (err)
        return err;
    const uint8_t *p = c->packet;
    qc_span piece = qc_span_of(p + QC_FRAME_HEAD, len - QC_FRAME_HEAD);
    c->frame.kind = qc_read_le16(p);
    c->frame.method = qc_read_le16(p + 2);
    c->frame.seq = qc_read_le32(p + 4);
    c->frame.cap = qc_read_le32(p + 8);
    if (qc_read_le32(p + 12) != piece.len || c->frame.kind == 0 ||
        c->frame.kind >= QC_FRAME_KIND_END)
        return QC_ECORRUPT;
    err = c->frame.kind == QC_FRAME_PART ? keep_part(c, piece) : complete(c, piece);
    if (!err)
        *out = &c->frame;
    return err;
}

qc_err qc_chan_recv(qc_chan *c, const qc_frame **out)
{
    return receive(c, 0, out);
}

qc_err qc_chan_recv_soon(qc_chan *c, qc_spin *s, const qc_frame **out)
{
    qc_err err = receive(c, MSG_DONTWAIT, out);
    qc_mono now = s->since ? qc_clock_mono() : 0, until = s->since ? qc_spin_until(s, now) : 0;
    qc_mono begin = now;
    bool looks = err == QC_EBUSY && until;
    while (err == QC_EBUSY && now < until) {
        err = receive(c, MSG_DONTWAIT, out);
        now = qc_clock_mono();
    }
    qc_spin_looked(s, now - begin);
    if (err != QC_EBUSY)
        qc_spin_came(s, now, looks);
    else if (looks)
        qc_spin_vain(s);
    return err;
}

/* ---- send ---- */

qc_outgoing qc_outgoing_of(qc_frame_kind kind, uint16_t method, uint32_t seq, uint32_t cap,
                           qc_span payload)
{
    qc_outgoing o = {.payload = payload};
    QC_ASSERT(payload.len <= QC_MESSAGE_MAX);
    qc_write_le16(o.head, (uint16_t)kind);
    qc_write_le16(o.head + 2, method);
    qc_write_le32(o.head + 4, seq);
    qc_write_le32(o.head + 8, cap);
    return o;
}

static qc_err send_packet(qc_chan *c, uint8_t *head, qc_span piece, const int *fd, uint32_t n_fd)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(QC_FRAME_FDS * sizeof(int))];
    } control = {0};
    struct iovec iov[2] = {{head, QC_FRAME_HEAD}, {(void *)(uintptr_t)piece.data, piece.len}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = piece.len ? 2 : 1};
    qc_write_le32(head + 12, (uint32_t)piece.len);
    if (n_fd) {
        m.msg_control = &control;
        m.msg_controllen = CMSG_SPACE(n_fd * sizeof(int));
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(n_fd * sizeof(int));
        memcpy(CMSG_DATA(h), fd, n_fd * sizeof(int));
    }
    ssize_t n;
    do
        n = sendmsg(c->fd, &m, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return QC_OK;
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return QC_EBUSY;
    return errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN ? QC_ENOENT : QC_EIO;
}

qc_err qc_chan_send(qc_chan *c, qc_outgoing *o)
{
    while (!o->done) {
        size_t left = o->payload.len - o->sent;
        bool last = left <= PIECE;
        qc_span piece =
            qc_span_of(o->payload.data + (o->payload.len ? o->sent : 0), last ? left : PIECE);
        uint8_t head[QC_FRAME_HEAD];
        memcpy(head, o->head, sizeof head);
        if (!last)
            qc_write_le16(head, QC_FRAME_PART);
        qc_err err = send_packet(c, head, piece, o->fd, last ? o->n_fd : 0);
        if (err)
            return err;
        o->sent += piece.len;
        o->done = last;
    }
    return QC_OK;
}
