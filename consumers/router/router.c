#include "consumers/router/router.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/router/event_check.h"
#include "huiying/v1/command.pb-c.h"
#include "huiying/v1/event.pb-c.h"
#include "huiying/v1/sighting.pb-c.h"
#include "lib/base/id.h"
#include "lib/base/metrics.h"
#include "lib/base/pb.h"
#include "lib/core/case.h"
#include "lib/core/route.h"
#include "lib/lane/topics.h"

// The counters of one department, found once: a series costs its lock, its labels' text and their hash.
struct counted {
    const char *department;      // as routes name it: one text a department and list
    struct hy_metric *events[2]; // noted, asked for something
};

// One lane's working memory, made anew when another list came into force.
struct scratch {
    const struct hy_dispatch *dispatch;
    struct hy_route_scratch *route;
    struct counted *counted; // room for all departments of the list, and triage
    int n_counted;
};

struct router {
    struct hy_packs *packs;
    int lanes;
    struct scratch scratch[];
};

struct router *router_new(struct hy_packs *packs, int lanes) {
    struct router *router = calloc(1, sizeof *router + (size_t)lanes * sizeof router->scratch[0]);
    if (!router) return NULL;
    router->packs = packs;
    router->lanes = lanes;
    return router;
}

static void scratch_free(struct scratch *scratch) {
    hy_route_scratch_free(scratch->route);
    free(scratch->counted);
    *scratch = (struct scratch){0};
}

void router_free(struct router *router) {
    for (int i = 0; router && i < router->lanes; i++)
        scratch_free(&router->scratch[i]);
    free(router);
}

// The scratch for the list in force; NULL when the pack has no list yet or memory is out.
static struct scratch *scratch_of(struct router *router, int lane) {
    struct scratch *scratch = &router->scratch[lane];
    const struct hy_dispatch *dispatch = hy_packs_dispatch(router->packs);
    if (dispatch && dispatch != scratch->dispatch) {
        scratch_free(scratch);
        scratch->route = hy_route_scratch_new(dispatch);
        scratch->counted = calloc((size_t)hy_dispatch_departments(dispatch) + 1, sizeof *scratch->counted);
        scratch->dispatch = dispatch;
    }
    return dispatch && scratch->route && scratch->counted ? scratch : NULL;
}

// One event on its way through.
struct turn {
    struct hy_lane_ctx *ctx;
    struct hy_arena *arena;
    const Huiying__V1__Event *event;
    struct hy_bytes bytes; // of the event, as they came
    const struct hy_pack *pack;
    struct scratch *scratch;
    struct hy_route route;
    const char *no_request; // why no text can make it a request; NULL = the words decide
};

static int out_of_memory(struct hy_error *err) {
    return hy_fail(err, HY_ENOMEM, "event is too large to be routed");
}

static int decide(struct turn *turn, struct hy_error *err) {
    const Huiying__V1__Event *event = turn->event;
    struct hy_route_input input = {
        .account = event->account,
        .title = hy_bytes_of(event->title),
        .text = hy_bytes_of(event->text),
    };
    int rc = hy_route_decide(turn->scratch->dispatch, turn->scratch->route, &input, &turn->route);
    return rc == HY_OK ? rc : hy_fail(err, rc, "routing failed: %s", hy_error_text(rc));
}

// Texts of the list and the pack outlive the turn; protobuf-c knows no const.
static char *lend(const char *text) {
    return (char *)(uintptr_t)text;
}

static bool add_reason(struct turn *turn, Huiying__V1__Route *out, const char *step, const char *what, double weight) {
    Huiying__V1__RouteReason *reason = hy_arena_alloc(turn->arena, sizeof *reason);
    if (!reason) return false;
    huiying__v1__route_reason__init(reason);
    reason->step = lend(step);
    reason->what = lend(what);
    reason->weight = weight;
    out->reasons[out->n_reasons++] = reason;
    return true;
}

