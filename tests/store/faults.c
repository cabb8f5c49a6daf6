/* A layer between a process and the system in which the n-th write or sync below a folder fails.

   Loaded with LD_PRELOAD; fault_arm(folder, index, error) arms it: call `index` (from 0) fails with errno
   `error`, or is cut to half where error is 0; index -1 only counts. fault_calls() gives the calls so far. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char watched[PATH_MAX];
static int armed_at = -1, armed_error, calls;

void fault_arm(const char *folder, int index, int error) {
    strncpy(watched, folder, sizeof watched - 1);
    armed_at = index;
    armed_error = error;
    calls = 0;
}

int fault_calls(void) { return calls; }

static int strikes(int file) {
    char link[64], target[PATH_MAX];
    if (!watched[0]) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, target, sizeof target - 1);
    if (length < 0) return 0;
    target[length] = 0;
    if (strncmp(target, watched, strlen(watched))) return 0;
    return calls++ == armed_at;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL_OR(half)               \
    if (armed_error) {              \
        errno = armed_error;        \
        return -1;                  \
    }                               \
    return half

ssize_t write(int file, const void *bytes, size_t count) {
    if (strikes(file)) { FAIL_OR(REAL(write)(file, bytes, count / 2)); }
    return REAL(write)(file, bytes, count);
}
ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) {
    if (strikes(file)) { FAIL_OR(REAL(pwrite)(file, bytes, count / 2, offset)); }
    return REAL(pwrite)(file, bytes, count, offset);
}
ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset) {
    if (strikes(file)) { FAIL_OR(REAL(pwrite64)(file, bytes, count / 2, offset)); }
    return REAL(pwrite64)(file, bytes, count, offset);
}
ssize_t writev(int file, const struct iovec *parts, int count) {
    if (strikes(file)) { FAIL_OR(REAL(write)(file, parts->iov_base, parts->iov_len / 2)); }
    return REAL(writev)(file, parts, count);
}
ssize_t pwritev(int file, const struct iovec *parts, int count, off_t offset) {
    if (strikes(file)) { FAIL_OR(REAL(pwrite)(file, parts->iov_base, parts->iov_len / 2, offset)); }
    return REAL(pwritev)(file, parts, count, offset);
}
int fdatasync(int file) {
    if (strikes(file)) { FAIL_OR(REAL(fdatasync)(file)); }
    return REAL(fdatasync)(file);
}
int fsync(int file) {
    if (strikes(file)) { FAIL_OR(REAL(fsync)(file)); }
    return REAL(fsync)(file);
}
int ftruncate(int file, off_t length) {
    if (strikes(file)) { FAIL_OR(REAL(ftruncate)(file, length / 2)); }
    return REAL(ftruncate)(file, length);
}
