/* tests/unit/store_util.h: what the tests of the store share. */
#pragma once
#include "core/base/log.h"
#include "core/btc/block.h"
#include "tests/unit/harness.h"

/* Refusals are what these tests provoke: keep their log lines off the terminal. */
static inline void log_nowhere(void *arg, qc_log_level level, const char *area, const char *line,
                               size_t len)
{
    (void)arg, (void)level, (void)area, (void)line, (void)len;
}
static inline int quiet(void **state)
{
    (void)state;
    qc_log_set_sink(log_nowhere, NULL);
    return 0;
}

/** Append to bytes in a test: memory is there. */
static inline void put_bytes(qc_bytes *b, const void *p, size_t n)
{
    assert_int_equal(qc_bytes_append(b, p, n), QC_OK);
}
static inline void put_u8(qc_bytes *b, uint8_t v)
{
    put_bytes(b, &v, 1);
}
static inline void put_le(qc_bytes *b, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put_u8(b, (uint8_t)(v >> 8 * i));
}

/** A transaction that parses: n_in inputs (one null input when 0: a coinbase), one output. */
static inline void put_tx(qc_bytes *b, unsigned n_in, uint8_t salt)
{
    put_le(b, 1, 4);
    put_u8(b, (uint8_t)(n_in ? n_in : 1));
    for (unsigned i = 0; i < (n_in ? n_in : 1); i++) {
        for (unsigned k = 0; k < 32; k++)
            put_u8(b, n_in ? (uint8_t)(salt + i) : 0);
        put_le(b, n_in ? i : 0xffffffff, 4);
        put_u8(b, 0);
        put_le(b, 0xffffffff, 4);
    }
    put_u8(b, 1);
    put_le(b, salt, 8);
    put_u8(b, 1);
    put_u8(b, 0x51);
    put_le(b, 0, 4);
}

/** A block of a coinbase and two transactions with 2 and 3 inputs. Owned: qc_bytes_free(). */
static inline qc_bytes small_block(uint32_t nonce)
{
    qc_bytes b = QC_BYTES_INIT;
    put_le(&b, 4, 4);
    for (unsigned i = 0; i < 64; i++)
        put_u8(&b, (uint8_t)i);
    put_le(&b, 1600000000, 4);
    put_le(&b, 0x207fffff, 4);
    put_le(&b, nonce, 4);
    put_u8(&b, 3);
    put_tx(&b, 0, 1);
    put_tx(&b, 2, 7);
    put_tx(&b, 3, 9);
    return b;
}
