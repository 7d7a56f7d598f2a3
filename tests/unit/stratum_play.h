/* Clients of the Stratum server against the mock: they speak through sockets, and put blocks
 * together from nothing but what they are told. */
#pragma once
#include "plugins/stratum/session.h"
#include "quoin/mock.h"
#include "tests/unit/harness.h"

#include "lib/hash.h"
#include "lib/hex.h"
#include "lib/mining.h"

#include <jansson.h>
#include <sys/socket.h>
#include <unistd.h>

extern const qn_plugin_1 qn_plugin_entry;

#define USER "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080.rig"

/* ---- a client ---- */

typedef struct client {
    int fd;
    char text[1 << 17]; /* what was heard and not looked at */
    char en1[64], session[64];
    char job[32], prev[65], coinb1[1024], coinb2[2048], path[24][65];
    size_t n_path;
    uint32_t version, bits, time;
    bool clean;
    double difficulty;
    unsigned notified, cleans;
} client;

static inline client *joined(qn_mock *m)
{
    client *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->fd = qn_mock_accept(m, "127.0.0.1:3333", "192.0.2.7:1000");
    return c;
}

static inline void leave(client *c)
{
    close(c->fd);
    free(c);
}

static inline void say(client *c, const char *line)
{
    assert_int_equal(send(c->fd, line, strlen(line), MSG_NOSIGNAL), strlen(line));
    assert_int_equal(send(c->fd, "\n", 1, MSG_NOSIGNAL), 1);
}

static inline void copy_hex(char *out, size_t cap, const json_t *v)
{
    assert_true(json_is_string(v) && strlen(json_string_value(v)) < cap);
    snprintf(out, cap, "%s", json_string_value(v));
}

static inline void take_notify(client *c, const json_t *p)
{
    assert_int_equal(json_array_size(p), 9);
    copy_hex(c->job, sizeof c->job, json_array_get(p, 0));
    assert_int_equal(strspn(c->job, "0123456789abcdef"), strlen(c->job));
    copy_hex(c->prev, sizeof c->prev, json_array_get(p, 1));
    copy_hex(c->coinb1, sizeof c->coinb1, json_array_get(p, 2));
    copy_hex(c->coinb2, sizeof c->coinb2, json_array_get(p, 3));
    c->n_path = json_array_size(json_array_get(p, 4));
    for (size_t i = 0; i < c->n_path; i++)
        copy_hex(c->path[i], 65, json_array_get(json_array_get(p, 4), i));
    c->version = (uint32_t)strtoul(json_string_value(json_array_get(p, 5)), NULL, 16);
    c->bits = (uint32_t)strtoul(json_string_value(json_array_get(p, 6)), NULL, 16);
    c->time = (uint32_t)strtoul(json_string_value(json_array_get(p, 7)), NULL, 16);
    c->clean = json_is_true(json_array_get(p, 8));
    c->notified++;
    c->cleans += c->clean;
}

/* Look at what has come up to the answer of the id; "" when none has. Returns the answer. Owned. */
static inline char *hear(client *c, int id)
{
    size_t have = strlen(c->text);
    ssize_t n;
    while ((n = recv(c->fd, c->text + have, sizeof c->text - 1 - have, MSG_DONTWAIT)) > 0)
        c->text[have += (size_t)n] = 0;
    char *end, *answer = NULL;
    while (!answer && (end = strchr(c->text, '\n'))) {
        json_t *j = json_loadb(c->text, (size_t)(end - c->text), 0, NULL);
        assert_non_null(j);
        const char *method = json_string_value(json_object_get(j, "method"));
        const json_t *p = json_object_get(j, "params");
        if (method && strcmp(method, "mining.notify") == 0)
            take_notify(c, p);
        else if (method && strcmp(method, "mining.set_difficulty") == 0)
            c->difficulty = json_number_value(json_array_get(p, 0));
        else if (json_integer_value(json_object_get(j, "id")) == id)
            answer = json_dumps(j, JSON_COMPACT);
        json_decref(j);
        memmove(c->text, end + 1, strlen(end + 1) + 1);
    }
    return answer ? answer : calloc(1, 1);
}

static inline void expect(client *c, int id, const char *part)
{
    char *got = hear(c, id);
    if (!strstr(got, part))
        fail_msg("answer %d is '%s', not '%s'", id, got, part);
    free(got);
}

