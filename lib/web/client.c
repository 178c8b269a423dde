#include "lib/web/client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/log.h"

struct call {
    struct call *prev, *next;
    struct hy_web_client *client;
    CURL *easy;
    struct curl_slist *headers;
    struct hy_buf body; // of the request
    struct hy_buf answer;
    size_t limit;
    bool public_only;
    bool refused_address;
    hy_web_answer_fn done;
    void *ctx;
    char error[CURL_ERROR_SIZE];
};

// One socket of curl and the uv handle that watches it; freed only in the handle's close callback.
struct watch {
    uv_poll_t poll;
    struct hy_web_client *client;
    curl_socket_t fd;
};

struct hy_web_client {
    uv_loop_t *loop;
    uv_timer_t timer;
    CURLM *multi;
    char *ca_file;
    struct call *calls;
    size_t n_calls;
    size_t watches;
    bool closing;
    bool timer_closed;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

static void init_curl(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void init_once(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_curl);
}

// ---- curl's sockets and timer on the loop ----

static void take_finished(struct hy_web_client *client);

static void act(struct hy_web_client *client, curl_socket_t fd, int flags) {
    int running = 0;
    curl_multi_socket_action(client->multi, fd, flags, &running);
    take_finished(client);
}

static void on_timer(uv_timer_t *timer) {
    act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int set_timer(CURLM *multi, long ms, void *ctx) {
    (void)multi;
    struct hy_web_client *client = ctx;
    if (client->closing) return 0;
    // curl must not be called from here, so "now" is the loop's next turn.
    if (ms < 0)
        uv_timer_stop(&client->timer);
    else
        uv_timer_start(&client->timer, on_timer, ms == 0 ? 1 : (uint64_t)ms, 0);
    return 0;
}

static void maybe_free(struct hy_web_client *client) {
    if (!client->closing || client->watches || !client->timer_closed) return;
    void (*closed)(void *) = client->closed;
    void *ctx = client->closed_ctx;
    free(client->ca_file);
    free(client);
    if (closed) closed(ctx);
}

static void on_watch_closed(uv_handle_t *handle) {
    struct watch *watch = handle->data;
    struct hy_web_client *client = watch->client;
    free(watch);
    client->watches--;
    maybe_free(client);
}

static void on_socket(uv_poll_t *poll, int status, int events) {
    struct watch *watch = poll->data;
    int flags = 0;
    if (status < 0) flags = CURL_CSELECT_ERR;
    if (events & UV_READABLE) flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE) flags |= CURL_CSELECT_OUT;
    act(watch->client, watch->fd, flags);
}

static struct watch *new_watch(struct hy_web_client *client, curl_socket_t fd) {
    struct watch *watch = calloc(1, sizeof *watch);
    if (!watch || uv_poll_init_socket(client->loop, &watch->poll, fd) != 0) {
        free(watch);
        return NULL;
    }
    watch->client = client;
    watch->fd = fd;
    watch->poll.data = watch;
    client->watches++;
    curl_multi_assign(client->multi, fd, watch);
    return watch;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx) {
    (void)easy;
    struct hy_web_client *client = ctx;
    struct watch *watch = socket_ctx;
    if (what == CURL_POLL_REMOVE) {
        if (!watch) return 0;
        curl_multi_assign(client->multi, fd, NULL);
        uv_poll_stop(&watch->poll);
        uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
        return 0;
    }
    if (!watch) watch = new_watch(client, fd);
    if (!watch) return -1;
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    return uv_poll_start(&watch->poll, events, on_socket) == 0 ? 0 : -1;
}

// ---- one call ----

static size_t on_body(char *data, size_t size, size_t n, void *ctx) {
    struct call *call = ctx;
    size_t len = size * n;
    if (call->answer.len + len > call->limit) return 0;
    hy_buf_add(&call->answer, data, len);
    return hy_buf_ok(&call->answer) ? len : 0;
}

static bool private_v4(uint32_t a) {
    return (a >> 24) == 0 || (a >> 24) == 10 || (a >> 24) == 127 || (a >> 16) == 0xa9fe || (a >> 20) == 0xac1 ||
           (a >> 16) == 0xc0a8 || (a >> 22) == (0x64400000 >> 22) || (a >> 28) >= 0xe;
}

static bool private_v6(const struct in6_addr *a) {
    if (IN6_IS_ADDR_V4MAPPED(a)) {
        uint32_t v4;
        memcpy(&v4, &a->s6_addr[12], 4);
        return private_v4(ntohl(v4));
    }
    return IN6_IS_ADDR_UNSPECIFIED(a) || IN6_IS_ADDR_LOOPBACK(a) || IN6_IS_ADDR_LINKLOCAL(a) ||
           IN6_IS_ADDR_MULTICAST(a) || (a->s6_addr[0] & 0xfe) == 0xfc || (a->s6_addr[0] == 0 && a->s6_addr[1] == 0x64);
}

static bool private_address(const struct sockaddr *address) {
    if (address->sa_family == AF_INET)
        return private_v4(ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr));
    if (address->sa_family == AF_INET6)
        return private_v6(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
    return true;
}

// The address is judged when the socket is made, after DNS: a name that resolves to another address the second time
// gains nothing.
static curl_socket_t on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)purpose;
    struct call *call = ctx;
    if (call->public_only && private_address(&address->addr)) {
        call->refused_address = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void free_call(struct call *call) {
    if (call->easy) curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    hy_buf_free(&call->body);
    hy_buf_free(&call->answer);
    free(call);
}

static int code_of(const struct call *call, CURLcode code) {
    if (code == CURLE_OK) return HY_OK;
    if (call->refused_address) return HY_EDENIED;
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return HY_ETIMEOUT;
    case CURLE_WRITE_ERROR:
    case CURLE_FILESIZE_EXCEEDED:
        return HY_ETOOBIG;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
        return HY_EAUTH;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
        return HY_EINVALID;
    default:
        return HY_ENET;
    }
}

