/* Both transports, without sockets: two of ours talk to each other, and a peer made by hand does
 * what ours never do. */
#include "core/net/transport.h"

#include "tests/unit/harness.h"

#include "core/crypto/bip324.h"
#include "core/crypto/ellswift.h"

static const uint8_t MAGIC[4] = {0xfa, 0xbf, 0xb5, 0xda};
static qc_signer *signer;

static qc_transport *make(bool initiating, bool v2, uint16_t garbage)
{
    qc_v2_secrets s = {.key = {1, (uint8_t)initiating}, .entropy = {2}, .garbage_len = garbage};
    qc_transport_options o = {.initiating = initiating};
    memcpy(o.magic, MAGIC, sizeof MAGIC);
    memset(s.garbage, 0x5a, sizeof s.garbage);
    if (v2) {
        o.signer = signer;
        o.secrets = &s;
    }
    return qc_transport_new(&o);
}

static qc_transport_event next_event(qc_transport *t)
{
    qc_transport_event e;
    qc_transport_what what = qc_transport_next(t, &e);
    assert_int_equal(what, e.what);
    return e;
}

static void expect(qc_transport *t, qc_transport_what what)
{
    assert_int_equal(next_event(t).what, what);
}

static void expect_fail(qc_transport *t, qc_transport_fail f, const char *why)
{
    for (int twice = 0; twice < 2; twice++) {
        qc_transport_event e = next_event(t);
        assert_int_equal(e.what, QC_TR_FAILED);
        assert_int_equal(e.fail, f);
        assert_string_equal(e.why, why);
        assert_int_equal(qc_transport_receive(t, qc_span_str("more")), QC_OK);
    }
}

static void expect_message(qc_transport *t, const char *name, qc_span payload)
{
    qc_transport_event e = next_event(t);
    assert_int_equal(e.what, QC_TR_MESSAGE);
    assert_string_equal(e.m.name, name);
    assert_true(qc_span_eq(e.m.payload, payload));
}

static void give(qc_transport *t, const void *data, size_t len)
{
    assert_int_equal(qc_transport_receive(t, qc_span_of(data, len)), QC_OK);
}

static size_t say(qc_transport *t, const char *name, qc_span payload)
{
    size_t wire = 0;
    assert_int_equal(qc_transport_send(t, name, payload, &wire), QC_OK);
    return wire;
}

/* Up to n bytes from one to the other. Returns how many. */
static size_t carry(qc_transport *from, qc_transport *to, size_t n)
{
    qc_span out = qc_transport_pending(from);
    n = out.len < n ? out.len : n;
    give(to, out.data, n);
    qc_transport_sent(from, n);
    return n;
}

/* A connection of two of ours, at most `step` bytes at a time. Counts READY of both. */
static void shake(qc_transport *i, qc_transport *r, size_t step)
{
    int ready[2] = {0, 0};
    for (;;) {
        while (next_event(i).what == QC_TR_READY)
            ready[0]++;
        while (next_event(r).what == QC_TR_READY)
            ready[1]++;
        if (carry(i, r, step) + carry(r, i, step) == 0)
            break;
    }
    assert_int_equal(ready[0], 1);
    assert_int_equal(ready[1], 1);
}

static int setup(void **state)
{
    static const uint8_t seed[32] = {1};
    (void)state;
    signer = qc_signer_new(seed);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    qc_signer_free(signer);
    return 0;
}

/* ---- version 1 ---- */

static void test_v1__messages_pass_in_pieces_of_any_size(void **state)
{
    (void)state;
    for (size_t step = 1; step < 70; step += 11) {
        qc_transport *a = make(true, false, 0), *b = make(false, false, 0);
        assert_int_equal(qc_transport_get_kind(a), QC_TRANSPORT_V1);
        expect(a, QC_TR_READY);
        expect(a, QC_TR_MORE);
        expect(b, QC_TR_READY);
        assert_int_equal(say(a, "ping", qc_span_str("12345678")), 32);
        assert_int_equal(say(a, "verack", qc_span_str("")), 24);
        while (qc_transport_pending(a).len > 24) {
            expect(b, QC_TR_MORE);
            carry(a, b,
                  step < qc_transport_pending(a).len - 24 ? step
                                                          : qc_transport_pending(a).len - 24);
        }
        expect_message(b, "ping", qc_span_str("12345678"));
        expect(b, QC_TR_MORE);
        carry(a, b, 100);
        expect_message(b, "verack", qc_span_str(""));
        expect(b, QC_TR_MORE);
        assert_null(qc_transport_session_id(b));
        qc_transport_free(a);
        qc_transport_free(b);
    }
}

