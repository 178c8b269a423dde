#include "lib/fold/timers_codec.h"

#include <string.h>

#include "lib/base/id.h"

enum { PACKED_SIZE = 17, PACKED_FIRST_MAX = 3, RAW_MARK = 255 };

static const char ALPHABET[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static void add_byte(struct hy_buf *out, unsigned value) {
    uint8_t byte = (uint8_t)value;
    hy_buf_add(out, &byte, 1);
}

// Little endian, as struct.pack('<In') of Redis's Lua.
static void add_number(struct hy_buf *out, uint64_t value, int size) {
    for (int i = 0; i < size; i++)
        add_byte(out, (unsigned)(value >> (8 * i)) & 0xff);
}

static void add_counted(struct hy_buf *out, const void *data, size_t len) {
    add_byte(out, (unsigned)len);
    hy_buf_add(out, data, len);
}

// 26 digits of 5 bits, most significant first, into the low 130 bits of 17 bytes.
static void pack_ours(const char *id, uint8_t out[PACKED_SIZE]) {
    memset(out, 0, PACKED_SIZE);
    for (int digit = 0; digit < HY_ID_LEN; digit++) {
        unsigned value = (unsigned)(strchr(ALPHABET, id[digit]) - ALPHABET);
        for (int bit = 0; bit < 5; bit++) {
            int at = 6 + digit * 5 + bit; // 136 - 130 = 6 bits of padding before
            if (value & (16u >> bit)) out[at / 8] |= (uint8_t)(0x80u >> (at % 8));
        }
    }
}

static void unpack_ours(const uint8_t in[PACKED_SIZE], char out[HY_ID_SIZE]) {
    for (int digit = 0; digit < HY_ID_LEN; digit++) {
        unsigned value = 0;
        for (int bit = 0; bit < 5; bit++) {
            int at = 6 + digit * 5 + bit;
            value = value << 1 | ((in[at / 8] >> (7 - at % 8)) & 1u);
        }
        out[digit] = ALPHABET[value];
    }
    out[HY_ID_LEN] = 0;
}

int hy_timer_id_pack(const char *id, struct hy_buf *out) {
    size_t len = strlen(id);
    if (len == 0 || len > HY_TIMER_ID_MAX) return HY_EINVALID;
    if (hy_id_valid(id)) {
        uint8_t packed[PACKED_SIZE];
        pack_ours(id, packed);
        hy_buf_add(out, packed, sizeof packed);
    } else {
        add_byte(out, RAW_MARK);
        add_counted(out, id, len);
    }
    return 0;
}

int hy_timer_id_unpack(struct hy_bytes packed, char out[HY_TIMER_ID_MAX + 1], size_t *used) {
    if (packed.len >= PACKED_SIZE && packed.data[0] <= PACKED_FIRST_MAX) {
        unpack_ours(packed.data, out);
        *used = PACKED_SIZE;
        return 0;
    }
    if (packed.len < 3 || packed.data[0] != RAW_MARK) return HY_EFORMAT;
    size_t len = packed.data[1];
    if (len == 0 || len > HY_TIMER_ID_MAX || packed.len < len + 2 || memchr(packed.data + 2, 0, len)) return HY_EFORMAT;
    memcpy(out, packed.data + 2, len);
    out[len] = 0;
    *used = len + 2;
    return 0;
}

int hy_timer_check(const struct hy_timer *timer, struct hy_error *err) {
    size_t len = timer->clock ? strlen(timer->clock) : 0;
    if (len == 0 || len > HY_TIMER_NAME_MAX || strchr(timer->clock, '\n'))
        return hy_fail(err, HY_EINVALID, "a clock's name must have 1 to %d bytes and no line end", HY_TIMER_NAME_MAX);
    if (timer->stage > HY_TIMER_STAGE_MAX)
        return hy_fail(err, HY_EINVALID, "clock %s: stage %u, at most %d", timer->clock, timer->stage,
                       HY_TIMER_STAGE_MAX);
    if (timer->due_ms < 0 || timer->due_ms > HY_TIMER_DUE_MAX)
        return hy_fail(err, HY_EINVALID, "clock %s: due %lld is not within 1970 and 2248", timer->clock,
                       (long long)timer->due_ms);
    return 0;
}

static int check_case(const struct hy_timer_case *one, struct hy_error *err) {
    if (one->version > HY_TIMER_VERSION_MAX)
        return hy_fail(err, HY_EINVALID, "case version %llu is too large", (unsigned long long)one->version);
    if (one->n > HY_TIMER_CLOCKS_MAX)
        return hy_fail(err, HY_EINVALID, "%zu running clocks, at most %d", one->n, HY_TIMER_CLOCKS_MAX);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < one->n; i++)
        rc = hy_timer_check(&one->timers[i], err);
    return rc;
}

