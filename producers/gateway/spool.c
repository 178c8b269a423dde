#include "producers/gateway/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "producers/gateway/spool_format.h"

struct segment {
    uint32_t number;
    uint64_t first_seq;
    uint64_t bytes;
    int64_t last_ms; // newest accepted_ms in it; INT64_MAX until known
};

struct spool {
    char *folder;
    int folder_fd;
    int lock_fd;
    struct spool_limits limits;
    struct segment *segments; // ascending; the last one is current while current_fd >= 0
    size_t n;
    int current_fd;
    uint64_t next_seq, cursor, bytes, damaged;
    struct hy_buf scratch;
    bool dirty; // written since the last sync
};

static void segment_name(uint32_t number, char out[24]) {
    snprintf(out, 24, "%010" PRIu32 ".seg", number);
}

static int io_error(const struct spool *spool, const char *what, struct hy_error *err) {
    int code = errno == ENOSPC || errno == EDQUOT ? HY_EFULL : HY_EIO;
    return hy_fail(err, code, "spool %s: %s: %s", spool->folder, what, strerror(errno));
}

uint64_t spool_order(const char *topic, struct hy_bytes key) {
    const uint8_t *dot = key.len ? memchr(key.data, '.', key.len) : NULL;
    size_t len = dot ? (size_t)(dot - key.data) : key.len;
    return XXH3_64bits_withSeed(key.len ? key.data : (const uint8_t *)"", len, XXH3_64bits(topic, strlen(topic)));
}

// ---- opening ----

static int add_segment(struct spool *spool, uint32_t number, uint64_t first_seq, uint64_t bytes) {
    struct segment *grown = realloc(spool->segments, (spool->n + 1) * sizeof *grown);
    if (!grown) return HY_ENOMEM;
    spool->segments = grown;
    grown[spool->n++] =
        (struct segment){.number = number, .first_seq = first_seq, .bytes = bytes, .last_ms = INT64_MAX};
    spool->bytes += bytes;
    return HY_OK;
}

static int take_file(struct spool *spool, const char *name, struct hy_error *err) {
    uint8_t header[SPOOL_HEADER];
    struct stat st;
    uint64_t first_seq = 0;
    int fd = openat(spool->folder_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        int rc = io_error(spool, name, err);
        if (fd >= 0) close(fd);
        return rc;
    }
    ssize_t n = pread(fd, header, sizeof header, 0);
    close(fd);
    int rc = n == (ssize_t)sizeof header ? spool_get_header(header, &first_seq) : HY_EFORMAT;
    if (rc == HY_EVERSION)
        return hy_fail(err, rc, "spool %s: %s is of another version; start the version that wrote it and let it drain",
                       spool->folder, name);
    if (rc < 0) { // cut off before its header was written: it holds nothing
        HY_WARN("spool.torn", "a segment without a header is passed over", "segment=%s", name);
        return add_segment(spool, (uint32_t)strtoul(name, NULL, 10), 0, (uint64_t)st.st_size);
    }
    return add_segment(spool, (uint32_t)strtoul(name, NULL, 10), first_seq, (uint64_t)st.st_size);
}

static int is_segment(const struct dirent *entry) {
    return strlen(entry->d_name) == 14 && strspn(entry->d_name, "0123456789") == 10 &&
           strcmp(entry->d_name + 10, ".seg") == 0;
}

static int list_segments(struct spool *spool, struct hy_error *err) {
    struct dirent **files = NULL;
    int n = scandir(spool->folder, &files, is_segment, alphasort), rc = HY_OK;
    if (n < 0) return io_error(spool, "cannot be listed", err);
    for (int i = 0; i < n; i++) {
        if (rc == HY_OK) rc = take_file(spool, files[i]->d_name, err);
        free(files[i]);
    }
    free(files);
    return rc;
}