static void v1_altered(size_t at, uint8_t flip, qc_transport *t)
{
    qc_bytes b = QC_BYTES_INIT;
    assert_int_equal(qc_message_write(&b, MAGIC, "pong", qc_span_str("ab")), QC_OK);
    b.data[at] ^= flip;
    expect(t, QC_TR_READY);
    give(t, b.data, b.len);
    qc_bytes_free(&b);
}

static void test_v1__what_is_wrong_is_dropped_or_ends_it(void **state)
{
    static const struct {
        size_t at;
        uint8_t flip;
        qc_transport_fail fail;
        bool ends;
        const char *why;
    } CASE[] = {
        {0, 0xff, QC_TF_MAGIC, true, "Header error: Wrong MessageStart 05bfb5da received"},
        {19, 1, QC_TF_SIZE, true, "Header error: Size too large (pong, 16777218 bytes)"},
        {20, 1, QC_TF_CHECKSUM, false,
         "Header error: Wrong checksum (pong, 2 bytes), expected a1ff8f18 was a0ff8f18"},
        {7, 0x80, QC_TF_NAME, false, "Header error: Invalid message type (pon, 2 bytes)"},
    };
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(CASE); i++) {
        qc_transport *t = make(false, false, 0);
        v1_altered(CASE[i].at, CASE[i].flip, t);
        if (CASE[i].ends) {
            expect_fail(t, CASE[i].fail, CASE[i].why);
        } else {
            qc_transport_event e = next_event(t);
            assert_int_equal(e.what, QC_TR_DROPPED);
            assert_int_equal(e.fail, CASE[i].fail);
            assert_int_equal(e.m.total, 26);
            assert_string_equal(e.why, CASE[i].why);
            expect(t, QC_TR_MORE);
        }
        qc_transport_free(t);
    }
}

/* ---- which of the two ---- */

static void test_detect__sixteen_bytes_make_v1(void **state)
{
    qc_bytes b = QC_BYTES_INIT;
    (void)state;
    assert_int_equal(qc_message_write(&b, MAGIC, "version", qc_span_str("payload")), QC_OK);
    qc_transport *t = make(false, true, 10);
    for (size_t i = 0; i < 16; i++) {
        assert_int_equal(qc_transport_get_kind(t), QC_TRANSPORT_DETECTING);
        expect(t, QC_TR_MORE);
        give(t, b.data + i, 1);
    }
    expect(t, QC_TR_READY);
    assert_int_equal(qc_transport_get_kind(t), QC_TRANSPORT_V1);
    give(t, b.data + 16, b.len - 16);
    expect_message(t, "version", qc_span_str("payload"));
    assert_int_equal(qc_transport_pending(t).len, 0);
    qc_transport_free(t);
    qc_bytes_free(&b);
}

static void test_detect__the_first_other_byte_makes_v2(void **state)
{
    qc_bytes b = QC_BYTES_INIT;
    (void)state;
    assert_int_equal(qc_message_write(&b, MAGIC, "version", qc_span_str("payload")), QC_OK);
    for (size_t i = 0; i < 16; i++) {
        qc_transport *t = make(false, true, 10);
        b.data[i] ^= 1;
        give(t, b.data, i);
        expect(t, QC_TR_MORE);
        assert_int_equal(qc_transport_pending(t).len, 0);
        give(t, b.data + i, 1);
        expect(t, QC_TR_MORE);
        assert_int_equal(qc_transport_pending(t).len, 64 + 10);
        b.data[i] ^= 1;
        qc_transport_free(t);
    }
    qc_bytes_free(&b);
}

