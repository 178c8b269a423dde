// The framing guard: what libmicrohttpd 0.9.75 lets through although two readers could disagree about where the request
// ends (CWE-444). It runs before the body is read, on the headers as they were sent.
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "lib/web/internal.h"

struct framing {
    unsigned total, lengths, encodings, hosts;
    const char *length;
    const char *encoding;
    bool odd_name;
};

static enum MHD_Result count_header(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value) {
    (void)kind;
    struct framing *framing = ctx;
    framing->total++;
    if (strcasecmp(name, "Content-Length") == 0) {
        framing->lengths++;
        framing->length = value;
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        framing->encodings++;
        framing->encoding = value;
    } else if (strcasecmp(name, "Host") == 0) {
        framing->hosts++;
    }
    // A name that ends in a blank or holds a separator is read differently by different programs.
    if (!*name || strpbrk(name, " \t\r\n;,\"")) framing->odd_name = true;
    return MHD_YES;
}

static bool plain_number(const char *text) {
    size_t n = strspn(text, "0123456789");
    return n > 0 && n <= 18 && text[n] == '\0';
}

static const char *refuse(unsigned *status, unsigned code, const char **message, const char *text, const char *reason) {
    *status = code;
    *message = text;
    return reason;
}

static const char *framing_fault(const struct framing *f, bool http11, unsigned *status, const char **message) {
    if (f->lengths > 1) return refuse(status, 400, message, "send one Content-Length", "two_content_length");
    if (f->lengths && f->encodings)
        return refuse(status, 400, message, "send Content-Length or Transfer-Encoding, not both", "both_framings");
    if (f->lengths && !plain_number(f->length))
        return refuse(status, 400, message, "Content-Length must be a plain number", "content_length");
    if (f->encodings > 1 || (f->encodings && strcasecmp(f->encoding, "chunked") != 0))
        return refuse(status, 400, message, "the only Transfer-Encoding taken is \"chunked\", once",
                      "transfer_encoding");
    if (f->encodings && !http11)
        return refuse(status, 400, message, "Transfer-Encoding needs HTTP/1.1", "transfer_encoding");
    if (f->hosts != 1) return refuse(status, 400, message, "send exactly one Host", "host");
    if (f->odd_name) return refuse(status, 400, message, "a header's name is malformed", "header");
    return NULL;
}

const char *hy_web_guard(struct hy_web_request *request, struct MHD_Connection *connection, unsigned *status,
                         const char **message) {
    struct framing framing = {0};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, count_header, &framing);
    const char *reason = framing_fault(&framing, request->http11, status, message);
    if (reason) return reason;
    if (framing.total > request->server->options.header_limit)
        return refuse(status, 431, message, "too many headers", "too_many_headers");
    if (request->bad_target) return refuse(status, 400, message, request->bad_target, "target");
    return NULL;
}

bool hy_web_length_over(struct MHD_Connection *connection, size_t limit) {
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    if (!length) return false;
    unsigned long long n = 0;
    for (; isdigit((unsigned char)*length); length++)
        n = n * 10 + (unsigned)(*length - '0');
    return n > limit;
}
