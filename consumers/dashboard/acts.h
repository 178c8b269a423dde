// Acts of people: each becomes one Command in hy.commands, and its request is answered when our own view shows the
// verdict and the case after it, or after 3 s with "pending". The same key for the same case is the same command: its
// first verdict is given again. Everything on the loop's thread; view_changed must lead to acts_wake.
// To let another kind of thing be acted on, give it a start like acts_case and its route.
#ifndef HY_DASHBOARD_ACTS_H
#define HY_DASHBOARD_ACTS_H

#include "consumers/dashboard/queries.h"
#include "lib/lane/publisher.h"
#include "lib/web/server.h"

struct acts;

// q and publisher are borrowed. HY_ENOMEM.
HY_MUST_CHECK int acts_open(uv_loop_t *loop, struct queries *q, struct hy_publisher *publisher, struct acts **out,
                            struct hy_error *err);
// Handle POST /v1/cases/{id}/acts and POST /v1/events/{event_id}/acts; they answer the request, now or later.
void acts_case(struct acts *acts, const struct who *who, struct hy_web_request *request);
void acts_event(struct acts *acts, const struct who *who, struct hy_web_request *request);
// The view has more: looks for verdicts.
void acts_wake(struct acts *acts);
size_t acts_waiting(const struct acts *acts);
// Answers what still waits with "pending". Close the publisher next (its callbacks still need acts), run the loop, and
// free at last.
void acts_close(struct acts *acts);
void acts_free(struct acts *acts);

#endif
