/* The ceiling of the database driver: libpq in pipeline mode on one connection, never waiting for one answer before sending the next.
   usage: pg_ceiling CONNINFO select|insert|copy|rows|queue|wake SECONDS
   select  single-row selects by key, 100 to a sync, four syncs under way
   insert  100 rows to an insert by unnest, each insert a commit of its own, four under way
   copy    COPY of a table to the client, again and again
   queue   100 jobs claimed and completed, two statements and commits, until none of the table's jobs is left
   wake    how soon a sleeper hears of a row: one connection commits it and notifies, another one listens, asks for the first row, and has it; argument 3 is
           the number of times, and the figures are milliseconds from the commit's answer
   rows    like insert, into the tables that take deliveries (argument 4: bytes of a body, 5: tenant, 6: connection) */
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <time.h>

#define ROWS 10000
#define BATCH 100
#define AHEAD 4

static PGconn *c;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, PQerrorMessage(c));
    exit(1);
}

/* Sends what libpq holds, taking in what comes meanwhile; then waits for more to take in. */
static void turn(int wait) {
    for (;;) {
        int left = PQflush(c);
        if (left < 0) die("flush");
        if (left == 0 && !wait) return;
        struct pollfd p = {PQsocket(c), POLLIN | (left ? POLLOUT : 0), 0};
        if (poll(&p, 1, -1) < 0 && errno != EINTR) die("poll");
        if (p.revents & POLLIN) {
            if (!PQconsumeInput(c)) die("read");
            return;
        }
    }
}

/* Takes answers until one sync has come; counts rows. */
static uint64_t take_sync(void) {
    uint64_t rows = 0;
    for (;;) {
        while (PQisBusy(c)) turn(1);
        PGresult *r = PQgetResult(c);
        if (!r) continue;
        ExecStatusType s = PQresultStatus(r);
        if (s == PGRES_PIPELINE_SYNC) {
            PQclear(r);
            return rows;
        }
        if (s == PGRES_TUPLES_OK) rows += PQntuples(r);
        else if (s == PGRES_COMMAND_OK) rows += strtoull(PQcmdTuples(r), NULL, 10);
        else die("answer");
        PQclear(r);
    }
}

static void prepare(const char *name, const char *sql, int n, const Oid *types) {
    PGresult *r = PQprepare(c, name, sql, n, types);
    if (PQresultStatus(r) != PGRES_COMMAND_OK) die("prepare");
    PQclear(r);
}

static uint64_t key_state = 88172645463325252ull;
static uint64_t next_key(void) {
    key_state ^= key_state << 13;
    key_state ^= key_state >> 7;
    key_state ^= key_state << 17;
    return key_state % ROWS;
}

static void put64(char *p, uint64_t v) {
    for (int i = 0; i < 8; i++) p[i] = (char)(v >> (56 - 8 * i));
}

static void send_selects(void) {
    const int length = 8, format = 1;
    for (int i = 0; i < BATCH; i++) {
        char key[8];
        put64(key, next_key());
        const char *values[1] = {key};
        if (!PQsendQueryPrepared(c, "s", 1, values, &length, &format, 1)) die("send");
    }
    if (!PQpipelineSync(c)) die("sync");
}

/* A one-dimensional array in binary: header, then each element with its length before it. */
static char *array_head(char *p, Oid type, int n) {
    uint32_t head[5] = {htonl(1), 0, htonl(type), htonl(n), htonl(1)};
    memcpy(p, head, 20);
    return p + 20;
}

static char *element(char *p, const void *bytes, uint32_t n) {
    uint32_t length = htonl(n);
    memcpy(p, &length, 4);
    memcpy(p + 4, bytes, n);
    return p + 4 + n;
}

static uint64_t serial;

static void send_insert(void) {
    static char keys[20 + BATCH * 12], words[20 + BATCH * 40], bodies[20 + BATCH * 260];
    static char body[240];
    char *k = array_head(keys, 20, BATCH), *w = array_head(words, 25, BATCH), *b = array_head(bodies, 17, BATCH);
    for (int i = 0; i < BATCH; i++) {
        char key[8], word[32];
        put64(key, serial);
        int n = snprintf(word, sizeof word, "delivery-%010llu", (unsigned long long)serial++);
        k = element(k, key, 8);
        w = element(w, word, n);
        b = element(b, body, sizeof body);
    }
    const char *values[3] = {keys, words, bodies};
    const int lengths[3] = {k - keys, w - words, b - bodies}, formats[3] = {1, 1, 1};
    if (!PQsendQueryPrepared(c, "i", 3, values, lengths, formats, 1) || !PQpipelineSync(c)) die("send");
}

