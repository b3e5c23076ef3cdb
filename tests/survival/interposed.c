/* Preloaded by the tests in this folder: counts the calls that change files below one folder, and at one of them kills
 * the command or lets the call fail, as a crash or a disk without room does.
 *
 *     cc -shared -fPIC -O1 -o interposed.so interposed.c -ldl
 *
 * The processes of a command share the file $TLPIPE_INTERPOSED: a struct control, which interposed.py writes. While
 * there is no file, or it is not armed, each call goes to libc at once.
 *
 * What calls libc by its symbols is seen: Python (open64, write, rename, ...), HDF5 in h5py (open64, pwrite64), and
 * TensorFlow's log for TensorBoard (fopen, fwrite, fflush). What libc does inside of a stream is seen at fflush and
 * fclose. A call of the kernel without libc is not, nor is a mapped file that is written to: strace -f of `tlpipe run` has
 * the same numbers of opened, renamed, deleted and flushed files and of folders, and no write that is not counted here.
 * ctypes is seen if it asks for CDLL(None), and syscall() for renameat2.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* The kinds of calls; interposed.py has the same. */
enum kind { CREATE = 1, WRITE = 2, SYNC = 4, RENAME = 8, REMOVE = 16, FOLDER = 32, ATTRIBUTE = 64 };

enum { CALLS = 100000 };

struct control {
    _Atomic int64_t armed;
    _Atomic int64_t count; /* of the calls below root */
    _Atomic int64_t hits;
    int64_t at;      /* the first call of these kinds from this number on is hit, from 1; 0 for none */
    int64_t kinds;
    int64_t fault;   /* its errno; 0: the process main is killed before the call */
    int64_t lasting; /* whether all later calls of these kinds are hit, too */
    int64_t main;
    char root[4096];
    char hit[4096];             /* the first call that was hit */
    unsigned char calls[CALLS]; /* the kind of each call */
};

static struct control *control;

__attribute__((constructor)) static void begin(void) {
    const char *file = getenv("TLPIPE_INTERPOSED");
    int descriptor = file ? (int)syscall(SYS_openat, AT_FDCWD, file, O_RDWR | O_CLOEXEC) : -1;
    if (descriptor < 0)
        return;
    void *mapped = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    syscall(SYS_close, descriptor);
    if (mapped != MAP_FAILED)
        control = mapped;
}

/* The absolute path of a call, without following links. */
static void absolute(int folder, const char *path, char *found, size_t size) {
    char link[64];
    ssize_t length = 0;
    found[0] = 0;
    if (path[0] == '/') {
        snprintf(found, size, "%s", path);
        return;
    }
    if (folder == AT_FDCWD)
        snprintf(link, sizeof link, "/proc/self/cwd");
    else
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    length = syscall(SYS_readlinkat, AT_FDCWD, link, found, size - 1);
    if (length < 0)
        length = 0;
    found[length] = 0;
    if (path[0])
        snprintf(found + length, size - (size_t)length, "/%s", path);
}

/* Count a call; whether it is to fail, with errno set. With path "" it is that of an open file. */
static bool hit(const char *call, enum kind kind, int folder, const char *path) {
    char found[4096];
    int before = errno;
    if (!control || !atomic_load(&control->armed) || !path)
        return false;
    absolute(folder, path, found, sizeof found);
    size_t length = strlen(control->root);
    if (strncmp(found, control->root, length) || found[length] != '/') {
        errno = before;
        return false;
    }
    int64_t number = atomic_fetch_add(&control->count, 1) + 1;
    if (number <= CALLS)
        control->calls[number - 1] = (unsigned char)kind;
    errno = before;
    if (!control->at || number < control->at || !(control->kinds & kind))
        return false;
    int64_t earlier = atomic_fetch_add(&control->hits, 1);
    if (earlier && !control->lasting)
        return false;
    if (!earlier)
        snprintf(control->hit, sizeof control->hit, "%s %.4000s", call, found + length + 1);
    if (!control->fault) {
        kill((pid_t)control->main, SIGKILL);
        if (getpid() == control->main)
            for (;;)
                pause();
        return false;
    }
    errno = (int)control->fault;
    return true;
}

