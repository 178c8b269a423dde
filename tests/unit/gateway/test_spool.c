// The log on disk: what was written comes back, whatever happened to the file.
#include "folder.h"

#include "producers/gateway/spool.h"
#include "producers/gateway/spool_format.h"

static char folder[64];
#define SEG1 "0000000001.seg"
#define SEG2 "0000000002.seg"

static int setup(void **state) {
    (void)state;
    folder_make(folder);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    folder_drop(folder);
    return 0;
}

static struct spool *open_limited(uint64_t segment_bytes, uint64_t max_bytes) {
    struct spool_limits limits = {segment_bytes, max_bytes};
    struct spool *spool = NULL;
    struct hy_error err = {0};
    if (spool_open(folder, &limits, &spool, &err) < 0) fail_msg("%s", err.text);
    return spool;
}

static struct spool *open_usual(void) {
    return open_limited(1 << 20, 64 << 20);
}

static struct spool_place put(struct spool *spool, uint64_t seq, int64_t ms, const char *key, const char *value) {
    struct spool_record record = {seq, ms, "hy.comments", hy_bytes_of(key), hy_bytes_of(value)};
    struct spool_place place;
    struct hy_error err = {0};
    if (spool_append(spool, &record, 1, true, &place, &err) < 0) fail_msg("%s", err.text);
    return place;
}

static void check(struct spool *spool, struct spool_place place, uint64_t seq, const char *value) {
    struct hy_buf memory = {0};
    struct spool_record record;
    struct hy_error err = {0};
    if (spool_read(spool, place, &memory, &record, &err) < 0) fail_msg("%s", err.text);
    assert_true(record.seq == seq);
    assert_string_equal(record.topic, "hy.comments");
    assert_true(hy_bytes_equal(record.value, hy_bytes_of(value)));
    hy_buf_free(&memory);
}

struct seen {
    uint64_t seqs[64];
    struct spool_place places[64];
    size_t n;
};

static int see(void *ctx, const struct spool_found *found) {
    struct seen *seen = ctx;
    assert_true(seen->n < 64);
    seen->places[seen->n] = found->place;
    seen->seqs[seen->n++] = found->seq;
    return HY_OK;
}

static struct seen scan(struct spool *spool, uint64_t from_seq, int64_t from_ms) {
    struct seen seen = {.n = 0};
    assert_int_equal(spool_scan(spool, from_seq, from_ms, see, &seen, NULL), HY_OK);
    return seen;
}

static void the_checksum_is_crc32c(void **state) {
    (void)state;
    assert_int_equal(spool_crc32c("123456789", 9), 0xe3069283);
    assert_int_equal(spool_crc32c("", 0), 0);
}

static void what_was_written_is_found_after_reopening(void **state) {
    (void)state;
    struct spool *spool = open_usual();
    assert_true(spool_next_seq(spool) == 1);
    check(spool, put(spool, 1, 100, "D1.c", "停水"), 1, "停水");
    put(spool, 2, 200, "D2", "");
    spool_close(spool);
    spool = open_usual();
    assert_true(spool_next_seq(spool) == 3);
    put(spool, 3, 300, "D1", "third");
    struct seen seen = scan(spool, 0, INT64_MIN);
    assert_int_equal(seen.n, 3);
    check(spool, seen.places[0], 1, "停水");
    check(spool, seen.places[1], 2, "");
    check(spool, seen.places[2], 3, "third");
    assert_true(file_size(folder, SEG2) > 0); // never written behind an old file's end
    assert_int_equal(spool_damaged(spool), 0);
    spool_close(spool);
}

static void a_torn_end_is_passed_over_at_every_length(void **state) {
    (void)state;
    struct spool *spool = open_usual();
    put(spool, 1, 100, "a", "first");
    struct spool_place last = put(spool, 2, 200, "b", "second");
    spool_close(spool);
    for (long size = (long)last.offset + (long)last.size - 1; size >= 0; size -= 3) {
        file_cut(folder, SEG1, size);
        spool = open_usual();
        struct seen seen = scan(spool, 0, INT64_MIN);
        bool first_whole = size >= (long)last.offset;
        assert_int_equal(seen.n, first_whole ? 1 : 0);
        if (first_whole) check(spool, seen.places[0], 1, "first");
        spool_close(spool);
    }
}

