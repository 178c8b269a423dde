// What a message is about, found by how names end. Names have no marked beginning in Chinese, and people write one
// place in many ways (万科魅力之城小区, 魅力之城); so the key is the ending and the two characters before it, which
// nearly all ways of writing share. Words that say which of several (实验, 二期) make the key reach further back. To
// know more kinds of names: a row in endings[]. Words that are no names go into the lists' stock words, not here.
#include <stdlib.h>
#include <string.h>

#include "lib/core/route_internal.h"
#include "lib/core/text.h"

enum { MAX_CHARS = 3000, MAX_FOUND = 64, KEY_CHARS = 2, REACH = 8 };

// How a name of the kind is told from others.
enum shape {
    SHAPE_TAIL,   // by the two characters before the ending (湖心苑), over words like 实验
    SHAPE_WHOLE,  // by all of it (firms: their last words are only their trade)
    SHAPE_NUMBER, // by its digits (3号线)
    SHAPE_SCHEME, // by the two characters before the words that say which part of it, and "补贴"
};

struct ending {
    const char *text;
    double weight; // how much a name of this kind tells what the matter is; 0: none, but names begin anew after it
    const char *not_before; // characters that make it another word: 路线, 厂家
    enum shape shape;
};

// Longer endings stand before shorter ones that they contain.
// clang-format off
#define NAME(text, weight) {text, weight, NULL, SHAPE_TAIL}
#define NAME_NOT(text, weight, not_before) {text, weight, not_before, SHAPE_TAIL}
#define SHAPED(text, weight, shape) {text, weight, NULL, shape}
static const struct ending endings[] = {
    // homes
    NAME("小区", 1.0),
    NAME("花园", 1.0),
    NAME("家园", 1.0),
    NAME("公寓", 1.0),
    NAME("新村", 0.9),
    NAME("公馆", 1.0),
    NAME("山庄", 1.0),
    NAME("豪庭", 1.0),
    NAME("华庭", 1.0),
    NAME("名都", 1.0),
    NAME("国际", 0.8),
    NAME("幼儿园", 1.0),
    NAME("公园", 0.8),
    NAME("校园", 0),
    NAME("工业园", 0.8),
    NAME("物流园", 0.9),
    NAME("产业园", 0.8),
    NAME("苑", 1.0),
    NAME("郡", 1.0),
    NAME("湾", 0.9),
    NAME_NOT("园", 0.9, "区林长丁艺"),
    NAME("政府", 0),
    NAME("府", 0.9),
    NAME("县城", 0),
    NAME("商城", 0.8),
    NAME_NOT("城", 0.9, "市区管镇乡际投建关铁东西南北中里"),
    // ways
    NAME("高速公路", 0.6),
    NAME("公路", 0.6),
    NAME("大道", 0.6),
    NAME("铁路", 0),
    NAME("马路", 0),
    NAME("道路", 0),
    NAME("线路", 0),
    NAME("电路", 0),
    NAME("高速", 0.6),
    NAME("国道", 0.6),
    NAME("省道", 0.6),
    NAME_NOT("路", 0.6, "线过费程况由"),
    NAME_NOT("街", 0.6, "道坊上头"),
    NAME("巷", 0.8),
    NAME("大桥", 0.8),
    NAME("立交桥", 0.8),
    NAME("隧道", 0.8),
    SHAPED("号线", 0.7, SHAPE_NUMBER),
    // works and shops
    NAME("搅拌站", 0.9),
    NAME("变电站", 0.9),
    NAME("垃圾站", 0.6),
    NAME("加油站", 0.6),
    NAME("火车站", 0.5),
    NAME("汽车站", 0.5),
    NAME("焚烧厂", 1.0),
    NAME("填埋场", 1.0),
    NAME("养殖场", 0.9),
    NAME("采石场", 0.9),
    NAME("批发市场", 0.8),
    NAME("农贸市场", 0.7),
    NAME_NOT("市场", 0.5, "监经化价调秩份"),
    NAME_NOT("厂", 1.0, "家商房区长门"),
    NAME("广场", 0.8),
    NAME("大厦", 0.9),
    NAME("超市", 0.6),
    NAME("酒店", 0.7),
    NAME("驾校", 0.9),
    NAME("水库", 0.8),
    NAME("景区", 0.8),
    // schools and hospitals
    NAME_NOT("小学", 1.0, "生"),
    NAME_NOT("中学", 1.0, "生"),
    NAME_NOT("大学", 0.8, "生"),
    NAME("学院", 0.9),
    NAME("学校", 0.9),
    NAME("医院", 0.9),
    NAME("卫生院", 0.9),
    // firms and schemes
    SHAPED("公司", 0.8, SHAPE_WHOLE),
    SHAPED("集团", 0.6, SHAPE_WHOLE),
    SHAPED("补贴", 0.6, SHAPE_SCHEME),
    SHAPED("补助", 0.6, SHAPE_SCHEME),
    SHAPED("新政", 0.6, SHAPE_SCHEME),
    SHAPED("津贴", 0.6, SHAPE_SCHEME),
    // areas: no subject of their own, but names begin anew after them
    NAME("街道", 0),
    NAME("社区", 0),
    NAME("片区", 0),
    NAME("开发区", 0),
};
#undef NAME
#undef NAME_NOT
#undef SHAPED
// clang-format on
enum { N_ENDINGS = sizeof endings / sizeof *endings };