static void test_detect__a_v1_peer_of_another_network_is_told_apart(void **state)
{
    qc_transport *t = make(false, true, 0), *i = make(true, true, 0);
    (void)state;
    give(t, "\xf9\xbe\xb4\xd9version\0\0\0\0", 15);
    expect(t, QC_TR_MORE);
    give(t, "\0", 1);
    expect_fail(t, QC_TF_OTHER_NETWORK,
                "V2 transport error: V1 peer with wrong MessageStart f9beb4d9");
    give(i, "\xf9\xbe\xb4\xd9version\0\0\0\0\0", 16); /* only who accepts looks for it */
    expect(i, QC_TR_MORE);
    qc_transport_free(t);
    qc_transport_free(i);
}

static void test_should_try_v1__only_after_silence(void **state)
{
    qc_transport *t = make(true, true, 0), *r = make(false, true, 0), *v1 = make(true, false, 0);
    (void)state;
    assert_false(qc_transport_should_try_v1(t));
    expect(t, QC_TR_MORE);
    qc_transport_sent(t, 23);
    assert_false(qc_transport_should_try_v1(t));
    qc_transport_sent(t, 1);
    assert_true(qc_transport_should_try_v1(t));
    give(t, "x", 1);
    assert_false(qc_transport_should_try_v1(t));
    give(r, "x", 1);
    expect(r, QC_TR_MORE);
    qc_transport_sent(r, 64);
    assert_false(qc_transport_should_try_v1(r));
    expect(v1, QC_TR_READY);
    say(v1, "version", qc_span_str("enough of it"));
    qc_transport_sent(v1, 30);
    assert_false(qc_transport_should_try_v1(v1));
    qc_transport_free(t);
    qc_transport_free(r);
    qc_transport_free(v1);
}

/* ---- version 2, ours with ours ---- */

static void test_v2__handshake_with_any_garbage_in_any_pieces(void **state)
{
    static const uint16_t garbage[] = {0, 1, 15, 16, 17, 4094, QC_GARBAGE_MAX};
    (void)state;
    for (size_t g = 0; g < QC_COUNTOF(garbage); g++) {
        for (size_t step = 1; step < 9000; step = step * 7 + 6) {
            qc_transport *i = make(true, true, garbage[g]);
            qc_transport *r = make(false, true, garbage[QC_COUNTOF(garbage) - 1 - g]);
            shake(i, r, step);
            assert_int_equal(qc_transport_get_kind(i), QC_TRANSPORT_V2);
            assert_int_equal(qc_transport_get_kind(r), QC_TRANSPORT_V2);
            assert_memory_equal(qc_transport_session_id(i), qc_transport_session_id(r), 32);
            assert_int_equal(say(i, "ping", qc_span_str("12345678")), 8 + 1 + 20);
            assert_int_equal(say(r, "version", qc_span_str("v")), 1 + 13 + 20);
            carry(i, r, SIZE_MAX);
            carry(r, i, SIZE_MAX);
            expect_message(r, "ping", qc_span_str("12345678"));
            expect_message(i, "version", qc_span_str("v"));
            expect(i, QC_TR_MORE);
            expect(r, QC_TR_MORE);
            qc_transport_free(i);
            qc_transport_free(r);
        }
    }
}

static void test_v2__messages_of_all_sizes_over_many_keys(void **state)
{
    static const size_t size[] = {0, 1, 100, 65536, QC_MSG_MAX};
    uint8_t *data = calloc(1, QC_MSG_MAX);
    (void)state;
    qc_transport *i = make(true, true, 3), *r = make(false, true, 4);
    shake(i, r, SIZE_MAX);
    for (unsigned n = 0; n < 1000; n++) {
        qc_span payload = qc_span_of(data, size[n % 300 == 7 ? 4 : n % 4]);
        data[0] = data[50] = (uint8_t)n;
        const char *name = n % 2 ? "tx" : "twelve chars";
        say(n % 3 ? i : r, name, payload);
        qc_transport *from = n % 3 ? i : r, *to = n % 3 ? r : i;
        while (carry(from, to, 1000000) && qc_transport_pending(from).len)
            expect(to, QC_TR_MORE);
        expect_message(to, name, payload);
        expect(to, QC_TR_MORE);
    }
    qc_transport_free(i);
    qc_transport_free(r);
    free(data);
}

