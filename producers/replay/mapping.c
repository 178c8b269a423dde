#include "producers/replay/mapping.h"

#include <stddef.h>
#include <string.h>

#include "lib/base/config.h"

#define FIELD(name) offsetof(struct replay_mapping, name)
#define COLUMN(key_name, member, text)                                                                                 \
    {                                                                                                                  \
        .key = "columns." key_name, .type = HY_CONFIG_STRING, .offset = FIELD(columns.member), .default_value = "",    \
        .description = text                                                                                            \
    }

static const struct hy_config_row ROWS[] = {
    {.key = "format",
     .type = HY_CONFIG_ENUM,
     .offset = FIELD(format),
     .default_value = "jsonl",
     .choices = "jsonl|csv",
     .description = "How the file is written: JSON Lines, or CSV with a heading line."},
    {.key = "platform",
     .type = HY_CONFIG_STRING,
     .offset = FIELD(platform),
     .default_value = NULL,
     .description = "Platform that the messages came from; part of every event id."},
    {.key = "account",
     .type = HY_CONFIG_STRING,
     .offset = FIELD(account),
     .default_value = NULL,
     .description = "Our account that was addressed, where the rows do not say."},
    {.key = "kind",
     .type = HY_CONFIG_ENUM,
     .offset = FIELD(kind),
     .default_value = "LETTER",
     .choices = REPLAY_KINDS,
     .description = "Kind of the events, as in the contract."},
    {.key = "dossier",
     .type = HY_CONFIG_ENUM,
     .offset = FIELD(dossier),
     .default_value = "message",
     .choices = "message|author|thread",
     .description = "What is one conversation: each message, all of one author, or one thread."},
    {.key = "language",
     .type = HY_CONFIG_STRING,
     .offset = FIELD(language),
     .default_value = "",
     .description = "BCP 47 tag of the texts; empty for Chinese."},
    {.key = "missing_time",
     .type = HY_CONFIG_STRING,
     .offset = FIELD(missing_time),
     .default_value = "",
     .description = "Instant for rows without a time; empty refuses such rows."},
    COLUMN("native_id", native_id, "Column with the platform's own id; required, since ids are made of it."),
    COLUMN("author", author, "Column with the writer's handle."),
    COLUMN("title", title, "Column with the title."),
    COLUMN("text", text, "Column with the text."),
    COLUMN("occurred", occurred, "Column with the time of writing; without zone it is Asia/Shanghai."),
    COLUMN("thread", thread, "Column with the thread or post that a comment stands under."),
    COLUMN("place", place, "Column with the place as written."),
    COLUMN("department", department, "Column with the department code that the writer addressed."),
    COLUMN("account", account, "Column with our account, where rows differ."),
    COLUMN("link", link, "Column with a link to the original."),
};

static const struct hy_config_table TABLE = {
    .program = "replay",
    .purpose = "Names the columns of a file of messages.",
    .rows = ROWS,
    .n_rows = sizeof ROWS / sizeof ROWS[0],
    .struct_size = sizeof(struct replay_mapping),
};

static void require(const char *value, const char *key, const char *why, const char *name, struct hy_buf *problems) {
    if (value[0] == '\0') hy_buf_addf(problems, "%s: %s: is empty; %s\n", name, key, why);
}

int mapping_load(const char *name, struct hy_bytes yaml, struct replay_mapping *out, struct hy_buf *problems) {
    int rc = hy_config_load(&TABLE, out, name, yaml, NULL, NULL, 0, problems);
    if (rc != HY_OK) return rc;
    size_t before = problems->len;
    require(out->columns.native_id, "columns.native_id", "event ids are made of it", name, problems);
    if (out->columns.text[0] == '\0')
        require(out->columns.title, "columns.text", "name a text or a title column", name, problems);
    if (out->dossier == REPLAY_DOSSIER_AUTHOR)
        require(out->columns.author, "columns.author", "dossier: author needs it", name, problems);
    if (out->dossier == REPLAY_DOSSIER_THREAD)
        require(out->columns.thread, "columns.thread", "dossier: thread needs it", name, problems);
    if (problems->len == before) return HY_OK;
    mapping_free(out);
    return HY_ECONFIG;
}

void mapping_free(struct replay_mapping *mapping) {
    hy_config_free(&TABLE, mapping);
}

const char *mapping_kind(const struct replay_mapping *mapping) {
    static const char *const NAMES[] = {"POST", "COMMENT", "PRIVATE_MESSAGE", "LETTER",
                                        "FORM", "MENTION", "TICKET",          "SIGNAL"};
    return NAMES[mapping->kind];
}