// Words that tell one of several apart: the key reaches over them.
static const char *const modifiers[] = {
    "实验", "外国语", "国语", "中心", "附属", "附中", "第一", "第二", "第三", "第四", "第五",     "双语", "职业",
    "技术", "一期",   "二期", "三期", "四期", "五期", "安置", "民办", "公办", "有限", "有限责任", "股份", "股份有限",
    "分",   "东",     "西",   "南",   "北",   "人民", "配套", "高级", "一",   "二",   "三",       "四",   "五"};

// Words inside the name of a scheme that say which part of it: 人才购房补贴, 人才新政租房补助 are one matter.
static const char *const parts[] = {"购房", "租房", "住房", "认证", "新政", "政策", "申请",
                                    "生活", "安家", "引进", "及",   "的",   "落户"};

// Characters that are hardly ever inside a name: a name begins after them.
static const char breaks[] =
    "的了在是与从向于对至请望我你您他她它们这那个条某有无没不被让把给就都也还旁位距往该各每此因为而但且"
    "使令将要会能可应该需如何么吗呢吧啊等问及或到由说问称修走过进出住靠";

// One name in the text: characters [from, to) of it, the key's start, the ending.
struct name {
    int from, to;    // as long as the text has it
    int key, key_to; // what the key has of it
    const struct ending *ending;
    int times;
    bool title;
    double weight;
};

enum { CLASS_ENDS = 1, CLASS_BREAKS = 2, CLASS_AREA = 4, CLASS_MODIFIES = 8, WORD_CHARS = 6 };
enum { N_MODIFIERS = sizeof modifiers / sizeof *modifiers, N_PARTS = sizeof parts / sizeof *parts };

// A word as characters, so that the text is compared without decoding it again.
struct word {
    int n;
    uint32_t cp[WORD_CHARS];
};

// The tables above, made quick: what a character can be, and the endings by their last character.
struct subject_index {
    uint64_t ends[(1 << 16) / 64]; // a bit a character: CLASS_ENDS, small enough to stay near for every message
    uint8_t classes[1 << 16];      // of the basic plane
    struct word ending[N_ENDINGS], modifier[N_MODIFIERS], part[N_PARTS];
    uint8_t next[N_ENDINGS]; // the next ending with the same last character + 1, 0 = none
    uint8_t first[1 << 16];  // by last character + 1
};

struct chars {
    const struct subject_index *index;
    uint32_t cp[MAX_CHARS];
    uint32_t at[MAX_CHARS + 1]; // byte offset in buf
    int n;
    uint16_t ends[MAX_CHARS]; // behind which characters a name may end: few
    int n_ends;
    const struct hy_buf *buf;
};

