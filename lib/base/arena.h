// An arena: memory that lives as long as one record's handling, freed all at once; and the bounded protobuf-c allocator
// on top of it, so that a hostile record cannot take more than the arena's limit.
// Under AddressSanitizer what was never handed out, or was forgotten by a reset, is poisoned as freed memory is.
#ifndef HY_BASE_ARENA_H
#define HY_BASE_ARENA_H

#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

#include "lib/base/error.h"

struct hy_arena; // opaque; one thread

// A new arena that never holds more than limit bytes; NULL when memory is out. Free with hy_arena_free.
struct hy_arena *hy_arena_new(size_t limit);
void hy_arena_free(struct hy_arena *arena);
// Forgets all content, keeps one block (the newest) for the next record.
void hy_arena_reset(struct hy_arena *arena);

// size bytes aligned for any type, not cleared / cleared; NULL beyond the limit.
void *hy_arena_alloc(struct hy_arena *arena, size_t size);
void *hy_arena_zalloc(struct hy_arena *arena, size_t size);
// Copies; NULL beyond the limit. hy_arena_str of NULL gives "".
char *hy_arena_str(struct hy_arena *arena, const char *text);
char *hy_arena_strn(struct hy_arena *arena, const char *text, size_t len);
char *hy_arena_fmt(struct hy_arena *arena, const char *fmt, ...) HY_PRINTF(2, 3);
size_t hy_arena_used(const struct hy_arena *arena);

// The arena as protobuf-c allocator: free does nothing, the arena's end frees all. Borrowed, lives as long as arena.
ProtobufCAllocator *hy_arena_pb(struct hy_arena *arena);

#endif
