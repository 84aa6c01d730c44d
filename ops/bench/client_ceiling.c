/* The ceiling of the HTTP client: a libcurl multi handle with as many transfers under way as asked for, handles and connections used again.
   usage: client_ceiling URL UNDER_WAY SECONDS */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static unsigned long long bytes;

static size_t take(char *p, size_t size, size_t n, void *user) {
    (void)p, (void)user;
    bytes += size * n;
    return size * n;
}

int main(int argc, char **argv) {
    if (argc != 4) return 64;
    int under_way = atoi(argv[2]);
    double limit = atof(argv[3]);
    curl_global_init(CURL_GLOBAL_ALL);
    CURLM *multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)under_way);
    for (int i = 0; i < under_way; i++) {
        CURL *easy = curl_easy_init();
        curl_easy_setopt(easy, CURLOPT_URL, argv[1]);
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 30000L);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
        curl_multi_add_handle(multi, easy);
    }
    double begin = now(), end = begin;
    unsigned long long done = 0;
    int running;
    while (end - begin < limit) {
        curl_multi_perform(multi, &running);
        int left;
        CURLMsg *message;
        while ((message = curl_multi_info_read(multi, &left))) {
            CURL *easy = message->easy_handle;
            long status = 0;
            curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
            if (message->data.result != CURLE_OK || status != 200) {
                fprintf(stderr, "status %ld: %s\n", status, curl_easy_strerror(message->data.result));
                return 1;
            }
            done++;
            curl_multi_remove_handle(multi, easy);
            curl_multi_add_handle(multi, easy);
        }
        curl_multi_poll(multi, NULL, 0, 1000, NULL);
        end = now();
    }
    printf("requests_per_second %.0f\nbytes %llu\n", done / (end - begin), bytes);
    return 0;
}