static void add_char(const struct subject_index *index, struct chars *chars, size_t at, uint32_t cp) {
    chars->at[chars->n] = (uint32_t)at;
    chars->cp[chars->n++] = cp;
    chars->ends[chars->n_ends] = (uint16_t)chars->n;
    chars->n_ends += cp < 1 << 16 && (index->ends[cp / 64] >> cp % 64 & 1);
}

// Nearly all of a message is characters of three bytes: this run takes them without a call, and stops at anything else.
static size_t read_run(const struct subject_index *index, const struct hy_buf *buf, size_t at, struct chars *chars) {
    const uint8_t *p = (const uint8_t *)buf->data;
    const size_t len = buf->len;
    const uint64_t *ends = index->ends;
    int n = chars->n, n_ends = chars->n_ends;
    for (; at + 3 <= len && n < MAX_CHARS; at += 3) {
        uint32_t raw = p[at] | (uint32_t)p[at + 1] << 8 | (uint32_t)p[at + 2] << 16;
        if ((raw & 0xC0C0F0U) != 0x8080E0U) break;
        uint32_t cp = (raw & 0x0FU) << 12 | (raw >> 2 & 0xFC0U) | (raw >> 16 & 0x3FU);
        chars->at[n] = (uint32_t)at;
        chars->cp[n++] = cp;
        chars->ends[n_ends] = (uint16_t)n;
        n_ends += (int)(ends[cp / 64] >> cp % 64 & 1);
    }
    chars->n = n;
    chars->n_ends = n_ends;
    return at;
}

static void read_chars(const struct subject_index *index, const struct hy_buf *buf, struct chars *chars) {
    chars->index = index;
    chars->n = chars->n_ends = 0;
    chars->buf = buf;
    size_t at = 0, width;
    while (at < buf->len && chars->n < MAX_CHARS) {
        at = read_run(index, buf, at, chars);
        if (at == buf->len || chars->n == MAX_CHARS) break;
        add_char(index, chars, at, hy_text_char((const uint8_t *)buf->data, buf->len, at, &width));
        at += width;
    }
    chars->at[chars->n] = (uint32_t)at;
}

static bool ideograph(uint32_t cp) {
    return (cp >= 0x3400 && cp <= 0x9FFF) || (cp >= 0x20000 && cp <= 0x3FFFF);
}

// Does the UTF-8 list of characters hold cp?
static bool among(uint32_t cp, const char *list) {
    size_t len = strlen(list), width;
    for (size_t at = 0; at < len; at += width)
        if (hy_text_char((const uint8_t *)list, len, at, &width) == cp) return true;
    return false;
}

static struct word word_of(const char *text) {
    struct word word = {0};
    size_t len = strlen(text), width;
    for (size_t at = 0; at < len && word.n < WORD_CHARS; at += width)
        word.cp[word.n++] = hy_text_char((const uint8_t *)text, len, at, &width);
    return word;
}

static void mark(struct subject_index *index, const char *list, uint8_t class) {
    size_t len = strlen(list), width;
    for (size_t at = 0; at < len; at += width)
        index->classes[hy_text_char((const uint8_t *)list, len, at, &width) & 0xFFFF] |= class;
}

struct subject_index *subject_index_new(void) {
    struct subject_index *index = calloc(1, sizeof *index);
    if (index == NULL) return NULL;
    for (int i = 0; i < N_ENDINGS; i++) {
        index->ending[i] = word_of(endings[i].text);
        uint32_t last = index->ending[i].cp[index->ending[i].n - 1] & 0xFFFF;
        index->next[i] = index->first[last];
        index->first[last] = (uint8_t)(i + 1);
        index->classes[last] |= CLASS_ENDS;
        index->ends[last / 64] |= 1ULL << last % 64;
    }
    for (int i = 0; i < N_MODIFIERS; i++) {
        index->modifier[i] = word_of(modifiers[i]);
        index->classes[index->modifier[i].cp[index->modifier[i].n - 1] & 0xFFFF] |= CLASS_MODIFIES;
    }
    for (int i = 0; i < N_PARTS; i++)
        index->part[i] = word_of(parts[i]);
    mark(index, breaks, CLASS_BREAKS);
    mark(index, "市县镇乡", CLASS_AREA);
    return index;
}

