// The gateway's doors: one route for each adapter (its path), from HTTP to its decode and on to the intake, and back.
// Counts refusals by reason, limits the rate by client, keeps as dead letters what a platform certainly sent but nobody
// could read. Knows no platform by name; a new platform needs nothing here.
#ifndef HY_GATEWAY_DOOR_H
#define HY_GATEWAY_DOOR_H

#include "adapters/accounts.h"
#include "lib/web/server.h"
#include "producers/gateway/intake.h"

struct door;

struct door_options {
    struct hy_web_server *server;               // borrowed
    const struct hy_adapter_accounts *accounts; // borrowed
    struct intake *intake;                      // borrowed
    int64_t rate_per_s;                         // of one client; 0 = no limit
    int64_t burst;
    bool limit_loopback; // clients on this machine too
    bool forwarded;      // believe the last address of the last X-Forwarded-For: a proxy is before us, and only it
    int64_t repeat_ms;   // how long a repeated Idempotency-Key is known
};

// Adds the routes. Free with door_free after the server has closed.
HY_MUST_CHECK int door_new(const struct door_options *options, struct door **out, struct hy_error *err);
void door_free(struct door *door);

#endif
