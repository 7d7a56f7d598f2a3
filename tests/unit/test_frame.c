/* Messages between node and runner: whole, in parts, with descriptors, and spoiled. */
#include "core/frame/frame.h"
#include "core/frame/hello.h"
#include "core/frame/pack.h"

#include "tests/unit/harness.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static void open_pair(qc_chan *a, qc_chan *b, size_t max)
{
    int fd[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
    qc_chan_init(a, fd[0], max);
    qc_chan_init(b, fd[1], max);
}

static void close_pair(qc_chan *a, qc_chan *b)
{
    qc_chan_clear(a);
    qc_chan_clear(b);
}

/* Send all of it while the other end reads. */
static qc_err pass(qc_chan *a, qc_outgoing *o, qc_chan *b, const qc_frame **got)
{
    for (;;) {
        qc_err sent = qc_chan_send(a, o), err;
        assert_true(sent == QC_OK || sent == QC_EBUSY);
        while ((err = qc_chan_recv(b, got)) == QC_ECANCELED)
            ;
        if (err != QC_EBUSY || sent == QC_OK)
            return err;
    }
}

static void test_frame__a_message_of_any_length_arrives_as_it_was(void **state)
{
    (void)state;
    qc_chan a, b;
    size_t piece = QC_PACKET_MAX - QC_FRAME_HEAD;
    const size_t len[] = {0, 1, piece - 1, piece, piece + 1, 3 * piece, 3 * piece + 7, 5000000};
    uint8_t *bytes = qc_alloc(5000000);
    uint64_t seed = 1;
    for (size_t i = 0; i < 5000000; i++)
        bytes[i] = (uint8_t)test_rand(&seed);
    open_pair(&a, &b, 5000000);
    for (size_t i = 0; i < sizeof len / sizeof len[0]; i++) {
        const qc_frame *f = NULL;
        qc_outgoing o =
            qc_outgoing_of(QC_FRAME_CALL, 7, 0x01020304, 0xfffffff0, qc_span_of(bytes, len[i]));
        assert_int_equal(pass(&a, &o, &b, &f), QC_OK);
        assert_true(o.done);
        assert_int_equal(f->kind, QC_FRAME_CALL);
        assert_int_equal(f->method, 7);
        assert_int_equal(f->seq, 0x01020304);
        assert_int_equal(f->cap, 0xfffffff0);
        assert_int_equal(f->payload.len, len[i]);
        assert_true(len[i] == 0 || memcmp(f->payload.data, bytes, len[i]) == 0);
    }
    qc_free(bytes);
    close_pair(&a, &b);
}

static void test_frame__descriptors_come_with_the_last_packet_and_are_closed_unless_taken(void **st)
{
    (void)st;
    qc_chan a, b;
    const qc_frame *f;
    static uint8_t bytes[200000];
    int fd[2] = {open("/dev/null", O_RDONLY | O_CLOEXEC), open("/dev/zero", O_RDONLY | O_CLOEXEC)};
    open_pair(&a, &b, sizeof bytes);
    qc_outgoing o = qc_outgoing_of(QC_FRAME_HELLO, 0, 0, 0, qc_span_of(bytes, sizeof bytes));
    o.fd = fd;
    o.n_fd = 2;
    assert_int_equal(pass(&a, &o, &b, &f), QC_OK);
    assert_int_equal(f->n_fd, 2);
    int first = f->fd[0], kept = f->fd[1];
    uint8_t zero = 1;
    assert_int_equal(read(kept, &zero, 1), 1);
    assert_int_equal(zero, 0);
    ((qc_frame *)(uintptr_t)f)->fd[1] = -1;
    assert_int_equal(qc_chan_recv(&b, &f), QC_EBUSY);
    assert_int_equal(fcntl(first, F_GETFD), -1);
    assert_int_not_equal(fcntl(kept, F_GETFD), -1);
    close(kept);
    close(fd[0]);
    close(fd[1]);
    close_pair(&a, &b);
}

static qc_err raw(size_t max, const void *head, size_t len, unsigned times)
{
    qc_chan a, b;
    const qc_frame *f;
    qc_err err = QC_EBUSY;
    open_pair(&a, &b, max);
    for (unsigned i = 0; i < times && (err == QC_EBUSY || err == QC_ECANCELED); i++) {
        assert_int_equal(send(a.fd, head, len, 0), (ssize_t)len);
        err = qc_chan_recv(&b, &f);
    }
    close_pair(&a, &b);
    return err;
}

static void test_recv__refuses_what_is_no_message_or_too_long(void **state)
{
    (void)state;
    uint8_t p[20] = {QC_FRAME_CALL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4};
    assert_int_equal(raw(4, p, 20, 1), QC_OK);
    assert_int_equal(raw(3, p, 20, 1), QC_ECORRUPT);  /* longer than allowed */
    assert_int_equal(raw(99, p, 19, 1), QC_ECORRUPT); /* length and packet differ */
    assert_int_equal(raw(99, p, 15, 1), QC_ECORRUPT); /* half a head */
    p[0] = 0;
    assert_int_equal(raw(99, p, 20, 1), QC_ECORRUPT);
    p[0] = QC_FRAME_KIND_END;
    assert_int_equal(raw(99, p, 20, 1), QC_ECORRUPT);
    p[0] = QC_FRAME_PART; /* parts without end */
    assert_int_equal(raw(10, p, 20, 9), QC_ECORRUPT);
    assert_int_equal(raw(100, p, 20, 9), QC_ECANCELED);
}

static void test_recv__tells_that_the_other_end_has_gone(void **state)
{
    (void)state;
    qc_chan a, b;
    const qc_frame *f;
    open_pair(&a, &b, 10);
    qc_chan_clear(&a);
    assert_int_equal(qc_chan_recv(&b, &f), QC_ENOENT);
    qc_outgoing o = qc_outgoing_of(QC_FRAME_PONG, 0, 0, 0, qc_span_of(NULL, 0));
    assert_int_equal(qc_chan_send(&b, &o), QC_ENOENT);
    qc_chan_clear(&b);
}

static void test_pack__what_was_written_is_read(void **state)
{
    (void)state;
    qc_pack p = QC_PACK_INIT;
    qc_pack_u8(&p, 9);
    qc_pack_u32(&p, 0xdeadbeef);
    qc_pack_u64(&p, UINT64_MAX - 1);
    qc_pack_bytes(&p, "abc", 3);
    qc_pack_str(&p, "text");
    qc_pack_str(&p, "");
    qc_pack_str(&p, NULL);
    qc_unpack u = qc_unpack_of(qc_bytes_span(&p.out));
    assert_int_equal(qc_unpack_u8(&u), 9);
    assert_int_equal(qc_unpack_u32(&u), 0xdeadbeef);
    assert_true(qc_unpack_u64(&u) == UINT64_MAX - 1);
    assert_true(qc_span_eq(qc_unpack_bytes(&u), qc_span_str("abc")));
    char *s = qc_unpack_str(&u), *e = qc_unpack_str(&u);
    assert_string_equal(s, "text");
    assert_string_equal(e, "");
    assert_null(qc_unpack_str(&u));
    assert_true(qc_unpack_end(&u));
    assert_int_equal(qc_unpack_u32(&u), 0);
    assert_false(qc_unpack_end(&u));
    qc_free(s);
    qc_free(e);
    qc_pack_clear(&p);
}

static void test_unpack__lengths_beyond_the_payload_and_hidden_nuls_fail(void **state)
{
    (void)state;
    uint8_t b[12] = {255, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4};
    qc_unpack u = qc_unpack_of(qc_span_of(b, sizeof b));
    assert_int_equal(qc_unpack_bytes(&u).len, 0);
    assert_false(qc_unpack_end(&u));
    uint8_t s[11] = {4, 0, 0, 0, 0, 0, 0, 0, 'a', 0, 'b'};
    u = qc_unpack_of(qc_span_of(s, sizeof s));
    assert_null(qc_unpack_str(&u));
    assert_true(u.failed);
}

static void test_recv__a_message_in_parts_is_bounded_as_a_whole(void **state)
{
    (void)state;
    uint8_t part[20] = {QC_FRAME_PART, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4};
    uint8_t none[16] = {QC_FRAME_PART};
    qc_chan a, b;
    const qc_frame *f = NULL;
    assert_int_equal(raw(99, none, 16, 1), QC_ECORRUPT); /* it would go on for ever */
    open_pair(&a, &b, 10);
    for (int last = 0; last < 3; last++) { /* 8 bytes in parts, and then 4 more are too many */
        part[0] = last < 2 ? QC_FRAME_PART : QC_FRAME_CAST;
        assert_int_equal(send(a.fd, part, 20, 0), 20);
        assert_int_equal(qc_chan_recv(&b, &f), last < 2 ? QC_ECANCELED : QC_ECORRUPT);
    }
    assert_null(f);
    close_pair(&a, &b);
}

static void test_recv__a_descriptor_with_a_part_is_refused_and_closed(void **state)
{
    (void)state;
    uint8_t part[20] = {QC_FRAME_PART, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4};
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov = {part, sizeof part};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    qc_chan a, b;
    const qc_frame *f;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(h), &fd, sizeof fd);
    open_pair(&a, &b, 99);
    assert_int_equal(sendmsg(a.fd, &m, 0), 20);
    assert_int_equal(qc_chan_recv(&b, &f), QC_ECORRUPT);
    close(fd);
    close_pair(&a, &b); /* nothing stays open: the harness counts */
}

