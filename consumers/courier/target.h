// Where a delivery can go. A target is one struct: it sends a row (or looks whether its text is there) and says later
// what became of it. courier.c claims, watches the lease and writes the receipt; a target only talks to its own other
// side. To add a target: a file target_<name>.c and a line in courier.c's table.
#ifndef HY_COURIER_TARGET_H
#define HY_COURIER_TARGET_H

#include "consumers/courier/outbox.h"
#include "huiying/v1/command.pb-c.h"
#include "lib/web/client.h"

// What a try came to. text: of the receipt (the target's own id, "read back") or why not; borrowed for the call; no
// personal data.
typedef void (*target_done)(void *ctx, Huiying__V1__DeliveryOutcome outcome, const char *receipt, const char *detail);

struct target {
    const char *name;
    bool idempotent; // sending a text again under the same id does no harm: an unknown result may be tried again
    // Starts to send. done is called exactly once from the loop, unless a negative code is returned (nothing left).
    int (*send)(struct target *self, const struct outbox_row *row, target_done done, void *ctx, struct hy_error *err);
    // Looks whether the text is there already: SENT with its receipt, or RETRY when it is surely not. NULL = cannot.
    int (*look)(struct target *self, const struct outbox_row *row, target_done done, void *ctx, struct hy_error *err);
    void (*close)(struct target *self);
};

// The page where a citizen finds the answer by receipt number. The page itself is a view that shows a text once its row
// is being sent; to send is to read it back, so that the receipt is what a citizen would see. url: the public door.
struct target *target_status_new(uv_loop_t *loop, struct hy_web_client *client, const char *url);
// A webhook signed as in webhook_sign.h; its id is made of case and row, so that the receiver can tell a repeat. secret
// must be whole (webhook_key). NULL and err when it is not.
struct target *target_webhook_new(struct hy_web_client *client, const char *url, const char *secret,
                                  struct hy_error *err);

#endif
