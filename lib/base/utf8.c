// The UTF-8 half of bytes.h: well-formedness by RFC 3629, cutting, and JSON escaping.
#include "lib/base/bytes.h"

#include <endian.h>
#include <string.h>

// Allowed second bytes by lead byte (RFC 3629, section 4): they shut out overlong forms, surrogates and > U+10FFFF.
static size_t sequence_of(uint8_t lead, uint8_t *low, uint8_t *high) {
    *low = 0x80;
    *high = 0xBF;
    if (lead < 0x80) return 1;
    if (lead < 0xC2) return 0;
    if (lead < 0xE0) return 2;
    if (lead < 0xF0) {
        if (lead == 0xE0) *low = 0xA0;
        if (lead == 0xED) *high = 0x9F;
        return 3;
    }
    if (lead > 0xF4) return 0;
    if (lead == 0xF0) *low = 0x90;
    if (lead == 0xF4) *high = 0x8F;
    return 4;
}

// Length of the character at p (n > 0 bytes left); *valid tells whether it is one. Of a broken one, the length of what
// can be replaced by a single U+FFFD: at least 1.
static size_t step(const uint8_t *p, size_t n, bool *valid) {
    uint8_t low, high;
    size_t want = sequence_of(p[0], &low, &high);
    *valid = false;
    if (want == 0) return 1;
    for (size_t i = 1; i < want; i++) {
        if (i >= n || p[i] < low || p[i] > high) return i;
        low = 0x80;
        high = 0xBF;
    }
    *valid = true;
    return want;
}

// Nearly all of what is judged is ASCII or characters of three bytes: both are passed over in runs, which stop at the
// first byte that needs a closer look.
static size_t ascii_run(const uint8_t *p, size_t n) {
    static const uint64_t ONES = 0x0101010101010101U, HIGH = 0x8080808080808080U;
    size_t i = 0;
    for (; i + sizeof ONES <= n; i += sizeof ONES) {
        uint64_t word;
        memcpy(&word, p + i, sizeof word);
        if ((word | (word - ONES)) & HIGH) break; // a high bit, or a NUL
    }
    return i;
}

static size_t three_byte_run(const uint8_t *p, size_t n) {
    size_t i = 0;
    for (; i + 4 <= n; i += 3) {
        uint32_t raw;
        memcpy(&raw, p + i, sizeof raw);
        raw = le32toh(raw);
        uint32_t lead = raw & 0x200FU; // of the lead its number, of the second byte the bit that E0 and ED ask about
        if ((raw & 0xC0C0F0U) != 0x8080E0U || lead == 0x0000U || lead == 0x200DU) break;
    }
    return i;
}

bool hy_utf8_valid(struct hy_bytes text) {
    size_t i = 0;
    while (i < text.len) {
        i += ascii_run(text.data + i, text.len - i);
        i += three_byte_run(text.data + i, text.len - i);
        if (i == text.len) break;
        if (text.data[i] == 0) return false;
        if (text.data[i] < 0x80) {
            i++;
            continue;
        }
        bool valid;
        i += step(text.data + i, text.len - i, &valid);
        if (!valid) return false;
    }
    return true;
}

size_t hy_utf8_prefix(struct hy_bytes text, size_t max) {
    if (text.len < max) max = text.len;
    // A cut can only be inside a character whose lead stands among the last three bytes.
    for (size_t back = 1; back <= 3 && back <= max; back++) {
        uint8_t c = text.data[max - back];
        if (c < 0x80) return max;
        if (c < 0xC0) continue;
        uint8_t low, high;
        return sequence_of(c, &low, &high) > back ? max - back : max;
    }
    return max;
}

static void add_escape(struct hy_buf *buf, uint8_t c) {
    static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt"; // pairs: byte, letter
    for (size_t i = 0; i < sizeof shorts - 1; i += 2) {
        if ((uint8_t)shorts[i] == c) {
            hy_buf_add(buf, (char[]){'\\', shorts[i + 1]}, 2);
            return;
        }
    }
    hy_buf_addf(buf, "\\u%04x", c);
}

static bool needs_escape(uint8_t c) {
    return c < 0x20 || c == '"' || c == '\\' || c == 0x7F;
}

void hy_buf_add_json(struct hy_buf *buf, const char *text, size_t len) {
    const uint8_t *p = (const uint8_t *)text;
    size_t plain = 0; // start of the run that can be copied as it is
    size_t i = 0;
    while (i < len) {
        bool valid;
        size_t n = step(p + i, len - i, &valid);
        if (valid && !needs_escape(p[i])) {
            i += n;
            continue;
        }
        hy_buf_add(buf, p + plain, i - plain);
        if (valid)
            add_escape(buf, p[i]);
        else
            hy_buf_add(buf, "\xEF\xBF\xBD", 3);
        i += n;
        plain = i;
    }
    hy_buf_add(buf, p + plain, len - plain);
}
