/* tests/unit/harness.h: what every unit test includes first after the header it tests. cmocka with
 * the system headers it needs, in the order it needs them; a scratch folder that is gone at the
 * end; a loop that fails each fallible call in turn; a check that no test leaves a file open.
 *
 * static void test_read__any_flipped_byte_is_corrupt(void **state) { ... }
 * QC_TEST_MAIN(cmocka_unit_test(test_read__any_flipped_byte_is_corrupt)) */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/base/bytes.h"

/** The program's scratch folder, made at the first use, removed when the program ends. */
const char *tmp_dir(void);
/** tmp_dir()/name. Borrowed until the program ends. Nothing is made. */
const char *tmp_path(const char *name);
/** A new scratch file that holds these bytes. Its path is borrowed until the program ends. */
const char *tmp_write(const void *data, size_t len);
/** A new empty scratch folder. Its path is borrowed until the program ends. */
const char *tmp_mkdir(void);
/** Contents of a file as bytes with a NUL after them; fails the test when it cannot be read.
 *  Owned: qc_bytes_free(). */
qc_bytes tmp_read(const char *path);

/** Bytes of a hex string, which must be well-formed. Owned: qc_bytes_free(). */
qc_bytes hex_bytes(const char *hex);

/** Folder of the shared test vectors, or NULL when there is none here. */
const char *qc_test_vectors_dir(void);
/** <vectors>/name; skips the calling test with a reason when it is absent. Borrowed. */
const char *vectors_path(const char *name);

/** Fail the n-th fallible call from here (1: the next); 0: none. */
static inline void fault_arm(uint64_t n)
{
    qc_fault_arm(n);
}
/** True when the armed fault has fired. */
static inline bool fault_was_hit(void)
{
    return qc_fault_left() == 0;
}
/** Run the statement that follows again and again, with the 1st, then the 2nd ... fallible call
 *  failing, until a run meets no fault. `runs` (an unsigned) then is the number of fallible calls
 *  plus one.
 *      FOR_EACH_FAULT(runs) { err = f(); assert_true(!err == !fault_was_hit()); } */
#define FOR_EACH_FAULT(runs) for ((runs) = 0; fault_next(&(runs));)
bool fault_next(unsigned *runs);

/** Deterministic pseudo-random numbers; the same in every run. */
uint64_t test_rand(uint64_t *seed);

int qc_test_run(const char *name, const struct CMUnitTest *tests, size_t n,
                CMFixtureFunction group_setup, CMFixtureFunction group_teardown);
/** main() of a test program. Each test must leave as many open files as it found. */
#define QC_TEST_MAIN(...) QC_TEST_MAIN_GROUP(NULL, NULL, __VA_ARGS__)
/** The same, with a fixture around all of them. */
#define QC_TEST_MAIN_GROUP(setup, teardown, ...)                                                   \
    int main(void)                                                                                 \
    {                                                                                              \
        const struct CMUnitTest tests[] = {__VA_ARGS__};                                           \
        return qc_test_run(__FILE__, tests, sizeof tests / sizeof tests[0], setup, teardown);      \
    }