static void test_send__what_is_too_much_is_sent_and_refused(void **state)
{
    uint8_t *data = calloc(1, QC_MSG_SEND_MAX);
    (void)state;
    for (int v2 = 0; v2 < 2; v2++) {
        for (int most = 0; most < 2; most++) {
            qc_transport *i = make(true, v2, 3), *r = make(false, v2, 4);
            qc_transport_event e;
            qc_transport_what what;
            shake(i, r, SIZE_MAX);
            say(i, "tx", qc_span_of(data, most ? QC_MSG_SEND_MAX : QC_MSG_MAX + 13));
            do {
                carry(i, r, 1000000);
                what = qc_transport_next(r, &e);
            } while (what == QC_TR_MORE && qc_transport_pending(i).len);
            assert_int_equal(what, QC_TR_FAILED);
            qc_transport_free(i);
            qc_transport_free(r);
        }
    }
    free(data);
}

/* ---- version 2, a peer made by hand ---- */

typedef struct peer {
    qc_bip324 cipher;
    qc_bytes out;
} peer;

static void put(peer *p, const void *data, size_t len)
{
    assert_int_equal(qc_bytes_append(&p->out, data, len), QC_OK);
}

static void put_packet(peer *p, const char *contents, size_t len, qc_span aad, bool decoy)
{
    uint8_t b[1000 + QC_BIP324_EXPANSION];
    assert_true(len <= 1000);
    memcpy(b + QC_BIP324_HEAD, contents, len);
    qc_bip324_seal(&p->cipher, b, len, aad, decoy);
    put(p, b, len + QC_BIP324_EXPANSION);
}

/* A handshake with t up to the peer's garbage of `garbage` zeros and its terminator. */
static void begin(peer *p, qc_transport *t, bool initiating, size_t garbage)
{
    static const uint8_t zero[QC_GARBAGE_MAX + 1], entropy[32] = {9};
    uint8_t key[32] = {3}, ours[64], secret[32];
    *p = (peer){.out = QC_BYTES_INIT};
    assert_true(qc_ellswift_create(signer, key, entropy, ours));
    if (initiating)
        give(t, ours, sizeof ours);
    else
        put(p, ours, sizeof ours);
    expect(t, initiating ? QC_TR_READY : QC_TR_MORE);
    assert_true(qc_ellswift_ecdh(key, ours, qc_transport_pending(t).data, initiating, secret));
    qc_bip324_init(&p->cipher, secret, MAGIC, initiating);
    put(p, zero, garbage);
    put(p, p->cipher.send_terminator, QC_TERMINATOR_LEN);
}

static void flush(peer *p, qc_transport *t)
{
    give(t, p->out.data, p->out.len);
    p->out.len = 0;
}

static void end(peer *p, qc_transport *t)
{
    qc_bytes_free(&p->out);
    qc_transport_free(t);
}

static void test_v2__decoys_are_passed_over_everywhere(void **state)
{
    static const uint8_t zero[20];
    const qc_span none = qc_span_str("");
    (void)state;
    for (int initiating = 0; initiating < 2; initiating++) {
        qc_transport *t = make(!initiating, true, 5);
        peer p;
        begin(&p, t, initiating, 20);
        put_packet(&p, "decoy", 5, qc_span_of(zero, 20), true); /* the first proves the garbage */
        put_packet(&p, "", 0, none, true);
        put_packet(&p, "version of the future", 21, none, false);
        put_packet(&p, "again", 5, none, true);
        put_packet(&p,
                   "\x12"
                   "12345678",
                   9, none, false);
        put_packet(&p, "\xff", 1, none, true);
        put_packet(&p, "\0name\0\0\0\0\0\0\0\0x", 14, none, false);
        flush(&p, t);
        if (!initiating)
            expect(t, QC_TR_READY);
        assert_int_equal(qc_transport_get_kind(t), QC_TRANSPORT_DETECTING);
        expect_message(t, "ping", qc_span_str("12345678"));
        assert_int_equal(qc_transport_get_kind(t), QC_TRANSPORT_V2);
        expect_message(t, "name", qc_span_str("x"));
        expect(t, QC_TR_MORE);
        assert_memory_equal(qc_transport_session_id(t), p.cipher.session_id, 32);
        end(&p, t);
    }
}

