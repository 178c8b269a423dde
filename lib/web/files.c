#include "lib/web/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include "lib/web/internal.h"

enum { FILE_LIMIT = 16 << 20 };

struct folder {
    int fd;
    size_t skip; // segments of the pattern before "*"
};

static const struct {
    const char *ending, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".txt", "text/plain; charset=utf-8"},
    {".map", "application/json"},
    {".yaml", "text/yaml; charset=utf-8"},
    {".webmanifest", "application/manifest+json"},
};

static const char *type_of(const char *name) {
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(dot, types[i].ending) == 0) return types[i].type;
    return "application/octet-stream";
}

static bool segment_ok(const char *segment) {
    return *segment && *segment != '.' && !strpbrk(segment, "/\\");
}

// Opens the folder of the last segment step by step, so that no link and no ".." leads out.
static int open_parent(const struct folder *folder, const struct hy_web_target *target) {
    int fd = dup(folder->fd);
    for (size_t i = folder->skip; fd >= 0 && i + 1 < target->n_segments; i++) {
        int next = segment_ok(target->segments[i])
                       ? openat(fd, target->segments[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                       : -1;
        close(fd);
        fd = next;
    }
    return fd;
}

// The content of a regular file of bearable size, or a negative code.
static int read_at(int parent, const char *name, struct hy_buf *out) {
    int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    int rc = HY_ENOTFOUND;
    if (fd < 0) return rc;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= FILE_LIMIT)
        rc = hy_buf_reserve(out, (size_t)st.st_size + 1);
    while (rc == HY_OK && out->len < (size_t)st.st_size) {
        ssize_t n = read(fd, out->data + out->len, (size_t)st.st_size - out->len);
        if (n <= 0) break;
        out->len += (size_t)n;
    }
    close(fd);
    return rc;
}

static bool wants_gzip(const struct hy_web_request *request) {
    const char *accept = hy_web_header(request, "Accept-Encoding");
    const char *gzip = accept ? strstr(accept, "gzip") : NULL;
    return gzip && strncmp(gzip, "gzip;q=0", 8) != 0;
}

static int read_file(struct hy_web_request *request, int parent, const char *name, struct hy_buf *out) {
    char packed[256];
    if (wants_gzip(request) && snprintf(packed, sizeof packed, "%s.gz", name) < (int)sizeof packed &&
        read_at(parent, packed, out) == HY_OK) {
        hy_web_set_header(request, "Content-Encoding", "gzip");
        return HY_OK;
    }
    return read_at(parent, name, out);
}

static void answer_file(struct hy_web_request *request, const char *name, struct hy_buf *content) {
    char etag[24];
    snprintf(etag, sizeof etag, "\"%016llx\"", (unsigned long long)XXH3_64bits(content->data, content->len));
    hy_web_set_header(request, "ETag", etag);
    hy_web_set_header(request, "Vary", "Accept-Encoding");
    hy_web_set_header(request, "Cache-Control", "no-cache"); // kept, but asked about each time
    const char *known = hy_web_header(request, "If-None-Match");
    if (known && strstr(known, etag)) {
        hy_buf_free(content);
        // With its type, or the cached page would get the policy of an answer without one, and load nothing.
        hy_web_reply(request, 304, type_of(name), (struct hy_bytes){0});
        return;
    }
    hy_web_reply_buf(request, 200, type_of(name), content);
}

static void on_file(struct hy_web_request *request, void *ctx) {
    const struct folder *folder = ctx;
    const struct hy_web_target *target = hy_web_target(request);
    const char *name = target->n_segments > folder->skip ? target->segments[target->n_segments - 1] : "";
    if (!*name) name = "index.html";
    struct hy_buf content = {0};
    int parent = segment_ok(name) ? open_parent(folder, target) : -1;
    int rc = parent >= 0 ? read_file(request, parent, name, &content) : HY_ENOTFOUND;
    if (parent >= 0) close(parent);
    if (rc < 0) {
        hy_buf_free(&content);
        hy_web_refuse(request, 404, "not_found", "no such file");
        return;
    }
    answer_file(request, name, &content);
}

static void free_folder(void *ctx) {
    struct folder *folder = ctx;
    close(folder->fd);
    free(folder);
}

int hy_web_files(struct hy_web_server *server, const char *pattern, const char *path, struct hy_error *err) {
    struct folder *folder = calloc(1, sizeof *folder);
    if (!folder) return hy_fail(err, HY_ENOMEM, "%s: out of memory", path);
    folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->fd < 0) {
        free(folder);
        return hy_fail(err, HY_EIO, "%s: %s", path, strerror(errno));
    }
    for (const char *at = pattern; (at = strchr(at, '/')) && at[1] != '*'; at++)
        folder->skip++;
    int rc = hy_web_route(server, "GET", pattern, on_file, folder);
    if (rc < 0)
        free_folder(folder);
    else
        server->routes[server->n_routes - 1].release = free_folder;
    return rc;
}
