/* The three sets of BIP324. Decoding: 64 bytes, their x, comment. Inverting: u, x, the t of each of
 * the eight cases or nothing, comment. Packets: see enum; every value on the way is compared. */
#include "core/crypto/bip324.h"
#include "core/crypto/ellswift.h"
#include "tests/vectors/sets.h"

#include <stdio.h>
#include <stdlib.h>

#define COLUMNS_MAX 22
typedef void row_fn(char *col[COLUMNS_MAX], tally *t);

/* Cut the line at its commas; the last column keeps its own. */
static void split(char *line, char *col[COLUMNS_MAX], int n)
{
    line[strcspn(line, "\r\n")] = '\0';
    for (int i = 0; i < n; i++) {
        char *comma = i + 1 < n ? strchr(line, ',') : NULL;
        if (i + 1 < n && !comma)
            bad_vectors("a line of the CSV file has %d columns", i + 1);
        col[i] = line;
        if (comma) {
            *comma = '\0';
            line = comma + 1;
        }
    }
}

static void each_row(const char *file, int columns, row_fn *fn, tally *t)
{
    char *line = NULL, *col[COLUMNS_MAX];
    size_t cap = 0;
    FILE *f = fopen(file, "r");
    if (!f || getline(&line, &cap, f) < 0)
        bad_vectors("cannot read %s", file);
    while (getline(&line, &cap, f) >= 0) {
        split(line, col, columns);
        fn(col, t);
    }
    free(line);
    fclose(f);
}

static void fixed(const char *hex, uint8_t *out, size_t len)
{
    qc_bytes b = unhex(hex);
    if (b.len != len)
        bad_vectors("%s is not of %zu bytes", hex, len);
    memcpy(out, b.data, len);
    qc_bytes_free(&b);
}

static long number(const char *text)
{
    return strtol(text, NULL, 10);
}

static void decode_row(char *col[COLUMNS_MAX], tally *t)
{
    uint8_t in[QC_ELLSWIFT_LEN], x[32];
    fixed(col[0], in, sizeof in);
    qc_ellswift_decode(in, x);
    tally_case(t, hex_is(col[1], x, sizeof x), "%s: %s", col[0], col[2]);
}

static void inverse_row(char *col[COLUMNS_MAX], tally *t)
{
    uint8_t u[32], x[32], out[32], again[32], both[QC_ELLSWIFT_LEN];
    fixed(col[0], u, sizeof u);
    fixed(col[1], x, sizeof x);
    for (unsigned which = 0; which < 8; which++) {
        bool found = qc_xswiftec_inv(x, u, which, out);
        bool ok = found == (*col[2 + which] != 0);
        if (ok && found) {
            memcpy(both, u, sizeof u);
            memcpy(both + 32, out, sizeof out);
            qc_ellswift_decode(both, again);
            ok = hex_is(col[2 + which], out, sizeof out) && memcmp(again, x, sizeof x) == 0;
        }
        tally_case(t, ok, "u %s x %s case %u: %s", col[0], col[1], which, col[10]);
    }
}

enum {
    IDX,
    PRIV,
    OURS,
    THEIRS,
    INITIATING,
    CONTENTS,
    MULTIPLY,
    AAD,
    IGNORE,
    X_OURS,
    X_THEIRS,
    X_SHARED,
    SECRET,
    INIT_L,
    INIT_P,
    RESP_L,
    RESP_P,
    SEND_TERM,
    RECV_TERM,
    SESSION,
    WHOLE,
    ENDS_WITH,
    PACKET_COLUMNS
};

