/* A disk that takes so many bytes a second, for one program: what the program writes to files takes as long as such a disk
 * would need. The bytes go where they should.
 *
 *     cc -O2 -shared -fPIC -o slow_disk.so slow_disk.c -ldl -lpthread
 *     LD_PRELOAD=$PWD/slow_disk.so SLOW_DISK_MB_S=100 capture record ...
 *
 * It has next to no cache, and no page cache helps in front of it: a program that was late may make up for a few milliseconds. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* What the disk does on its own while the program is elsewhere, in seconds. */
#define CACHE 0.005

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* When the disk has done all that it was given, in seconds of the monotonic clock. */
static double free_at;

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}

/* Waits until the disk has taken what `fd` got from `begun` on. */
static ssize_t take(int fd, double begun, ssize_t bytes) {
    const char *rate = getenv("SLOW_DISK_MB_S");
    struct stat file;
    if (bytes <= 0 || rate == NULL || fstat(fd, &file) != 0 || !S_ISREG(file.st_mode))
        return bytes;
    pthread_mutex_lock(&lock);
    if (free_at < begun - CACHE)
        free_at = begun - CACHE;
    free_at += bytes / (atof(rate) * 1e6);
    double until = free_at;
    pthread_mutex_unlock(&lock);
    struct timespec then = {.tv_sec = (time_t)until, .tv_nsec = (long)((until - (time_t)until) * 1e9)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL) != 0)
        ;
    return bytes;
}

ssize_t write(int fd, const void *from, size_t bytes) {
    static ssize_t (*real)(int, const void *, size_t);
    if (real == NULL)
        real = dlsym(RTLD_NEXT, "write");
    double begun = seconds();
    return take(fd, begun, real(fd, from, bytes));
}

ssize_t writev(int fd, const struct iovec *pieces, int count) {
    static ssize_t (*real)(int, const struct iovec *, int);
    if (real == NULL)
        real = dlsym(RTLD_NEXT, "writev");
    double begun = seconds();
    return take(fd, begun, real(fd, pieces, count));
}

ssize_t pwrite64(int fd, const void *from, size_t bytes, off_t at) {
    static ssize_t (*real)(int, const void *, size_t, off_t);
    if (real == NULL)
        real = dlsym(RTLD_NEXT, "pwrite64");
    double begun = seconds();
    return take(fd, begun, real(fd, from, bytes, at));
}