/* The function of libc, looked up once: dlsym is not for a child between fork and exec. */
#define REAL(name)                                                                                                     \
    ({                                                                                                                 \
        static __typeof__(&name) found;                                                                                \
        if (!found)                                                                                                    \
            found = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                                                        \
        found;                                                                                                         \
    })

static bool changes(int flags) {
    return (flags & (O_CREAT | O_TRUNC)) || (flags & O_TMPFILE) == O_TMPFILE || (flags & O_ACCMODE) != O_RDONLY;
}

#define MODE(flags)                                                                                                    \
    mode_t mode = 0;                                                                                                   \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                                             \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode = va_arg(rest, mode_t);                                                                                   \
        va_end(rest);                                                                                                  \
    }

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        MODE(flags)                                                                                                    \
        if (changes(flags) && hit(#name, CREATE, AT_FDCWD, path))                                                      \
            return -1;                                                                                                 \
        return REAL(name)(path, flags, mode);                                                                          \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                                   \
    int name(int folder, const char *path, int flags, ...) {                                                           \
        MODE(flags)                                                                                                    \
        if (changes(flags) && hit(#name, CREATE, folder, path))                                                        \
            return -1;                                                                                                 \
        return REAL(name)(folder, path, flags, mode);                                                                  \
    }
OPENAT(openat)
OPENAT(openat64)

/* What open becomes with _FORTIFY_SOURCE; without O_CREAT. */
#define OPEN_2(name)                                                                                                   \
    int name(const char *path, int flags);                                                                             \
    int name(const char *path, int flags) {                                                                            \
        if (changes(flags) && hit(#name, CREATE, AT_FDCWD, path))                                                      \
            return -1;                                                                                                 \
        return REAL(name)(path, flags);                                                                                \
    }
OPEN_2(__open_2)
OPEN_2(__open64_2)

/* CALL(result on failure, result, name, kind, folder, path, parameters in parentheses, arguments in parentheses) */
#define CALL(failed, result, name, kind, folder, path, parameters, arguments)                                          \
    result name parameters {                                                                                           \
        if (hit(#name, kind, folder, path))                                                                            \
            return failed;                                                                                             \
        return REAL(name) arguments;                                                                                   \
    }

CALL(-1, int, creat, CREATE, AT_FDCWD, path, (const char *path, mode_t mode), (path, mode))
CALL(-1, int, creat64, CREATE, AT_FDCWD, path, (const char *path, mode_t mode), (path, mode))
CALL(-1, ssize_t, write, WRITE, file, "", (int file, const void *data, size_t size), (file, data, size))
CALL(-1, ssize_t, pwrite, WRITE, file, "", (int file, const void *data, size_t size, off_t at), (file, data, size, at))
CALL(-1, ssize_t, pwrite64, WRITE, file, "", (int file, const void *data, size_t size, off64_t at),
     (file, data, size, at))
CALL(-1, ssize_t, writev, WRITE, file, "", (int file, const struct iovec *parts, int count), (file, parts, count))
CALL(-1, ssize_t, sendfile, WRITE, file, "", (int file, int from, off_t *at, size_t size), (file, from, at, size))
CALL(-1, ssize_t, sendfile64, WRITE, file, "", (int file, int from, off64_t *at, size_t size), (file, from, at, size))
CALL(-1, ssize_t, copy_file_range, WRITE, file, "",
     (int from, off64_t *from_at, int file, off64_t *at, size_t size, unsigned flags),
     (from, from_at, file, at, size, flags))
CALL(-1, int, ftruncate, WRITE, file, "", (int file, off_t size), (file, size))
CALL(-1, int, ftruncate64, WRITE, file, "", (int file, off64_t size), (file, size))
CALL(-1, int, truncate, WRITE, AT_FDCWD, path, (const char *path, off_t size), (path, size))
CALL(-1, int, fsync, SYNC, file, "", (int file), (file))
CALL(-1, int, fdatasync, SYNC, file, "", (int file), (file))
CALL(-1, int, rename, RENAME, AT_FDCWD, path, (const char *path, const char *to), (path, to))
CALL(-1, int, renameat, RENAME, folder, path, (int folder, const char *path, int other, const char *to),
     (folder, path, other, to))
CALL(-1, int, renameat2, RENAME, folder, path, (int folder, const char *path, int other, const char *to, unsigned flags),
     (folder, path, other, to, flags))
CALL(-1, int, link, CREATE, AT_FDCWD, to, (const char *path, const char *to), (path, to))
CALL(-1, int, linkat, CREATE, other, to, (int folder, const char *path, int other, const char *to, int flags),
     (folder, path, other, to, flags))
CALL(-1, int, symlink, CREATE, AT_FDCWD, to, (const char *path, const char *to), (path, to))
CALL(-1, int, symlinkat, CREATE, folder, to, (const char *path, int folder, const char *to), (path, folder, to))
CALL(-1, int, unlink, REMOVE, AT_FDCWD, path, (const char *path), (path))
CALL(-1, int, unlinkat, REMOVE, folder, path, (int folder, const char *path, int flags), (folder, path, flags))
CALL(-1, int, rmdir, REMOVE, AT_FDCWD, path, (const char *path), (path))
CALL(-1, int, remove, REMOVE, AT_FDCWD, path, (const char *path), (path))
CALL(-1, int, mkdir, FOLDER, AT_FDCWD, path, (const char *path, mode_t mode), (path, mode))
CALL(-1, int, mkdirat, FOLDER, folder, path, (int folder, const char *path, mode_t mode), (folder, path, mode))
CALL(-1, int, chmod, ATTRIBUTE, AT_FDCWD, path, (const char *path, mode_t mode), (path, mode))
CALL(-1, int, fchmod, ATTRIBUTE, file, "", (int file, mode_t mode), (file, mode))
CALL(-1, int, fchmodat, ATTRIBUTE, folder, path, (int folder, const char *path, mode_t mode, int flags),
     (folder, path, mode, flags))
CALL(-1, int, utimensat, ATTRIBUTE, folder, path,
     (int folder, const char *path, const struct timespec times[2], int flags), (folder, path, times, flags))
CALL(-1, int, futimens, ATTRIBUTE, file, "", (int file, const struct timespec times[2]), (file, times))

static bool writes(const char *mode) { return strpbrk(mode, "wa+") != NULL; }

FILE *fopen(const char *path, const char *mode) {
    return writes(mode) && hit("fopen", CREATE, AT_FDCWD, path) ? NULL : REAL(fopen)(path, mode);
}

FILE *fopen64(const char *path, const char *mode) {
    return writes(mode) && hit("fopen64", CREATE, AT_FDCWD, path) ? NULL : REAL(fopen64)(path, mode);
}

size_t fwrite(const void *data, size_t size, size_t count, FILE *stream) {
    return hit("fwrite", WRITE, fileno(stream), "") ? 0 : REAL(fwrite)(data, size, count, stream);
}

int fflush(FILE *stream) {
    if (stream && __fwritable(stream) && __fpending(stream) && hit("fflush", WRITE, fileno(stream), ""))
        return EOF;
    return REAL(fflush)(stream);
}

int fclose(FILE *stream) {
    if (!__fwritable(stream) || !__fpending(stream) || !hit("fclose", WRITE, fileno(stream), ""))
        return REAL(fclose)(stream);
    int fault = errno;
    __fpurge(stream);
    REAL(fclose)(stream);
    errno = fault;
    return EOF;
}

long syscall(long number, ...) {
    long given[6];
    va_list rest;
    va_start(rest, number);
    for (int place = 0; place < 6; place++)
        given[place] = va_arg(rest, long);
    va_end(rest);
#ifdef SYS_renameat2
    if (number == SYS_renameat2 && hit("renameat2", RENAME, (int)given[0], (const char *)given[1]))
        return -1;
#endif
    return REAL(syscall)(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}
