#include "core/os/privs.h"

#include "core/os/sys.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65 /* since Linux 6.3 */
#define PR_MDWE_REFUSE_EXEC_GAIN 1ul
#endif

static qc_err prctl_err(int option, unsigned long value)
{
    if (qc_sys_fault())
        return QC_EIO;
    if (prctl(option, value, 0ul, 0ul, 0ul))
        return errno == EINVAL ? QC_EUNSUPPORTED : qc_sys_err();
    return QC_OK;
}

qc_err qc_privs_no_new(void)
{
    return prctl_err(PR_SET_NO_NEW_PRIVS, 1);
}

qc_err qc_privs_undumpable(void)
{
    return prctl_err(PR_SET_DUMPABLE, 0);
}

qc_err qc_privs_die_with_parent(void)
{
    return prctl_err(PR_SET_PDEATHSIG, SIGKILL);
}

qc_err qc_privs_no_exec_gain(void)
{
    return prctl_err(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN);
}

qc_err qc_privs_become(uid_t uid, gid_t gid)
{
    if (qc_sys_fault())
        return QC_EIO;
    if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
        return qc_sys_err();
    return QC_OK;
}

static bool get_caps(struct __user_cap_data_struct data[2])
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    return syscall(SYS_capget, &h, data) == 0;
}

bool qc_privs_is_admin(void)
{
    struct __user_cap_data_struct data[2] = {{0, 0, 0}, {0, 0, 0}};
    return get_caps(data) && data[0].effective & (1u << CAP_SYS_ADMIN);
}

qc_err qc_privs_drop_caps(void)
{
    if (qc_sys_fault())
        return QC_EIO;
    /* An ordinary user may do neither of these two, and needs to do neither: it has nothing. */
    prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                                 SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                                 SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED);
    for (unsigned long c = 0; prctl(PR_CAPBSET_DROP, c, 0ul, 0ul, 0ul) == 0;)
        c++;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0ul, 0ul, 0ul);
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{0, 0, 0}, {0, 0, 0}};
    if (syscall(SYS_capset, &h, data) || !get_caps(data))
        return qc_sys_err();
    for (int i = 0; i < 2; i++)
        if (data[i].effective || data[i].permitted || data[i].inheritable)
            return QC_EPERM;
    return QC_OK;
}

bool qc_privs_single_thread(void)
{
    /* Asks for nothing that a process of one thread lacks, and is refused to one of several. */
    return unshare(CLONE_THREAD) == 0;
}

static int set_limit(__rlimit_resource_t what, uint64_t soft, uint64_t hard)
{
    struct rlimit now;
    if (getrlimit(what, &now))
        return -1;
    if (now.rlim_max > hard)
        now.rlim_max = hard;
    now.rlim_cur = soft < now.rlim_max ? soft : now.rlim_max;
    return setrlimit(what, &now);
}

qc_err qc_privs_limit(const qc_privs_limits *l)
{
    if (qc_sys_fault())
        return QC_EIO;
    const struct {
        __rlimit_resource_t what;
        uint64_t value;
    } all[] = {
        {RLIMIT_CORE, 0},
        {RLIMIT_MEMLOCK, 0},
        {RLIMIT_MSGQUEUE, 0},
        {RLIMIT_NICE, 0},
        {RLIMIT_RTPRIO, 0},
        {RLIMIT_SIGPENDING, 64},
        {RLIMIT_STACK, 8u << 20},
        {RLIMIT_NOFILE, l->files},
        {RLIMIT_FSIZE, l->filesize},
        {RLIMIT_DATA, l->data ? l->data : QC_PRIVS_NO_LIMIT},
        {RLIMIT_AS, l->space ? l->space : QC_PRIVS_NO_LIMIT},
    };
    for (size_t i = 0; i < QC_COUNTOF(all); i++)
        if (set_limit(all[i].what, all[i].value, all[i].value))
            return qc_sys_err();
    uint64_t tasks = l->tasks ? l->tasks : QC_PRIVS_NO_LIMIT;
    return set_limit(RLIMIT_NPROC, l->one_task ? 1 : tasks, tasks) ? qc_sys_err() : QC_OK;
}

qc_err qc_privs_allow_tasks(void)
{
    if (qc_sys_fault())
        return QC_EIO;
    struct rlimit now;
    if (getrlimit(RLIMIT_NPROC, &now))
        return qc_sys_err();
    now.rlim_cur = now.rlim_max;
    return setrlimit(RLIMIT_NPROC, &now) ? qc_sys_err() : QC_OK;
}