/* ---- hello ---- */

static qc_pack a_hello(uint32_t n_cap)
{
    static char build[] = "1 abc", id[] = "org.quoin.x", version[] = "1.2.3",
                cap[] = "chain.read/1";
    qc_pack out = QC_PACK_INIT;
    qc_hello h = {.build = build,
                  .id = id,
                  .version = version,
                  .best_effort = 1,
                  .has_store = 1,
                  .threads = 2,
                  .descriptors = 512,
                  .landlock_abi = 3,
                  .memory = (uint64_t)1 << 40,
                  .arena_size = 4096,
                  .quota = 77,
                  .uid = 5,
                  .gid = 6,
                  .n_cap = n_cap};
    for (uint32_t i = 0; i < n_cap; i++) {
        h.cap[i].id = cap;
        h.cap[i].number = i + 1;
    }
    qc_hello_write(&h, &out);
    return out;
}

static void test_hello__what_was_written_is_read(void **state)
{
    (void)state;
    qc_pack p = a_hello(QC_HELLO_CAPS);
    qc_hello h;
    assert_true(qc_hello_read(qc_bytes_span(&p.out), &h));
    assert_string_equal(h.build, "1 abc");
    assert_string_equal(h.id, "org.quoin.x");
    assert_string_equal(h.version, "1.2.3");
    assert_true(h.best_effort && h.has_store);
    assert_int_equal(h.threads, 2);
    assert_int_equal(h.descriptors, 512);
    assert_int_equal(h.landlock_abi, 3);
    assert_true(h.memory == (uint64_t)1 << 40 && h.arena_size == 4096 && h.quota == 77);
    assert_int_equal(h.uid, 5);
    assert_int_equal(h.gid, 6);
    assert_int_equal(h.n_cap, QC_HELLO_CAPS);
    assert_string_equal(h.cap[QC_HELLO_CAPS - 1].id, "chain.read/1");
    assert_int_equal(h.cap[QC_HELLO_CAPS - 1].number, QC_HELLO_CAPS);
    assert_int_equal(qc_hello_fds(&h), 5);
    h.has_store = 0;
    assert_int_equal(qc_hello_fds(&h), 3);
    h.arena_size = 0;
    assert_int_equal(qc_hello_fds(&h), 2);
    qc_hello_clear(&h);
    qc_pack_clear(&p);
}