static void a_flipped_byte_costs_one_record(void **state) {
    (void)state;
    struct spool *spool = open_usual();
    struct spool_place places[3];
    places[0] = put(spool, 1, 100, "a", "first");
    places[1] = put(spool, 2, 200, "b", "second");
    places[2] = put(spool, 3, 300, "c", "third");
    spool_close(spool);
    for (uint32_t i = 0; i < places[1].size; i += 2) {
        file_flip(folder, SEG1, (long)(places[1].offset + i));
        spool = open_usual();
        struct seen seen = scan(spool, 0, INT64_MIN);
        assert_int_equal(seen.n, 2);
        assert_true(seen.seqs[0] == 1 && seen.seqs[1] == 3);
        assert_true(spool_damaged(spool) >= 1);
        struct hy_buf memory = {0};
        struct spool_record record;
        assert_int_equal(spool_read(spool, places[1], &memory, &record, NULL), HY_EFORMAT);
        hy_buf_free(&memory);
        spool_close(spool);
        file_flip(folder, SEG1, (long)(places[1].offset + i));
    }
}

static void a_segment_of_another_version_is_refused(void **state) {
    (void)state;
    struct spool *spool = open_usual();
    put(spool, 1, 100, "a", "first");
    spool_close(spool);
    file_flip(folder, SEG1, 7);
    struct spool_limits limits = {1 << 20, 64 << 20};
    struct hy_error err = {0};
    assert_int_equal(spool_open(folder, &limits, &spool, &err), HY_EVERSION);
    assert_non_null(strstr(err.text, SEG1));
}

static void only_one_gateway_uses_a_spool(void **state) {
    (void)state;
    struct spool *one = open_usual(), *two = NULL;
    struct spool_limits limits = {1 << 20, 64 << 20};
    struct hy_error err = {0};
    assert_int_equal(spool_open(folder, &limits, &two, &err), HY_EEXISTS);
    spool_close(one);
    assert_int_equal(spool_open("/proc/nowhere/spool", &limits, &two, &err), HY_EIO);
}

static void old_segments_go_when_nothing_needs_them(void **state) {
    (void)state;
    struct spool *spool = open_limited(64, 64 << 20);
    for (uint64_t seq = 1; seq <= 5; seq++)
        put(spool, seq, (int64_t)seq * 100, "a", "a value that fills a segment.........");
    assert_int_equal(spool_release(spool, 3, 0, NULL), HY_OK); // all times are kept
    assert_int_equal(scan(spool, 0, INT64_MIN).n, 5);
    assert_int_equal(spool_release(spool, 3, 1000, NULL), HY_OK); // seq 3 still waits
    struct seen seen = scan(spool, 0, INT64_MIN);
    assert_true(seen.seqs[0] == 3 || seen.seqs[0] == 2);
    assert_int_equal(spool_release(spool, 6, 1000, NULL), HY_OK);
    seen = scan(spool, 0, INT64_MIN);
    assert_int_equal(seen.n, 1); // the current one stays
    assert_true(seen.seqs[0] == 5);
    spool_close(spool);
    spool = open_limited(64, 64 << 20);
    assert_true(spool_next_seq(spool) == 6);
    spool_close(spool);
}

static void a_file_without_its_header_makes_the_one_before_it_no_less_needed(void **state) {
    (void)state;
    struct spool *spool = open_limited(64, 64 << 20);
    for (uint64_t seq = 1; seq <= 3; seq++)
        put(spool, seq, (int64_t)seq * 100, "a", "a value that fills a segment.........");
    spool_close(spool);
    file_cut(folder, "0000000003.seg", 0); // begun just before the power failed
    spool = open_limited(64, 64 << 20);
    assert_int_equal(spool_release(spool, 2, 1000, NULL), HY_OK);
    struct seen seen = scan(spool, 2, INT64_MAX);
    assert_int_equal(seen.n, 1);
    assert_true(seen.seqs[0] == 2);
    spool_close(spool);
}

