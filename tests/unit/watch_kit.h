/* tests/unit/watch_kit.h: the watch plugin in the mock, asked as a client would. Every function
 * fails the test for anything unexpected. */
#pragma once
#include "quoin/mock.h"
#include "quoin/sdk.h"

#include <jansson.h>

extern const qn_plugin_1 qn_plugin_entry;

#define XPUB                                                                                       \
    "tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZ" \
    "PStJRJCTKvosUCJZL5B"
#define GAP 5
#define KEYS 400

/** Scripts of a descriptor, derived without the plugin. */
typedef struct keys {
    char text[300]; /* with its checksum */
    uint8_t script[KEYS][34];
    uint32_t len;
} keys;

/** The text with its checksum behind it. */
void add_checksum(const char *text, char *out, size_t cap);
/** Of a descriptor without a checksum. Owned: qc_free(). */
keys *keys_of(const char *text);

/** A mock with three blocks in which the plugin runs, with a gap limit of GAP. */
qn_mock *started(void);
/** The method's answer has this text in it. */
void expect(qn_mock *m, const char *method, const char *params, const char *want);
/** The method's answer. Owned: json_decref(). */
json_t *ask(qn_mock *m, const char *method, const char *params);
/** Import a descriptor into the wallet w; `rest` are further members. */
void import(qn_mock *m, const char *desc, const char *rest, const char *want);
int64_t number(const json_t *j, const char *key);
/** "" when it is missing. */
const char *text(const json_t *j, const char *key);
/** An amount in satoshis. */
int64_t sats(const json_t *j, const char *key);
