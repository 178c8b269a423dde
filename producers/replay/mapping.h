// How the rows of a file become events: a small YAML file that names the columns (docs/replay.md). Pure but for reading
// that file. To take over another field of a row, add it to struct replay_mapping and the table in mapping.c, and use
// it in row_event.c.
#ifndef HY_REPLAY_MAPPING_H
#define HY_REPLAY_MAPPING_H

#include "lib/base/bytes.h"
#include "lib/base/error.h"

enum replay_format { REPLAY_JSONL, REPLAY_CSV };
enum replay_dossier { REPLAY_DOSSIER_MESSAGE, REPLAY_DOSSIER_AUTHOR, REPLAY_DOSSIER_THREAD };

// Column names of a row; "" = the rows have no such column.
struct replay_columns {
    char *native_id, *author, *title, *text, *occurred, *thread, *place, *department, *account, *link;
};

struct replay_mapping {
    int format;  // enum replay_format
    int kind;    // index in REPLAY_KINDS
    int dossier; // enum replay_dossier
    char *platform, *account, *language;
    char *missing_time; // instant for rows without one; "" = such a row is refused
    struct replay_columns columns;
};

#define REPLAY_KINDS "POST|COMMENT|PRIVATE_MESSAGE|LETTER|FORM|MENTION|TICKET|SIGNAL"

// Reads a mapping text (name is for messages). HY_ECONFIG with every mistake in *problems. Free with mapping_free.
HY_MUST_CHECK int mapping_load(const char *name, struct hy_bytes yaml, struct replay_mapping *out,
                               struct hy_buf *problems);
void mapping_free(struct replay_mapping *mapping);
// The kind's name in the contract.
const char *mapping_kind(const struct replay_mapping *mapping);

#endif
