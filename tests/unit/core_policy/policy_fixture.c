#include "tests/unit/core_policy/policy_fixture.h"

#include <stdlib.h>

const char *const base_yaml =
    "pack: base\n"                                                                   // 1
    "name: 试验\n"                                                                   // 2
    "jurisdiction: 某区\n"                                                           // 3
    "source: a test\n"                                                               // 4
    "valid_from: 2026-01-01\n"                                                       // 5
    "work_time:\n"                                                                   // 6
    "  hours: [\"08:30-12:00\", \"14:30-18:00\"]\n"                                  // 7
    "departments:\n"                                                                 // 8
    "  desk: {name: 分拨中心, supervisor: office}\n"                                 // 9
    "  office: {name: 办公室, aliases: [政府办]}\n"                                  // 10
    "  school: {name: 教育局, aliases: [教体局, 教委], supervisor: office}\n"        // 11
    "kinds:\n"                                                                       // 12
    "  letter:\n"                                                                    // 13
    "    label: 来信\n"                                                              // 14
    "    article: N5\n"                                                              // 15
    "    fallback: desk\n"                                                           // 16
    "    decider: office\n"                                                          // 17
    "    states: [opened, assigned, signed, drafted, approved, delivered, closed]\n" // 18
    "    reviews: 1\n"                                                               // 19
    "    clocks:\n"                                                                  // 20
    "      reply:\n"                                                                 // 21
    "        label: 答复\n"                                                          // 22
    "        article: R002-8\n"                                                      // 23
    "        quote: 在5个工作日内\n"                                                 // 24
    "        main: true\n"                                                           // 25
    "        length: 5\n"                                                            // 26
    "        unit: workdays\n"                                                       // 27
    "        start: received\n"                                                      // 28
    "        stop: delivered\n"                                                      // 29
    "        warnings: [50, 80]\n"                                                   // 30
    "        ladder:\n"                                                              // 31
    "          - {at: 50, notify: owner, action: remind}\n"                          // 32
    "          - {at: 80, notify: supervisor, action: escalate}\n"                   // 33
    "          - {at: 100, notify: office, action: supervise}\n"                     // 34
    "    moves:\n"                                                                   // 35
    "      sign: {from: [assigned], to: signed, roles: [department], article: N5}\n" // 36
    "      reply: {from: [signed], to: drafted, roles: [department], owner_only: true,"
    " needs: [text], article: N5}\n" // 37
    "      approve: {from: [drafted], to: approved, roles: [department, operator],"
    " article: N5}\n" // 38
    "      close: {from: [delivered], to: closed, roles: [operator], needs: [reason, proof],"
    " proofs: [receipt, link], article: N5}\n"                   // 39
    "    closes:\n"                                              // 40
    "      solved: {label: 办结, proof: receipt, article: N5}\n" // 41
    "    deliveries:\n"                                          // 42
    "      receipt: {purpose: receipt, at: opened, target: origin,"
    " text: \"{receipt_number} {department} {due}\"}\n"                                      // 43
    "      answer: {purpose: reply, at: approved, target: origin, text: \"\", main: true}\n" // 44
    "incident:\n"                                                                            // 45
    "  article: R000-14c\n"                                                                  // 46
    "  window_minutes: 60\n"                                                                 // 47
    "  baseline_days: 7\n"                                                                   // 48
    "  quiet_minutes: 60\n"                                                                  // 49
    "  major_level: 2\n"                                                                     // 50
    "  levels:\n"                                                                            // 51
    "    II: {writers: 10, times_usual: 5}\n"                                                // 52
    "    IV: {writers: 3, times_usual: 2.5}\n";                                              // 53

void unload(struct loaded *loaded) {
    hy_pack_free(loaded->pack);
    hy_buf_free(&loaded->problems);
}

struct loaded load_texts(const char *id, int n, const char *const *texts) {
    static const char *const names[] = {"a.yaml", "b.yaml", "c.yaml", "d.yaml"};
    struct hy_pack_source sources[4];
    struct loaded loaded = {0};
    for (int i = 0; i < n; i++)
        sources[i] = (struct hy_pack_source){names[i], hy_bytes_of(texts[i])};
    loaded.rc = hy_pack_load(sources, n, id, &loaded.pack, &loaded.problems);
    // A load that succeeds says nothing, one that fails says why and gives no pack.
    assert_int_equal(loaded.rc == HY_OK, loaded.problems.len == 0);
    assert_int_equal(loaded.rc == HY_OK, loaded.pack != NULL);
    return loaded;
}

struct loaded load_base(void) {
    return load_texts("base", 1, &base_yaml);
}

char *replaced(const char *text, const char *from, const char *to) {
    const char *at = strstr(text, from);
    if (at == NULL) fail_msg("no \"%s\" in the text", from);
    size_t size = strlen(text) + strlen(to) + 1;
    char *out = malloc(size);
    assert_non_null(out);
    snprintf(out, size, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return out;
}

char *child_of_base(const char *rows) {
    static const char head[] = "pack: child\nname: 孩子\njurisdiction: 某镇\nsource: a test\ninherits: base\n"
                               "valid_from: 2026-02-01\n";
    size_t size = sizeof head + strlen(rows);
    char *out = malloc(size);
    assert_non_null(out);
    snprintf(out, size, "%s%s", head, rows);
    return out;
}

void assert_says(const struct loaded *loaded, const char *expected) {
    if (loaded->problems.data == NULL || strstr(loaded->problems.data, expected) == NULL)
        fail_msg("expected: %s\nsaid: %s", expected, loaded->problems.data != NULL ? loaded->problems.data : "nothing");
}

char *read_text(const char *path) {
    struct hy_buf text = {0};
    struct hy_error err;
    if (hy_read_file(path, 4 << 20, &text, &err) == HY_OK) return text.data;
    hy_buf_free(&text);
    return NULL;
}

struct loaded load_shipped(const char *id) {
    static const char *const names[] = {"national.yaml", "yuancheng.yaml", "sample.yaml"};
    struct hy_pack_source sources[3];
    struct hy_buf texts[3] = {0};
    struct loaded loaded = {0};
    for (int i = 0; i < 3; i++) {
        char path[256];
        struct hy_error err = {0};
        snprintf(path, sizeof path, HY_SOURCE_DIR "/deploy/policies/%s", names[i]);
        if (hy_read_file(path, 1 << 20, &texts[i], &err) != HY_OK) fail_msg("%s", err.text);
        sources[i] = (struct hy_pack_source){names[i], hy_buf_view(&texts[i])};
    }
    loaded.rc = hy_pack_load(sources, 3, id, &loaded.pack, &loaded.problems);
    for (int i = 0; i < 3; i++)
        hy_buf_free(&texts[i]);
    if (loaded.rc != HY_OK) fail_msg("%s", loaded.problems.data);
    return loaded;
}
