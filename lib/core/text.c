#include "lib/core/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "text_table.inc"

enum {
    GROWTH = 64, // bytes one character may become at most, and what the loop may write beyond what it counts
    REMOVED = 0xF0,
    POOLED = 0xE0
};

void hy_text_map_free(struct hy_text_map *map) {
    free(map->from);
    *map = (struct hy_text_map){0};
}

static int map_reserve(struct hy_text_map *map, size_t need) {
    if (need <= map->cap) return 0;
    size_t cap = need + need / 2;
    uint32_t *from = realloc(map->from, cap * sizeof *from);
    if (from == NULL) return HY_ENOMEM;
    map->from = from;
    map->cap = cap;
    return 0;
}

static inline bool tail(uint8_t byte) {
    return (byte & 0xC0) == 0x80;
}

// left > 0. What is no UTF-8 is one byte wide.
static inline uint32_t decode(const uint8_t *p, size_t left, size_t *width) {
    uint32_t c = p[0];
    if (c >= 0xE0 && c < 0xF0 && left >= 3 && tail(p[1]) && tail(p[2])) {
        *width = 3;
        return (c & 0x0F) << 12 | (p[1] & 0x3FU) << 6 | (p[2] & 0x3FU);
    }
    if (c >= 0xC2 && c < 0xE0 && left >= 2 && tail(p[1])) {
        *width = 2;
        return (c & 0x1F) << 6 | (p[1] & 0x3FU);
    }
    if (c >= 0xF0 && c < 0xF5 && left >= 4 && tail(p[1]) && tail(p[2]) && tail(p[3])) {
        *width = 4;
        uint32_t cp = (c & 0x07) << 18 | (p[1] & 0x3FU) << 12 | (p[2] & 0x3FU) << 6 | (p[3] & 0x3FU);
        if (cp <= 0x10FFFF) return cp;
    }
    *width = 1;
    return c;
}

uint32_t hy_text_char(const uint8_t *text, size_t len, size_t at, size_t *width) {
    return decode(text + at, len - at, width);
}

// Writes what the character becomes (GROWTH bytes of room) and returns its length.
static inline size_t put(uint8_t *out, const uint8_t *in, size_t width, uint32_t entry) {
    if (entry == 0) {
        memcpy(out, in, width);
        return width;
    }
    uint32_t kind = entry >> 24;
    if (kind <= 3) {
        memcpy(out, &entry, 4);
        return kind;
    }
    if (kind == REMOVED) return 0;
    const uint8_t *pooled = text_pool + (entry & 0xFFFFFFU);
    memcpy(out, pooled + 1, pooled[0]);
    return pooled[0];
}

static inline uint32_t lookup(uint32_t cp) {
    return text_blocks[text_pages[cp >> 8]][cp & 0xFF];
}

// Nearly all of a message is characters of three bytes that become at most three: this run takes them without a branch
// on what they become, since changed ones (，→ ,) come too irregularly to be predicted. Stops at anything else.
static inline size_t fold_run(struct hy_bytes text, size_t *at, uint8_t *out, size_t room, uint32_t *from) {
    size_t n = 0, i = *at;
    while (i + 4 <= text.len && n + GROWTH <= room) {
        const uint8_t *p = text.data + i;
        uint32_t raw = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
        if ((raw & 0xC0C0F0U) != 0x8080E0U) break;
        uint32_t entry = lookup((raw & 0x0FU) << 12 | (raw >> 2 & 0xFC0U) | (raw >> 16 & 0x3FU));
        uint32_t made = entry != 0 ? entry : raw | 3U << 24;
        if (made >= 4U << 24) break;
        memcpy(out + n, &made, sizeof made); // the length byte lands where the next character goes
        if (from != NULL) from[n] = from[n + 1] = from[n + 2] = (uint32_t)i;
        n += made >> 24;
        i += 3;
    }
    *at = i;
    return n;
}

// One character of any kind.
static inline size_t fold_one(struct hy_bytes text, size_t *at, uint8_t *out, uint32_t *from) {
    size_t width = 1, made = 1, i = *at;
    uint8_t c = text.data[i];
    if (c < 0x80) {
        out[0] = (uint8_t)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    } else {
        uint32_t cp = decode(text.data + i, text.len - i, &width);
        made = put(out, text.data + i, width, width == 1 ? 0 : lookup(cp));
    }
    if (from != NULL)
        for (size_t k = 0; k < made; k++)
            from[k] = (uint32_t)i;
    *at = i + width;
    return made;
}

// Folds from *at on while the room lasts; compiled twice, with and without the map.
static inline size_t fold(struct hy_bytes text, size_t *at, uint8_t *out, size_t room, uint32_t *from) {
    size_t n = 0;
    while (*at < text.len && n + GROWTH <= room) {
        n += fold_run(text, at, out + n, room - n, from == NULL ? NULL : from + n);
        if (*at < text.len && n + GROWTH <= room) n += fold_one(text, at, out + n, from == NULL ? NULL : from + n);
    }
    return n;
}

int hy_text_normalise(struct hy_bytes text, struct hy_buf *out, struct hy_text_map *map) {
    if (text.len > UINT32_MAX) return HY_ETOOBIG;
    size_t base = out->len, at = 0;
    do {
        if (hy_buf_reserve(out, text.len - at + 2 * GROWTH) < 0) return HY_ENOMEM;
        size_t room = out->cap - out->len - 1;
        uint32_t *from = NULL;
        if (map != NULL) {
            if (map_reserve(map, out->len - base + room + 4) < 0) return HY_ENOMEM;
            from = map->from + (out->len - base);
        }
        uint8_t *dest = (uint8_t *)out->data + out->len;
        out->len += from == NULL ? fold(text, &at, dest, room, NULL) : fold(text, &at, dest, room, from);
    } while (at < text.len);
    out->data[out->len] = '\0';
    if (map != NULL) {
        map->len = out->len - base;
        map->from[map->len] = (uint32_t)text.len;
    }
    return 0;
}