static void test_hello__cut_anywhere_or_longer_it_is_refused(void **state)
{
    (void)state;
    qc_pack p = a_hello(3);
    qc_hello h;
    for (size_t n = 0; n < p.out.len; n++) {
        uint8_t *copy = qc_alloc(n + 1); /* so that a sanitizer sees a byte too many */
        memcpy(copy, p.out.data, n);
        assert_false(qc_hello_read(qc_span_of(copy, n), &h));
        qc_free(copy);
    }
    qc_pack_u8(&p, 0);
    assert_false(qc_hello_read(qc_bytes_span(&p.out), &h));
    qc_pack_clear(&p);
}

static void test_hello__too_many_capabilities_or_one_without_a_name_are_refused(void **state)
{
    (void)state;
    qc_pack p = a_hello(QC_HELLO_CAPS);
    qc_hello h;
    size_t each = 8 + 12 + 4, at = p.out.len - QC_HELLO_CAPS * each - 4;
    assert_int_equal(qc_read_le32(p.out.data + at), QC_HELLO_CAPS);
    qc_write_le32(p.out.data + at, QC_HELLO_CAPS + 1);
    qc_pack_str(&p, "chain.read/1");
    qc_pack_u32(&p, 1);
    assert_false(qc_hello_read(qc_bytes_span(&p.out), &h));
    qc_pack_clear(&p);
    p = a_hello(0);
    qc_write_le32(p.out.data + p.out.len - 4, 1);
    qc_pack_str(&p, NULL); /* one without a name */
    qc_pack_u32(&p, 1);
    assert_false(qc_hello_read(qc_bytes_span(&p.out), &h));
    qc_pack_clear(&p);
}

