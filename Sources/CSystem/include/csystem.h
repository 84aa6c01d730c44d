/* What Swift can't call: variadic or macro-only system calls. Each returns 0 or more, or -errno. */
#ifndef COUNTERFOIL_CSYSTEM_H
#define COUNTERFOIL_CSYSTEM_H

#include <stdint.h>
#include <sys/types.h>

/* Die with SIGKILL when the parent does. The caller checks getppid() afterwards: the parent may be gone already. */
int cf_die_with_parent(void);
/* No setuid program ever gains privileges from here on. */
int cf_no_new_privileges(void);
/* No core file, and no other process of the user may attach. */
int cf_not_dumpable(void);
/* Soft and hard limit alike. `resource` is one of the CF_LIMIT_ values. */
enum { CF_LIMIT_CORE = 0, CF_LIMIT_NOFILE = 1, CF_LIMIT_AS = 2, CF_LIMIT_CPU = 3, CF_LIMIT_NPROC = 4 };
int cf_set_limit(int resource, uint64_t value);
/* A descriptor that becomes readable when the process ends. */
int cf_pidfd_open(pid_t pid);
/* A signal to exactly the process behind the descriptor, never to a successor with the same number. */
int cf_pidfd_signal(int pidfd, int signal);
/* Ignore SIGPIPE in this process. */
int cf_ignore_sigpipe(void);
/* Close-on-exec for every descriptor from `first` up. */
int cf_cloexec_from(unsigned int first);
/* posix_spawn with an exact environment, in its own process group. stdin from /dev/null unless stdin_fd >= 0; control_fd becomes descriptor 3
   (-1: none). death_signal: sent to the child when the spawning thread ends (0: none). stdout_fd and stderr_fd are inherited when -1. Returns the pid or -errno. */
pid_t cf_spawn(const char *path, char *const argv[], char *const envp[], int stdin_fd, int stdout_fd, int stderr_fd, int control_fd,
               uid_t uid, gid_t gid, int death_signal);
/* Reap one child: its pid, 0 when it still runs, or -errno. `status` as waitpid gives it. */
pid_t cf_reap(pid_t pid, int *status);
int cf_exited(int status);
int cf_exit_code(int status);
int cf_term_signal(int status);
/* Switch to the user for good (groups dropped first). */
int cf_become(uid_t uid, gid_t gid);
/* Catches SIGINT and SIGTERM for the whole process, also when it was started with them ignored. The descriptor becomes readable when one has arrived;
   it is the same one at every call and stays open. */
int cf_signal_descriptor(void);
/* The next signal number from it, or -errno (-EAGAIN when there is none). */
int cf_next_signal(int descriptor);
/* Monotonic nanoseconds, counting suspended time (CLOCK_BOOTTIME). */
int64_t cf_boottime_ns(void);
/* Wall clock, microseconds since 1970-01-01 UTC. */
int64_t cf_wall_us(void);
/* epoll(7), level-triggered. A descriptor's token comes back with what it is ready for. */
struct cf_ready { uint64_t token; int readable, writable, broken; };
/* The new epoll descriptor, close-on-exec, or -errno. */
int cf_epoll(void);
/* Adds the descriptor (known: changes what it is watched for); 0 or -errno. */
int cf_epoll_watch(int epoll, int descriptor, uint64_t token, int reading, int writing, int known);
int cf_epoll_forget(int epoll, int descriptor);
/* Waits for the first of them, `milliseconds` at most (below 0: for ever). How many of the `most` at `ready` are filled in; 0 when a signal came. */
int cf_epoll_wait(int epoll, struct cf_ready *ready, int most, int milliseconds);
/* Gives back the pages of code and constants that are mapped and were perhaps only needed until now; what is still needed is mapped again when it is
   used. The pages stay in the system's cache. */
void cf_forget_constants(void);
/* n bytes from getrandom(2); 0 or -errno. */
int cf_random(void *buffer, size_t n);

#endif
