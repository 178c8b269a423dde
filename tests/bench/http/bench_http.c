// bench_http PORT FILE FIRST N CONNECTIONS RATE: sends N requests of a file over keep-alive connections to 127.0.0.1
// and prints one JSON line. The file holds requests as they go over the wire, each behind its length (4 bytes, little
// endian). RATE 0: each connection sends its next request when it has its answer. RATE > 0: open loop, request i is due
// at i/RATE and its latency counts from then, also while it waits for a free connection.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MOST_CONNECTIONS = 1024, ANSWER = 16384, STALLED_S = 30 };

struct request {
    const char *bytes;
    size_t len;
};

struct connection {
    int fd;
    long request; // -1: idle
    size_t sent, got;
    char answer[ANSWER];
};

struct run {
    struct request *requests;
    struct connection *connections;
    double *took, start, last;
    long n, next, done, refused;
    int n_connections, epoll;
    double rate;
};

static _Noreturn void die(const char *what) {
    fprintf(stderr, "bench_http: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct request *read_requests(const char *path, long first, long n) {
    int fd = open(path, O_RDONLY);
    struct stat stat;
    if (fd < 0 || fstat(fd, &stat) != 0) die(path);
    const char *at = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0), *end = at + stat.st_size;
    struct request *all = calloc((size_t)n + 1, sizeof *all);
    if (at == MAP_FAILED || all == NULL) die(path);
    for (long i = -first; i < n; i++) {
        uint32_t len;
        if (end - at < (ptrdiff_t)sizeof len) {
            fprintf(stderr, "bench_http: %s holds fewer than %ld requests\n", path, first + n);
            exit(1);
        }
        memcpy(&len, at, sizeof len);
        if (i >= 0) all[i] = (struct request){at + sizeof len, len};
        at += sizeof len + len;
    }
    return all;
}

static void dial(struct run *run, struct connection *one, int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int yes = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    one->request = -1;
    one->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (one->fd < 0 || connect(one->fd, (struct sockaddr *)&to, sizeof to) != 0) die("connect");
    setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    fcntl(one->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = one};
    if (epoll_ctl(run->epoll, EPOLL_CTL_ADD, one->fd, &event) != 0) die("epoll");
}

static void watch(struct run *run, struct connection *one, uint32_t what) {
    struct epoll_event event = {.events = what, .data.ptr = one};
    if (epoll_ctl(run->epoll, EPOLL_CTL_MOD, one->fd, &event) != 0) die("epoll");
}

static void push(struct run *run, struct connection *one) {
    const struct request *request = &run->requests[one->request];
    bool waited = one->sent > 0;
    while (one->sent < request->len) {
        ssize_t n = send(one->fd, request->bytes + one->sent, request->len - one->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            watch(run, one, EPOLLIN | EPOLLOUT);
            return;
        }
        if (n < 0) die("send");
        one->sent += (size_t)n;
    }
    if (waited) watch(run, one, EPOLLIN);
}

// The next request on an idle connection, if one is due.
static bool begin(struct run *run, struct connection *one) {
    if (one->request >= 0 || run->next >= run->n) return false;
    double due = run->rate > 0 ? run->start + (double)run->next / run->rate : now();
    if (due > now()) return false;
    one->request = run->next++;
    one->sent = one->got = 0;
    run->took[one->request] = -due;
    push(run, one);
    return true;
}

// Length of a whole answer in what has come, 0 while it is not whole.
static size_t whole(const struct connection *one) {
    const char *end = memmem(one->answer, one->got, "\r\n\r\n", 4);
    if (end == NULL) return 0;
    size_t head = (size_t)(end - one->answer) + 4, body = 0;
    for (const char *at = one->answer; at < end; at = (const char *)memchr(at, '\n', (size_t)(end + 2 - at)) + 1)
        if (strncasecmp(at, "Content-Length:", 15) == 0) body = strtoul(at + 15, NULL, 10);
    return one->got >= head + body ? head + body : 0;
}

static void receive(struct run *run, struct connection *one) {
    ssize_t n = recv(one->fd, one->answer + one->got, ANSWER - 1 - one->got, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) die("the server closed a connection");
    one->got += (size_t)n;
    one->answer[one->got] = '\0';
    if (whole(one) == 0) return;
    if (strncmp(one->answer, "HTTP/1.1 200", 12) != 0 && run->refused++ == 0)
        fprintf(stderr, "bench_http: first refusal: %.200s\n", one->answer);
    run->last = now();
    run->took[one->request] += run->last;
    run->done++;
    one->request = -1;
}

static void work(struct run *run) {
    struct epoll_event events[MOST_CONNECTIONS];
    run->start = run->last = now();
    while (run->done < run->n) {
        for (int i = 0; i < run->n_connections; i++)
            (void)begin(run, &run->connections[i]);
        int wait_ms = run->rate > 0 ? 1 : 1000;
        int n = epoll_wait(run->epoll, events, MOST_CONNECTIONS, wait_ms);
        for (int i = 0; i < n; i++) {
            struct connection *one = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) push(run, one);
            if (events[i].events & ~(uint32_t)EPOLLOUT) receive(run, one);
        }
        errno = ETIMEDOUT;
        if (now() - run->last > STALLED_S) die("no answer comes");
    }
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv) {
    if (argc != 7) {
        fprintf(stderr, "usage: bench_http PORT FILE FIRST N CONNECTIONS RATE\n");
        return 2;
    }
    struct run run = {.n = atol(argv[4]), .n_connections = atoi(argv[5]), .rate = atof(argv[6])};
    if (run.n < 1 || run.n_connections < 1 || run.n_connections > MOST_CONNECTIONS) return 2;
    run.requests = read_requests(argv[2], atol(argv[3]), run.n);
    run.connections = calloc((size_t)run.n_connections, sizeof *run.connections);
    run.took = calloc((size_t)run.n, sizeof *run.took);
    run.epoll = epoll_create1(0);
    if (run.connections == NULL || run.took == NULL || run.epoll < 0) die("start");
    for (int i = 0; i < run.n_connections; i++)
        dial(&run, &run.connections[i], atoi(argv[1]));
    work(&run);
    double seconds = run.last - run.start;
    qsort(run.took, (size_t)run.n, sizeof *run.took, compare);
    printf("{\"n\": %ld, \"refused\": %ld, \"seconds\": %.3f, \"rate\": %.0f, \"p50\": %.3f, \"p99\": %.3f, \"max\": "
           "%.3f}\n",
           run.n, run.refused, seconds, (double)run.n / seconds, run.took[run.n / 2] * 1000,
           run.took[run.n * 99 / 100] * 1000, run.took[run.n - 1] * 1000);
    return 0;
}