/* Whatever comes, it is read or refused, and nothing is left behind either way. */
static void test_hello__with_any_bit_flipped_it_is_read_whole_or_not_at_all(void **state)
{
    (void)state;
    qc_pack p = a_hello(4);
    unsigned read = 0, refused = 0;
    for (size_t bit = 0; bit < 8 * p.out.len; bit++) {
        qc_hello h;
        p.out.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bool ok = qc_hello_read(qc_bytes_span(&p.out), &h);
        read += ok;
        refused += !ok;
        if (ok) {
            assert_true(h.build && h.id && h.version && h.n_cap <= QC_HELLO_CAPS);
            for (uint32_t i = 0; i < h.n_cap; i++)
                assert_non_null(h.cap[i].id);
            qc_hello_clear(&h);
        }
        p.out.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(read > 100 && refused > 100);
    qc_pack_clear(&p);
}

/* ---- looking for a message before sleeping ---- */

#define US INT64_C(1000)

static void quick(qc_spin *s, qc_mono *now, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        qc_spin_expect(s, *now);
        *now += 5 * US;
        qc_spin_came(s, *now, false);
    }
}

static void test_spin__begins_after_quick_answers_and_ends_with_a_slow_one(void **state)
{
    (void)state;
    qc_spin s = QC_SPIN_INIT(2);
    qc_mono now = 1000 * US;
    qc_spin_expect(&s, now);
    assert_int_equal(qc_spin_until(&s, now), 0);
    quick(&s, &now, QC_SPIN_FIRST);
    assert_int_equal(qc_spin_until(&s, now), 0); /* nothing is expected */
    qc_spin_came(&s, 0, false);                  /* and something comes */
    qc_spin_expect(&s, now);
    assert_int_equal(qc_spin_until(&s, now), now + QC_SPIN_LIMIT);
    qc_spin_came(&s, now + QC_SPIN_NEAR + 1, false);
    qc_spin_expect(&s, now);
    assert_int_equal(qc_spin_until(&s, now), 0);
}

static void test_spin__in_vain_it_grows_rare_and_comes_back_when_it_helps(void **state)
{
    (void)state;
    qc_spin s = QC_SPIN_INIT(2);
    qc_mono now = 1000 * US;
    unsigned looks = 0, calls = 0;
    for (; calls < 10000; calls++) { /* quick, until it is looked for */
        qc_spin_expect(&s, now);
        if (qc_spin_until(&s, now)) {
            looks++;
            qc_spin_vain(&s);
        } else {
            now += 5 * US;
            qc_spin_came(&s, now, false);
        }
    }
    assert_in_range(looks, 5, 25);
    quick(&s, &now, QC_SPIN_MOST);
    for (unsigned i = 0; i < 12; i++) {
        qc_spin_expect(&s, now);
        assert_true(qc_spin_until(&s, now) > now);
        qc_spin_came(&s, now + US, true);
    }
    assert_int_equal(s.wanted, QC_SPIN_FIRST);
}

/* A call each 45 us: every look helps, and yet it ends soon. */
static void test_spin__a_thrifty_end_looks_for_a_small_part_of_the_time(void **state)
{
    (void)state;
    for (int thrifty = 0; thrifty < 2; thrifty++) {
        qc_spin s = QC_SPIN_INIT(2);
        qc_mono begin = 1000 * US, now = begin, looked = 0;
        s.thrifty = thrifty;
        while (now < begin + 10000000 * US) {
            qc_spin_expect(&s, now);
            bool looks = qc_spin_until(&s, now) != 0;
            now += 45 * US;
            looked += looks ? 45 * US : 0;
            qc_spin_looked(&s, looks ? 45 * US : 0);
            qc_spin_came(&s, now, looks);
            now += 5 * US;
        }
        qc_mono share = (now - begin) / QC_SPIN_SHARE;
        if (thrifty)
            assert_in_range(looked, share / 2, share + QC_SPIN_SAVED + QC_SPIN_LIMIT);
        else
            assert_true(looked > (now - begin) / 2);
    }
}

static void test_spin__never_on_a_single_processor(void **state)
{
    (void)state;
    qc_spin s = QC_SPIN_INIT(1);
    qc_mono now = 1000 * US;
    quick(&s, &now, 100);
    qc_spin_expect(&s, now);
    assert_int_equal(qc_spin_until(&s, now), 0);
}

