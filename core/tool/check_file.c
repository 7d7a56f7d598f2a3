/* Cases that look at the file, at loading, and at what happens when interfaces are refused. */
#include "core/tool/check.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/os/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOAD_MS 100u
#define LOAD_TRIES 5u

void qc_case_static(qc_check *c)
{
    qc_image m;
    qc_problems p = {0};
    if (!qc_image_open(c->target.path, NULL, &m, &p))
        (void)qc_check_fail(c, "a file that the node would load (quoin-plugin lint)", "%s: %s",
                            p.step, p.line[0]);
    else if (!(m.elf.bind_now && m.elf.relro))
        qc_check_note(c, "advice: link with -Wl,-z,relro,-z,now");
    qc_image_clear(&m);
    qc_problems_clear(&p);
}

/* ---- load ---- */

static unsigned count_in(const char *folder)
{
    qc_os_list list = {0};
    unsigned n = 0;
    if (!qc_os_list_dir(folder, &list))
        n = (unsigned)list.n;
    qc_os_list_free(&list);
    return n;
}

/* How long this thread has stood in line for a processor, in ns; 0 where the kernel does not say.
 */
static uint64_t waited(void)
{
    unsigned long long ran, in_line = 0;
    FILE *f = fopen("/proc/thread-self/schedstat", "re");
    if (f && fscanf(f, "%llu %llu", &ran, &in_line) != 2)
        in_line = 0;
    if (f)
        fclose(f);
    return in_line;
}

typedef struct load_try {
    char *empty; /* working folder, HOME and TMPDIR of the attempt */
} load_try;