static void a_scan_starts_from_a_seq_or_a_time(void **state) {
    (void)state;
    struct spool *spool = open_limited(64, 64 << 20);
    for (uint64_t seq = 1; seq <= 5; seq++)
        put(spool, seq, (int64_t)seq * 100, "a", "a value that fills a segment.........");
    struct seen seen = scan(spool, 4, INT64_MAX);
    assert_int_equal(seen.n, 2);
    assert_true(seen.seqs[0] == 4);
    seen = scan(spool, UINT64_MAX, 200);
    assert_int_equal(seen.n, 4);
    seen = scan(spool, 5, 300);
    assert_int_equal(seen.n, 3);
    spool_close(spool);
}

static void a_full_spool_says_so_and_takes_nothing(void **state) {
    (void)state;
    struct spool *spool = open_limited(1 << 20, 300);
    put(spool, 1, 100, "a", "first");
    struct spool_record record = {2, 100, "hy.comments", hy_bytes_of("a"), {0}};
    struct spool_place place;
    struct hy_error err = {0};
    char big[400];
    memset(big, 'x', sizeof big);
    record.value = hy_bytes_from(big, sizeof big);
    uint64_t before = spool_bytes(spool);
    assert_int_equal(spool_append(spool, &record, 1, true, &place, &err), HY_EFULL);
    assert_true(spool_bytes(spool) == before);
    put(spool, 2, 100, "a", "small");
    spool_close(spool);
}

static void a_full_disk_leaves_no_half_record(void **state) {
    (void)state;
    if (geteuid() != 0) skip();
    char command[200];
    snprintf(command, sizeof command, "mount -t tmpfs -o size=64k tmpfs %s 2>/dev/null", folder);
    if (system(command) != 0) {
        print_message("SKIPPED: mounting a small file system is not allowed here\n");
        skip();
    }
    struct spool *spool = open_usual();
    char big[20000];
    memset(big, 'x', sizeof big);
    struct spool_record record = {1, 100, "hy.comments", hy_bytes_of("a"), hy_bytes_from(big, sizeof big)};
    struct spool_place place;
    struct hy_error err = {0};
    int rc = HY_OK;
    while (rc == HY_OK) {
        rc = spool_append(spool, &record, 1, true, &place, &err);
        if (rc == HY_OK) record.seq++;
    }
    assert_int_equal(rc, HY_EFULL);
    spool_close(spool);
    spool = open_usual();
    assert_int_equal(scan(spool, 0, INT64_MIN).n, record.seq - 1);
    assert_int_equal(spool_damaged(spool), 0);
    spool_close(spool);
    snprintf(command, sizeof command, "umount %s", folder);
    assert_int_equal(system(command), 0);
}

static void the_cursor_survives(void **state) {
    (void)state;
    struct spool *spool = open_usual();
    assert_true(spool_cursor(spool) == 0);
    put(spool, 1, 100, "a", "first");
    assert_int_equal(spool_save_cursor(spool, 77, NULL), HY_OK);
    spool_close(spool);
    spool = open_usual();
    assert_true(spool_cursor(spool) == 77);
    assert_true(spool_next_seq(spool) == 77); // a seq is never given twice, even when its file is gone
    spool_close(spool);
}

static void a_dossiers_records_share_an_order(void **state) {
    (void)state;
    assert_true(spool_order("t", hy_bytes_of("D1")) == spool_order("t", hy_bytes_of("D1.case")));
    assert_true(spool_order("t", hy_bytes_of("D1")) != spool_order("u", hy_bytes_of("D1")));
    assert_true(spool_order("t", hy_bytes_of("D1")) != spool_order("t", hy_bytes_of("D2")));
    spool_order("t", (struct hy_bytes){0});
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(the_checksum_is_crc32c),
        T(what_was_written_is_found_after_reopening),
        T(a_torn_end_is_passed_over_at_every_length),
        T(a_flipped_byte_costs_one_record),
        T(a_segment_of_another_version_is_refused),
        T(only_one_gateway_uses_a_spool),
        T(old_segments_go_when_nothing_needs_them),
        T(a_file_without_its_header_makes_the_one_before_it_no_less_needed),
        T(a_scan_starts_from_a_seq_or_a_time),
        T(a_full_spool_says_so_and_takes_nothing),
        T(a_full_disk_leaves_no_half_record),
        T(the_cursor_survives),
        T(a_dossiers_records_share_an_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