static bool is(const struct chars *chars, int i, uint8_t class) {
    return chars->cp[i] < 1 << 16 && (chars->index->classes[chars->cp[i]] & class);
}

// Characters of the text before `end` that equal `word`: their number, 0 when they do not.
static int ends_with(const struct chars *chars, int end, int from, const struct word *word) {
    if (end - from < word->n) return 0;
    for (int i = 1; i <= word->n; i++)
        if (chars->cp[end - i] != word->cp[word->n - i]) return 0;
    return word->n;
}

static const struct ending *ending_at(const struct chars *chars, int end, int from, int *width) {
    const struct ending *best = NULL;
    *width = 0;
    if (!is(chars, end - 1, CLASS_ENDS)) return NULL;
    for (int i = chars->index->first[chars->cp[end - 1]]; i > 0; i = chars->index->next[i - 1]) {
        int chars_long = ends_with(chars, end, from, &chars->index->ending[i - 1]);
        if (chars_long > *width) {
            *width = chars_long;
            best = &endings[i - 1];
        }
    }
    if (best != NULL && best->not_before != NULL && end < chars->n && among(chars->cp[end], best->not_before))
        return NULL;
    return best;
}

// Where a name that ends before `end` can begin: behind the last break, the last area word, and `from`.
static int name_start(const struct chars *chars, int end, int from) {
    int start = end;
    while (start > from && end - start < REACH) {
        uint32_t cp = chars->cp[start - 1];
        if (!ideograph(cp) || is(chars, start - 1, CLASS_BREAKS)) break;
        bool area = is(chars, start - 1, CLASS_AREA) ||
                    (cp == 0x533A && start >= 2 && chars->cp[start - 2] != 0x5C0F); // 区, not 小区
        if (area) break;
        start--;
    }
    return start;
}

// Reaches back over words that tell one of several apart (or, for firms, over their legal form).
static int over_modifiers(const struct chars *chars, int end, int from) {
    int at = end;
    for (int longest = 1; longest > 0; at -= longest) {
        longest = 0;
        if (at == from || !is(chars, at - 1, CLASS_MODIFIES)) break;
        for (int i = 0; i < N_MODIFIERS; i++) {
            int width = ends_with(chars, at, from, &chars->index->modifier[i]);
            if (width > longest && (width > 1 || at - width - from >= KEY_CHARS)) longest = width;
        }
    }
    return at;
}

// A scheme is named by the two characters before the words that say which part of it.
static int scheme_start(const struct chars *chars, int end, int from) {
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 0; i < N_PARTS && !moved; i++) {
            int width = ends_with(chars, end, from, &chars->index->part[i]);
            end -= width;
            moved = width > 0;
        }
    }
    return end;
}

static bool digits(uint32_t cp) {
    return cp >= '0' && cp <= '9';
}

// A numbered line (3号线): its digits are the name.
static int numbered_start(const struct chars *chars, int end, int from) {
    int start = end;
    while (start > from && digits(chars->cp[start - 1]))
        start--;
    return start < end ? start : NONE;
}

static bool stock(const struct hy_dispatch *d, const struct chars *chars, int from, int to) {
    return dispatch_is_stock(d, chars->buf->data + chars->at[from], chars->at[to] - chars->at[from]);
}

// Where a name and its key begin, and where the key ends; false when it is no name.
struct span {
    int start, key, key_end;
};

static bool tail_span(const struct chars *chars, int from, int body, int end, struct span *span) {
    int at = over_modifiers(chars, body, from);
    int start = name_start(chars, at, from);
    if (at - start < KEY_CHARS) { // nothing stands before the modifiers: they are the name
        at = body;
        start = name_start(chars, body, from);
    }
    *span = (struct span){start, at - KEY_CHARS, end};
    return at - start >= KEY_CHARS;
}

