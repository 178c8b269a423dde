// hyctl route: what the router would decide, and why.
#include <stdlib.h>
#include <string.h>

#include "lib/core/route.h"
#include "tools/hyctl/batch.h"

struct hyctl_route {
    const struct hy_dispatch *dispatch;
    struct hy_route_scratch *scratch;
};

struct hyctl_route *hyctl_route_new(const struct hy_dispatch *dispatch) {
    struct hyctl_route *route = calloc(1, sizeof *route);
    if (route == NULL) return NULL;
    route->dispatch = dispatch;
    route->scratch = hy_route_scratch_new(dispatch);
    if (route->scratch == NULL) {
        free(route);
        return NULL;
    }
    return route;
}

void hyctl_route_free(struct hyctl_route *route) {
    if (route == NULL) return;
    hy_route_scratch_free(route->scratch);
    free(route);
}

static void add_reasons(struct hy_buf *out, const struct hy_route *decided) {
    hy_buf_adds(out, ",\"reasons\":[");
    for (int i = 0; i < decided->n_reasons; i++) {
        hy_buf_adds(out, i == 0 ? "{" : ",{");
        hyctl_add_text(out, "step", decided->reasons[i].step);
        hy_buf_adds(out, ",");
        hyctl_add_text(out, "what", decided->reasons[i].what);
        hy_buf_addf(out, ",\"weight\":%.4g}", decided->reasons[i].weight);
    }
    hy_buf_adds(out, "]");
}

static void add_subjects(struct hy_buf *out, const struct hy_subject *subjects, int n) {
    hy_buf_adds(out, ",\"subjects\":[");
    for (int i = 0; i < n; i++) {
        hy_buf_adds(out, i == 0 ? "{" : ",{");
        hyctl_add_text(out, "subject", subjects[i].key);
        hy_buf_adds(out, ",");
        hyctl_add_text(out, "entity", subjects[i].entity);
        hy_buf_addf(out, ",\"weight\":%.4g}", subjects[i].weight);
    }
    hy_buf_adds(out, "]");
}

int hyctl_route_explain(void *ctx, const json_t *row, struct hy_buf *out, struct hy_error *err) {
    struct hyctl_route *route = ctx;
    const char *title, *text, *account;
    if (hyctl_text(row, "title", &title, err) < 0 || hyctl_need(row, "text", &text, err) < 0 ||
        hyctl_text(row, "account", &account, err) < 0)
        return err->code;
    struct hy_route_input input = {.account = account, .title = hy_bytes_of(title), .text = hy_bytes_of(text)};
    struct hy_route decided;
    int rc = hy_route_decide(route->dispatch, route->scratch, &input, &decided);
    if (rc < 0) return hy_fail(err, rc, "the message could not be routed: %s", hy_error_text(rc));
    struct hy_subject subjects[HY_SUBJECTS];
    int n = hy_route_subjects(route->dispatch, route->scratch, &decided, subjects);
    hy_buf_adds(out, "{");
    hyctl_add_id(out, row);
    hyctl_add_text(out, "department", decided.department);
    hy_buf_adds(out, ",");
    hyctl_add_text(out, "area", decided.area);
    hy_buf_adds(out, ",");
    hyctl_add_text(out, "category", decided.category);
    hy_buf_adds(out, ",");
    hyctl_add_text(out, "urgency", decided.urgency);
    hy_buf_addf(out, ",\"request\":%s,", decided.request ? "true" : "false");
    hyctl_add_text(out, "kind", decided.kind);
    hy_buf_addf(out, ",\"score\":%.4f,", decided.score);
    hyctl_add_text(out, "second", decided.second);
    hy_buf_addf(out, ",\"second_score\":%.4f", decided.second_score);
    add_reasons(out, &decided);
    add_subjects(out, subjects, n);
    hy_buf_adds(out, "}\n");
    return 0;
}

static int run_explain(const struct hyctl_args *args) {
    struct hyctl_data data = {0};
    int rc = hyctl_load_pack(args, &data);
    if (rc == HYCTL_OK) rc = hyctl_load_dispatch(args, &data);
    struct hyctl_route *route = rc == HYCTL_OK ? hyctl_route_new(data.dispatch) : NULL;
    if (route != NULL)
        rc = hyctl_batch(stdin, stdout, hyctl_route_explain, route);
    else if (rc == HYCTL_OK)
        rc = HYCTL_FAILED;
    hyctl_route_free(route);
    hyctl_data_free(&data);
    return rc;
}

static const struct hyctl_option options[] = {HYCTL_PACK_OPTION, HYCTL_POLICIES_OPTION, {NULL, NULL, NULL}};

const struct hyctl_command hyctl_route_commands[] = {
    {.group = "route",
     .name = "explain",
     .summary = "Which department a message goes to, and why",
     .options = options,
     .details = "Reads JSON Lines {\"id\",\"title\",\"text\",\"account\"?}; writes "
                "{\"id\",\"department\",\"area\",\"category\",\"urgency\",\n"
                "\"request\",\"kind\",\"score\",\"second\",\"second_score\",\"reasons\":[{\"step\",\"what\",\"weight\"}"
                "],\"subjects\"}.",
     .example =
         "echo '{\"id\":\"1\",\"title\":\"停水\",\"text\":\"小区停水三天了\"}' | hyctl route explain --pack yuancheng",
     .run = run_explain},
    {.group = NULL},
};
