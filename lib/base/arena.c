#include "lib/base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define HY_ARENA_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HY_ARENA_POISON 1
#endif
#endif

// Under AddressSanitizer, memory that was not handed out or was forgotten by a reset is as dead as freed memory.
#ifdef HY_ARENA_POISON
// Declared here because not every compiler package brings the header along with the run-time library.
void __asan_poison_memory_region(const volatile void *start, size_t size);
void __asan_unpoison_memory_region(const volatile void *start, size_t size);
#define POISON(p, n)   __asan_poison_memory_region(p, n)
#define UNPOISON(p, n) __asan_unpoison_memory_region(p, n)
#else
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

enum { FIRST_BLOCK = 16 * 1024, LARGEST_BLOCK = 256 * 1024, ALIGN = alignof(max_align_t) };

struct block {
    struct block *older;
    size_t size; // of content
    size_t used;
    alignas(max_align_t) unsigned char content[];
};

struct hy_arena {
    size_t limit;
    size_t held; // sum of the blocks' sizes, <= limit
    struct block *newest;
    ProtobufCAllocator pb;
};

static void *pb_alloc(void *arena, size_t size) {
    return hy_arena_alloc(arena, size);
}

static void pb_free(void *arena, void *memory) {
    (void)arena;
    (void)memory;
}

struct hy_arena *hy_arena_new(size_t limit) {
    struct hy_arena *arena = calloc(1, sizeof *arena);
    if (arena == NULL) return NULL;
    arena->limit = limit;
    arena->pb = (ProtobufCAllocator){.alloc = pb_alloc, .free = pb_free, .allocator_data = arena};
    return arena;
}

static void free_block(struct block *block) {
    UNPOISON(block->content, block->size);
    free(block);
}

void hy_arena_free(struct hy_arena *arena) {
    if (arena == NULL) return;
    while (arena->newest != NULL) {
        struct block *block = arena->newest;
        arena->newest = block->older;
        free_block(block);
    }
    free(arena);
}

// Blocks grow, so the newest is the largest of the usual sizes: keeping it lets records of the same size run without
// asking the system again.
void hy_arena_reset(struct hy_arena *arena) {
    struct block *kept = arena->newest;
    if (kept == NULL) return;
    while (kept->older != NULL) {
        struct block *block = kept->older;
        kept->older = block->older;
        free_block(block);
    }
    arena->held = kept->size;
    kept->used = 0;
    POISON(kept->content, kept->size);
}

static size_t next_size(const struct hy_arena *arena, size_t need) {
    size_t size = arena->newest == NULL ? FIRST_BLOCK : arena->newest->size * 2;
    if (size > LARGEST_BLOCK) size = LARGEST_BLOCK;
    if (size < need) size = need;
    size_t left = arena->limit - arena->held;
    return size < left ? size : left;
}

static bool add_block(struct hy_arena *arena, size_t need) {
    size_t size = next_size(arena, need);
    if (size < need || size > SIZE_MAX - sizeof(struct block)) return false;
    struct block *block = malloc(sizeof *block + size);
    if (block == NULL) return false;
    *block = (struct block){.older = arena->newest, .size = size};
    POISON(block->content, size);
    arena->held += size;
    arena->newest = block;
    return true;
}

// Where the next piece of `size` bytes starts in the block, or SIZE_MAX if it does not fit.
static size_t place_in(const struct block *block, size_t size) {
    if (block == NULL) return SIZE_MAX;
    size_t start = (block->used + ALIGN - 1) / ALIGN * ALIGN;
    return start <= block->size && size <= block->size - start ? start : SIZE_MAX;
}

void *hy_arena_alloc(struct hy_arena *arena, size_t size) {
    if (size == 0) size = 1; // NULL must mean "no room"
    size_t start = place_in(arena->newest, size);
    if (start == SIZE_MAX) {
        if (!add_block(arena, size)) return NULL;
        start = 0;
    }
    struct block *block = arena->newest;
    block->used = start + size;
    UNPOISON(block->content + start, size);
    return block->content + start;
}

void *hy_arena_zalloc(struct hy_arena *arena, size_t size) {
    void *memory = hy_arena_alloc(arena, size);
    if (memory != NULL) memset(memory, 0, size);
    return memory;
}

char *hy_arena_str(struct hy_arena *arena, const char *text) {
    return hy_arena_strn(arena, text, text == NULL ? 0 : strlen(text));
}

char *hy_arena_strn(struct hy_arena *arena, const char *text, size_t len) {
    if (len == SIZE_MAX) return NULL;
    char *copy = hy_arena_alloc(arena, len + 1);
    if (copy == NULL) return NULL;
    if (len > 0) memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *hy_arena_fmt(struct hy_arena *arena, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    int wanted = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (wanted < 0) return NULL;
    char *text = hy_arena_alloc(arena, (size_t)wanted + 1);
    if (text == NULL) return NULL;
    va_start(args, fmt);
    vsnprintf(text, (size_t)wanted + 1, fmt, args);
    va_end(args);
    return text;
}

size_t hy_arena_used(const struct hy_arena *arena) {
    size_t used = 0;
    for (const struct block *block = arena->newest; block != NULL; block = block->older) {
        used += block->used;
    }
    return used;
}

ProtobufCAllocator *hy_arena_pb(struct hy_arena *arena) {
    return &arena->pb;
}