static bool whole_span(const struct chars *chars, int from, int body, int end, struct span *span) {
    enum { LEAST = 4 }; // 自来水公司 is a kind of firm, not one
    int at = over_modifiers(chars, body, from);
    int start = name_start(chars, at, from);
    *span = (struct span){start, start, end};
    return at - start >= LEAST || (at < body && at - start >= KEY_CHARS);
}

static bool scheme_span(const struct chars *chars, int from, int body, struct span *span) {
    int at = scheme_start(chars, body, from), start = name_start(chars, at, from);
    *span = (struct span){start, at - KEY_CHARS, at};
    return at - start >= KEY_CHARS;
}

static bool span_of(const struct chars *chars, int from, int body, int end, enum shape shape, struct span *span) {
    switch (shape) {
    case SHAPE_TAIL:
        return tail_span(chars, from, body, end, span);
    case SHAPE_WHOLE:
        return whole_span(chars, from, body, end, span);
    case SHAPE_SCHEME:
        return scheme_span(chars, from, body, span);
    case SHAPE_NUMBER:
        break;
    }
    int start = numbered_start(chars, body, from);
    *span = (struct span){start, start, end};
    return start != NONE;
}

// The name whose ending takes the characters [body, end); false when it is none.
static bool name_of(const struct hy_dispatch *d, const struct chars *chars, int from, int body, int end,
                    const struct ending *ending, struct name *name) {
    struct span span;
    if (ending->weight <= 0 || !span_of(chars, from, body, end, ending->shape, &span)) return false;
    int key_body = span.key_end < body ? span.key_end : body;
    if (stock(d, chars, span.key, end) || stock(d, chars, span.key, key_body) || stock(d, chars, span.start, key_body))
        return false;
    *name = (struct name){
        .from = span.start, .key = span.key, .key_to = span.key_end, .to = end, .ending = ending, .times = 1};
    return true;
}

static bool equal(const struct chars *a, const struct name *x, const struct chars *b, const struct name *y) {
    size_t len = a->at[x->key_to] - a->at[x->key];
    bool schemes = x->ending->shape == SHAPE_SCHEME;
    return schemes == (y->ending->shape == SHAPE_SCHEME) && len == b->at[y->key_to] - b->at[y->key] &&
           memcmp(a->buf->data + a->at[x->key], b->buf->data + b->at[y->key], len) == 0;
}

// Two homes named in one breath (伊景园·滨河苑) are one place, named from large to small: the last one stays.
static bool continues(const struct chars *chars, const struct name *last, const struct name *name) {
    int gap = name->from - last->to;
    if (strcmp(last->ending->text, "路") == 0 || last->ending->weight < 0.8 || name->ending->weight < 0.8) return false;
    return gap == 0 || (gap == 1 && among(chars->cp[last->to], "·.・•"));
}

struct found_names {
    struct name names[MAX_FOUND];
    const struct chars *of[MAX_FOUND];
    int n;
};

static void add_name(struct found_names *found, const struct chars *chars, const struct name *name) {
    for (int i = 0; i < found->n; i++) {
        if (!equal(found->of[i], &found->names[i], chars, name)) continue;
        found->names[i].times += name->times;
        return;
    }
    if (found->n == MAX_FOUND) return;
    found->of[found->n] = chars;
    found->names[found->n++] = *name;
}

// 公园路 is a road, 湖心苑路口 is at a compound: does the name go on behind this ending?
static bool goes_on(const struct chars *chars, int end) {
    if (end >= chars->n || !among(chars->cp[end], "路街巷桥")) return false;
    return end + 1 >= chars->n || !among(chars->cp[end + 1], "口边灯面段上旁");
}

