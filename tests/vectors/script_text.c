#include "tests/vectors/script_text.h"

#include "core/script/num.h"
#include "core/script/pattern.h"

/* From OP_NOP on, in order; the constants are written as numbers. */
static const char *const NAMES[] = {
    "NOP",
    "VER",
    "IF",
    "NOTIF",
    "VERIF",
    "VERNOTIF",
    "ELSE",
    "ENDIF",
    "VERIFY",
    "RETURN",
    "TOALTSTACK",
    "FROMALTSTACK",
    "2DROP",
    "2DUP",
    "3DUP",
    "2OVER",
    "2ROT",
    "2SWAP",
    "IFDUP",
    "DEPTH",
    "DROP",
    "DUP",
    "NIP",
    "OVER",
    "PICK",
    "ROLL",
    "ROT",
    "SWAP",
    "TUCK",
    "CAT",
    "SUBSTR",
    "LEFT",
    "RIGHT",
    "SIZE",
    "INVERT",
    "AND",
    "OR",
    "XOR",
    "EQUAL",
    "EQUALVERIFY",
    "RESERVED1",
    "RESERVED2",
    "1ADD",
    "1SUB",
    "2MUL",
    "2DIV",
    "NEGATE",
    "ABS",
    "NOT",
    "0NOTEQUAL",
    "ADD",
    "SUB",
    "MUL",
    "DIV",
    "MOD",
    "LSHIFT",
    "RSHIFT",
    "BOOLAND",
    "BOOLOR",
    "NUMEQUAL",
    "NUMEQUALVERIFY",
    "NUMNOTEQUAL",
    "LESSTHAN",
    "GREATERTHAN",
    "LESSTHANOREQUAL",
    "GREATERTHANOREQUAL",
    "MIN",
    "MAX",
    "WITHIN",
    "RIPEMD160",
    "SHA1",
    "SHA256",
    "HASH160",
    "HASH256",
    "CODESEPARATOR",
    "CHECKSIG",
    "CHECKSIGVERIFY",
    "CHECKMULTISIG",
    "CHECKMULTISIGVERIFY",
    "NOP1",
    "CHECKLOCKTIMEVERIFY",
    "CHECKSEQUENCEVERIFY",
    "NOP4",
    "NOP5",
    "NOP6",
    "NOP7",
    "NOP8",
    "NOP9",
    "NOP10",
    "CHECKSIGADD",
};

static uint8_t opcode_of(const char *word)
{
    if (strncmp(word, "OP_", 3) == 0)
        word += 3;
    if (strcmp(word, "RESERVED") == 0)
        return QC_OP_RESERVED;
    for (size_t i = 0; i < QC_COUNTOF(NAMES); i++) {
        if (strcmp(NAMES[i], word) == 0)
            return (uint8_t)(QC_OP_NOP + i);
    }
    bad_vectors("unknown opcode %s", word);
}

static void put_push(qc_bytes *b, qc_span data)
{
    uint8_t head[5];
    put(b, head, qc_push_header(data.len, head));
    put_span(b, data);
}

static void put_number(qc_bytes *b, long long n)
{
    uint8_t bytes[9];
    if (n == 0) {
        bytes[0] = QC_OP_0;
        put(b, bytes, 1);
    } else if (n == -1 || (n >= 1 && n <= 16)) {
        bytes[0] = (uint8_t)(QC_OP_1 - 1 + n);
        put(b, bytes, 1);
    } else {
        put_push(b, qc_span_of(bytes, qc_num_write(n, bytes)));
    }
}

static bool is_number(const char *w)
{
    if (*w == '-')
        w++;
    return *w && strspn(w, "0123456789") == strlen(w);
}

static void put_word(qc_bytes *b, const char *w)
{
    size_t len = strlen(w);
    if (is_number(w)) {
        put_number(b, strtoll(w, NULL, 10));
    } else if (strncmp(w, "0x", 2) == 0 && len > 2) {
        qc_bytes raw = unhex(w + 2);
        put_span(b, qc_bytes_span(&raw));
        qc_bytes_free(&raw);
    } else if (len >= 2 && w[0] == '\'' && w[len - 1] == '\'') {
        put_push(b, qc_span_of(w + 1, len - 2));
    } else {
        uint8_t op = opcode_of(w);
        put(b, &op, 1);
    }
}

