#include "producers/replay/row_event.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/id.h"
#include "lib/base/pb.h"

// A cell as text; "" when the row has none. Numbers keep their digits: ids are larger than a double can hold.
static const char *cell(const json_t *row, const char *column, char number[32]) {
    const json_t *value = column[0] ? json_object_get(row, column) : NULL;
    if (json_is_string(value)) return json_string_value(value);
    if (json_is_integer(value)) {
        snprintf(number, 32, "%lld", (long long)json_integer_value(value));
        return number;
    }
    return "";
}

int row_time(const struct replay_mapping *mapping, const json_t *row, struct hy_time *out, struct hy_error *err) {
    char number[32];
    const char *text = cell(row, mapping->columns.occurred, number);
    if (!text[0]) text = mapping->missing_time;
    if (!text[0]) {
        return hy_fail(err, HY_EINVALID, "column %s: no time; set missing_time to take such rows",
                       mapping->columns.occurred);
    }
    int rc = hy_time_parse(text, out, err);
    return rc == HY_OK ? rc : hy_fail_at(err, "column %s", mapping->columns.occurred);
}

static char *copy(struct hy_arena *arena, const json_t *row, const char *column) {
    char number[32];
    return hy_arena_str(arena, cell(row, column, number));
}

static Huiying__V1__Time *make_time(struct hy_arena *arena, int64_t unix_ms, int32_t offset_minutes) {
    Huiying__V1__Time *time = hy_arena_alloc(arena, sizeof *time);
    if (!time) return NULL;
    huiying__v1__time__init(time);
    time->unix_ms = unix_ms;
    time->offset_minutes = offset_minutes;
    return time;
}

static int fill_times(Huiying__V1__Event *event, struct hy_arena *arena, struct hy_time occurred,
                      const struct row_options *options) {
    int64_t at = occurred.unix_ms + options->shift_ms;
    int64_t received = at < options->ingest_ms ? at : options->ingest_ms;
    event->occurred = make_time(arena, at, occurred.offset_minutes);
    event->received = make_time(arena, received, HY_SHANGHAI_MINUTES);
    event->ingested = make_time(arena, options->ingest_ms, HY_SHANGHAI_MINUTES);
    event->historic = options->historic;
    return event->occurred && event->received && event->ingested ? HY_OK : HY_ENOMEM;
}

static int fill_payload(Huiying__V1__Event *event, const struct replay_mapping *mapping, const json_t *row,
                        struct hy_arena *arena) {
    const char *kind = mapping_kind(mapping);
    if (strcmp(kind, "POST") == 0) {
        event->post = hy_arena_alloc(arena, sizeof *event->post);
        if (!event->post) return HY_ENOMEM;
        huiying__v1__post__init(event->post);
        event->payload_case = HUIYING__V1__EVENT__PAYLOAD_POST;
    } else if (strcmp(kind, "SIGNAL") == 0) {
        event->signal = hy_arena_alloc(arena, sizeof *event->signal);
        if (!event->signal) return HY_ENOMEM;
        huiying__v1__sentiment_signal__init(event->signal);
        event->payload_case = HUIYING__V1__EVENT__PAYLOAD_SIGNAL;
    } else {
        event->comment = hy_arena_alloc(arena, sizeof *event->comment);
        if (!event->comment) return HY_ENOMEM;
        huiying__v1__comment__init(event->comment);
        event->comment->thread_id = copy(arena, row, mapping->columns.thread);
        event->comment->department = copy(arena, row, mapping->columns.department);
        event->payload_case = HUIYING__V1__EVENT__PAYLOAD_COMMENT;
        if (!event->comment->thread_id || !event->comment->department) return HY_ENOMEM;
    }
    return HY_OK;
}

