#include "producers/gateway/orders.h"

#include <stdlib.h>
#include <string.h>

struct order_slot {
    uint64_t order;
    uint64_t count; // 0 = free
};

static size_t home(const struct orders *orders, uint64_t order) {
    return (size_t)(order * 0x9e3779b97f4a7c15u >> 20) & (orders->cap - 1);
}

// The slot of the order, or the free one where it would go.
static struct order_slot *find(const struct orders *orders, uint64_t order) {
    size_t i = home(orders, order);
    while (orders->slots[i].count && orders->slots[i].order != order)
        i = (i + 1) & (orders->cap - 1);
    return &orders->slots[i];
}

static int grow(struct orders *orders) {
    struct orders bigger = {.cap = orders->cap ? orders->cap * 2 : 64, .used = orders->used, .total = orders->total};
    bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
    if (!bigger.slots) return HY_ENOMEM;
    for (size_t i = 0; i < orders->cap; i++)
        if (orders->slots[i].count) *find(&bigger, orders->slots[i].order) = orders->slots[i];
    free(orders->slots);
    *orders = bigger;
    return HY_OK;
}

int orders_add(struct orders *orders, uint64_t order) {
    if (orders->used * 2 >= orders->cap && grow(orders) < 0) return HY_ENOMEM;
    struct order_slot *slot = find(orders, order);
    if (!slot->count) orders->used++;
    slot->order = order;
    slot->count++;
    orders->total++;
    return HY_OK;
}

// Moves later slots of the same run up, so that searches never meet a hole.
static void close_gap(struct orders *orders, size_t hole) {
    size_t mask = orders->cap - 1;
    for (size_t i = (hole + 1) & mask; orders->slots[i].count; i = (i + 1) & mask) {
        size_t wanted = home(orders, orders->slots[i].order);
        if (((i - wanted) & mask) < ((i - hole) & mask)) continue;
        orders->slots[hole] = orders->slots[i];
        orders->slots[i].count = 0;
        hole = i;
    }
}

void orders_remove(struct orders *orders, uint64_t order) {
    struct order_slot *slot = orders->cap ? find(orders, order) : NULL;
    if (!slot || !slot->count) return;
    orders->total--;
    if (--slot->count) return;
    orders->used--;
    close_gap(orders, (size_t)(slot - orders->slots));
}

bool orders_has(const struct orders *orders, uint64_t order) {
    return orders->cap && find(orders, order)->count > 0;
}

void orders_free(struct orders *orders) {
    free(orders->slots);
    memset(orders, 0, sizeof *orders);
}
