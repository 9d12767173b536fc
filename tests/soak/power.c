/* Power: write down, in the order in which it happened, what a process does to the files of its stores.
 *
 * Loaded in front of the C library (LD_PRELOAD). Each record of the log is: kind, length of the path, path,
 * offset, length of the data, data; numbers are 8 bytes, as this machine writes them. A record is appended by
 * one call, behind the act that it tells of: what is not told yet was not acknowledged to anybody either.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* One act at a time: a flush covers exactly the writes that stand before it. */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name, type) \
    static type real; \
    if (!real) real = (type)dlsym(RTLD_NEXT, name)

static int is_store(const char *path) {
    const char *folder = getenv("POWER_FOLDER");
    size_t length = strlen(path);
    return folder && !strncmp(path, folder, strlen(folder)) && strstr(path, ".db")
        && !(length > 4 && !strcmp(path + length - 4, "-shm")) && !strstr(path, ".turn");
}

static int path_of(int fd, char *path, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, size - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_store(path);
}

static void tell(uint64_t kind, const char *path, uint64_t offset, const void *data, uint64_t length) {
    static int log = -1;
    typedef ssize_t (*writev_t)(int, const struct iovec *, int);
    REAL("writev", writev_t);
    if (log < 0) log = open(getenv("POWER_LOG"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    uint64_t named = strlen(path);
    struct iovec parts[] = {{&kind, 8}, {&named, 8}, {(void *)path, named}, {&offset, 8}, {&length, 8}, {(void *)data, length}};
    ssize_t all = (ssize_t)(32 + named + length);
    if (real(log, parts, 6) != all) abort();
}

#define BEGIN \
    char path[4096]; \
    int kept = path_of(fd, path, sizeof path); \
    if (kept) pthread_mutex_lock(&turn)

#define PWRITE(name, offset_type) \
    ssize_t name(int fd, const void *data, size_t length, offset_type offset) { \
        typedef ssize_t (*pwrite_t)(int, const void *, size_t, offset_type); \
        REAL(#name, pwrite_t); \
        BEGIN; \
        ssize_t done = real(fd, data, length, offset); \
        if (kept) { if (done > 0) tell('W', path, (uint64_t)offset, data, (uint64_t)done); pthread_mutex_unlock(&turn); } \
        return done; \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t write(int fd, const void *data, size_t length) {
    typedef ssize_t (*write_t)(int, const void *, size_t);
    REAL("write", write_t);
    BEGIN;
    off_t offset = kept ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t done = real(fd, data, length);
    if (kept) { if (done > 0) tell('W', path, (uint64_t)offset, data, (uint64_t)done); pthread_mutex_unlock(&turn); }
    return done;
}

#define FTRUNCATE(name, offset_type) \
    int name(int fd, offset_type length) { \
        typedef int (*ftruncate_t)(int, offset_type); \
        REAL(#name, ftruncate_t); \
        BEGIN; \
        int done = real(fd, length); \
        if (kept) { if (!done) tell('T', path, (uint64_t)length, "", 0); pthread_mutex_unlock(&turn); } \
        return done; \
    }
FTRUNCATE(ftruncate, off_t)
FTRUNCATE(ftruncate64, off64_t)

#define SYNC(name) \
    int name(int fd) { \
        typedef int (*sync_t)(int); \
        REAL(#name, sync_t); \
        BEGIN; \
        int done = real(fd); \
        if (kept) { if (!done) tell('S', path, 0, "", 0); pthread_mutex_unlock(&turn); } \
        return done; \
    }
SYNC(fsync)
SYNC(fdatasync)

int unlink(const char *path) {
    typedef int (*unlink_t)(const char *);
    REAL("unlink", unlink_t);
    int kept = is_store(path);
    if (kept) pthread_mutex_lock(&turn);
    int done = real(path);
    if (kept) { if (!done) tell('U', path, 0, "", 0); pthread_mutex_unlock(&turn); }
    return done;
}
