#include "core/app/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* What it says on its standard error is ours to pass on, up to the byte that tells how it went. */
static QC_NORETURN void wait_for_child(pid_t pid, int fd, const char *complaint)
{
    char said[512];
    for (;;) {
        ssize_t n = read(fd, said, sizeof said);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        bool told = said[n - 1] == 0 || said[n - 1] == 1;
        fwrite(said, 1, (size_t)n - told, stderr);
        if (told && said[n - 1] == 1)
            exit(EXIT_SUCCESS);
        if (told)
            break;
    }
    /* Until it is gone its data folder is locked, and who tries again at once would be told so. */
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    fprintf(stderr, "%s\n", complaint);
    exit(EXIT_FAILURE);
}

bool qc_daemon_fork(int *fd, const char *complaint)
{
    int ends[2];
    if (pipe(ends))
        return false;
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0)
        return false;
    if (pid > 0) {
        close(ends[1]);
        wait_for_child(pid, ends[0], complaint);
    }
    close(ends[0]);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    setsid();
    int null = open("/dev/null", O_RDWR);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO); /* until the start is over */
        if (null > STDERR_FILENO)
            close(null);
    }
    *fd = ends[1];
    return true;
}

void qc_daemon_ready(int *fd, bool ok)
{
    if (*fd < 0)
        return;
    char c = ok;
    ssize_t n;
    fflush(stderr);
    /* First, so that nothing comes behind the byte. */
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, STDERR_FILENO);
        close(null);
    }
    do
        n = write(*fd, &c, 1);
    while (n < 0 && errno == EINTR);
    close(*fd);
    *fd = -1;
}
