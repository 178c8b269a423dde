// Is an event what the contract says? Checked here once, because adapters of others publish to the intake topics too:
// what passes can be trusted by everything behind the router. Pure.
// A new field of the event gets its check here, with a refusal that names it.
#ifndef HY_ROUTER_EVENT_CHECK_H
#define HY_ROUTER_EVENT_CHECK_H

#include <stdbool.h>

#include "huiying/v1/event.pb-c.h"
#include "lib/base/error.h"

enum { EVENT_TEXT_MAX = 256 * 1024, EVENT_FIELD_MAX = 1024, EVENT_LIST_MAX = 64 };

// HY_OK, or HY_EINVALID / HY_ETOOBIG with a text that names the field and what to do, without its content. An id must
// be the one that docs/contract.md makes of platform, account, native id and kind.
HY_MUST_CHECK int event_check(const Huiying__V1__Event *event, struct hy_error *err);

// The contract's name of a kind: "COMMENT"; NULL when it is none.
const char *event_kind_name(Huiying__V1__EventKind kind);
// Does it speak to the government (a fate is owed), or is it only seen (posts, signals)?
bool event_is_message(const Huiying__V1__Event *event);
// Why it asks for nothing whatever its words: "own message" (written by an account of ours), "platform notice"
// (subscribed, menu clicked). NULL: the words decide. Static text.
const char *event_no_request(const Huiying__V1__Event *event);

#endif