// A packed id behind its length.
static int add_id(struct hy_buf *out, const char *id, struct hy_error *err) {
    struct hy_buf packed = {0};
    if (hy_timer_id_pack(id, &packed) != 0)
        return hy_fail(err, HY_EINVALID, "an id of %zu bytes, 1 to %d are allowed", strlen(id), HY_TIMER_ID_MAX);
    add_counted(out, packed.data, packed.len);
    hy_buf_free(&packed);
    return 0;
}

int hy_timer_names_set(struct hy_timer_names *names, struct hy_bytes text) {
    if (text.len > HY_TIMER_NAMES_MAX) return HY_ETOOBIG;
    if (text.len > 0) memcpy(names->text, text.data, text.len);
    names->text[text.len] = 0;
    return 0;
}

// The number of a name, which is added when it is new; 0: too many.
static unsigned code_of(struct hy_timer_names *names, const char *name) {
    size_t len = strlen(name);
    unsigned code = 0;
    char *at = names->text;
    while (*at) {
        size_t have = strcspn(at, "\n");
        code++;
        if (have == len && memcmp(at, name, len) == 0) return code;
        at += have + (at[have] != 0);
    }
    size_t used = (size_t)(at - names->text), separator = used > 0;
    if (code == HY_TIMER_CODE_MAX || used + separator + len > HY_TIMER_NAMES_MAX) return 0;
    if (separator) *at++ = '\n';
    memcpy(at, name, len + 1);
    return code + 1;
}

static int pack_case(const struct hy_timer_case *one, struct hy_timer_names *names, struct hy_buf *out,
                     struct hy_error *err) {
    int rc = check_case(one, err);
    if (rc == 0) rc = add_id(out, one->id, err);
    add_number(out, one->version, 4);
    if (rc == 0) rc = add_id(out, one->dossier, err);
    for (size_t i = 0; rc == 0 && i < one->n; i++) {
        const struct hy_timer *timer = &one->timers[i];
        unsigned code = code_of(names, timer->clock);
        if (code == 0)
            return hy_fail(err, HY_ETOOBIG, "clock %s: a shard keeps at most %d names of clocks, %d bytes in all",
                           timer->clock, HY_TIMER_CODE_MAX, HY_TIMER_NAMES_MAX);
        add_byte(out, code);
        add_number(out, timer->epoch, 4);
        add_byte(out, timer->stage);
        add_number(out, (uint64_t)timer->due_ms, 6);
    }
    return rc;
}

int hy_timer_case_pack(const struct hy_timer_case *timer_case, struct hy_timer_names *names, struct hy_buf *out,
                       struct hy_error *err) {
    size_t before = out->len;
    int rc = pack_case(timer_case, names, out, err);
    if (rc == 0 && hy_buf_ok(out)) return 0;
    if (out->len > before) out->len = before;
    return rc != 0 ? rc : hy_fail(err, HY_ENOMEM, "no memory for a case's timers");
}

// Reads a packed fire piece by piece; `bad` sticks.
struct reader {
    struct hy_bytes rest;
    bool bad;
};