static void load_once(qc_check *c, void *arg)
{
    const load_try *t = arg;
    char *output = qc_asprintf("%s/load-output", c->dir);
    struct stat st = {0};
    int fd = open(output, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    qc_free(output);
    if (fd < 0 || chdir(t->empty) || setenv("HOME", t->empty, 1) || setenv("TMPDIR", t->empty, 1))
        return;
    fflush(NULL);
    (void)!dup2(fd, STDOUT_FILENO);
    (void)!dup2(fd, STDERR_FILENO);
    unsigned fds = count_in("/proc/self/fd"), threads = qc_drive_threads();
    uint64_t line = waited();
    qc_mono t0 = qc_clock_mono();
    if (!qc_check_load(c))
        return;
    uint64_t ns = (uint64_t)(qc_clock_mono() - t0), others = waited() - line;
    uint64_t us = (ns > others ? ns - others : 1) / 1000;
    fflush(NULL);
    unsigned fds_now = count_in("/proc/self/fd"), threads_now = qc_drive_threads();
    if (c->box->number[0] == 0 || us < c->box->number[0])
        c->box->number[0] = us;
    if (threads_now != threads)
        (void)qc_check_fail(c, "no thread before init()", "loading starts %u threads",
                            threads_now - threads);
    if (fds_now != fds)
        (void)qc_check_fail(c, "no descriptor before init()", "loading leaves %u descriptors open",
                            fds_now - fds);
    if (fstat(fd, &st) || st.st_size)
        (void)qc_check_fail(c, "no output before init()", "loading prints %lld bytes",
                            (long long)st.st_size);
    if (count_in(t->empty))
        (void)qc_check_fail(c, "no file before init()", "loading makes %u files",
                            count_in(t->empty));
}

void qc_case_load(qc_check *c)
{
    load_try t = {.empty = qc_check_folder(c, "empty")};
    bool in_process = c->in_process;
    c->in_process = false; /* each try must be the first in its process */
    for (unsigned i = 0; i < LOAD_TRIES; i++) {
        if (!qc_check_sub(c, load_once, &t, 20, 0))
            break;
        if (c->box->number[0] < LOAD_MS * 1000)
            break; /* the machine may be busy: the best of some */
    }
    c->in_process = in_process;
    if (c->box->number[0] >= LOAD_MS * 1000)
        (void)qc_check_fail(c, "less than 100 ms: what takes long belongs into start()",
                            "loading takes %llu ms at best",
                            (unsigned long long)c->box->number[0] / 1000);
    qc_check_note(c, "%llu.%llu ms", (unsigned long long)c->box->number[0] / 1000,
                  (unsigned long long)c->box->number[0] / 100 % 10);
    qc_free(t.empty);
}

/* ---- negotiation ---- */

typedef struct refusal {
    const char *id[2 * QC_MANIFEST_LIST_MAX];
    size_t n;
    qn_status with;
} refusal;

static void without_optional(qc_check *c, void *arg)
{
    const refusal *r = arg;
    qc_history h;
    qc_chain_state state = {0};
    qn_mock *m = qc_target_mock(&c->target);
    for (size_t i = 0; i < r->n; i++)
        qn_mock_deny(m, r->id[i]);
    qc_history_make(&h, c->seed, 12, true);
    qn_status st = qc_drive(&c->target, m, &h, 0, h.n, &state);
    const char *gave_up = qn_mock_failure(m);
    qc_check_keep_log(c, m);
    if (st != QN_OK)
        (void)qc_check_fail(c, "it to do without: the manifest says that it is optional",
                            "without %s%s %s (%s)", r->id[0], r->n > 1 ? " and the others" : "",
                            gave_up ? "it gives up" : "it does not start",
                            gave_up ? gave_up : qn_mock_status_name(st));
    qn_mock_free(m);
}

void qc_case_optional(qc_check *c)
{
    const qc_manifest *m = &c->target.image.manifest;
    refusal all = {.n = 0};
    if (!qc_check_load(c))
        return;
    for (size_t i = 0; i < m->n_want; i++) {
        if (!m->want[i].optional || strcmp(m->want[i].id, "host/1") == 0)
            continue;
        refusal one = {.id = {m->want[i].id}, .n = 1};
        all.id[all.n++] = m->want[i].id;
        qc_check_doing(c, "running without %s, which is optional", m->want[i].id);
        if (qc_check_point(c, i) && !qc_check_sub(c, without_optional, &one, 20, 0))
            return;
    }
    if (all.n > 1 && c->at < 0) {
        qc_check_doing(c, "running without everything that is optional");
        (void)qc_check_sub(c, without_optional, &all, 20, 0);
    }
    if (all.n == 0)
        (void)qc_check_skip(c, "its manifest names nothing as optional");
}

static void without_required(qc_check *c, void *arg)
{
    const refusal *r = arg;
    qn_mock *m = qc_target_mock(&c->target);
    qn_mock_refuse(m, r->id[0], r->with);
    qn_status st = qn_mock_start(m, c->target.entry);
    qc_check_keep_log(c, m);
    if (st == QN_OK && !qn_mock_failure(m))
        (void)qc_check_fail(c, "init() to answer the status that get() answered",
                            "it starts although %s, which it requires, is refused (%s)", r->id[0],
                            qn_mock_status_name(r->with));
    qn_mock_free(m);
}

void qc_case_required(qc_check *c)
{
    static const qn_status with[] = {QN_E_DENIED, QN_E_NOSUCH, QN_E_OLDHOST};
    const qc_manifest *m = &c->target.image.manifest;
    uint64_t point = 0;
    if (!qc_check_load(c))
        return;
    for (size_t i = 0; i < m->n_want; i++)
        for (size_t k = 0; k < QC_COUNTOF(with); k++) {
            if (m->want[i].optional || strcmp(m->want[i].id, "host/1") == 0)
                continue;
            refusal one = {.id = {m->want[i].id}, .n = 1, .with = with[k]};
            qc_check_doing(c, "init() without %s, which it requires (%s)", m->want[i].id,
                           qn_mock_status_name(with[k]));
            if (qc_check_point(c, point++) && !qc_check_sub(c, without_required, &one, 20, 0))
                return;
        }
    if (point == 0)
        (void)qc_check_skip(c, "its manifest requires nothing");
}