static void finish(struct call *call, CURLcode code, int own_code) {
    struct hy_web_client *client = call->client;
    long request_size = 0;
    curl_off_t uploaded = 0, retry_after = 0;
    char *type = NULL;
    struct hy_web_answer answer = {.code = own_code ? own_code : code_of(call, code)};
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &answer.status);
    curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &request_size);
    curl_easy_getinfo(call->easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
    curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &type);
    curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &retry_after);
    answer.sent = request_size > 0 || uploaded > 0;
    answer.body = hy_buf_view(&call->answer);
    answer.type = type ? type : "";
    answer.retry_after_s = (long)retry_after;
    answer.text = answer.code == HY_OK          ? ""
                  : call->refused_address       ? "the address is private"
                  : call->error[0] && !own_code ? call->error
                                                : hy_error_text(answer.code);
    curl_multi_remove_handle(client->multi, call->easy);
    if (call->prev)
        call->prev->next = call->next;
    else
        client->calls = call->next;
    if (call->next) call->next->prev = call->prev;
    client->n_calls--;
    call->done(&answer, call->ctx);
    free_call(call);
}

static void take_finished(struct hy_web_client *client) {
    CURLMsg *message;
    int left = 0;
    while (!client->closing && (message = curl_multi_info_read(client->multi, &left))) {
        if (message->msg != CURLMSG_DONE) continue;
        struct call *call = NULL;
        CURLcode code = message->data.result; // message dies with the handle's removal
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        finish(call, code, 0);
    }
}

static int set_body(struct call *call, const struct hy_web_call *wanted) {
    bool has_body = wanted->body.len || strcmp(wanted->method, "POST") == 0 || strcmp(wanted->method, "PUT") == 0;
    if (!has_body) return HY_OK;
    hy_buf_add(&call->body, wanted->body.data, wanted->body.len);
    hy_buf_add(&call->body, "", 0);
    if (!hy_buf_ok(&call->body)) return HY_ENOMEM;
    curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
    curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, call->body.data ? call->body.data : "");
    return HY_OK;
}

static int set_headers(struct call *call, const char *const *headers) {
    // Without these, libcurl would wait for "100 Continue" and call a body a form.
    call->headers = curl_slist_append(NULL, "Expect:");
    bool typed = false;
    for (size_t i = 0; headers && headers[i] && call->headers; i++) {
        if (strncasecmp(headers[i], "Content-Type:", 13) == 0) typed = true;
        struct curl_slist *longer = curl_slist_append(call->headers, headers[i]);
        if (!longer) return HY_ENOMEM;
        call->headers = longer;
    }
    if (call->headers && !typed && call->body.data) {
        struct curl_slist *longer = curl_slist_append(call->headers, "Content-Type: application/octet-stream");
        if (!longer) return HY_ENOMEM;
        call->headers = longer;
    }
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
    return call->headers ? HY_OK : HY_ENOMEM;
}

