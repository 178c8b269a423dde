#include "lib/lane/topics.h"

#include <stdio.h>
#include <string.h>

#define DAYS(n) ((int64_t)(n)*24 * 3600 * 1000)
#define MB(n)   ((n)*1024 * 1024)

// Counts, retention and the rest are decided in design section 3; docs/contract.md is checked against this table.
// Intake takes records beyond what we accept, so that a 10 MB one becomes a dead letter with a reason, not a lost send.
static const struct hy_topic TOPICS[] = {
    {.name = HY_TOPIC_POSTS,
     .key = "account",
     .value = "Event",
     .description = "Posts on accounts and columns, and public posts about them, as the adapters publish them.",
     .partitions = 8,
     .retention_ms = DAYS(30),
     .compression = "lz4",
     .max_bytes = MB(12)},
    {.name = HY_TOPIC_COMMENTS,
     .key = "dossier",
     .value = "Event",
     .description = "Everything that speaks to the government: comments, private messages, letters, forms, tickets.",
     .partitions = 8,
     .retention_ms = DAYS(30),
     .compression = "lz4",
     .max_bytes = MB(12)},
    {.name = HY_TOPIC_SIGNALS,
     .key = "native id",
     .value = "Event",
     .description = "Sentiment signals of vendors.",
     .partitions = 8,
     .retention_ms = DAYS(30),
     .compression = "lz4",
     .max_bytes = MB(12)},
    {.name = HY_TOPIC_SIGHTINGS,
     .key = "dossier of the subject",
     .value = "Sighting",
     .description = "One subject seen in one event, found by the router.",
     .partitions = 4,
     .retention_ms = DAYS(30),
     .compression = "none",
     .max_bytes = MB(2)},
    {.name = HY_TOPIC_SUBJECTS,
     .key = "subject",
     .value = "sentinel's own",
     .description = "Sentinel's state: buckets and baselines of each subject.",
     .partitions = 4,
     .retention_ms = -1,
     .compacted = true,
     .compression = "lz4",
     .max_bytes = MB(2)},
    {.name = HY_TOPIC_WATCH,
     .key = "account or column",
     .value = "inspector's own",
     .description = "Inspector's state: freshness and duties of each account and column.",
     .partitions = 4,
     .retention_ms = -1,
     .compacted = true,
     .compression = "lz4",
     .max_bytes = MB(2)},
    {.name = HY_TOPIC_COMMANDS,
     .key = "dossier . case",
     .value = "Command",
     .description = "The inbox of casework; stamped by the broker.",
     .partitions = 16,
     .retention_ms = DAYS(30),
     .log_append_time = true,
     .compression = "none",
     .max_bytes = MB(12)},
    {.name = HY_TOPIC_CASES,
     .key = "dossier . case",
     .value = "Case, DossierRecord, Progress",
     .description = "The state of record: one snapshot a case, one dossier record, one progress record a partition.",
     .partitions = 16,
     .retention_ms = -1,
     .compacted = true,
     .compression = "lz4",
     .max_bytes = MB(2)},
    {.name = HY_TOPIC_JOURNAL,
     .key = "case",
     .value = "JournalRecord",
     .description = "The history: one hash-chained record for each command applied or refused.",
     .partitions = 16,
     .retention_ms = -1,
     .compression = "lz4",
     .max_bytes = MB(2)},
    {.name = HY_TOPIC_CONTENT,
     .key = "content key",
     .value = "Content",
     .description = "Texts, drafts and persons; a tombstone erases.",
     .partitions = 16,
     .retention_ms = -1,
     .compacted = true,
     .compression = "lz4",
     .max_bytes = MB(2)},
    {.name = HY_TOPIC_REGISTRY,
     .key = "kind / id",
     .value = "RegistryRecord",
     .description = "What operators publish: packs, calendars, lists, accounts, people; log ids of topics.",
     .partitions = 1,
     .retention_ms = -1,
     .compacted = true,
     .compression = "zstd",
     .max_bytes = MB(2)},
    {.name = HY_TOPIC_WORK,
     .key = "case",
     .value = "WorkItem",
     .description = "The feed of one department: assigned, reminded, changed, recalled, closed.",
     .partitions = 1,
     .retention_ms = DAYS(30),
     .compression = "none",
     .max_bytes = MB(2)},
    {.name = HY_TOPIC_DEAD,
     .key = "topic / partition / offset",
     .value = "DeadLetter",
     .description = "What nobody could read or handle, with its reason.",
     .partitions = 4,
     .retention_ms = DAYS(180),
     .compression = "zstd",
     .max_bytes = MB(2)},
};

const struct hy_topic *hy_topics(size_t *n) {
    *n = sizeof TOPICS / sizeof *TOPICS;
    return TOPICS;
}

bool hy_topic_dept_valid(const char *dept) {
    size_t len = strlen(dept);
    return len >= 1 && len <= 64 && strspn(dept, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len;
}

const struct hy_topic *hy_topic_find(const char *name) {
    size_t pattern = strlen(HY_TOPIC_WORK);
    bool work = strncmp(name, HY_TOPIC_WORK, pattern) == 0;
    if (work && !hy_topic_dept_valid(name + pattern)) return NULL;
    for (size_t i = 0; i < sizeof TOPICS / sizeof *TOPICS; i++)
        if (strcmp(TOPICS[i].name, work ? HY_TOPIC_WORK : name) == 0) return &TOPICS[i];
    return NULL;
}

char *hy_topic_full(const char *prefix, const char *name, char out[HY_TOPIC_NAME_SIZE]) {
    snprintf(out, HY_TOPIC_NAME_SIZE, "%s%s", prefix == NULL ? "" : prefix, name);
    return out;
}
