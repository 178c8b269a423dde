// The one normal form that rules and messages are compared in: compatibility width, case folding and removal of
// invisible characters (Unicode NFKC_Casefold, code point by code point) and traditional → simplified characters. One
// table, made at build time by gen/text_table_gen.c from utf8proc's and OpenCC's data; tests hold it against both
// libraries. It looks at single code points only: sequences are not composed and OpenCC's phrases are not consulted. To
// fold more (another script, look-alikes), add a step to the generator; nothing here.
#ifndef HY_CORE_TEXT_H
#define HY_CORE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"

// Where each byte of a normal form came from. Zero-initialise; hy_text_map_free releases it. Reused from call to call.
struct hy_text_map {
    uint32_t *from; // from[i] = offset in the original of the character that made byte i; from[len] = original length
    size_t len;     // bytes of the normal form
    size_t cap;
};
void hy_text_map_free(struct hy_text_map *map);

// Appends the normal form of `text` (UTF-8 that was checked, borrowed, below 4 GB; bytes that are no UTF-8 are copied
// as they are and never read past the end) to *out. map may be NULL; else it is replaced, and describes the appended
// part only. About 0.5 µs for 300 bytes. HY_ENOMEM, HY_ETOOBIG. Any thread.
HY_MUST_CHECK int hy_text_normalise(struct hy_bytes text, struct hy_buf *out, struct hy_text_map *map);

// Reads the character at `at` (< len): its code point (a byte that is no UTF-8 counts as one character of its own
// value) and, in *width, its bytes (1..4, never past the end).
uint32_t hy_text_char(const uint8_t *text, size_t len, size_t at, size_t *width);

#endif