static size_t body_bytes;
static const char *tenant, *connection;
static char uuid_of(const char *text, unsigned char *out) {
    int n = 0;
    for (const char *p = text; *p && n < 32; p++) {
        if (*p == '-') continue;
        int v = *p <= '9' ? *p - '0' : (*p | 32) - 'a' + 10;
        out[n / 2] = n % 2 ? out[n / 2] | v : v << 4;
        n++;
    }
    return n == 32;
}

static void send_rows(void) {
    static char *bodies, *body;
    static char tenants[20 + BATCH * 20], connections[20 + BATCH * 20], topics[20 + BATCH * 24], words[20 + BATCH * 60];
    if (!bodies) {
        bodies = malloc(20 + BATCH * (body_bytes + 4));
        body = malloc(body_bytes);
    }
    unsigned char t_id[16], c_id[16];
    uuid_of(tenant, t_id);
    uuid_of(connection, c_id);
    char *t = array_head(tenants, 2950, BATCH), *n = array_head(connections, 2950, BATCH), *p = array_head(topics, 25, BATCH), *w = array_head(words, 25, BATCH),
         *b = array_head(bodies, 17, BATCH);
    for (int i = 0; i < BATCH; i++) {
        char word[48];
        int length = snprintf(word, sizeof word, "b54557e4-bdd9-4b37-8a5f-%012llu", (unsigned long long)serial);
        /* No two bodies alike and none that compresses: sealed bytes are random. */
        for (size_t j = 0; j + 8 <= body_bytes; j += 8) {
            key_state ^= key_state << 13;
            key_state ^= key_state >> 7;
            key_state ^= key_state << 17;
            memcpy(body + j, &key_state, 8);
        }
        serial++;
        t = element(t, t_id, 16);
        n = element(n, c_id, 16);
        p = element(p, "orders/create", 13);
        w = element(w, word, length);
        b = element(b, body, body_bytes);
    }
    const char *values[5] = {tenants, connections, topics, words, bodies};
    const int lengths[5] = {t - tenants, n - connections, p - topics, w - words, b - bodies}, formats[5] = {1, 1, 1, 1, 1};
    if (!PQsendQueryPrepared(c, "r", 5, values, lengths, formats, 1) || !PQpipelineSync(c)) die("send");
}

static uint64_t pipeline(void (*send)(void), double limit, double *took) {
    PQsetnonblocking(c, 1);
    PQenterPipelineMode(c);
    uint64_t rows = 0;
    double begin = now();
    int under_way = 0;
    while (under_way < AHEAD) {
        send();
        turn(0);
        under_way++;
    }
    while (now() - begin < limit) {
        rows += take_sync();
        send();
        turn(0);
    }
    while (under_way--) rows += take_sync();
    *took = now() - begin;
    return rows;
}

static uint64_t copy(double limit, double *took) {
    uint64_t rows = 0;
    double begin = now();
    do {
        PGresult *r = PQexec(c, "COPY bench_copy TO STDOUT");
        if (PQresultStatus(r) != PGRES_COPY_OUT) die("copy");
        PQclear(r);
        char *row;
        while (PQgetCopyData(c, &row, 0) > 0) {
            rows++;
            PQfreemem(row);
        }
        r = PQgetResult(c);
        if (PQresultStatus(r) != PGRES_COMMAND_OK) die("copy");
        PQclear(r);
        while ((r = PQgetResult(c))) PQclear(r);
        *took = now() - begin;
    } while (*took < limit);
    return rows;
}

/* Claims and completes until the table is empty: each completion travels with the next claim. */
static uint64_t queue(double *took) {
    const char *claim = "UPDATE bench_queue SET state = 'picked' WHERE ctid = ANY (ARRAY(SELECT ctid FROM bench_queue WHERE state = 'queued' ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED)) RETURNING id";
    prepare("claim", claim, 0, NULL);
    const Oid types[1] = {1016};
    prepare("complete", "DELETE FROM bench_queue WHERE id = ANY($1)", 1, types);
    PQsetnonblocking(c, 1);
    PQenterPipelineMode(c);
    uint64_t rows = 0;
    double begin = now();
    static char ids[20 + BATCH * 12];
    int length = 0, format = 1;
    for (;;) {
        if (length) {
            const char *values[1] = {ids};
            if (!PQsendQueryPrepared(c, "complete", 1, values, &length, &format, 1) || !PQpipelineSync(c)) die("send");
        }
        if (!PQsendQueryPrepared(c, "claim", 0, NULL, NULL, NULL, 1) || !PQpipelineSync(c)) die("send");
        turn(0);
        if (length) rows += take_sync();
        int claimed = 0;
        char *at = NULL;
        for (;;) {
            while (PQisBusy(c)) turn(1);
            PGresult *r = PQgetResult(c);
            if (!r) continue;
            if (PQresultStatus(r) == PGRES_PIPELINE_SYNC) {
                PQclear(r);
                break;
            }
            if (PQresultStatus(r) != PGRES_TUPLES_OK) die("claim");
            claimed = PQntuples(r);
            at = array_head(ids, 20, claimed);
            for (int i = 0; i < claimed; i++) at = element(at, PQgetvalue(r, i, 0), 8);
            PQclear(r);
        }
        if (!claimed) break;
        length = at - ids;
    }
    *took = now() - begin;
    return rows;
}