static int fill_texts(Huiying__V1__Event *event, const struct replay_mapping *mapping, const json_t *row,
                      struct hy_arena *arena) {
    event->title = copy(arena, row, mapping->columns.title);
    event->text = copy(arena, row, mapping->columns.text);
    event->language = hy_arena_str(arena, mapping->language);
    event->author = hy_arena_alloc(arena, sizeof *event->author);
    event->place = hy_arena_alloc(arena, sizeof *event->place);
    event->links = hy_arena_zalloc(arena, sizeof *event->links);
    if (!event->title || !event->text || !event->language || !event->author || !event->place || !event->links)
        return HY_ENOMEM;
    huiying__v1__author__init(event->author);
    huiying__v1__place__init(event->place);
    event->author->handle = copy(arena, row, mapping->columns.author);
    event->place->text = copy(arena, row, mapping->columns.place);
    event->links[0] = copy(arena, row, mapping->columns.link);
    if (!event->author->handle || !event->place->text || !event->links[0]) return HY_ENOMEM;
    event->n_links = event->links[0][0] ? 1 : 0;
    return HY_OK;
}

static int fill_identity(Huiying__V1__Event *event, const struct replay_mapping *mapping, const json_t *row,
                         struct hy_arena *arena, struct hy_error *err) {
    event->native_id = copy(arena, row, mapping->columns.native_id);
    event->account = copy(arena, row, mapping->columns.account);
    if (!event->native_id || !event->account) return HY_ENOMEM;
    if (!event->native_id[0])
        return hy_fail(err, HY_EINVALID, "column %s: empty; it makes the id", mapping->columns.native_id);
    event->platform = hy_arena_str(arena, mapping->platform);
    if (!event->account[0]) event->account = hy_arena_str(arena, mapping->account);
    event->id = hy_arena_alloc(arena, HY_ID_SIZE);
    event->dossier = hy_arena_alloc(arena, HY_ID_SIZE);
    if (!event->platform || !event->account || !event->id || !event->dossier) return HY_ENOMEM;
    const char *kind = mapping_kind(mapping);
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value_by_name(
        &huiying__v1__event_kind__descriptor, hy_arena_fmt(arena, "EVENT_KIND_%s", kind));
    event->kind = (Huiying__V1__EventKind)value->value;
    const char *who = mapping->dossier == REPLAY_DOSSIER_AUTHOR   ? event->author->handle
                      : mapping->dossier == REPLAY_DOSSIER_THREAD ? copy(arena, row, mapping->columns.thread)
                                                                  : event->native_id;
    if (!who || !who[0]) who = event->native_id; // nobody known: a conversation of its own
    hy_event_id(event->platform, event->account, event->native_id, kind, event->id);
    hy_dossier_id(event->platform, event->account, who, event->dossier);
    return HY_OK;
}

int row_event(const struct replay_mapping *mapping, const struct row_options *options, const json_t *row,
              struct hy_arena *arena, Huiying__V1__Event **out, struct hy_error *err) {
    *out = NULL;
    struct hy_time occurred;
    int rc = row_time(mapping, row, &occurred, err);
    if (rc != HY_OK) return rc;
    Huiying__V1__Event *event = hy_arena_alloc(arena, sizeof *event);
    if (!event) return hy_fail(err, HY_ENOMEM, "row too large");
    huiying__v1__event__init(event);
    event->schema_version = 1;
    rc = fill_texts(event, mapping, row, arena);
    if (rc == HY_OK) rc = fill_identity(event, mapping, row, arena, err);
    if (rc == HY_OK) rc = fill_times(event, arena, occurred, options);
    if (rc == HY_OK) rc = fill_payload(event, mapping, row, arena);
    if (rc == HY_ENOMEM) return hy_fail(err, rc, "row too large");
    if (rc == HY_OK) *out = event;
    return rc;
}

int row_pack(const Huiying__V1__Event *event, struct hy_arena *arena, struct hy_bytes *out, struct hy_error *err) {
    if (hy_pb_write(event, arena, out) != HY_OK) return hy_fail(err, HY_ENOMEM, "row too large");
    if (out->len <= ROW_EVENT_MAX) return HY_OK;
    return hy_fail(err, HY_ETOOBIG, "row too large: an event of %zu bytes, at most %d bytes are taken", out->len,
                   ROW_EVENT_MAX);
}