static void read_cursor(struct spool *spool) {
    char text[32] = "";
    int fd = openat(spool->folder_fd, "cursor", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (read(fd, text, sizeof text - 1) > 0) spool->cursor = strtoull(text, NULL, 10);
    close(fd);
}

static int note_highest(void *ctx, const struct spool_found *found) {
    struct spool *spool = ctx;
    if (found->seq >= spool->next_seq) spool->next_seq = found->seq + 1;
    return HY_OK;
}

static int open_folder(struct spool *spool, struct hy_error *err) {
    if (mkdir(spool->folder, 0700) != 0 && errno != EEXIST) return io_error(spool, "cannot be made", err);
    spool->folder_fd = open(spool->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (spool->folder_fd < 0) return io_error(spool, "cannot be opened", err);
    spool->lock_fd = openat(spool->folder_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (spool->lock_fd < 0) return io_error(spool, "lock", err);
    if (flock(spool->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return hy_fail(err, HY_EEXISTS, "spool %s: another gateway uses it; give each its own data.dir", spool->folder);
    return HY_OK;
}

int spool_open(const char *folder, const struct spool_limits *limits, struct spool **out, struct hy_error *err) {
    struct spool *spool = calloc(1, sizeof *spool);
    if (!spool) return hy_fail(err, HY_ENOMEM, "spool: out of memory");
    spool->limits = *limits;
    spool->folder_fd = spool->lock_fd = spool->current_fd = -1;
    spool->next_seq = 1;
    spool->folder = strdup(folder);
    int rc = spool->folder ? open_folder(spool, err) : HY_ENOMEM;
    if (rc == HY_OK) rc = list_segments(spool, err);
    if (rc == HY_OK) {
        read_cursor(spool);
        spool->next_seq = spool->cursor ? spool->cursor : 1;
        // Only the last segments can hold the highest seq; all are read for their newest time.
        rc = spool_scan(spool, 0, INT64_MIN, note_highest, spool, err);
    }
    if (rc < 0) {
        spool_close(spool);
        return rc;
    }
    *out = spool;
    return HY_OK;
}

void spool_close(struct spool *spool) {
    if (!spool) return;
    if (spool->current_fd >= 0) {
        if (spool->dirty) fdatasync(spool->current_fd);
        close(spool->current_fd);
    }
    if (spool->lock_fd >= 0) close(spool->lock_fd);
    if (spool->folder_fd >= 0) close(spool->folder_fd);
    hy_buf_free(&spool->scratch);
    free(spool->segments);
    free(spool->folder);
    free(spool);
}

// ---- writing ----

static void end_segment(struct spool *spool) {
    if (spool->current_fd < 0) return;
    close(spool->current_fd);
    spool->current_fd = -1;
}

static int write_all(int fd, const void *data, size_t len, off_t at) {
    const char *from = data;
    while (len > 0) {
        ssize_t n = pwrite(fd, from, len, at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            if (n == 0) errno = ENOSPC;
            return -1;
        }
        from += n;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

static int begin_segment(struct spool *spool, uint64_t first_seq, struct hy_error *err) {
    uint32_t number = spool->n ? spool->segments[spool->n - 1].number + 1 : 1;
    uint8_t header[SPOOL_HEADER];
    char name[24];
    segment_name(number, name);
    int fd = openat(spool->folder_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return io_error(spool, name, err);
    spool_put_header(header, first_seq);
    // The file's name must survive a power cut as well as its content.
    if (write_all(fd, header, sizeof header, 0) != 0 || fsync(spool->folder_fd) != 0 ||
        add_segment(spool, number, first_seq, SPOOL_HEADER) < 0) {
        int rc = io_error(spool, name, err);
        close(fd);
        unlinkat(spool->folder_fd, name, 0);
        return rc;
    }
    spool->segments[spool->n - 1].last_ms = INT64_MIN;
    spool->current_fd = fd;
    return HY_OK;
}

static int prepare(struct spool *spool, const struct spool_record *records, size_t n, struct spool_place *places,
                   uint64_t offset, struct hy_error *err) {
    hy_buf_clear(&spool->scratch);
    for (size_t i = 0; i < n; i++) {
        size_t before = spool->scratch.len;
        int rc = spool_put_record(&spool->scratch, &records[i]);
        if (rc < 0) return hy_fail(err, rc, "spool %s: a record cannot be kept: %s", spool->folder, hy_error_text(rc));
        places[i] = (struct spool_place){.offset = (uint32_t)(offset + before),
                                         .size = (uint32_t)(spool->scratch.len - before)};
    }
    return HY_OK;
}

static int sync_segment(struct spool *spool, struct hy_error *err) {
    if (!spool->dirty) return HY_OK;
    HY_FAULT_POINT("spool.before_sync");
    if (fdatasync(spool->current_fd) == 0) {
        spool->dirty = false;
        return HY_OK;
    }
    // After a failed sync the kernel may have dropped the pages: this file is not written to again.
    int rc = io_error(spool, "cannot be synced", err);
    end_segment(spool);
    spool->dirty = false;
    return rc;
}

int spool_append(struct spool *spool, const struct spool_record *records, size_t n, bool sync,
                 struct spool_place *places, struct hy_error *err) {
    int rc = HY_OK;
    if (n == 0) return sync && spool->current_fd >= 0 ? sync_segment(spool, err) : HY_OK;
    struct segment *last = spool->n ? &spool->segments[spool->n - 1] : NULL;
    if (spool->current_fd >= 0 && last->bytes >= spool->limits.segment_bytes) {
        rc = sync_segment(spool, err);
        end_segment(spool);
    }
    if (rc == HY_OK && spool->current_fd < 0) rc = begin_segment(spool, records[0].seq, err);
    if (rc < 0) return rc;
    last = &spool->segments[spool->n - 1];
    rc = prepare(spool, records, n, places, last->bytes, err);
    if (rc < 0) return rc;
    if (spool->bytes + spool->scratch.len > spool->limits.max_bytes)
        return hy_fail(err, HY_EFULL, "spool %s: its limit of %llu bytes is reached", spool->folder,
                       (unsigned long long)spool->limits.max_bytes);
    HY_FAULT_POINT("spool.before_write");
    if (write_all(spool->current_fd, spool->scratch.data, spool->scratch.len, (off_t)last->bytes) != 0) {
        rc = io_error(spool, "cannot be written", err);
        if (ftruncate(spool->current_fd, (off_t)last->bytes) != 0) end_segment(spool);
        return rc;
    }
    spool->dirty = true;
    last->bytes += spool->scratch.len;
    spool->bytes += spool->scratch.len;
    for (size_t i = 0; i < n; i++) {
        places[i].segment = last->number;
        if (records[i].accepted_ms > last->last_ms) last->last_ms = records[i].accepted_ms;
        if (records[i].seq >= spool->next_seq) spool->next_seq = records[i].seq + 1;
    }
    return sync ? sync_segment(spool, err) : HY_OK;
}

// ---- reading ----

static int open_segment(const struct spool *spool, uint32_t number, struct hy_error *err) {
    char name[24];
    segment_name(number, name);
    int fd = openat(spool->folder_fd, name, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? io_error(spool, name, err) : fd;
}

int spool_read(struct spool *spool, struct spool_place place, struct hy_buf *memory, struct spool_record *out,
               struct hy_error *err) {
    size_t size = 0, topic_room = SPOOL_TOPIC_MAX + 1;
    hy_buf_clear(memory);
    int rc = hy_buf_reserve(memory, place.size + topic_room);
    if (rc < 0) return hy_fail(err, rc, "spool: out of memory");
    int fd = open_segment(spool, place.segment, err);
    if (fd < 0) return fd;
    ssize_t n = pread(fd, memory->data + topic_room, place.size, place.offset);
    close(fd);
    if (n != (ssize_t)place.size ||
        spool_get_record(hy_bytes_from(memory->data + topic_room, place.size), out, memory->data, &size) < 0)
        return hy_fail(err, HY_EFORMAT, "spool %s: segment %u is damaged at %u", spool->folder, place.segment,
                       place.offset);
    return HY_OK;
}

struct scan {
    uint64_t from_seq;
    int64_t from_ms;
    int (*visit)(void *ctx, const struct spool_found *found);
    void *ctx;
};

static int scan_bytes(struct spool *spool, struct segment *segment, struct hy_bytes data, const struct scan *scan) {
    int64_t newest = INT64_MIN;
    for (size_t at = SPOOL_HEADER; at < data.len;) {
        struct spool_record record;
        char topic[SPOOL_TOPIC_MAX + 1];
        size_t size = 0;
        if (spool_get_record(hy_bytes_from(data.data + at, data.len - at), &record, topic, &size) < 0) {
            size_t next = spool_find_record(data, at + 1);
            spool->damaged++;
            HY_WARN("spool.damaged",
                    next == data.len ? "a torn end is passed over" : "a damaged stretch is passed over",
                    "segment=%u offset=%zu bytes=%zu", segment->number, at, next - at);
            at = next;
            continue;
        }
        if (record.accepted_ms > newest) newest = record.accepted_ms;
        if (record.seq >= scan->from_seq || record.accepted_ms >= scan->from_ms) {
            struct spool_found found = {
                .seq = record.seq,
                .accepted_ms = record.accepted_ms,
                .order = spool_order(record.topic, record.key),
                .place = {.segment = segment->number, .offset = (uint32_t)at, .size = (uint32_t)size}};
            int rc = scan->visit(scan->ctx, &found);
            if (rc < 0) return rc;
        }
        at += size;
    }
    segment->last_ms = newest;
    return HY_OK;
}

static int scan_segment(struct spool *spool, struct segment *segment, const struct scan *scan, struct hy_error *err) {
    int fd = open_segment(spool, segment->number, err);
    if (fd < 0) return fd;
    struct stat st;
    if (fstat(fd, &st) != 0 || st.st_size <= SPOOL_HEADER) {
        close(fd);
        segment->last_ms = INT64_MIN;
        return HY_OK;
    }
    size_t len = (size_t)st.st_size;
    void *map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (map == MAP_FAILED) return io_error(spool, "cannot be read", err);
    int rc = scan_bytes(spool, segment, hy_bytes_from(map, len), scan);
    munmap(map, len);
    return rc;
}

int spool_scan(struct spool *spool, uint64_t from_seq, int64_t from_ms,
               int (*visit)(void *ctx, const struct spool_found *found), void *ctx, struct hy_error *err) {
    struct scan scan = {from_seq, from_ms, visit, ctx};
    for (size_t i = 0; i < spool->n; i++) {
        struct segment *segment = &spool->segments[i];
        bool all_before =
            i + 1 < spool->n && spool->segments[i + 1].first_seq && spool->segments[i + 1].first_seq <= from_seq;
        bool all_old = segment->last_ms != INT64_MAX && segment->last_ms < from_ms;
        if (all_before && all_old) continue;
        int rc = scan_segment(spool, segment, &scan, err);
        if (rc < 0) return rc;
    }
    return HY_OK;
}

// ---- letting go ----

// The first seq behind a segment; 0 when none is known: a file whose header was torn says none.
static uint64_t first_behind(const struct spool *spool, size_t segment) {
    for (size_t i = segment + 1; i < spool->n; i++)
        if (spool->segments[i].first_seq != 0) return spool->segments[i].first_seq;
    return 0;
}

int spool_release(struct spool *spool, uint64_t keep_seq, int64_t keep_ms, struct hy_error *err) {
    size_t gone = 0;
    while (gone + 1 < spool->n) {
        const struct segment *segment = &spool->segments[gone];
        uint64_t behind = first_behind(spool, gone);
        bool needed = behind == 0 || behind > keep_seq;
        if (needed || segment->last_ms >= keep_ms) break;
        char name[24];
        segment_name(segment->number, name);
        if (unlinkat(spool->folder_fd, name, 0) != 0 && errno != ENOENT) return io_error(spool, name, err);
        spool->bytes -= segment->bytes;
        gone++;
    }
    if (gone) memmove(spool->segments, spool->segments + gone, (spool->n - gone) * sizeof *spool->segments);
    spool->n -= gone;
    return HY_OK;
}

int spool_save_cursor(struct spool *spool, uint64_t seq, struct hy_error *err) {
    char text[32];
    int n = snprintf(text, sizeof text, "%" PRIu64 "\n", seq);
    int fd = openat(spool->folder_fd, "cursor.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return io_error(spool, "cursor", err);
    bool ok = write_all(fd, text, (size_t)n, 0) == 0;
    close(fd);
    if (!ok || renameat(spool->folder_fd, "cursor.new", spool->folder_fd, "cursor") != 0)
        return io_error(spool, "cursor", err);
    spool->cursor = seq;
    return HY_OK;
}

uint64_t spool_cursor(const struct spool *spool) {
    return spool->cursor;
}

uint64_t spool_next_seq(const struct spool *spool) {
    return spool->next_seq;
}

uint64_t spool_bytes(const struct spool *spool) {
    return spool->bytes;
}

uint64_t spool_damaged(const struct spool *spool) {
    return spool->damaged;
}
