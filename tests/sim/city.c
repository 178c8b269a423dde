#include "tests/sim/city.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "huiying/v1/event.pb-c.h"
#include "lib/base/id.h"
#include "lib/base/pb.h"
#include "tests/sim/audit.h"
#include "tests/sim/kafka.h"

enum {
    HOUR = 3600000,
    DAY = 24 * HOUR,
    AUTHORS = 20000,
    RECENT = 512, // messages that may be edited, taken back, followed up or repeated
    RETRY_MS = 3000,
    ARENA = 1 << 20,
    BURST_DAYS = 6, // about one burst in so many days
    BURST_LEAST = 25,
    BURST_MOST = 80
};

#define KIND(name) HUIYING__V1__EVENT_KIND__EVENT_KIND_##name

static const char *const PLACES[] = {"上城街道", "新江街道", "东埔街道", "源西街道", "高埔岗街道", "源南镇", "埔前镇"};
static const char *const HOMES[] = {"映月小区", "翠竹花园", "文昌苑", "滨江新村",   "宝源路",
                                    "长塘路",   "兴源路",   "学前坝", "金沟湾小区", "永和花园"};
static const char *const MATTERS[] = {
    "自来水管爆裂漏水三天没人修，请尽快处理",
    "路灯坏了两个星期，晚上走路很危险",
    "夜市占道经营，油烟和噪音扰民，请管一管",
    "小区物业乱收停车费，投诉无门",
    "工地夜间施工噪音扰民，老人孩子睡不好",
    "孩子上小学一年级入学报名需要哪些材料",
    "工地拖欠农民工工资，请帮忙讨回",
    "垃圾堆在路口没人清运，臭味严重",
    "公交车班次太少，建议增加早晚班次",
    "医保报销手续怎么办理，请问需要什么材料",
    "井盖缺失，有人差点掉下去",
    "工厂排放废气，半夜有刺鼻气味，请环保局查一查",
    "电梯经常故障困人，物业一直不修",
    "低保申请什么时候能批下来",
    "餐馆卫生太差，吃了拉肚子，请市场监管局检查",
    "路面塌陷积水严重，车辆无法通行",
    "养老金认证在手机上怎么办理",
    "幼儿园收费太高，请问收费标准是多少",
};
static const char *const CHATTER[] = {"好的，谢谢", "收到", "在吗", "为你们点赞，辛苦了", "测试"};

#define COUNT(list) (int64_t)(sizeof(list) / sizeof(list)[0])

struct letter {
    int author;
    Huiying__V1__EventKind kind;
    char native_id[32], event_id[HY_ID_SIZE], dossier[HY_ID_SIZE], answers[HY_ID_SIZE];
    char text[400];
    int64_t written_ms, received_ms;
    struct letter *prev, *next;
};

static struct letter *under_way;
static struct letter recent[RECENT];
static uint64_t n_letters;
static int64_t ends_ms, per_hour_1000;
static struct hy_arena *arena;

static int publish(const struct letter *letter) {
    Huiying__V1__Event event = HUIYING__V1__EVENT__INIT;
    Huiying__V1__Author author = HUIYING__V1__AUTHOR__INIT;
    Huiying__V1__Time occurred = HUIYING__V1__TIME__INIT, received = HUIYING__V1__TIME__INIT,
                      ingested = HUIYING__V1__TIME__INIT;
    char handle[24];
    struct hy_bytes value;
    snprintf(handle, sizeof handle, "author-%d", letter->author);
    author.handle = handle;
    occurred.unix_ms = letter->written_ms;
    received.unix_ms = letter->received_ms;
    ingested.unix_ms = sim_now.now_ms;
    occurred.offset_minutes = received.offset_minutes = ingested.offset_minutes = HY_SHANGHAI_MINUTES;
    event.schema_version = 1;
    event.id = (char *)(uintptr_t)letter->event_id;
    event.platform = (char *)(uintptr_t) "sim";
    event.account = (char *)(uintptr_t) "mailbox";
    event.native_id = (char *)(uintptr_t)letter->native_id;
    event.kind = letter->kind;
    event.dossier = (char *)(uintptr_t)letter->dossier;
    event.author = &author;
    event.occurred = &occurred;
    event.received = &received;
    event.ingested = &ingested;
    event.text = (char *)(uintptr_t)letter->text;
    event.answers = (char *)(uintptr_t)letter->answers;
    hy_arena_reset(arena);
    if (hy_pb_write(&event, arena, &value) != HY_OK) abort();
    return sim_append(HY_TOPIC_COMMENTS, -1, hy_bytes_of(letter->dossier), value, false, NULL, NULL);
}

static void deliver(void *ctx, uint64_t tag) {
    struct letter *letter = ctx;
    if (!letter->received_ms) letter->received_ms = sim_now.now_ms;
    if (publish(letter) != HY_OK) {
        sim_after(RETRY_MS, deliver, letter, tag); // the spool keeps it
        return;
    }
    audit_accepted(letter->event_id);
    recent[n_letters++ % RECENT] = *letter;
    DL_DELETE(under_way, letter);
    free(letter);
}

static void set_id(struct letter *letter) {
    const char *const NAMES[] = {[KIND(LETTER)] = "LETTER", [KIND(EDIT)] = "EDIT", [KIND(WITHDRAWAL)] = "WITHDRAWAL"};
    hy_event_id("sim", "mailbox", letter->native_id, NAMES[letter->kind], letter->event_id);
}