/* Subscribe with a session of before, or NULL, and authorize. */
static inline void greet(qn_mock *m, client *c, const char *session)
{
    char line[200];
    snprintf(line, sizeof line,
             "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[\"test/1\"%s%s%s]}",
             session ? ",\"" : "", session ? session : "", session ? "\"" : "");
    say(c, line);
    snprintf(line, sizeof line,
             "{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"%s\",\"x\"]}", USER);
    say(c, line);
    (void)qn_mock_run(m);
    char *text = hear(c, 1);
    json_t *j = json_loads(text, 0, NULL), *r = json_object_get(j, "result");
    assert_int_equal(json_array_size(r), 3);
    copy_hex(c->en1, sizeof c->en1, json_array_get(r, 1));
    assert_int_equal(json_integer_value(json_array_get(r, 2)), 8);
    copy_hex(c->session, sizeof c->session,
             json_array_get(json_array_get(json_array_get(r, 0), 1), 1));
    json_decref(j);
    free(text);
    expect(c, 2, "\"result\":true");
    free(hear(c, -1));
}

/* ---- a miner, from what is told alone ---- */

static inline void header_of(const client *c, const char *en2, uint32_t version, uint8_t header[80])
{
    char hex[4096];
    uint8_t raw[2048], root[32], step[32], prev[32];
    snprintf(hex, sizeof hex, "%s%s%s%s", c->coinb1, c->en1, en2, c->coinb2);
    assert_true(qn_hex_decode(hex, strlen(hex), raw, sizeof raw));
    qn_sha256d(raw, strlen(hex) / 2, root);
    for (size_t i = 0; i < c->n_path; i++) {
        assert_true(qn_hex_decode(c->path[i], 64, step, 32));
        qn_merkle_fold(root, step, 1);
    }
    assert_true(qn_hex_decode(c->prev, 64, prev, 32));
    for (int i = 0; i < 32; i += 4) { /* each word the other way round */
        uint8_t w[4] = {prev[i + 3], prev[i + 2], prev[i + 1], prev[i]};
        memcpy(prev + i, w, 4);
    }
    const qn_header_parts h = {
        .version = (int32_t)version, .prev = prev, .root = root, .time = c->time, .bits = c->bits};
    qn_header_write(&h, header);
}

/* A nonce that does, or one that does not, meet the target of the bits. */
static inline uint32_t grind(const client *c, const char *en2, uint32_t version, bool good)
{
    uint8_t header[80], target[32], hash[32];
    header_of(c, en2, version, header);
    assert_true(qn_target_of_bits(c->bits, target));
    for (uint32_t n = 0;; n++) {
        for (int i = 0; i < 4; i++)
            header[76 + i] = (uint8_t)(n >> 8 * i);
        qn_sha256d(header, 80, hash);
        if (qn_hash_meets(hash, target) == good)
            return n;
    }
}

/* One whose hash reaches a difficulty, and not another. */
static inline uint32_t grind_for(const client *c, const char *en2, double at_least, double below)
{
    uint8_t header[80], lo[32], hi[32], hash[32];
    header_of(c, en2, c->version, header);
    st_target_of(at_least, hi);
    st_target_of(below, lo);
    for (uint32_t n = 0;; n++) {
        for (int i = 0; i < 4; i++)
            header[76 + i] = (uint8_t)(n >> 8 * i);
        qn_sha256d(header, 80, hash);
        if (qn_hash_meets(hash, hi) && !qn_hash_meets(hash, lo))
            return n;
    }
}

static inline void submit(client *c, int id, const char *en2, uint32_t nonce, const char *more)
{
    char line[400];
    snprintf(line, sizeof line,
             "{\"id\":%d,\"method\":\"mining.submit\",\"params\":[\"%s\",\"%s\",\"%s\",\"%08x\",\"%"
             "08x\"%s]}",
             id, USER, c->job, en2, c->time, nonce, more);
    say(c, line);
}

static inline qn_mock *started(void)
{
    qn_mock *m = qn_mock_new();
    qn_mock_mine(m, 20);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    (void)qn_mock_run(m);
    return m;
}

static inline unsigned count(const char *text, const char *part)
{
    unsigned n = 0;
    for (; (text = strstr(text, part)); text++)
        n++;
    return n;
}
