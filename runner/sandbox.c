#include "runner/sandbox.h"

#include "core/os/file.h"
#include "core/os/landlock.h"
#include "core/os/namespaces.h"
#include "core/os/privs.h"
#include "runner/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FLOOR_ABI 2 /* of Landlock: below it a rename between folders is not seen */
#define SCOPES_ABI 6
#define STORE_TASKS 8            /* threads of the store's engine */
#define FILE_LEAST (64ull << 20) /* of the store: its engine's log, whatever the quota */
#define SPACE_OVER (4ull << 30)  /* addresses beside the memory: libraries, arenas, stacks */

static const struct {
    const char *name, *meaning;
    bool required;
} LAYERS[] = {
    [QC_LAYER_NO_NEW_PRIVS] = {"no-new-privs", "no program that it starts gains rights", true},
    [QC_LAYER_CAPABILITIES] = {"capabilities", "it holds no privilege of root", true},
    [QC_LAYER_UID] = {"user", "it does not run as root", true},
    [QC_LAYER_RLIMITS] = {"limits", "it cannot take all memory, descriptors or disk", true},
    [QC_LAYER_LANDLOCK] = {"landlock", "it opens no file but those of its own store", true},
    [QC_LAYER_SECCOMP] = {"seccomp", "it makes only the system calls a plugin needs", true},
    [QC_LAYER_USER_NS] = {"user namespace", "it shares no user with other processes", false},
    [QC_LAYER_NET_NS] = {"net namespace", "it sees no network device", false},
    [QC_LAYER_MOUNT_NS] = {"mount namespace", "it sees no files but libraries and its store",
                           false},
    [QC_LAYER_IPC_NS] = {"ipc namespace", "it sees no message queue or shared memory of others",
                         false},
    [QC_LAYER_UTS_NS] = {"uts namespace", "it cannot change the machine's name", false},
    [QC_LAYER_PID_NS] = {"pid namespace", "it sees no other process", false},
    [QC_LAYER_MDWE] = {"no exec gain", "memory it wrote never becomes code", false},
    [QC_LAYER_SCOPES] = {"scopes", "it signals no process and reaches no abstract socket outside",
                         false},
};

/* What the loader reads. Links among them are made again as links. */
static const char *const LIBRARIES[] = {
    "/lib",       "/lib32",      "/lib64",         "/libx32",          "/usr/lib", "/usr/lib32",
    "/usr/lib64", "/usr/libx32", "/usr/local/lib", "/etc/ld.so.cache", NULL};

const char *qc_layer_name(qc_layer l)
{
    return LAYERS[l].name;
}

bool qc_layer_is_required(qc_layer l)
{
    return LAYERS[l].required;
}

const char *qc_layer_meaning(qc_layer l)
{
    return LAYERS[l].meaning;
}

/* Note how the attempt at a layer went. */
static bool note(qc_sandbox_report *r, qc_layer l, qc_err err)
{
    int e = errno;
    r->error[l] = 0;
    if (!err) {
        r->held |= 1u << l;
        return true;
    }
    r->held &= ~(1u << l);
    r->error[l] = err == QC_EUNSUPPORTED || e == 0 ? ENOSYS : e;
    return false;
}

/* Fill in what is missing. QC_EUNSUPPORTED when a required layer is. */
static qc_err verdict(const qc_sandbox_options *o, qc_sandbox_report *r)
{
    size_t n = 0;
    bool lacks = false;
    r->missing[0] = 0;
    for (int l = 0; l < QC_LAYER_COUNT; l++) {
        if (r->held & 1u << l)
            continue;
        lacks = lacks || LAYERS[l].required;
        const char *why = strerrordesc_np(r->error[l]);
        int put = snprintf(r->missing + n, sizeof r->missing - n, "%s%s: %s", n ? "; " : "",
                           LAYERS[l].name, why ? why : "unknown");
        n += (size_t)put < sizeof r->missing - n ? (size_t)put : sizeof r->missing - 1 - n;
    }
    return lacks && !o->best_effort ? QC_EUNSUPPORTED : QC_OK;
}

static bool is_kept(const qc_sandbox_options *o, int fd)
{
    for (size_t i = 0; i < o->n_keep; i++)
        if (o->keep[i] == fd)
            return true;
    return false;
}