static void test_v2__names_that_are_none_are_dropped(void **state)
{
    static const struct {
        const char *contents;
        size_t len;
    } CASE[] = {{"", 0},
                {"\x1d", 1},
                {"\xff"
                 "1234567890123",
                 14},
                {"\0", 1},
                {"\0"
                 "12345678901",
                 12},
                {"\0na\0me\0\0\0\0\0\0\0", 13},
                {"\0\x01"
                 "ame\0\0\0\0\0\0\0\0",
                 13}};
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(CASE); i++) {
        qc_transport *t = make(false, true, 0);
        peer p;
        char why[100];
        begin(&p, t, true, 0);
        put_packet(&p, "", 0, qc_span_str(""), false);
        put_packet(&p, CASE[i].contents, CASE[i].len, qc_span_str(""), false);
        put_packet(&p, "\x13", 1, qc_span_str(""), false);
        flush(&p, t);
        qc_transport_event e = next_event(t);
        assert_int_equal(e.what, QC_TR_DROPPED);
        assert_int_equal(e.fail, QC_TF_NAME);
        assert_int_equal(e.m.total, CASE[i].len + 20);
        snprintf(why, sizeof why, "V2 transport error: invalid message type (%zu bytes contents)",
                 CASE[i].len);
        assert_string_equal(e.why, why);
        expect_message(t, "pong", qc_span_str(""));
        end(&p, t);
    }
}

/* A name cut short must not borrow from the tag behind it, which now and then would fit. */
static void test_v2__a_short_name_is_never_completed(void **state)
{
    qc_transport *t = make(false, true, 0);
    peer p;
    (void)state;
    begin(&p, t, true, 0);
    put_packet(&p, "", 0, qc_span_str(""), false);
    for (int i = 0; i < 100; i++)
        put_packet(&p,
                   "\0"
                   "12345678901",
                   12, qc_span_str(""), false);
    flush(&p, t);
    for (int i = 0; i < 100; i++)
        expect(t, QC_TR_DROPPED);
    expect(t, QC_TR_MORE);
    end(&p, t);
}

static void test_v2__one_byte_of_garbage_too_many(void **state)
{
    static const uint8_t zero[QC_GARBAGE_MAX + 1];
    (void)state;
    for (size_t garbage = QC_GARBAGE_MAX; garbage <= QC_GARBAGE_MAX + 1; garbage++) {
        qc_transport *t = make(false, true, 0);
        peer p;
        begin(&p, t, true, garbage);
        give(t, p.out.data, QC_GARBAGE_MAX + QC_TERMINATOR_LEN - 1);
        expect(t, QC_TR_MORE);
        give(t, p.out.data + QC_GARBAGE_MAX + QC_TERMINATOR_LEN - 1, 1);
        if (garbage > QC_GARBAGE_MAX) {
            expect_fail(t, QC_TF_TERMINATOR, "V2 transport error: missing garbage terminator");
        } else {
            p.out.len = 0;
            put_packet(&p, "", 0, qc_span_of(zero, garbage), false);
            flush(&p, t);
            expect(t, QC_TR_MORE);
            assert_int_equal(qc_transport_get_kind(t), QC_TRANSPORT_V2);
        }
        end(&p, t);
    }
}

static void test_v2__garbage_must_be_what_was_proved(void **state)
{
    static const uint8_t zero[30];
    (void)state;
    for (size_t claimed = 29; claimed <= 30; claimed++) {
        qc_transport *t = make(false, true, 0);
        peer p;
        begin(&p, t, true, 30);
        put_packet(&p, "", 0, qc_span_of(zero, claimed), false);
        flush(&p, t);
        if (claimed == 30)
            expect(t, QC_TR_MORE);
        else
            expect_fail(t, QC_TF_PACKET, "V2 transport error: packet decryption failure (0 bytes)");
        end(&p, t);
    }
}

/* Length bytes that decrypt to `want`: what was sealed with length 0, altered. */
static void put_length(peer *p, uint32_t want)
{
    size_t at = p->out.len;
    put_packet(p, "", 0, qc_span_str(""), false);
    for (size_t i = 0; i < 3; i++)
        p->out.data[at + i] ^= (uint8_t)(want >> 8 * i);
}

