// mhd_empty PORT: answers every POST with 200 and nothing else, one thread on poll: what an HTTP server cannot be
// faster than. Built by tests/bench/run with libmicrohttpd where that is installed; the product does not use it.
#include <microhttpd.h>
#include <stdlib.h>
#include <unistd.h>

static enum MHD_Result answer(void *user, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *data, size_t *size, void **state) {
    static int seen;
    (void)user, (void)url, (void)method, (void)version, (void)data;
    if (*state == NULL) {
        *state = &seen;
        return MHD_YES;
    }
    if (*size > 0) {
        *size = 0;
        return MHD_YES;
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD, (uint16_t)atoi(argv[1]), NULL, NULL,
                                                 &answer, NULL, MHD_OPTION_CONNECTION_LIMIT, 2048U, MHD_OPTION_END);
    if (daemon == NULL) return 1;
    pause(); // until SIGTERM
    return 0;
}