qc_bytes script_from_text(const char *text)
{
    qc_bytes b = QC_BYTES_INIT;
    char *copy = strdup(text), *rest = NULL;
    if (!copy)
        bad_vectors("out of memory");
    for (char *w = strtok_r(copy, " \t\n", &rest); w; w = strtok_r(NULL, " \t\n", &rest))
        put_word(&b, w);
    free(copy);
    return b;
}

static const struct {
    const char *name;
    uint32_t flag;
} FLAGS[] = {
    {"P2SH", QC_SCRIPT_P2SH},
    {"STRICTENC", QC_SCRIPT_STRICTENC},
    {"DERSIG", QC_SCRIPT_DERSIG},
    {"LOW_S", QC_SCRIPT_LOW_S},
    {"SIGPUSHONLY", QC_SCRIPT_SIGPUSHONLY},
    {"MINIMALDATA", QC_SCRIPT_MINIMALDATA},
    {"NULLDUMMY", QC_SCRIPT_NULLDUMMY},
    {"DISCOURAGE_UPGRADABLE_NOPS", QC_SCRIPT_DISCOURAGE_UPGRADABLE_NOPS},
    {"CLEANSTACK", QC_SCRIPT_CLEANSTACK},
    {"MINIMALIF", QC_SCRIPT_MINIMALIF},
    {"NULLFAIL", QC_SCRIPT_NULLFAIL},
    {"CHECKLOCKTIMEVERIFY", QC_SCRIPT_CHECKLOCKTIMEVERIFY},
    {"CHECKSEQUENCEVERIFY", QC_SCRIPT_CHECKSEQUENCEVERIFY},
    {"WITNESS", QC_SCRIPT_WITNESS},
    {"DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM", QC_SCRIPT_DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM},
    {"WITNESS_PUBKEYTYPE", QC_SCRIPT_WITNESS_PUBKEYTYPE},
    {"CONST_SCRIPTCODE", QC_SCRIPT_CONST_SCRIPTCODE},
    {"TAPROOT", QC_SCRIPT_TAPROOT},
    {"DISCOURAGE_UPGRADABLE_PUBKEYTYPE", QC_SCRIPT_DISCOURAGE_UPGRADABLE_PUBKEYTYPE},
    {"DISCOURAGE_OP_SUCCESS", QC_SCRIPT_DISCOURAGE_OP_SUCCESS},
    {"DISCOURAGE_UPGRADABLE_TAPROOT_VERSION", QC_SCRIPT_DISCOURAGE_UPGRADABLE_TAPROOT_VERSION},
};

static uint32_t flag_of(const char *name, size_t len)
{
    for (size_t i = 0; i < QC_COUNTOF(FLAGS); i++) {
        if (strlen(FLAGS[i].name) == len && memcmp(FLAGS[i].name, name, len) == 0)
            return FLAGS[i].flag;
    }
    bad_vectors("unknown flag %.*s", (int)len, name);
}

uint32_t flags_from_text(const char *text)
{
    uint32_t flags = 0;
    if (strcmp(text, "NONE") == 0)
        return 0;
    while (*text) {
        size_t len = strcspn(text, ",");
        flags |= flag_of(text, len);
        text += len + (text[len] == ',');
    }
    return flags;
}

uint32_t flags_trim(uint32_t flags)
{
    if (!(flags & QC_SCRIPT_P2SH))
        flags &= ~QC_SCRIPT_WITNESS;
    if (!(flags & QC_SCRIPT_WITNESS))
        flags &= ~QC_SCRIPT_CLEANSTACK;
    return flags;
}

uint32_t flags_fill(uint32_t flags)
{
    if (flags & QC_SCRIPT_CLEANSTACK)
        flags |= QC_SCRIPT_WITNESS;
    if (flags & QC_SCRIPT_WITNESS)
        flags |= QC_SCRIPT_P2SH;
    return flags;
}
