#include "consumers/router/event_check.h"

#include <stdbool.h>
#include <string.h>

#include "lib/base/id.h"

enum { EARLIEST_MS = 0 };                       // before 1970 nothing was posted
static const int64_t LATEST_MS = 7258118400000; // 2200-01-01: a time in microseconds or nanoseconds is beyond

#define KIND_PREFIX "EVENT_KIND_"

const char *event_kind_name(Huiying__V1__EventKind kind) {
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&huiying__v1__event_kind__descriptor, (int)kind);
    return value && kind != 0 ? value->name + strlen(KIND_PREFIX) : NULL;
}

bool event_is_message(const Huiying__V1__Event *event) {
    return event->kind != HUIYING__V1__EVENT_KIND__EVENT_KIND_POST &&
           event->kind != HUIYING__V1__EVENT_KIND__EVENT_KIND_SIGNAL;
}

static int check_name(const char *name, const char *value, bool required, struct hy_error *err) {
    size_t len = strlen(value);
    if (required && len == 0) return hy_fail(err, HY_EINVALID, "field %s is empty; every event needs it", name);
    if (len > EVENT_FIELD_MAX)
        return hy_fail(err, HY_ETOOBIG, "field %s has %zu bytes, at most %d", name, len, EVENT_FIELD_MAX);
    return HY_OK;
}

static int check_time(const char *name, const Huiying__V1__Time *time, struct hy_error *err) {
    if (!time) return hy_fail(err, HY_EINVALID, "field %s is missing; every event needs it", name);
    if (time->unix_ms <= EARLIEST_MS || time->unix_ms >= LATEST_MS) {
        return hy_fail(err, HY_EINVALID, "field %s is not a time in milliseconds between 1970 and 2200", name);
    }
    if (time->offset_minutes < -14 * 60 || time->offset_minutes > 14 * 60) {
        return hy_fail(err, HY_EINVALID, "field %s has an offset beyond 14 hours", name);
    }
    return HY_OK;
}

static int check_names(const Huiying__V1__Event *event, struct hy_error *err) {
    const struct {
        const char *name, *value;
        bool required;
    } fields[] = {
        {"platform", event->platform, true},  {"account", event->account, true},  {"native_id", event->native_id, true},
        {"language", event->language, false}, {"answers", event->answers, false},
    };
    int rc = HY_OK;
    for (size_t i = 0; rc == HY_OK && i < sizeof fields / sizeof fields[0]; i++) {
        rc = check_name(fields[i].name, fields[i].value, fields[i].required, err);
    }
    return rc;
}

static int check_times(const Huiying__V1__Event *event, struct hy_error *err) {
    int rc = check_time("occurred", event->occurred, err);
    if (rc == HY_OK) rc = check_time("received", event->received, err);
    if (rc == HY_OK) rc = check_time("ingested", event->ingested, err);
    if (rc == HY_OK && event->received->unix_ms > event->ingested->unix_ms) {
        return hy_fail(err, HY_EINVALID,
                       "field received is after ingested; a channel holds a message before it is taken in");
    }
    return rc;
}

static int check_sizes(const Huiying__V1__Event *event, struct hy_error *err) {
    size_t len = strlen(event->text) + strlen(event->title);
    if (len > EVENT_TEXT_MAX)
        return hy_fail(err, HY_ETOOBIG, "title and text have %zu bytes, at most %d", len, EVENT_TEXT_MAX);
    if (event->n_links > EVENT_LIST_MAX || event->n_attachments > EVENT_LIST_MAX) {
        return hy_fail(err, HY_ETOOBIG, "more than %d links or attachments", EVENT_LIST_MAX);
    }
    for (size_t i = 0; i < event->n_links; i++) {
        int rc = check_name("links", event->links[i], false, err);
        if (rc != HY_OK) return rc;
    }
    return HY_OK;
}

static int check_identity(const Huiying__V1__Event *event, struct hy_error *err) {
    const char *kind = event_kind_name(event->kind);
    if (!kind) return hy_fail(err, HY_EINVALID, "field kind is %d, which is none", (int)event->kind);
    char id[HY_ID_SIZE];
    hy_event_id(event->platform, event->account, event->native_id, kind, id);
    if (strcmp(id, event->id) != 0) {
        return hy_fail(err, HY_EINVALID,
                       "field id is not the one of platform, account, native_id and kind (docs/contract.md)");
    }
    if (event_is_message(event) && !hy_id_valid(event->dossier)) {
        return hy_fail(err, HY_EINVALID, "field dossier is not an id of 26 characters (docs/contract.md)");
    }
    return HY_OK;
}

int event_check(const Huiying__V1__Event *event, struct hy_error *err) {
    int rc = check_names(event, err);
    if (rc == HY_OK) rc = check_identity(event, err);
    if (rc == HY_OK) rc = check_times(event, err);
    if (rc == HY_OK) rc = check_sizes(event, err);
    return rc;
}

const char *event_no_request(const Huiying__V1__Event *event) {
    if (event->payload_case == HUIYING__V1__EVENT__PAYLOAD_COMMENT && event->comment->own) return "own message";
    return event->kind == HUIYING__V1__EVENT_KIND__EVENT_KIND_NOTICE ? "platform notice" : NULL;
}