static void find_names(const struct hy_dispatch *d, const struct chars *chars, bool title, struct found_names *found) {
    struct name last = {0};
    bool have = false;
    int from = 0; // names do not reach over the ending before
    for (int i = 0; i < chars->n_ends; i++) {
        int width, end = chars->ends[i];
        const struct ending *ending = ending_at(chars, end, from, &width);
        if (ending == NULL || goes_on(chars, end)) continue;
        int wider; // 汽车站 before 汽车 is read as one: take the longest that starts here
        if (end < chars->n && ending_at(chars, end + 1, from, &wider) != NULL && wider > width) continue;
        struct name name;
        bool is_name = name_of(d, chars, from, end - width, end, ending, &name);
        from = end;
        if (!is_name) continue;
        name.title = title;
        if (have && !continues(chars, &last, &name)) add_name(found, chars, &last);
        last = name;
        have = true;
    }
    if (have) add_name(found, chars, &last);
}

static void weigh_names(struct found_names *found) {
    for (int i = 0; i < found->n; i++) {
        struct name *name = &found->names[i];
        int more = name->times > 4 ? 3 : name->times - 1;
        name->weight = name->ending->weight * (name->title ? 2 : 1) * (1 + 0.3 * more);
    }
}

// A copy that fits, cut between characters.
static void copy_text(char *out, size_t size, const char *text, size_t len) {
    len = hy_utf8_prefix(hy_bytes_from(text, len), len < size - 1 ? len : size - 1);
    memcpy(out, text, len);
    out[len] = '\0';
}

_Static_assert(HY_SUBJECT_KEY > 3 * HY_SUBJECT_TEXT, "a key is three texts with a bar between them");

static void make_subject(const struct hy_dispatch *d, const struct hy_route *route, const struct chars *chars,
                         const struct name *name, double weight, struct hy_subject *out) {
    *out = (struct hy_subject){.weight = weight};
    copy_text(out->place, sizeof out->place, d->home, strlen(d->home));
    copy_text(out->topic, sizeof out->topic, route->category, strlen(route->category));
    char key[HY_SUBJECT_TEXT] = "";
    if (name != NULL) {
        copy_text(out->entity, sizeof out->entity, chars->buf->data + chars->at[name->from],
                  chars->at[name->to] - chars->at[name->from]);
        copy_text(key, sizeof key, chars->buf->data + chars->at[name->key],
                  chars->at[name->key_to] - chars->at[name->key]);
        size_t len = strlen(key);
        if (name->ending->shape == SHAPE_SCHEME) copy_text(key + len, sizeof key - len, "补贴", strlen("补贴"));
    } else if (*route->area != '\0') {
        copy_text(out->place, sizeof out->place, route->area, strlen(route->area));
    }
    char *at = stpcpy(out->key, out->place); // place|topic|entity: HY_SUBJECT_KEY has room for three of their size
    at = stpcpy(stpcpy(at, "|"), name != NULL ? "" : out->topic);
    stpcpy(stpcpy(at, "|"), key);
}

static int heaviest(const struct found_names *found) {
    int best = NONE;
    for (int i = 0; i < found->n; i++)
        if (found->names[i].weight > 0 && (best == NONE || found->names[i].weight > found->names[best].weight))
            best = i;
    return best;
}

int hy_route_subjects(const struct hy_dispatch *d, struct hy_route_scratch *s, const struct hy_route *route,
                      struct hy_subject out[HY_SUBJECTS]) {
    struct chars title, text;
    struct found_names found = {.n = 0};
    read_chars(s->names, &s->title, &title);
    read_chars(s->names, &s->text, &text);
    find_names(d, &title, true, &found);
    find_names(d, &text, false, &found);
    weigh_names(&found);
    int n = 0;
    double top = 0;
    for (int best = heaviest(&found); best != NONE && n < HY_SUBJECTS - 1; best = heaviest(&found)) {
        struct name *name = &found.names[best];
        top = n == 0 ? name->weight : top;
        make_subject(d, route, found.of[best], name, name->weight / top, &out[n++]);
        name->weight = 0;
    }
    if (route->counts && *route->area != '\0') // a topic of nowhere is no subject
        make_subject(d, route, NULL, NULL, 1, &out[n++]);
    return n;
}
