/* Sends one HTTP request over and over and times the answers.
   usage: load PORT CONNECTIONS SECONDS RATE FILE
   RATE 0: each connection sends as soon as it is answered. RATE > 0: requests are due evenly spaced, and a late one counts from when it was due.
   FILE holds the request; a run of sixteen @ in it becomes a number that never repeats. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX 1024
static struct peer {
    int fd, busy;
    double begin;
    char in[65536];
    size_t filled;
} peers[MAX];

static char request[1 << 20];
static size_t request_size;
static char *mark;
static uint64_t serial, answered, failed;
static float *times;
static size_t times_room = 1 << 24, times_count;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void start(struct peer *p, double due) {
    if (mark) {
        uint64_t n = serial++;
        for (int i = 15; i >= 0; i--, n >>= 4) mark[i] = "0123456789abcdef"[n & 15];
    }
    size_t sent = 0;
    while (sent < request_size) {
        ssize_t n = send(p->fd, request + sent, request_size - sent, MSG_NOSIGNAL);
        if (n > 0) sent += n;
        else if (n < 0 && errno == EAGAIN) usleep(50);
        else {
            perror("send");
            exit(1);
        }
    }
    p->busy = 1;
    p->begin = due;
    p->filled = 0;
}

/* 1 when the answer is whole. */
static int whole(struct peer *p) {
    p->in[p->filled] = 0;
    char *end = strstr(p->in, "\r\n\r\n");
    if (!end) return 0;
    char *length = strcasestr(p->in, "\r\ncontent-length:");
    size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
    return p->filled >= (size_t)(end + 4 - p->in) + body;
}

static int by_size(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv) {
    if (argc != 6) return 64;
    int connections = atoi(argv[2]);
    double limit = atof(argv[3]), rate = atof(argv[4]);
    FILE *file = fopen(argv[5], "rb");
    if (!file || connections < 1 || connections > MAX) return 66;
    request_size = fread(request, 1, sizeof request - 1, file);
    mark = strstr(request, "@@@@@@@@@@@@@@@@");
    serial = (uint64_t)(now() * 1e6) << 12;
    times = malloc(times_room * sizeof *times);
    int epoll = epoll_create1(0);
    for (int i = 0; i < connections; i++) {
        struct peer *p = &peers[i];
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        p->fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(p->fd, (struct sockaddr *)&to, sizeof to) != 0) {
            perror("connect");
            return 1;
        }
        int one = 1;
        setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        fcntl(p->fd, F_SETFL, O_NONBLOCK);
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = p};
        epoll_ctl(epoll, EPOLL_CTL_ADD, p->fd, &e);
    }
    double begin = now(), end = begin;
    uint64_t due_count = 0;
    int idle = connections, under_way = 0;
    if (rate == 0)
        for (int i = 0; i < connections; i++) start(&peers[i], begin), idle--, under_way++;
    struct epoll_event events[MAX];
    for (;;) {
        end = now();
        int over = end - begin >= limit;
        if (over && under_way == 0) break;
        if (over && end - begin > limit + 30) return 1;
        int wait = -1;
        if (rate > 0 && !over) {
            for (int i = 0; i < connections && idle > 0; i++) {
                double due = begin + due_count / rate;
                if (due > end) break;
                if (peers[i].busy) continue;
                start(&peers[i], due);
                due_count++, idle--, under_way++;
            }
            double next = begin + due_count / rate - now();
            wait = idle == 0 ? -1 : next <= 0 ? 0 : (int)(next * 1e3);
            /* Less than a millisecond: wait without sleeping long. */
            if (wait == 0 && idle > 0 && next > 0) {
                struct timespec t = {0, (long)(next * 1e9)};
                nanosleep(&t, NULL);
            }
        }
        int n = epoll_wait(epoll, events, MAX, wait);
        for (int i = 0; i < n; i++) {
            struct peer *p = events[i].data.ptr;
            ssize_t got = recv(p->fd, p->in + p->filled, sizeof p->in - 1 - p->filled, 0);
            if (got <= 0) {
                if (got < 0 && errno == EAGAIN) continue;
                fprintf(stderr, "the server hung up\n");
                return 1;
            }
            p->filled += got;
            if (!p->busy || !whole(p)) continue;
            double at = now();
            if (strncmp(p->in + 9, "200", 3)) {
                if (failed++ == 0) fprintf(stderr, "%.300s\n", p->in);
            }
            if (times_count < times_room) times[times_count++] = at - p->begin;
            answered++;
            p->busy = 0;
            idle++, under_way--;
            if (rate == 0 && at - begin < limit) start(p, at), idle--, under_way++;
        }
    }
    qsort(times, times_count, sizeof *times, by_size);
    printf("requests_per_second %.1f\nfailed %llu\n", answered / (end - begin), (unsigned long long)failed);
    if (times_count)
        printf("p50_ms %.3f\np99_ms %.3f\nmax_ms %.3f\n", times[times_count / 2] * 1e3, times[(size_t)(times_count * 0.99)] * 1e3, times[times_count - 1] * 1e3);
    printf("answered %llu\n", (unsigned long long)answered);
    return failed ? 1 : 0;
}
