/* plugins/stratum/message.h: what clients say, line by line, and how answers are written. Every
 * line is hostile. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ST_ID_MAX 64    /* characters of an id that is given back */
#define ST_NAME_MAX 128 /* of a worker */
#define ST_EN1_LEN 4
#define ST_EN2_LEN 8

typedef enum st_method {
    ST_UNKNOWN,
    ST_SUBSCRIBE,
    ST_AUTHORIZE,
    ST_SUBMIT,
    ST_CONFIGURE,
    ST_EXTRANONCE,
    ST_SUGGEST,
    ST_TRANSACTIONS,
    ST_PING,
    ST_ANSWER, /* to something that we asked: passed over */
} st_method;

/** One line. Texts end with a NUL and are cut to fit where that does no harm. */
typedef struct st_message {
    st_method method;
    bool bad;               /* the method is known, but not with such parameters */
    char id[ST_ID_MAX + 1]; /* JSON text; "null" where none was given */
    /* subscribe */
    char agent[ST_NAME_MAX + 1], session[64];
    /* authorize, submit */
    char user[ST_NAME_MAX + 1];
    double difficulty; /* suggested: by mining.suggest_difficulty or "d=" of a password; 0: none */
    /* submit */
    uint64_t job;
    uint8_t variant;
    uint8_t en2[ST_EN2_LEN];
    uint32_t time, nonce, version;
    bool has_version;
    /* configure */
    bool rolling, min_difficulty, sub_extranonce; /* asked for */
    char unknown[1536];                           /* what else was: "\"name\":false," of each */
    uint32_t mask, min_bits;                      /* of version rolling */
    bool has_difficulty;                          /* with the minimum: else it cannot be granted */
} st_message;

/** Read a line. Returns: false when it is no JSON object that could be a message. */
bool st_message_read(const char *line, size_t len, st_message *m);
/** A decimal number in a text, from 1e-15 to 1e18. Returns: false when it is none. */
bool st_number(const char *text, double *out);

/** Text that grows. `failed` sticks when memory has run out. */
typedef struct st_text {
    char *data;
    size_t len, cap;
    bool failed;
} st_text;
void st_put(st_text *t, const char *data, size_t len);
void st_puts(st_text *t, const char *s);
void st_put_hex(st_text *t, const uint8_t *data, size_t len);
__attribute__((format(printf, 2, 3))) void st_putf(st_text *t, const char *fmt, ...);
/** Forget the first n bytes. */
void st_text_take(st_text *t, size_t n);
void st_text_free(st_text *t);

/** {"id":ID,"result":RESULT,"error":null}\n */
void st_put_result(st_text *t, const char *id, const char *result);
/** {"id":ID,"result":null,"error":[CODE,"TEXT",null]}\n */
void st_put_error(st_text *t, const char *id, int code, const char *text);