// A form that names a department of the pack was addressed: that goes before every word of the text.
static const char *addressed_department(const struct turn *turn) {
    const Huiying__V1__Event *event = turn->event;
    if (event->payload_case != HUIYING__V1__EVENT__PAYLOAD_COMMENT || !event->comment->department[0]) return NULL;
    return hy_pack_department(turn->pack, event->comment->department) ? event->comment->department : NULL;
}

static Huiying__V1__Route *route_message(struct turn *turn) {
    const struct hy_route *route = &turn->route;
    Huiying__V1__Route *out = hy_arena_alloc(turn->arena, sizeof *out);
    Huiying__V1__RouteReason **reasons = hy_arena_zalloc(turn->arena, (HY_ROUTE_REASONS + 2) * sizeof *reasons);
    if (!out || !reasons) return NULL;
    huiying__v1__route__init(out);
    out->reasons = reasons;
    const char *addressed = addressed_department(turn);
    out->department = lend(addressed ? addressed : route->department);
    out->area = lend(route->area);
    out->category = lend(route->category);
    out->urgency = lend(route->urgency);
    out->pack_hash = lend(turn->pack->hash);
    out->request = route->request && !turn->no_request;
    out->score = addressed ? 1.0 : route->score;
    bool good = true;
    if (addressed) good = add_reason(turn, out, "addressed", addressed, 1.0);
    if (turn->no_request) good = good && add_reason(turn, out, "request", turn->no_request, 0.0);
    for (int i = 0; good && i < route->n_reasons; i++) {
        good = add_reason(turn, out, route->reasons[i].step, route->reasons[i].what, route->reasons[i].weight);
    }
    return good ? out : NULL;
}

static int emit(struct turn *turn, const char *topic, const char *key, const void *message, struct hy_error *err) {
    struct hy_bytes value;
    if (hy_pb_write(message, turn->arena, &value) != HY_OK) return out_of_memory(err);
    return hy_lane_emit(turn->ctx, topic, hy_bytes_of(key), value, err);
}

static int send_command(struct turn *turn, struct hy_error *err) {
    Huiying__V1__Message message = HUIYING__V1__MESSAGE__INIT;
    Huiying__V1__Command command = HUIYING__V1__COMMAND__INIT;
    Huiying__V1__Actor actor = HUIYING__V1__ACTOR__INIT;
    char id[HY_ID_SIZE];
    hy_id_strings(id, 2, "message", turn->event->id);
    actor.kind = HUIYING__V1__ACTOR_KIND__ACTOR_KIND_PROGRAM;
    actor.id = lend("router");
    actor.role = lend("system");
    struct hy_pb_verbatim event;
    message.event = hy_pb_verbatim(&event, turn->bytes);
    message.route = route_message(turn);
    if (!message.route) return out_of_memory(err);
    command.schema_version = 1;
    command.id = id;
    command.dossier = turn->event->dossier;
    command.issued = turn->event->ingested;
    command.actor = &actor;
    command.body_case = HUIYING__V1__COMMAND__BODY_MESSAGE;
    command.message = &message;
    return emit(turn, HY_TOPIC_COMMANDS, turn->event->dossier, &command, err);
}

static void describe_source(const struct turn *turn, Huiying__V1__Sighting *sighting, char author[HY_ID_SIZE]) {
    const Huiying__V1__Event *event = turn->event;
    const char *handle = event->author && event->author->handle[0] ? event->author->handle : event->native_id;
    hy_id_strings(author, 3, "author", event->platform, handle);
    sighting->schema_version = 1;
    sighting->event_id = event->id;
    sighting->author_hash = author;
    sighting->occurred = event->occurred;
    sighting->received = event->received;
    sighting->platform = event->platform;
    sighting->account = event->account;
    sighting->department = lend(turn->route.department);
    sighting->historic = event->historic;
    if (event_is_message(event)) sighting->case_dossier = event->dossier;
    if (event->payload_case == HUIYING__V1__EVENT__PAYLOAD_SIGNAL) {
        sighting->reach = event->signal->reach;
        sighting->official_media = event->signal->official_media;
        sighting->negative = event->signal->score < 0;
        sighting->url = event->signal->post_url;
    } else if (event->payload_case == HUIYING__V1__EVENT__PAYLOAD_POST) {
        sighting->reach = event->post->views;
    }
    if (!sighting->url[0] && event->n_links > 0) sighting->url = event->links[0];
}