/* Everything from 3 up that is not kept: the gaps between the kept ones. */
static void close_others(const qc_sandbox_options *o)
{
    unsigned from = 3;
    for (;;) {
        while (is_kept(o, (int)from))
            from++;
        unsigned next = ~0u; /* the lowest kept one above */
        for (size_t i = 0; i < o->n_keep; i++)
            if (o->keep[i] > (int)from && (unsigned)o->keep[i] < next)
                next = (unsigned)o->keep[i];
        syscall(SYS_close_range, from, next == ~0u ? ~0u : next - 1, 0u);
        if (next == ~0u)
            return;
        from = next;
    }
}

/* Started by root, in the first user namespace or a container's: not alone in a namespace that
 * knows one user only, whoever that is outside. */
static bool is_root(void)
{
    return geteuid() == 0 && !qc_ns_is_mapped_one();
}

/* Once: it may have been left while the process waited. */
static void leave(qc_sandbox_report *r, qc_layer l, qc_ns which)
{
    if (!(r->held & 1u << l))
        note(r, l, qc_ns_leave(which));
}

/* Those that are alike for every plugin. The user's namespace first where it is what allows the
 * others. */
static qc_err leave_common(qc_sandbox_report *r, bool root)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (!root && qc_ns_is_mapped_one()) {
        r->held |= 1u << QC_LAYER_USER_NS;
    } else if (!root && note(r, QC_LAYER_USER_NS, qc_ns_leave(QC_NS_USER))) {
        /* A namespace without its map is worse than none: nothing can be made in it. */
        if (!note(r, QC_LAYER_USER_NS, qc_ns_map_one(uid, gid)))
            return QC_EIO;
    }
    leave(r, QC_LAYER_NET_NS, QC_NS_NET);
    leave(r, QC_LAYER_IPC_NS, QC_NS_IPC);
    leave(r, QC_LAYER_UTS_NS, QC_NS_UTS);
    return QC_OK;
}

static qc_err leave_namespaces(const qc_sandbox_options *o, qc_sandbox_report *r, bool root)
{
    qc_err err = leave_common(r, root);
    if (err)
        return err;
    leave(r, QC_LAYER_MOUNT_NS, QC_NS_MOUNT);
    if (r->held & 1u << QC_LAYER_MOUNT_NS &&
        !note(r, QC_LAYER_MOUNT_NS, qc_ns_new_root(LIBRARIES, o->store_dir >= 0)))
        return QC_EIO;
    errno = EPERM;
    note(r, QC_LAYER_PID_NS, qc_ns_is_first() ? QC_OK : QC_EPERM);
    return QC_OK;
}

/* A user of its own. Where it was not root that started us there is nothing to give up. */
static bool drop_user(const qc_sandbox_options *o, qc_sandbox_report *r, bool root)
{
    errno = EPERM;
    if (!root)
        return note(r, QC_LAYER_UID, QC_OK);
    const bool given = o->uid && o->gid;
    if (!note(r, QC_LAYER_UID, given ? qc_privs_become(o->uid, o->gid) : QC_EPERM))
        return false;
    /* No map: it needs no name for itself, and none could be written by it. */
    leave(r, QC_LAYER_USER_NS, QC_NS_USER);
    return true;
}

/* A tenth over the quota is what the node kills for. */
static uint64_t file_limit(const qc_sandbox_options *o)
{
    uint64_t most = o->quota + o->quota / 10;
    if (o->store_dir < 0)
        return 0;
    return !o->quota || most < o->quota ? QC_PRIVS_NO_LIMIT : most > FILE_LEAST ? most : FILE_LEAST;
}

static void limit(const qc_sandbox_options *o, qc_sandbox_report *r)
{
    qc_privs_limits l = {.data = o->memory,
                         .space = o->memory ? o->memory + SPACE_OVER : 0,
                         .files = o->descriptors,
                         .filesize = file_limit(o),
                         .one_task = true};
    if (QC_PRIVS_SANITIZED)
        l.data = l.space = 0;
    /* The kernel counts a user's tasks. Only where the user is the plugin's alone does the number
     * say anything; twice, since on a reload the next one starts before this one ends. */
    if (r->held & 1u << QC_LAYER_USER_NS || geteuid() == o->uid)
        l.tasks = 2ull * (o->threads + (o->store_dir >= 0 ? STORE_TASKS : 0));
    note(r, QC_LAYER_RLIMITS, qc_privs_limit(&l));
}