static bool keys_agree(char *col[COLUMNS_MAX], bool initiating, qc_bip324 *c)
{
    static const uint8_t seed[32] = {1}, magic[4] = {0xf9, 0xbe, 0xb4, 0xd9};
    uint8_t key[32], ours[64], theirs[64], x[32], shared[32], secret[32], pub[65];
    fixed(col[PRIV], key, sizeof key);
    fixed(col[OURS], ours, sizeof ours);
    fixed(col[THEIRS], theirs, sizeof theirs);
    qc_signer *s = qc_signer_new(seed);
    bool ok = qc_seckey_pubkey(s, key, true, pub) && hex_is(col[X_OURS], pub + 1, 32);
    qc_signer_free(s);
    qc_ellswift_decode(ours, x);
    ok = ok && hex_is(col[X_OURS], x, sizeof x);
    qc_ellswift_decode(theirs, x);
    ok = ok && hex_is(col[X_THEIRS], x, sizeof x) && qc_seckey_ecdh(key, x, shared) &&
         hex_is(col[X_SHARED], shared, sizeof shared) &&
         qc_ellswift_ecdh(key, ours, theirs, initiating, secret) &&
         hex_is(col[SECRET], secret, sizeof secret);
    if (!ok)
        return false;
    qc_bip324_init(c, secret, magic, initiating);
    return hex_is(col[initiating ? INIT_P : RESP_P], c->send_packet.key, 32) &&
           hex_is(col[initiating ? RESP_P : INIT_P], c->recv_packet.key, 32) &&
           hex_is(col[SEND_TERM], c->send_terminator, QC_TERMINATOR_LEN) &&
           hex_is(col[RECV_TERM], c->recv_terminator, QC_TERMINATOR_LEN) &&
           hex_is(col[SESSION], c->session_id, sizeof c->session_id);
}

/* The peer's side of the same connection reads what was sealed. */
static bool peer_reads(qc_bip324 *peer, uint8_t *packet, size_t contents, qc_span aad, bool ignore)
{
    bool got = !ignore;
    return qc_bip324_length(peer, packet) == contents &&
           qc_bip324_open(peer, packet, contents, aad, &got) && got == ignore;
}

static bool packet_agrees(char *col[COLUMNS_MAX], qc_bip324 *c, qc_bip324 *peer)
{
    qc_bytes once = unhex(col[CONTENTS]), aad = unhex(col[AAD]), packet = QC_BYTES_INIT;
    bool ignore = number(col[IGNORE]) != 0, ok = true;
    uint8_t empty[QC_BIP324_EXPANSION];
    for (long i = number(col[IDX]); i > 0; i--) {
        qc_bip324_seal(c, empty, 0, qc_span_of(NULL, 0), false);
        ok = ok && peer_reads(peer, empty, 0, qc_span_of(NULL, 0), false);
    }
    put(&packet, "\0\0\0", QC_BIP324_HEAD);
    for (long i = number(col[MULTIPLY]); i > 0; i--)
        put(&packet, once.data, once.len);
    size_t contents = packet.len - QC_BIP324_HEAD;
    put(&packet, "0123456789abcdef", QC_TAG_LEN);
    qc_bip324_seal(c, packet.data, contents, qc_bytes_span(&aad), ignore);
    size_t tail = strlen(col[ENDS_WITH]) / 2;
    ok = ok && (*col[WHOLE] ? hex_is(col[WHOLE], packet.data, packet.len)
                            : tail && tail <= packet.len &&
                                  hex_is(col[ENDS_WITH], packet.data + packet.len - tail, tail));
    ok = ok && peer_reads(peer, packet.data, contents, qc_bytes_span(&aad), ignore);
    for (size_t at = 0; ok && at < contents; at += once.len)
        ok = memcmp(packet.data + QC_BIP324_HEAD + at, once.data, once.len) == 0;
    qc_bytes_free(&once);
    qc_bytes_free(&aad);
    qc_bytes_free(&packet);
    return ok;
}

static void packet_row(char *col[COLUMNS_MAX], tally *t)
{
    qc_bip324 c = {0}, peer;
    bool ok = keys_agree(col, number(col[INITIATING]) != 0, &c);
    peer.recv_length = c.send_length;
    peer.recv_packet = c.send_packet;
    tally_case(t, ok && packet_agrees(col, &c, &peer), "packet %s of %.16s", col[IDX], col[PRIV]);
}

void set_bip324_decode(const char *file, tally *t)
{
    each_row(file, 3, decode_row, t);
}

void set_bip324_inverse(const char *file, tally *t)
{
    each_row(file, 11, inverse_row, t);
}

void set_bip324_packets(const char *file, tally *t)
{
    each_row(file, PACKET_COLUMNS, packet_row, t);
}
