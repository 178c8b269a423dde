// Reads gazetteers: places inside places, with the names that people use for them.
#include <stdlib.h>
#include <string.h>

#include "lib/core/dispatch_internal.h"
#include "lib/core/yaml_walk.h"

struct place_ctx {
    struct draft *draft;
    int index, depth;
};

static void add_name(struct hy_yaml *yaml, yaml_node_t *node, struct place_ctx *place, const char *what) {
    const char *text = hy_yaml_text(yaml, node, what, MAX_PLACE);
    const char *normal = text == NULL ? NULL : draft_normal(place->draft, text);
    if (normal == NULL) return;
    struct dispatch_use use = {
        .role = USE_PLACE, .ref = place->index, .weight = 1, .what = draft_str(place->draft, text)};
    draft_add_use(place->draft, normal, use);
}

static void place_name(struct hy_yaml *yaml, yaml_node_t *node, void *ctx) {
    struct place_ctx *place = ctx;
    const char *text = hy_yaml_text(yaml, node, "place", MAX_PLACE);
    if (text == NULL) return;
    place->draft->d->places[place->index].name = draft_str(place->draft, text);
    add_name(yaml, node, place, "place");
}

static void place_alias(struct hy_yaml *yaml, yaml_node_t *node, void *ctx) {
    add_name(yaml, node, ctx, "alias");
}

static void place_aliases(struct hy_yaml *yaml, yaml_node_t *node, void *ctx) {
    hy_yaml_list(yaml, node, "aliases", place_alias, ctx);
}

static void read_place(struct hy_yaml *yaml, yaml_node_t *node, void *ctx);

static void place_inside(struct hy_yaml *yaml, yaml_node_t *node, void *ctx) {
    struct place_ctx inner = *(struct place_ctx *)ctx;
    inner.depth++;
    if (inner.depth >= MAX_DEPTH)
        hy_yaml_problem(yaml, node, "inside: places are nested deeper than %d", MAX_DEPTH);
    else
        hy_yaml_list(yaml, node, "inside", read_place, &inner);
}

static void read_place(struct hy_yaml *yaml, yaml_node_t *node, void *ctx) {
    static const struct hy_yaml_key keys[] = {
        {"name", place_name}, {"aliases", place_aliases}, {"level", hy_yaml_skip}, {"inside", place_inside}};
    struct place_ctx place = *(struct place_ctx *)ctx;
    struct hy_dispatch *d = place.draft->d;
    if (!draft_grow(place.draft, (void **)&d->places, d->n_places, &place.draft->cap_places, sizeof *d->places)) return;
    d->places[d->n_places] = (struct dispatch_place){"", place.index, place.depth};
    place.index = d->n_places++;
    hy_yaml_map(yaml, node, "place", keys, sizeof keys / sizeof *keys, &place);
    if (*d->places[place.index].name == '\0') hy_yaml_problem(yaml, node, "place: name is missing");
}

static void read_top(struct hy_yaml *yaml, yaml_node_t *node, void *ctx) {
    struct place_ctx place = {ctx, NONE, 0};
    hy_yaml_list(yaml, node, "places", read_place, &place);
}

static void read_home(struct hy_yaml *yaml, yaml_node_t *node, void *ctx) {
    struct draft *draft = ctx;
    const char *home = hy_yaml_text(yaml, node, "home", MAX_PLACE);
    if (home != NULL) draft->d->home = draft_str(draft, home);
}

int dispatch_read_places(struct draft *draft, const struct hy_dispatch_input *input) {
    static const struct hy_yaml_key keys[] = {{"version", hy_yaml_skip},
                                              {"id", hy_yaml_skip},
                                              {"name", hy_yaml_skip},
                                              {"home", read_home},
                                              {"places", read_top}};
    bool found = draft->gazetteer == NULL;
    for (int i = 0; i < input->n_places && draft->gazetteer != NULL; i++) {
        struct hy_yaml yaml;
        if (hy_yaml_open(&yaml, input->places[i].name, input->places[i].yaml, draft->problems) == 0) {
            const yaml_node_t *id = hy_yaml_find(&yaml, hy_yaml_root(&yaml), "id");
            if (id != NULL && id->type == YAML_SCALAR_NODE &&
                strcmp((const char *)id->data.scalar.value, draft->gazetteer) == 0) {
                found = true;
                hy_yaml_map(&yaml, hy_yaml_root(&yaml), "gazetteer", keys, sizeof keys / sizeof *keys, draft);
            }
        }
        draft->mistakes += yaml.mistakes;
        hy_yaml_close(&yaml);
    }
    if (!found) {
        hy_buf_addf(draft->problems, "gazetteer '%s' is not among the files given\n", draft->gazetteer);
        draft->mistakes++;
    }
    return draft->nomem ? HY_ENOMEM : 0;
}
