// How many records of each order (topic and dossier) wait in the spool: a small hash table that grows. While an order
// has one, its later records go through the spool too. To keep more per order, widen struct order_slot in orders.c.
// An order that has no record left is taken out, so the table is as large as the spool is deep, not as the city is.
#ifndef HY_GATEWAY_ORDERS_H
#define HY_GATEWAY_ORDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"

struct order_slot;
// Zero-initialise; orders_free releases.
struct orders {
    struct order_slot *slots;
    size_t cap;  // power of two
    size_t used; // orders with a count
    uint64_t total;
};

HY_MUST_CHECK int orders_add(struct orders *orders, uint64_t order); // HY_ENOMEM: nothing changed
void orders_remove(struct orders *orders, uint64_t order);           // one less; not below none
bool orders_has(const struct orders *orders, uint64_t order);
void orders_free(struct orders *orders);

#endif
