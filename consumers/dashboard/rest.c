#include "consumers/dashboard/rest.h"

#include <stdlib.h>
#include <string.h>

#include "consumers/dashboard/out.h"
#include "lib/base/log.h"

enum { LIMIT = 50, LIMIT_MAX = 200 };

typedef void (*rest_fn)(struct rest *rest, const struct who *who, struct hy_web_request *request);

struct entry {
    const char *method, *pattern;
    rest_fn handle;
};

void rest_answer(struct hy_web_request *request, int rc, json_t *out, const struct hy_error *err) {
    switch (rc) {
    case HY_OK:
        hy_web_reply_json(request, 200, out);
        break;
    case HY_ENOTFOUND:
        hy_web_refuse(request, 404, "not_found", "%s", err->text);
        break;
    case HY_EDENIED:
        hy_web_refuse(request, 403, "not_yours", "%s", err->text);
        break;
    case HY_EINVALID:
        hy_web_refuse(request, 400, "query", "%s", err->text);
        break;
    default:
        HY_ERROR("dashboard.query", "the view could not answer", "code=%s why=\"%s\"", hy_error_name(rc), err->text);
        hy_web_set_header(request, "Retry-After", "1");
        hy_web_refuse(request, 503, "view", "the view cannot answer at the moment; try again");
    }
}

static const char *query_text(const struct hy_web_request *request, const char *name) {
    const char *value = hy_web_query(request, name);
    return value ? value : "";
}

// False, and refused, when it is there but no number from 1 to 200.
static bool read_limit(struct hy_web_request *request, int *out) {
    const char *text = hy_web_query(request, "limit");
    char *end = NULL;
    long value = text ? strtol(text, &end, 10) : LIMIT;
    *out = (int)value;
    if (!text || (end != text && !*end && value >= 1 && value <= LIMIT_MAX)) return true;
    hy_web_refuse(request, 400, "query", "limit must be a number from 1 to %d", LIMIT_MAX);
    return false;
}

static void get_me(struct rest *rest, const struct who *who, struct hy_web_request *request) {
    json_t *out = json_object();
    out_text(out, "id", who->name);
    out_text(out, "role", who->role);
    out_text(out, "department", who->department);
    out_text(out, "department_name", who->department[0] ? queries_department(rest->q, who->department) : "");
    hy_web_reply_json(request, 200, out);
}

static void get_overview(struct rest *rest, const struct who *who, struct hy_web_request *request) {
    json_t *out = NULL;
    struct hy_error err = {0};
    int rc = live_overview(rest->live, who, &out, &err);
    rest_answer(request, rc, out, &err);
}

static void get_cases(struct rest *rest, const struct who *who, struct hy_web_request *request) {
    json_t *out = NULL;
    struct hy_error err = {0};
    struct list_filter filter = {.filter = hy_web_query(request, "filter"),
                                 .department = query_text(request, "department"),
                                 .platform = query_text(request, "platform"),
                                 .account = query_text(request, "account"),
                                 .kind = query_text(request, "kind"),
                                 .text = query_text(request, "q"),
                                 .after = query_text(request, "after")};
    if (!filter.filter) filter.filter = "all";
    if (!read_limit(request, &filter.limit)) return;
    int rc = query_list(rest->q, who, &filter, &out, &err);
    rest_answer(request, rc, out, &err);
}

static void get_case(struct rest *rest, const struct who *who, struct hy_web_request *request) {
    json_t *out = NULL;
    struct hy_error err = {0};
    int rc = query_case(rest->q, who, hy_web_param(request, "id"), &out, &err);
    rest_answer(request, rc, out, &err);
}

static void post_case_act(struct rest *rest, const struct who *who, struct hy_web_request *request) {
    acts_case(rest->acts, who, request);
}

static void post_event_act(struct rest *rest, const struct who *who, struct hy_web_request *request) {
    acts_event(rest->acts, who, request);
}

// An id of a command is a hash over who, what and a key: who knows it gave it.
static void get_command(struct rest *rest, const struct who *who, struct hy_web_request *request) {
    (void)who;
    json_t *out = NULL;
    struct hy_error err = {0};
    int rc = query_verdict(rest->q, hy_web_param(request, "id"), &out, &err);
    rest_answer(request, rc, out, &err);
}

static void get_work(struct rest *rest, const struct who *who, struct hy_web_request *request) {
    json_t *out = NULL;
    struct hy_error err = {0};
    const char *department = hy_web_query(request, "department");
    int limit;
    if (!read_limit(request, &limit)) return;
    if (!department) department = who->department;
    int rc = query_work(rest->q, who, department, query_text(request, "after"), limit, &out, &err);
    rest_answer(request, rc, out, &err);
}

static void get_event(struct rest *rest, const struct who *who, struct hy_web_request *request) {
    json_t *out = NULL;
    struct hy_error err = {0};
    int rc = query_event(rest->q, who, hy_web_param(request, "event_id"), &out, &err);
    rest_answer(request, rc, out, &err);
}

static void get_noted(struct rest *rest, const struct who *who, struct hy_web_request *request) {
    json_t *out = NULL;
    struct hy_error err = {0};
    int limit;
    if (!read_limit(request, &limit)) return;
    int rc = query_noted(rest->q, who, query_text(request, "after"), limit, &out, &err);
    rest_answer(request, rc, out, &err);
}

static void get_stream(struct rest *rest, const struct who *who, struct hy_web_request *request) {
    live_stream(rest->live, who, request);
}

static const struct entry ENTRIES[] = {
    {"GET", "/v1/me", get_me},
    {"GET", "/v1/overview", get_overview},
    {"GET", "/v1/cases", get_cases},
    {"GET", "/v1/cases/{id}", get_case},
    {"POST", "/v1/cases/{id}/acts", post_case_act},
    {"GET", "/v1/commands/{id}", get_command},
    {"GET", "/v1/work", get_work},
    {"GET", "/v1/events/{event_id}", get_event},
    {"POST", "/v1/events/{event_id}/acts", post_event_act},
    {"GET", "/v1/noted", get_noted},
    {"GET", "/v1/stream", get_stream},
};
enum { N_ENTRIES = sizeof ENTRIES / sizeof ENTRIES[0] };

// The route that matched is found again by its pattern: one handler for all checks the token before anything else.
static void on_request(struct hy_web_request *request, void *ctx) {
    struct rest *rest = ctx;
    struct who who;
    const struct hy_web_identity *identity = hy_web_tokens_check(rest->tokens, NULL, request);
    if (!identity) return;
    if (!who_of(identity, &who)) {
        hy_web_refuse(request, 403, "role", "the role of this token is not known here");
        return;
    }
    for (int i = 0; i < N_ENTRIES; i++) {
        bool method = strcmp(ENTRIES[i].method, hy_web_method(request)) == 0 ||
                      (strcmp(ENTRIES[i].method, "GET") == 0 && strcmp(hy_web_method(request), "HEAD") == 0);
        if (!method || !hy_web_pattern_match(ENTRIES[i].pattern, hy_web_target(request))) continue;
        ENTRIES[i].handle(rest, &who, request);
        return;
    }
    hy_web_refuse(request, 404, "not_found", "no such call; docs/rest.md lists them");
}

int rest_routes(struct hy_web_server *server, struct rest *rest) {
    for (int i = 0; i < N_ENTRIES; i++) {
        int rc = hy_web_route(server, ENTRIES[i].method, ENTRIES[i].pattern, on_request, rest);
        if (rc != HY_OK) return rc;
    }
    return HY_OK;
}