/* One layer of Landlock: the libraries while loading, and the store. */
static qc_err confine_files(unsigned abi, bool loading, bool store)
{
    int fd;
    qc_err err = qc_landlock_new(abi, &fd);
    if (err)
        return err;
    for (const char *const *p = LIBRARIES; !err && loading && *p; p++) {
        err = qc_landlock_allow(fd, abi, *p, QC_LANDLOCK_READ);
        err = err == QC_ENOENT ? QC_OK : err;
    }
    if (!err && store)
        err = qc_landlock_allow(fd, abi, ".", QC_LANDLOCK_OWN);
    if (!err)
        err = qc_landlock_enforce(fd);
    int e = errno;
    qc_os_close(fd);
    errno = e;
    return err;
}

static void landlock(const qc_sandbox_options *o, qc_sandbox_report *r, bool loading)
{
    unsigned abi = qc_landlock_abi();
    if (o->landlock_abi && o->landlock_abi < abi)
        abi = o->landlock_abi;
    r->landlock_abi = abi;
    bool ok = note(r, QC_LAYER_LANDLOCK, confine_files(abi, loading, o->store_dir >= 0));
    if (ok && abi < FLOOR_ABI) {
        errno = ENOSYS;
        note(r, QC_LAYER_LANDLOCK, QC_EUNSUPPORTED);
    }
    errno = ENOSYS;
    note(r, QC_LAYER_SCOPES, ok && abi >= SCOPES_ABI ? QC_OK : QC_EUNSUPPORTED);
}

/* The first process of a pid namespace does not die of a signal that it sends itself, so abort()
 * would end in a fault of memory. */
static void on_abort(int sig)
{
    (void)sig;
    _exit(QC_SANDBOX_ABORTED);
}

qc_err qc_sandbox_prepare(qc_sandbox_report *r)
{
    *r = (qc_sandbox_report){0};
    return qc_privs_single_thread() ? leave_common(r, is_root()) : QC_EBUSY;
}

qc_err qc_sandbox_enter(const qc_sandbox_options *o, qc_sandbox_report *r)
{
    *r = o->prepared ? *o->prepared : (qc_sandbox_report){0};
    if (!qc_privs_single_thread())
        return QC_EBUSY;
    const bool root = is_root();
    if (qc_ns_is_first())
        signal(SIGABRT, on_abort);
    /* The folder must be the current one before the mounts are copied: a descriptor leads to the
     * old ones, and up from there to everything. */
    if (o->store_dir >= 0 ? fchdir(o->store_dir) : chdir("/"))
        return QC_EIO;
    umask(077);
    close_others(o);
    if (o->store_dir >= 0)
        qc_os_close(o->store_dir);
    qc_err err = leave_namespaces(o, r, root);
    if (err) {
        (void)verdict(o, r);
        return err;
    }
    if (!drop_user(o, r, root))
        return verdict(o, r) ? QC_EUNSUPPORTED : QC_EPERM; /* never as root, whatever is wanted */
    note(r, QC_LAYER_CAPABILITIES, qc_privs_drop_caps());
    note(r, QC_LAYER_NO_NEW_PRIVS, qc_privs_no_new());
    limit(o, r);
    if (qc_privs_undumpable() || qc_privs_die_with_parent())
        return QC_EIO;
    note(r, QC_LAYER_MDWE, qc_privs_no_exec_gain());
    landlock(o, r, true);
    const bool store = o->store_dir >= 0;
    note(r, QC_LAYER_SECCOMP, qc_seccomp_enter(o->threads > 1 || store, store));
    return verdict(o, r);
}

qc_err qc_sandbox_seal(const qc_sandbox_options *o, qc_sandbox_report *r)
{
    /* Landlock binds the calling thread: another one would keep the rights of step 1. */
    if (!qc_privs_single_thread())
        return QC_EBUSY;
    landlock(o, r, false);
    if (qc_privs_allow_tasks())
        return QC_EIO;
    if (r->held & 1u << QC_LAYER_SECCOMP)
        note(r, QC_LAYER_SECCOMP, qc_seccomp_seal(o->store_dir >= 0));
    return verdict(o, r);
}