static int send_sightings(struct turn *turn, struct hy_error *err) {
    struct hy_subject subjects[HY_SUBJECTS];
    int n =
        turn->no_request ? 0 : hy_route_subjects(turn->scratch->dispatch, turn->scratch->route, &turn->route, subjects);
    int rc = HY_OK;
    for (int i = 0; rc == HY_OK && i < n; i++) {
        Huiying__V1__Sighting sighting = HUIYING__V1__SIGHTING__INIT;
        char author[HY_ID_SIZE];
        char key[HY_ID_SIZE];
        describe_source(turn, &sighting, author);
        hy_incident_dossier(subjects[i].key, key);
        sighting.subject = subjects[i].key;
        sighting.topic = subjects[i].topic;
        sighting.place = subjects[i].place;
        sighting.entity = subjects[i].entity;
        sighting.weight = subjects[i].weight;
        rc = emit(turn, HY_TOPIC_SIGHTINGS, key, &sighting, err);
    }
    return rc;
}

static struct hy_metric *register_events(const char *department, bool request) {
    char labels[160];
    char label[96];
    snprintf(labels, sizeof labels, "%s,request=\"%s\"", hy_metric_label(label, sizeof label, "department", department),
             request ? "yes" : "no");
    return hy_metric_get(HY_COUNTER, "huiying_router_events_total", "Events routed, by department.", labels);
}

static void count(const struct turn *turn) {
    struct scratch *scratch = turn->scratch;
    const char *department = turn->route.department;
    bool request = turn->route.request;
    int i = 0;
    while (i < scratch->n_counted && scratch->counted[i].department != department)
        i++;
    if (i == scratch->n_counted) scratch->counted[scratch->n_counted++].department = department;
    struct hy_metric **events = &scratch->counted[i].events[request];
    if (!*events) *events = register_events(department, request);
    hy_metric_add(*events, 1);
}

static int handle(struct hy_lane_ctx *ctx, const struct hy_record *record, struct hy_error *err) {
    struct router *router = hy_lane_user(ctx);
    struct turn turn = {.ctx = ctx, .arena = hy_lane_arena(ctx)};
    Huiying__V1__Event *event = NULL;
    int rc = hy_pb_read(&huiying__v1__event__descriptor, turn.arena, record->value, 1, &event, err);
    if (rc == HY_OK) rc = event_check(event, err);
    if (rc != HY_OK) return rc;
    turn.event = event;
    turn.bytes = record->value;
    turn.no_request = event_no_request(event);
    turn.scratch = scratch_of(router, hy_lane_index(ctx));
    turn.pack = hy_packs_find(router->packs, "");
    if (!turn.scratch || !turn.pack) return hy_fail(err, HY_EAGAIN, "no dispatch list in force: hyctl policy publish");
    rc = decide(&turn, err);
    if (rc == HY_OK && event_is_message(event)) rc = send_command(&turn, err);
    if (rc == HY_OK) rc = send_sightings(&turn, err);
    if (rc == HY_OK) count(&turn);
    return rc;
}

static void identify(struct hy_arena *arena, struct hy_bytes value, char out[HY_ID_SIZE]) {
    Huiying__V1__Event *event = NULL;
    struct hy_error why = {0};
    if (hy_pb_read(&huiying__v1__event__descriptor, arena, value, 0, &event, &why) == HY_OK && hy_id_valid(event->id))
        snprintf(out, HY_ID_SIZE, "%s", event->id);
}

struct hy_lane_handler router_handler(struct router *router) {
    return (struct hy_lane_handler){
        .name = "router",
        .inputs = {HY_TOPIC_POSTS, HY_TOPIC_COMMENTS, HY_TOPIC_SIGNALS},
        .outputs = {HY_TOPIC_COMMANDS, HY_TOPIC_SIGHTINGS},
        .max_record_bytes = 1024 * 1024,
        .handle = handle,
        .identify = identify,
        .user = router,
    };
}
