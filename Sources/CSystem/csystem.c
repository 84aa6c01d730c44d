#define _GNU_SOURCE
#include "csystem.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <link.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int result(long r) { return r < 0 ? -errno : (int)r; }

int cf_die_with_parent(void) { return result(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)); }
int cf_no_new_privileges(void) { return result(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); }
int cf_not_dumpable(void) { return result(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)); }

int cf_set_limit(int resource, uint64_t value) {
    static const int names[] = {RLIMIT_CORE, RLIMIT_NOFILE, RLIMIT_AS, RLIMIT_CPU, RLIMIT_NPROC};
    if (resource < 0 || resource > 4) return -EINVAL;
    struct rlimit limit = {value, value};
    return result(setrlimit(names[resource], &limit));
}

int cf_pidfd_open(pid_t pid) { return result(syscall(SYS_pidfd_open, pid, 0)); }
int cf_pidfd_signal(int pidfd, int signal) { return result(syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0)); }

int cf_ignore_sigpipe(void) { return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -errno : 0; }

int cf_cloexec_from(unsigned int first) { return result(syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC)); }

int cf_become(uid_t uid, gid_t gid) {
    if (setgroups(0, NULL) != 0 && errno != EPERM) return -errno;
    if (setresgid(gid, gid, gid) != 0) return -errno;
    if (setresuid(uid, uid, uid) != 0) return -errno;
    return 0;
}

/* Between fork and exec only async-signal-safe calls; vfork semantics are not needed: the child of a small
   parent is cheap, and the user switch has no posix_spawn attribute. */
pid_t cf_spawn(const char *path, char *const argv[], char *const envp[], int stdin_fd, int stdout_fd, int stderr_fd, int control_fd,
               uid_t uid, gid_t gid, int death_signal) {
    int report[2];
    /* Opened before the user switch: the new user may not be able to walk the path to it. */
    int program = open(path, O_PATH | O_CLOEXEC);
    if (program < 0) return -errno;
    if (pipe2(report, O_CLOEXEC) != 0) { int e = errno; close(program); return -e; }
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    pid_t pid = fork();
    if (pid == 0) {
        for (int s = 1; s < 32; s++) signal(s, SIG_DFL);
        signal(SIGPIPE, SIG_IGN);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        setpgid(0, 0);
        int failed = 0;
        /* Where no descriptor is left, the pipe's own end says so, before anything is put over it: a parent that hears nothing takes the program for started. */
        int back = fcntl(report[1], F_DUPFD_CLOEXEC, 16);
        if (back < 0) {
            failed = errno;
            ssize_t unheard = write(report[1], &failed, sizeof failed);
            (void)unheard;
            _exit(127);
        }
        int in = stdin_fd >= 0 ? fcntl(stdin_fd, F_DUPFD_CLOEXEC, 16) : open("/dev/null", O_RDONLY | O_CLOEXEC);
        int out = stdout_fd >= 0 ? fcntl(stdout_fd, F_DUPFD_CLOEXEC, 16) : -1;
        int err = stderr_fd >= 0 ? fcntl(stderr_fd, F_DUPFD_CLOEXEC, 16) : -1;
        int control = control_fd >= 0 ? fcntl(control_fd, F_DUPFD_CLOEXEC, 16) : -1;
        if ((stdout_fd >= 0 && out < 0) || (stderr_fd >= 0 && err < 0) || (control_fd >= 0 && control < 0)) failed = errno;
        int image = fcntl(program, F_DUPFD_CLOEXEC, 16);
        if (in < 0 || dup2(in, 0) < 0) failed = errno;
        if (out >= 0 && dup2(out, 1) < 0) failed = errno;
        if (err >= 0 && dup2(err, 2) < 0) failed = errno;
        if (control >= 0) { if (dup2(control, 3) < 0) failed = errno; } else close(3);
        syscall(SYS_close_range, control >= 0 ? 4U : 3U, ~0U, CLOSE_RANGE_CLOEXEC);
        if (!failed && uid != (uid_t)-1) failed = -cf_become(uid, gid);
        /* After the switch: changing credentials clears it. The caller's spawning thread must outlive the child. */
        if (!failed && death_signal > 0 && prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0) failed = errno;
        /* Before the program runs: set later, it would hold for one of its threads only. */
        if (!failed && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) failed = errno;
        if (!failed) { syscall(SYS_execveat, image, "", argv, envp, AT_EMPTY_PATH); failed = errno; }
        ssize_t ignored = write(back, &failed, sizeof failed);
        (void)ignored;
        _exit(127);
    }
    int forked = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(report[1]);
    close(program);
    if (pid < 0) { close(report[0]); return -forked; }
    int failure = 0;
    ssize_t n;
    do { n = read(report[0], &failure, sizeof failure); } while (n < 0 && errno == EINTR);
    close(report[0]);
    if (n > 0) { waitpid(pid, NULL, 0); return -failure; }
    return pid;
}

