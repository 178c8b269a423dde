#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "tools/hyctl/closure.h"
#include "tools/hyctl/publish.h"

void hyctl_sources_free(struct hyctl_sources *sources) {
    hyctl_folder_free(sources->packs);
    hyctl_folder_free(sources->lists);
    hyctl_folder_free(sources->places);
    hyctl_folder_free(sources->calendars);
    *sources = (struct hyctl_sources){0};
}

int hyctl_sources_read(const struct hyctl_args *args, bool with_calendars, struct hyctl_sources *out) {
    const char *policies = hyctl_policies_folder(args);
    char path[HYCTL_PATH];
    int rc = hyctl_folder_read(policies, ".yaml", &out->packs);
    snprintf(path, sizeof path, "%s/dispatch", policies);
    if (rc == HYCTL_OK) rc = hyctl_folder_read(path, ".yaml", &out->lists);
    snprintf(path, sizeof path, "%s/../gazetteer", policies);
    if (rc == HYCTL_OK) rc = hyctl_folder_read(path, ".yaml", &out->places);
    if (rc == HYCTL_OK && with_calendars)
        rc = hyctl_folder_read(hyctl_calendars_folder(args), ".json", &out->calendars);
    if (rc != HYCTL_OK) hyctl_sources_free(out);
    return rc;
}

// "national, sample": what could have been meant.
static int no_such_pack(const struct hyctl_folder *packs, const char *id, struct hy_error *err) {
    struct hy_buf there = {0};
    char found[HYCTL_ID];
    for (int i = 0; i < packs->n; i++)
        if (*hyctl_head(&packs->sources[i], "pack", found) != '\0')
            hy_buf_addf(&there, "%s%s", there.len > 0 ? ", " : "", found);
    int rc = hy_fail(err, HY_ENOTFOUND, "no file says 'pack: %.60s'; there are: %.300s", id,
                     there.len > 0 ? there.data : "none");
    hy_buf_free(&there);
    return rc;
}

// Loads what was written, so that what is published is known to read back.
static int load_back(struct hyctl_version *version, struct hy_buf *problems, struct hy_error *err) {
    struct hy_bundle bundle;
    int rc = hy_bundle_read(hy_buf_view(&version->json), &bundle, err);
    if (rc != HY_OK) return rc;
    rc = hy_bundle_pack(&bundle, &version->pack, problems);
    if (rc == HY_OK) {
        rc = hy_bundle_dispatch(&bundle, version->pack, &version->dispatch, problems);
        if (rc == HY_ENOTFOUND) rc = HY_OK;
    }
    hy_bundle_free(&bundle);
    return rc == HY_OK ? rc : hy_fail(err, rc, "%s was refused: %s", version->id, hy_error_text(rc));
}

int hyctl_version_make(const struct hyctl_sources *sources, const char *id, struct hyctl_version *out,
                       struct hy_buf *problems, struct hy_error *err) {
    if (hyctl_find(sources->packs, "pack", id) < 0) return no_such_pack(sources->packs, id, err);
    snprintf(out->id, sizeof out->id, "%s", id);
    struct hy_bundle *bundle = calloc(1, sizeof *bundle);
    if (bundle == NULL) return hy_fail(err, HY_ENOMEM, "out of memory");
    int rc = hyctl_closure(sources->packs, sources->lists, sources->places, id, bundle, err);
    if (rc == HY_OK && hy_bundle_write(bundle, &out->json) != HY_OK)
        rc = hy_fail(err, HY_EFORMAT, "%s: its texts are no UTF-8 (or memory is out)", id);
    free(bundle);
    if (rc == HY_OK) rc = load_back(out, problems, err);
    if (rc != HY_OK) hyctl_version_free(out);
    return rc;
}

void hyctl_version_free(struct hyctl_version *version) {
    hy_dispatch_free(version->dispatch);
    hy_pack_free(version->pack);
    hy_buf_free(&version->json);
    *version = (struct hyctl_version){0};
}

bool hyctl_year_of(const char *name, char out[8]) {
    if (strlen(name) != 9 || strspn(name, "0123456789") != 4 || strcmp(name + 4, ".json") != 0) return false;
    snprintf(out, 8, "%.4s", name);
    return true;
}

// The file's own word: a copy that was saved under another year's name would silently replace that year.
static bool says_its_year(const struct hy_pack_source *file, const char *year) {
    json_t *root = json_loadb((const char *)file->yaml.data, file->yaml.len, 0, NULL);
    json_int_t said = json_integer_value(json_object_get(root, "year"));
    json_decref(root);
    return said == strtol(year, NULL, 10);
}

int hyctl_calendars_check(const struct hyctl_folder *calendars) {
    struct hy_calendar *all = hy_calendar_new();
    int rc = all == NULL ? HYCTL_FAILED : HYCTL_OK;
    for (int i = 0; all != NULL && i < calendars->n; i++) {
        struct hy_error err = {.text = ""};
        char year[8];
        if (!hyctl_year_of(calendars->names[i], year))
            hy_fail(&err, HY_EINVALID, "%s: a calendar's file is called by its year, as 2026.json",
                    calendars->names[i]);
        else if (hy_calendar_add_year(all, calendars->names[i], calendars->sources[i].yaml, &err) == HY_OK &&
                 !says_its_year(&calendars->sources[i], year))
            hy_fail(&err, HY_EMISMATCH, "%s: says another \"year\" than its name", calendars->names[i]);
        if (err.code != HY_OK) {
            hyctl_error("%s", err.text);
            rc = HYCTL_FAILED;
        }
    }
    hy_calendar_free(all);
    return rc;
}