/* Takes what has come on a connection without waiting; 1 once its statement has been answered. */
static int answered(PGconn *of, int *rows) {
    if (!PQconsumeInput(of)) die("read");
    while (!PQisBusy(of)) {
        PGresult *r = PQgetResult(of);
        if (!r) return 1;
        if (PQresultStatus(r) == PGRES_FATAL_ERROR) die("wake");
        if (rows) *rows += PQntuples(r);
        PQclear(r);
    }
    return 0;
}

static void simple(PGconn *on, const char *sql) {
    PGresult *r = PQexec(on, sql);
    if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK) die("statement");
    PQclear(r);
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* One thread with both connections: no change of threads of ours is in the figure, only the server's processes and the kernel's waking of them. */
static int wake(const char *conninfo, int times) {
    PGconn *asker = PQconnectdb(conninfo);
    if (PQstatus(asker) != CONNECTION_OK) die("connect");
    double *took = malloc(times * sizeof *took);
    simple(c, "DROP TABLE IF EXISTS bench_wake; CREATE TABLE bench_wake (id bigint PRIMARY KEY)");
    simple(c, "LISTEN bench_wake");
    prepare("w", "SELECT id FROM bench_wake ORDER BY id LIMIT 1", 0, NULL);
    for (int n = 0; n < times; n++) {
        char sql[96];
        snprintf(sql, sizeof sql, "BEGIN; INSERT INTO bench_wake VALUES (%d); NOTIFY bench_wake; COMMIT", n);
        if (!PQsendQuery(asker, sql)) die("send");
        double committed = 0, had = 0;
        int asked = 0, rows = 0;
        while (!committed || !had) {
            struct pollfd p[2] = {{PQsocket(asker), POLLIN, 0}, {PQsocket(c), POLLIN, 0}};
            if (poll(p, 2, -1) < 0 && errno != EINTR) die("poll");
            if (!committed && (p[0].revents & POLLIN) && answered(asker, NULL)) committed = now();
            if (!(p[1].revents & POLLIN)) continue;
            if (asked) {
                if (answered(c, &rows)) had = now();
                continue;
            }
            if (!PQconsumeInput(c)) die("read");
            PGnotify *bell = PQnotifies(c);
            if (!bell) continue;
            PQfreemem(bell);
            if (!PQsendQueryPrepared(c, "w", 0, NULL, NULL, NULL, 1) || PQflush(c)) die("send");
            asked = 1;
        }
        if (rows != 1) die("nothing was there when the sleeper woke");
        took[n] = had > committed ? (had - committed) * 1000 : 0;
        simple(c, "DELETE FROM bench_wake");
    }
    PQfinish(asker);
    qsort(took, times, sizeof *took, ascending);
    printf("p50 %.3f\np99 %.3f\n", took[times / 2], took[times * 99 / 100]);
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 4) return 64;
    c = PQconnectdb(argv[1]);
    if (PQstatus(c) != CONNECTION_OK) die("connect");
    if (!strcmp(argv[2], "wake")) return wake(argv[1], atoi(argv[3]));
    double limit = atof(argv[3]), took = 0;
    uint64_t rows;
    if (!strcmp(argv[2], "select")) {
        const Oid types[1] = {20};
        prepare("s", "SELECT id, name, amount FROM bench_select WHERE id = $1", 1, types);
        rows = pipeline(send_selects, limit, &took);
    } else if (!strcmp(argv[2], "insert")) {
        const Oid types[3] = {1016, 1009, 1001};
        prepare("i", "INSERT INTO bench_insert (id, name, body) SELECT * FROM unnest($1::int8[], $2::text[], $3::bytea[])", 3, types);
        rows = pipeline(send_insert, limit, &took);
    } else if (!strcmp(argv[2], "rows") && argc == 7) {
        const Oid types[5] = {2951, 2951, 1009, 1009, 1001};
        body_bytes = strtoul(argv[4], NULL, 10);
        tenant = argv[5];
        connection = argv[6];
        serial = (uint64_t)(now() * 1e6);
        prepare("r", "INSERT INTO app.events (tenant_id, connection_id, topic, delivery_id, body) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bytea[])",
                5, types);
        rows = pipeline(send_rows, limit, &took);
    } else if (!strcmp(argv[2], "queue")) {
        rows = queue(&took);
    } else {
        rows = copy(limit, &took);
    }
    printf("rows_per_second %.0f\n", rows / took);
    return 0;
}
