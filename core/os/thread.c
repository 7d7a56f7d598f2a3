/* Threads: names, start and join. */
#include "core/os/thread.h"

#include "core/os/sys.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define NAME_LEN 16 /* with the NUL; the kernel's limit */

struct qc_thread {
    pthread_t id;
    void (*fn)(void *);
    void *arg;
    char name[NAME_LEN];
};

static _Thread_local char t_name[NAME_LEN];

const char *qc_thread_name(void)
{
    if (!*t_name && pthread_getname_np(pthread_self(), t_name, sizeof t_name))
        snprintf(t_name, sizeof t_name, "unnamed");
    return t_name;
}

void qc_thread_set_name(const char *name)
{
    snprintf(t_name, sizeof t_name, "%s", name);
    if (gettid() != getpid()) /* the first thread's name is the process's, for ps and killall */
        pthread_setname_np(pthread_self(), t_name);
}

static void *run(void *p)
{
    qc_thread *t = p;
    qc_thread_set_name(t->name);
    t->fn(t->arg);
    return NULL;
}

/* Signals are for the main thread's loop; those that a fault raises stay with the thread at fault.
 */
static void block_signals(sigset_t *old)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGPROF};
    sigset_t set;
    sigfillset(&set);
    for (size_t i = 0; i < QC_COUNTOF(own); i++)
        sigdelset(&set, own[i]);
    pthread_sigmask(SIG_SETMASK, &set, old);
}

qc_err qc_thread_start(qc_thread **out, const char *name, void (*fn)(void *), void *arg)
{
    if (qc_sys_fault())
        return QC_EIO;
    qc_thread *t = qc_alloc(sizeof *t);
    t->fn = fn;
    t->arg = arg;
    snprintf(t->name, sizeof t->name, "%s", name);
    sigset_t old;
    block_signals(&old);
    int e = pthread_create(&t->id, NULL, run, t);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (e) {
        qc_free(t);
        errno = e;
        return QC_EBUSY;
    }
    *out = t;
    return QC_OK;
}

void qc_thread_join(qc_thread *t)
{
    if (!t)
        return;
    int e = pthread_join(t->id, NULL);
    QC_ASSERT(e == 0); /* else a thread joins itself */
    qc_free(t);
}

unsigned qc_cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (unsigned)CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (unsigned)n : 1;
}