static struct hy_bytes take(struct reader *reader, size_t len) {
    struct hy_bytes piece = {reader->rest.data, len};
    if (reader->bad || reader->rest.len < len) {
        reader->bad = true;
        return (struct hy_bytes){0};
    }
    reader->rest.data += len;
    reader->rest.len -= len;
    return piece;
}

static uint64_t take_number(struct reader *reader, int size) {
    struct hy_bytes piece = take(reader, (size_t)size);
    uint64_t value = 0;
    for (int i = 0; !reader->bad && i < size; i++)
        value |= (uint64_t)piece.data[i] << (8 * i);
    return value;
}

static struct hy_bytes take_counted(struct reader *reader) {
    size_t len = (size_t)take_number(reader, 1);
    return take(reader, len);
}

static void take_id(struct reader *reader, char out[HY_TIMER_ID_MAX + 1]) {
    struct hy_bytes packed = take_counted(reader);
    size_t used = 0;
    if (!reader->bad && (hy_timer_id_unpack(packed, out, &used) != 0 || used != packed.len)) reader->bad = true;
}

int hy_timer_fire_unpack(struct hy_bytes packed, struct hy_timer_fire *out, struct hy_error *err) {
    struct reader reader = {.rest = packed};
    memset(out, 0, sizeof *out);
    take_id(&reader, out->case_id);
    take_id(&reader, out->dossier);
    struct hy_bytes name = take_counted(&reader);
    if (name.len > HY_TIMER_NAME_MAX)
        reader.bad = true;
    else if (name.len > 0)
        memcpy(out->clock, name.data, name.len);
    out->epoch = (uint32_t)take_number(&reader, 4);
    out->stage = (uint32_t)take_number(&reader, 1);
    out->due_ms = (int64_t)take_number(&reader, 6);
    if (reader.bad || reader.rest.len != 0 || name.len == 0)
        return hy_fail(err, HY_EFORMAT, "a claim's answer of %zu bytes cannot be read", packed.len);
    return 0;
}

int hy_timer_confirm_pack(const struct hy_timer_fire *fire, int64_t offset, struct hy_buf *out) {
    int rc = add_id(out, fire->case_id, NULL);
    add_counted(out, fire->clock, strlen(fire->clock));
    add_number(out, fire->epoch, 4);
    add_byte(out, fire->stage);
    add_number(out, (uint64_t)offset, 8);
    return rc;
}

int hy_timer_record_unpack(struct hy_bytes record, uint32_t *version, struct hy_timer_entry *entries, size_t max,
                           size_t *n) {
    struct reader reader = {.rest = record};
    *version = (uint32_t)take_number(&reader, 4);
    (void)take_counted(&reader); // the dossier
    for (*n = 0; !reader.bad && reader.rest.len > 0; (*n)++) {
        if (*n == max) return HY_EFORMAT;
        struct hy_timer_entry *entry = &entries[*n];
        entry->code = (uint8_t)take_number(&reader, 1);
        entry->epoch = (uint32_t)take_number(&reader, 4);
        uint64_t stage = take_number(&reader, 1);
        entry->stage = (uint32_t)(stage & HY_TIMER_STAGE_MAX);
        entry->claimed = stage > HY_TIMER_STAGE_MAX;
        entry->due_ms = (int64_t)take_number(&reader, 6);
    }
    return reader.bad || *n == 0 ? HY_EFORMAT : 0;
}

int hy_timer_name(struct hy_bytes names, unsigned code, char out[HY_TIMER_NAME_MAX + 1]) {
    const uint8_t *at = names.data, *end = names.data + names.len;
    for (unsigned i = 1; at && at < end; i++) {
        const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((stop ? stop : end) - at);
        if (i == code) {
            if (len == 0 || len > HY_TIMER_NAME_MAX) return HY_EFORMAT;
            memcpy(out, at, len);
            out[len] = 0;
            return 0;
        }
        at += len + 1;
    }
    return HY_EFORMAT;
}