/* The end is told by the spin alone: what comes is counted, what does not is given up. */
static void test_recv_soon__never_blocks_and_tells_how_it_went(void **state)
{
    (void)state;
    qc_chan a, b;
    const qc_frame *f;
    int fd[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd), 0); /* blocking */
    qc_chan_init(&a, fd[0], 100);
    qc_chan_init(&b, fd[1], 100);
    qc_spin s = QC_SPIN_INIT(2);
    assert_int_equal(qc_chan_recv_soon(&b, &s, &f), QC_EBUSY);
    assert_int_equal(s.wanted, QC_SPIN_FIRST);
    for (unsigned i = 0; i < QC_SPIN_FIRST; i++) {
        qc_outgoing o = qc_outgoing_of(QC_FRAME_CALL, 1, i, 2, qc_span_of("x", 1));
        qc_spin_expect(&s, qc_clock_mono() + 1000000 * US); /* sent before: never late */
        assert_int_equal(qc_chan_send(&a, &o), QC_OK);
        assert_int_equal(qc_chan_recv_soon(&b, &s, &f), QC_OK);
        assert_int_equal(f->seq, i);
        assert_int_equal(s.quick, i + 1);
    }
    qc_spin_expect(&s, qc_clock_mono());
    assert_int_equal(qc_chan_recv_soon(&b, &s, &f), QC_EBUSY);
    assert_int_equal(s.wanted, 2 * QC_SPIN_FIRST);
    assert_int_equal(s.since, 0);
    qc_chan_clear(&a);
    assert_int_equal(qc_chan_recv_soon(&b, &s, &f), QC_ENOENT);
    qc_chan_clear(&b);
}

/* What was sent is one thing, what we have room for another. */
static void test_unpack__tells_want_of_memory_from_what_is_malformed(void **state)
{
    (void)state;
    qc_pack p = QC_PACK_INIT;
    qc_pack_str(&p, "text");
    for (int fault = 0; fault < 2; fault++) {
        qc_unpack u = qc_unpack_of(qc_bytes_span(&p.out));
        qc_fault_arm(fault ? 1 : 0);
        char *s = qc_unpack_str(&u);
        qc_fault_arm(0);
        assert_int_equal(u.failed, fault);
        assert_int_equal(u.no_memory, fault);
        assert_int_equal(s == NULL, fault);
        qc_free(s);
    }
    qc_unpack u = qc_unpack_of(qc_span_of(p.out.data, p.out.len - 1));
    assert_null(qc_unpack_str(&u));
    qc_fault_arm(1); /* after the first failure nothing is tried any more */
    assert_null(qc_unpack_str(&u));
    qc_fault_arm(0);
    assert_true(u.failed);
    assert_false(u.no_memory);
    qc_pack_clear(&p);
}

QC_TEST_MAIN(
    cmocka_unit_test(test_spin__begins_after_quick_answers_and_ends_with_a_slow_one),
    cmocka_unit_test(test_spin__in_vain_it_grows_rare_and_comes_back_when_it_helps),
    cmocka_unit_test(test_spin__a_thrifty_end_looks_for_a_small_part_of_the_time),
    cmocka_unit_test(test_spin__never_on_a_single_processor),
    cmocka_unit_test(test_recv_soon__never_blocks_and_tells_how_it_went),
    cmocka_unit_test(test_unpack__tells_want_of_memory_from_what_is_malformed),

    cmocka_unit_test(test_frame__a_message_of_any_length_arrives_as_it_was),
    cmocka_unit_test(test_frame__descriptors_come_with_the_last_packet_and_are_closed_unless_taken),
    cmocka_unit_test(test_recv__refuses_what_is_no_message_or_too_long),
    cmocka_unit_test(test_recv__tells_that_the_other_end_has_gone),
    cmocka_unit_test(test_pack__what_was_written_is_read),
    cmocka_unit_test(test_unpack__lengths_beyond_the_payload_and_hidden_nuls_fail),
    cmocka_unit_test(test_recv__a_message_in_parts_is_bounded_as_a_whole),
    cmocka_unit_test(test_recv__a_descriptor_with_a_part_is_refused_and_closed),
    cmocka_unit_test(test_hello__what_was_written_is_read),
    cmocka_unit_test(test_hello__cut_anywhere_or_longer_it_is_refused),
    cmocka_unit_test(test_hello__too_many_capabilities_or_one_without_a_name_are_refused),
    cmocka_unit_test(test_hello__with_any_bit_flipped_it_is_read_whole_or_not_at_all))
