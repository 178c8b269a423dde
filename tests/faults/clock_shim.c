// A wall clock that can be set while a program runs: loaded before the C library (LD_PRELOAD), it adds the milliseconds
// that stand as a 64-bit number in the file named by HY_CLOCK_FILE, read anew each time. Clocks that never jump are
// left alone. No allocation and no library call on the way to the time: an allocator asks for it before anything is set
// up.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static const _Atomic int64_t *offset_ms;

__attribute__((constructor)) static void open_file(void) {
    const char *path = getenv("HY_CLOCK_FILE");
    int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    void *at = mmap(NULL, sizeof *offset_ms, PROT_READ, MAP_SHARED, file, 0);
    if (at != MAP_FAILED) offset_ms = at;
    close(file);
}

static int64_t offset(void) {
    return offset_ms == NULL ? 0 : atomic_load(offset_ms);
}

static void move(struct timespec *time, int64_t by) {
    int64_t ns = time->tv_nsec + by % 1000 * 1000000;
    time->tv_sec += by / 1000 + (ns < 0 ? -1 : ns / 1000000000);
    time->tv_nsec = ns < 0 ? ns + 1000000000 : ns % 1000000000;
}

int clock_gettime(clockid_t id, struct timespec *out) {
    int rc = (int)syscall(SYS_clock_gettime, id, out);
    if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) move(out, offset());
    return rc;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
    *out = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *out) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
    if (out != NULL) *out = now.tv_sec;
    return now.tv_sec;
}

int timespec_get(struct timespec *out, int base) {
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, out) == 0 ? base : 0;
}

// ---- waits until a moment of the set clock are waits of the kernel's ----

static struct timespec kernels(const struct timespec *until) {
    struct timespec moved = *until;
    move(&moved, -offset());
    return moved;
}

int cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex, const struct timespec *restrict until) {
    static int (*next)(cnd_t *, mtx_t *, const struct timespec *);
    if (next == NULL) *(void **)&next = dlsym(RTLD_NEXT, "cnd_timedwait");
    struct timespec moved = kernels(until);
    return next(cond, mutex, &moved);
}

// Which clock a condition goes by stands in glibc's flags: bit 1 of __wrefs is the one that never jumps.
int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until) {
    static int (*next)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (next == NULL) *(void **)&next = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    struct timespec moved = (cond->__data.__wrefs & 2) != 0 ? *until : kernels(until);
    return next(cond, mutex, &moved);
}