pid_t cf_reap(pid_t pid, int *status) {
    pid_t r = waitpid(pid, status, WNOHANG);
    return r < 0 ? -errno : r;
}
int cf_exited(int status) { return WIFEXITED(status); }
int cf_exit_code(int status) { return WEXITSTATUS(status); }
int cf_term_signal(int status) { return WIFSIGNALED(status) ? WTERMSIG(status) : 0; }

/* A handler rather than signalfd: the threads of a running program don't block the signals, and where the program was started with them
   ignored (a shell's `&`) any such thread would swallow them. */
static int signal_pipe[2] = {-1, -1};

static void signal_arrived(int number) {
    int before = errno;
    unsigned char byte = (unsigned char)number;
    ssize_t ignored = write(signal_pipe[1], &byte, 1);
    (void)ignored;
    errno = before;
}

int cf_signal_descriptor(void) {
    if (signal_pipe[0] < 0 && pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) != 0) return -errno;
    struct sigaction action = {.sa_handler = signal_arrived, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGINT, &action, NULL) != 0 || sigaction(SIGTERM, &action, NULL) != 0) return -errno;
    return signal_pipe[0];
}

int cf_next_signal(int descriptor) {
    unsigned char number = 0;
    ssize_t n;
    do { n = read(descriptor, &number, 1); } while (n < 0 && errno == EINTR);
    if (n < 0) return -errno;
    return number;
}

int64_t cf_boottime_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t cf_wall_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int cf_random(void *buffer, size_t n) {
    unsigned char *p = buffer;
    while (n > 0) {
        ssize_t r = getrandom(p, n > 256 ? 256 : n, 0);
        if (r < 0) { if (errno == EINTR) continue; return -errno; }
        p += r;
        n -= (size_t)r;
    }
    return 0;
}

int cf_epoll(void) { return result(epoll_create1(EPOLL_CLOEXEC)); }

int cf_epoll_watch(int epoll, int descriptor, uint64_t token, int reading, int writing, int known) {
    struct epoll_event event = {.events = (reading ? EPOLLIN : 0) | (writing ? EPOLLOUT : 0), .data.u64 = token};
    return result(epoll_ctl(epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, descriptor, &event));
}

int cf_epoll_forget(int epoll, int descriptor) { return result(epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, NULL)); }

int cf_epoll_wait(int epoll, struct cf_ready *ready, int most, int milliseconds) {
    struct epoll_event events[256];
    int n = epoll_wait(epoll, events, most < 256 ? most : 256, milliseconds);
    for (int i = 0; i < n; i++) {
        uint32_t what = events[i].events;
        ready[i] = (struct cf_ready){events[i].data.u64, (what & EPOLLIN) != 0, (what & EPOLLOUT) != 0, (what & (EPOLLERR | EPOLLHUP)) != 0};
    }
    return n < 0 ? 0 : n;
}

/* What can't be written to can be dropped and read again; an object whose code the loader had to change is left alone. */
static int forget_object(struct dl_phdr_info *object, size_t size, void *unused) {
    (void)size;
    (void)unused;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type != PT_DYNAMIC) continue;
        for (const ElfW(Dyn) *entry = (const ElfW(Dyn) *)(object->dlpi_addr + part->p_vaddr); entry->d_tag != DT_NULL; entry++) {
            if (entry->d_tag == DT_TEXTREL || (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL))) return 0;
        }
    }
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || (part->p_flags & PF_W)) continue;
        uintptr_t from = (object->dlpi_addr + part->p_vaddr) & ~(page - 1);
        uintptr_t to = (object->dlpi_addr + part->p_vaddr + part->p_filesz) & ~(page - 1);
        if (to > from) (void)madvise((void *)from, to - from, MADV_DONTNEED);
    }
    return 0;
}

void cf_forget_constants(void) { dl_iterate_phdr(forget_object, NULL); }
