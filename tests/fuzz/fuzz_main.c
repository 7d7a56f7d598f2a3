/* What surrounds a target: libFuzzer's entry, or the replay of its corpus with a cheap mutator. */
#include "tests/fuzz/fuzz.h"

#ifdef QC_LIBFUZZER

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    return qc_fuzz_one(data, len);
}

#else

#include "core/base/alloc.h"
#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_INPUT (8u << 20)
#define MAX_MUTANT (1u << 20) /* larger ones are cut: this loop is for breadth */
#define DEFAULT_MUTANTS 3000
#define DEFAULT_SECONDS                                                                            \
    5 /* then the loop ends early, so that a slow target cannot hold the rest                      \
       */

typedef struct corpus {
    char **name;
    qc_bytes *input;
    size_t n;
} corpus;

/* What runs now, for the handler of a crash. */
static const char *g_name;
static uint64_t g_mutant;
static qc_span g_input;
static char g_crash_path[64];

static void on_crash(int sig)
{
    int fd = open(g_crash_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd >= 0) {
        if (write(fd, g_input.data, g_input.len) < 0)
            fd = -1;
        close(fd);
    }
    fprintf(stderr, "crashed on %s, mutant %llu; the input is in %s\n", g_name,
            (unsigned long long)g_mutant, g_crash_path);
    signal(sig, SIG_DFL);
    raise(sig);
}

static uint64_t next_random(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* A copy of exactly its length, so that a sanitizer sees the first byte read past the end. */
static void run_one(const uint8_t *data, size_t len)
{
    uint8_t *p = malloc(len ? len : 1);
    if (!p)
        abort();
    if (len)
        memcpy(p, data, len);
    g_input = qc_span_of(p, len);
    qc_fuzz_one(p, len);
    g_input = qc_span_of(NULL, 0);
    free(p);
}

static void shift(qc_bytes *b, size_t at, size_t gone, const uint8_t *in, size_t n)
{
    if (n > gone && qc_bytes_reserve(b, n - gone))
        abort();
    memmove(b->data + at + n, b->data + at + gone, b->len - at - gone);
    if (n)
        memcpy(b->data + at, in, n);
    b->len += n - gone;
}

static void mutate_once(qc_bytes *b, const qc_bytes *other, uint64_t *seed)
{
    static const uint8_t edge[] = {0, 1, 0x7f, 0x80, 0xfc, 0xfd, 0xfe, 0xff};
    uint64_t r = next_random(seed);
    size_t at = b->len ? (size_t)(next_random(seed) % b->len) : 0;
    size_t n = (size_t)(next_random(seed) % 16) + 1;
    switch (b->len ? r % 7 : 5) {
    case 0:
        b->data[at] ^= (uint8_t)(1 << (r >> 8 & 7));
        break;
    case 1:
        b->data[at] = (uint8_t)(r >> 8);
        break;
    case 2:
        memset(b->data + at, edge[r >> 8 & 7], QC_MIN(n, b->len - at));
        break;
    case 3: /* lose a piece */
        shift(b, at, QC_MIN(n, b->len - at), NULL, 0);
        break;
    case 4: /* end early */
        b->len = at;
        break;
    case 5: /* take a piece of another input */
        if (other->len) {
            size_t from = (size_t)(next_random(seed) % other->len);
            shift(b, at, 0, other->data + from, QC_MIN(n * n, other->len - from));
        }
        break;
    default: { /* a number off by a little */
        uint8_t delta = (uint8_t)((r >> 8 & 31) - 16);
        b->data[at] = (uint8_t)(b->data[at] + delta);
    }
    }
}

static uint64_t env_number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static uint64_t mutants(const corpus *c)
{
    uint64_t want = env_number("QC_FUZZ_MUTANTS", DEFAULT_MUTANTS);
    qc_mono end =
        qc_clock_mono() + (int64_t)env_number("QC_FUZZ_SECONDS", DEFAULT_SECONDS) * 1000000000;
    uint64_t done = 0;
    for (; done < want && qc_clock_mono() < end; done++) {
        uint64_t seed = done; /* each mutant by itself: any one can be made again alone */
        size_t i = (size_t)(next_random(&seed) % c->n), j = (size_t)(next_random(&seed) % c->n);
        qc_bytes b = QC_BYTES_INIT;
        size_t len = QC_MIN(c->input[i].len, MAX_MUTANT);
        if (qc_bytes_reserve(&b, 1) || qc_bytes_append(&b, c->input[i].data, len))
            abort();
        for (uint64_t k = next_random(&seed) % 4 + 1; k; k--)
            mutate_once(&b, &c->input[j], &seed);
        g_name = c->name[i];
        g_mutant = done;
        run_one(b.data, b.len);
        qc_bytes_free(&b);
    }
    return done;
}

static bool load(corpus *c, const char *dir)
{
    qc_os_list l;
    if (qc_os_list_dir(dir, &l)) {
        fprintf(stderr, "%s: %s\n", dir, strerror(errno));
        return false;
    }
    c->name = l.name;
    c->n = l.n;
    c->input = qc_alloc(l.n * sizeof *c->input);
    for (size_t i = 0; i < l.n; i++) {
        char *path = qc_asprintf("%s/%s", dir, l.name[i]);
        qc_err err = qc_os_read_file(path, MAX_INPUT, &c->input[i]);
        if (err)
            fprintf(stderr, "%s: %s\n", path, qc_err_text(err));
        qc_free(path);
        if (err)
            return false;
    }
    if (!l.n)
        fprintf(stderr, "%s: an empty corpus proves nothing\n", dir);
    return l.n > 0;
}

static void unload(corpus *c)
{
    for (size_t i = 0; i < c->n; i++)
        qc_bytes_free(&c->input[i]);
    qc_free(c->input);
    qc_os_list_free(&(qc_os_list){c->name, c->n});
}

/* "…/fuzz_tx" is the target "tx". */
static const char *target_of(const char *program)
{
    const char *slash = strrchr(program, '/');
    const char *name = slash ? slash + 1 : program;
    return strncmp(name, "fuzz_", 5) ? name : name + 5;
}

static int run_files(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        qc_bytes b;
        if (qc_os_read_file(argv[i], MAX_INPUT, &b)) {
            perror(argv[i]);
            return 1;
        }
        g_name = argv[i];
        run_one(b.data, b.len);
        qc_bytes_free(&b);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *target = target_of(argv[0]);
    const char *root = getenv("QC_FUZZ_CORPUS");
    snprintf(g_crash_path, sizeof g_crash_path, "crash-%.40s", target);
    static const int fatal[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    for (size_t i = 0; i < QC_COUNTOF(fatal); i++)
        signal(fatal[i], on_crash);
    if (argc > 1)
        return run_files(argc, argv);
    corpus c = {0};
    char *dir = qc_asprintf("%s/%s", root ? root : "tests/fuzz/corpus", target);
    bool ok = load(&c, dir);
    qc_free(dir);
    for (size_t i = 0; ok && i < c.n; i++) {
        g_name = c.name[i];
        run_one(c.input[i].data, c.input[i].len);
    }
    uint64_t done = ok ? mutants(&c) : 0;
    printf("%s: %zu inputs, %llu mutants\n", target, c.n, (unsigned long long)done);
    unload(&c);
    return !ok;
}

#endif