static struct letter *letter_new(int author, int64_t delay_ms) {
    static uint64_t made;
    struct letter *letter = calloc(1, sizeof *letter);
    char who[24];
    if (!letter) abort();
    if (n_letters == 0 && !under_way) made = 0;
    letter->author = author;
    letter->kind = KIND(LETTER);
    letter->written_ms = sim_now.now_ms + delay_ms;
    snprintf(letter->native_id, sizeof letter->native_id, "n%llu", (unsigned long long)made++);
    snprintf(who, sizeof who, "author-%d", author);
    hy_dossier_id("sim", "mailbox", who, letter->dossier);
    set_id(letter);
    DL_APPEND(under_way, letter);
    return letter;
}

static void new_matter(int64_t delay_ms) {
    struct letter *letter = letter_new((int)sim_below(AUTHORS), delay_ms);
    snprintf(letter->text, sizeof letter->text, "%s%s%lld号附近，%s。", PLACES[sim_below(COUNT(PLACES))],
             HOMES[sim_below(COUNT(HOMES))], (long long)sim_between(1, 300), MATTERS[sim_below(COUNT(MATTERS))]);
    sim_after(delay_ms + sim_between(0, 2000), deliver, letter, 0);
}

static void chatter(int64_t delay_ms) {
    struct letter *letter = letter_new((int)sim_below(AUTHORS), delay_ms);
    snprintf(letter->text, sizeof letter->text, "%s", CHATTER[sim_below(COUNT(CHATTER))]);
    sim_after(delay_ms, deliver, letter, 0);
}

static const struct letter *any_recent(void) {
    uint64_t n = n_letters < RECENT ? n_letters : RECENT;
    return n ? &recent[sim_below((int64_t)n)] : NULL;
}

static void follow_up(int64_t delay_ms) {
    const struct letter *first = any_recent();
    if (!first) return;
    struct letter *letter = letter_new(first->author, delay_ms);
    snprintf(letter->text, sizeof letter->text, "补充一下，%s。", MATTERS[sim_below(COUNT(MATTERS))]);
    sim_after(delay_ms, deliver, letter, 0);
}

// The platform delivers it again: one to ten times, soon or much later.
static void repeat(int64_t delay_ms) {
    const struct letter *first = any_recent();
    if (!first) return;
    for (int64_t times = sim_chance(10) ? 10 : 1; times > 0; times--) {
        struct letter *letter = calloc(1, sizeof *letter);
        if (!letter) abort();
        *letter = *first;
        DL_APPEND(under_way, letter);
        sim_after(delay_ms + sim_between(0, 600000), deliver, letter, 0);
    }
}

static void change(int64_t delay_ms, Huiying__V1__EventKind kind) {
    const struct letter *first = any_recent();
    if (!first || first->kind != KIND(LETTER)) return;
    struct letter *letter = letter_new(first->author, delay_ms);
    letter->kind = kind;
    memcpy(letter->answers, first->event_id, sizeof letter->answers);
    if (kind == KIND(EDIT))
        snprintf(letter->text, sizeof letter->text, "更正：%s。", MATTERS[sim_below(COUNT(MATTERS))]);
    set_id(letter);
    sim_after(delay_ms, deliver, letter, 0);
}

static void edit(int64_t delay_ms) {
    change(delay_ms, KIND(EDIT));
}

static void take_back(int64_t delay_ms) {
    change(delay_ms, KIND(WITHDRAWAL));
}

// Many write about one thing within the hour.
static void burst(void) {
    const char *place = PLACES[sim_below(COUNT(PLACES))], *home = HOMES[sim_below(COUNT(HOMES))];
    for (int64_t n = sim_between(BURST_LEAST, BURST_MOST); n > 0; n--) {
        int64_t delay = sim_between(0, HOUR);
        struct letter *letter = letter_new((int)sim_below(AUTHORS), delay);
        snprintf(letter->text, sizeof letter->text, "%s%s从早上开始停水，到现在没有通知，请问什么时候恢复供水？", place,
                 home);
        sim_after(delay, deliver, letter, 0);
    }
}

static const struct {
    int share; // of a hundred
    void (*sends)(int64_t delay_ms);
} SENDERS[] = {{76, new_matter}, {11, chatter}, {7, follow_up}, {3, repeat}, {2, edit}, {1, take_back}};

static void one(int64_t delay_ms) {
    int64_t draw = sim_below(100);
    for (size_t i = 0; i < sizeof SENDERS / sizeof SENDERS[0]; i++) {
        draw -= SENDERS[i].share;
        if (draw >= 0) continue;
        SENDERS[i].sends(delay_ms);
        return;
    }
}

// How much is written in each hour of the day, against the mean of 100.
static const int HOURS[24] = {30,  15,  8,   5,   5,   10,  40,  80,  150, 190, 180, 140,
                              120, 130, 160, 170, 160, 140, 130, 140, 150, 130, 80,  37};

static void hour(void *ctx, uint64_t tag) {
    (void)ctx;
    (void)tag;
    if (sim_now.now_ms >= ends_ms) return;
    int64_t local = (sim_now.now_ms / HOUR + 8) % 24;
    int64_t n = (per_hour_1000 * HOURS[local] / 100 + sim_below(1000)) / 1000;
    for (int64_t i = 0; i < n; i++)
        one(sim_below(HOUR));
    if (sim_chance(24 * BURST_DAYS)) burst();
    sim_after(HOUR, hour, NULL, 0);
}

void city_start(int64_t days, int64_t messages) {
    arena = hy_arena_new(ARENA);
    if (!arena) abort();
    n_letters = 0;
    ends_ms = sim_now.now_ms + days * DAY;
    per_hour_1000 = messages * 1000 / (days * 24);
    sim_after(0, hour, NULL, 0);
}

void city_end(void) {
    struct letter *letter, *next;
    DL_FOREACH_SAFE(under_way, letter, next) {
        DL_DELETE(under_way, letter);
        free(letter);
    }
    hy_arena_free(arena);
    arena = NULL;
}
