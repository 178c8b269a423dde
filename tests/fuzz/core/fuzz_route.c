// A citizen's message of any text: always a department, an urgency and subjects that are UTF-8.
#include <stdint.h>
#include <stdlib.h>

#include "lib/core/route.h"

static const char list[] =
    "version: 1\nid: a\nrequests: {complaint: [投诉]}\nnot_requests: {chatter: [你好], advert: [加微信]}\n"
    "stock: [有限公司, 物业]\nurgency: {danger: [爆炸]}\n"
    "rows:\n- {department: w, topic: 供水, counts: true, phrases: {3: [停水, 水], 1: [a]}, not: [水果]}\n";

static struct hy_dispatch *dispatch;
static struct hy_route_scratch *scratch;

static void load(void) {
    struct hy_pack_source source = {"list", hy_bytes_of(list)};
    struct hy_dispatch_input input = {.lists = &source, .n_lists = 1, .id = "a"};
    struct hy_buf problems = {0};
    if (hy_dispatch_load(&input, &dispatch, &problems) < 0) abort();
    hy_buf_free(&problems);
    scratch = hy_route_scratch_new(dispatch);
    if (scratch == NULL) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (dispatch == NULL) load();
    struct hy_bytes all = hy_bytes_from(data, size);
    if (!hy_utf8_valid(all)) return 0; // the edge refuses it
    size_t cut = hy_utf8_prefix(all, size / 4);
    struct hy_route_input input = {.title = hy_bytes_from(data, cut), .text = hy_bytes_from(data + cut, size - cut)};
    struct hy_route route;
    struct hy_subject subjects[HY_SUBJECTS];
    if (hy_route_decide(dispatch, scratch, &input, &route) < 0 || *route.department == '\0') abort();
    int n = hy_route_subjects(dispatch, scratch, &route, subjects);
    for (int i = 0; i < n; i++) {
        if (!hy_utf8_valid(hy_bytes_of(subjects[i].key)) || !hy_utf8_valid(hy_bytes_of(subjects[i].entity))) abort();
        if (!(subjects[i].weight > 0 && subjects[i].weight <= 1)) abort();
    }
    return 0;
}