static void set_limits(struct call *call, const struct hy_web_call *wanted) {
    CURL *easy = call->easy;
    call->limit = wanted->answer_limit ? wanted->answer_limit : 1 << 20;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(wanted->connect_ms ? wanted->connect_ms : 3000));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(wanted->timeout_ms ? wanted->timeout_ms : 10000));
    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)call->limit);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, wanted->redirects ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, 3L);
    if (wanted->once) {
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    }
}

static int make_easy(struct call *call, const struct hy_web_call *wanted) {
    CURL *easy = call->easy = curl_easy_init();
    if (!easy) return HY_ENOMEM;
    call->public_only = wanted->public_only;
    if (curl_easy_setopt(easy, CURLOPT_URL, wanted->url) != CURLE_OK) return HY_EINVALID;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "huiying/" HY_VERSION);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call);
    if (call->client->ca_file) curl_easy_setopt(easy, CURLOPT_CAINFO, call->client->ca_file);
    // A proxy would make the address check void, and the environment is not our configuration.
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    set_limits(call, wanted);
    int rc = set_body(call, wanted);
    if (rc == HY_OK) rc = set_headers(call, wanted->headers);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, wanted->method);
    return rc;
}

static bool method_ok(const char *method) {
    return strcmp(method, "GET") == 0 || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
           strcmp(method, "DELETE") == 0;
}

int hy_web_client_call(struct hy_web_client *client, const struct hy_web_call *wanted, struct hy_error *err) {
    if (client->closing) return hy_fail(err, HY_ECLOSED, "the HTTP client is closing");
    if (!method_ok(wanted->method)) return hy_fail(err, HY_EINVALID, "HTTP call: unknown method");
    struct call *call = calloc(1, sizeof *call);
    if (!call) return hy_fail(err, HY_ENOMEM, "HTTP call: out of memory");
    call->client = client;
    call->done = wanted->done;
    call->ctx = wanted->ctx;
    int rc = make_easy(call, wanted);
    if (rc == HY_OK && curl_multi_add_handle(client->multi, call->easy) != CURLM_OK) rc = HY_EINTERNAL;
    if (rc < 0) {
        free_call(call);
        return hy_fail(err, rc, "HTTP call: %s", hy_error_text(rc));
    }
    call->next = client->calls;
    if (call->next) call->next->prev = call;
    client->calls = call;
    client->n_calls++;
    return HY_OK;
}

size_t hy_web_client_busy(const struct hy_web_client *client) {
    return client->n_calls;
}

int hy_web_client_new(uv_loop_t *loop, const struct hy_web_client_options *options, struct hy_web_client **out,
                      struct hy_error *err) {
    init_once();
    struct hy_web_client *client = calloc(1, sizeof *client);
    if (client) client->multi = curl_multi_init();
    if (client && options->ca_file) client->ca_file = strdup(options->ca_file);
    if (!client || !client->multi || (options->ca_file && !client->ca_file)) {
        free(client);
        return hy_fail(err, HY_ENOMEM, "HTTP client: out of memory");
    }
    client->loop = loop;
    uv_timer_init(loop, &client->timer);
    client->timer.data = client;
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                      (long)(options->connections ? options->connections : 32));
    curl_multi_setopt(client->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)(options->per_host ? options->per_host : 8));
    *out = client;
    return HY_OK;
}

static void on_timer_closed(uv_handle_t *handle) {
    struct hy_web_client *client = handle->data;
    client->timer_closed = true;
    maybe_free(client);
}

void hy_web_client_close(struct hy_web_client *client, void (*closed)(void *ctx), void *ctx) {
    if (client->closing) return;
    client->closing = true;
    client->closed = closed;
    client->closed_ctx = ctx;
    while (client->calls)
        finish(client->calls, CURLE_ABORTED_BY_CALLBACK, HY_ECLOSED);
    curl_multi_cleanup(client->multi);
    uv_timer_stop(&client->timer);
    uv_close((uv_handle_t *)&client->timer, on_timer_closed);
}