static void test_v2__the_longest_packet_and_one_more(void **state)
{
    (void)state;
    for (uint32_t more = 0; more < 2; more++) {
        qc_transport *t = make(false, true, 0);
        peer p;
        begin(&p, t, true, 0);
        put_packet(&p, "", 0, qc_span_str(""), false);
        put_length(&p, QC_V2_CONTENTS_MAX + more);
        flush(&p, t);
        if (more)
            expect_fail(t, QC_TF_PACKET_SIZE,
                        "V2 transport error: packet too large (4000014 bytes)");
        else
            expect(t, QC_TR_MORE);
        end(&p, t);
    }
}

/* Whatever byte of the stream is altered, no message comes out. */
static void test_v2__an_altered_byte_lets_nothing_through(void **state)
{
    static const uint8_t zero[4];
    (void)state;
    for (size_t at = 0;; at++) {
        qc_transport *t = make(false, true, 0);
        peer p;
        qc_transport_event e;
        begin(&p, t, true, sizeof zero);
        put_packet(&p, "", 0, qc_span_of(zero, sizeof zero), false);
        put_packet(&p,
                   "\x12"
                   "12345678",
                   9, qc_span_str(""), false);
        bool done = at == p.out.len;
        if (!done)
            p.out.data[at] ^= 0x10;
        flush(&p, t);
        while ((e = next_event(t)).what == QC_TR_MESSAGE)
            assert_true(done);
        assert_int_equal(e.what == QC_TR_MORE || e.what == QC_TR_FAILED, true);
        end(&p, t);
        if (done)
            break;
    }
}

static void test_v2__each_allocation_may_fail(void **state)
{
    unsigned runs;
    (void)state;
    FOR_EACH_FAULT (runs) {
        qc_transport *i = make(true, true, 4000), *r = make(false, true, 4000);
        bool failed = false, more = true;
        while (more && !failed) {
            qc_transport_event e;
            more = false;
            for (int side = 0; side < 2 && !failed; side++) {
                qc_transport *from = side ? r : i, *to = side ? i : r;
                while (qc_transport_next(from, &e) == QC_TR_READY)
                    ;
                qc_span out = qc_transport_pending(from);
                failed = e.what == QC_TR_NOMEM || qc_transport_receive(to, out);
                more = more || out.len;
                if (!failed)
                    qc_transport_sent(from, out.len);
            }
        }
        assert_int_equal(failed, fault_was_hit());
        if (!failed)
            assert_int_equal(qc_transport_get_kind(i), QC_TRANSPORT_V2);
        qc_transport_free(i);
        qc_transport_free(r);
    }
    assert_in_range(runs, 5, 20);
}

QC_TEST_MAIN_GROUP(setup, teardown, cmocka_unit_test(test_v1__messages_pass_in_pieces_of_any_size),
                   cmocka_unit_test(test_v1__what_is_wrong_is_dropped_or_ends_it),
                   cmocka_unit_test(test_detect__sixteen_bytes_make_v1),
                   cmocka_unit_test(test_detect__the_first_other_byte_makes_v2),
                   cmocka_unit_test(test_detect__a_v1_peer_of_another_network_is_told_apart),
                   cmocka_unit_test(test_should_try_v1__only_after_silence),
                   cmocka_unit_test(test_v2__handshake_with_any_garbage_in_any_pieces),
                   cmocka_unit_test(test_v2__messages_of_all_sizes_over_many_keys),
                   cmocka_unit_test(test_send__what_is_too_much_is_sent_and_refused),
                   cmocka_unit_test(test_v2__decoys_are_passed_over_everywhere),
                   cmocka_unit_test(test_v2__names_that_are_none_are_dropped),
                   cmocka_unit_test(test_v2__a_short_name_is_never_completed),
                   cmocka_unit_test(test_v2__one_byte_of_garbage_too_many),
                   cmocka_unit_test(test_v2__garbage_must_be_what_was_proved),
                   cmocka_unit_test(test_v2__the_longest_packet_and_one_more),
                   cmocka_unit_test(test_v2__an_altered_byte_lets_nothing_through),
                   cmocka_unit_test(test_v2__each_allocation_may_fail))
