#include "consumers/dashboard/status_page.h"

#include <stdio.h>
#include <string.h>

enum word {
    TITLE,
    ASK,
    LOOK,
    OTHER,
    OTHER_CODE,
    LANG,
    UNKNOWN,
    UNKNOWN_HELP,
    STATE,
    RECEIVED,
    ANSWERS,
    NONE_YET,
    NUMBER,
    WORDS
};

static const char *const TEXTS[WORDS][2] = {
    [TITLE] = {"办理进度查询", "Where is my message?"},
    [ASK] = {"受理编号（16位字母和数字）", "Receipt number (16 letters and digits)"},
    [LOOK] = {"查询", "Look up"},
    [OTHER] = {"English", "中文"},
    [OTHER_CODE] = {"en", "zh"},
    [LANG] = {"zh-CN", "en"},
    [UNKNOWN] = {"没有查到这个编号。", "This number is not known."},
    [UNKNOWN_HELP] = {"请核对编号；刚刚提交的，请一分钟后再查。",
                      "Please check it. If you have only just sent your message, try again in a minute."},
    [STATE] = {"进度", "Progress"},
    [RECEIVED] = {"收到时间", "Received"},
    [ANSWERS] = {"给您的答复", "What we wrote to you"},
    [NONE_YET] = {"还没有答复。", "There is no answer yet."},
    [NUMBER] = {"受理编号", "Receipt number"},
};

static const struct {
    const char *state;
    const char *text[2];
} STATES[] = {
    {"received", {"已收到，正在分派", "We have it and are passing it on"}},
    {"in_progress", {"承办单位正在办理", "The responsible office is working on it"}},
    {"answered", {"已答复", "Answered"}},
    {"closed", {"已办结", "Closed"}},
    {"withdrawn", {"您已撤回", "You have withdrawn it"}},
    {"noted", {"已收到并记录，不作为诉求办理", "We have read and noted it; it asks for nothing to be done"}},
};

enum status_language status_language(const char *asked, const char *accept) {
    if (asked && strcmp(asked, "en") == 0) return STATUS_EN;
    if (asked && strcmp(asked, "zh") == 0) return STATUS_ZH;
    const char *zh = accept ? strstr(accept, "zh") : NULL;
    const char *en = accept ? strstr(accept, "en") : NULL;
    return en && (!zh || en < zh) ? STATUS_EN : STATUS_ZH;
}

static void add_escaped(struct hy_buf *out, const char *text) {
    for (; *text; text++) {
        switch (*text) {
        case '&':
            hy_buf_adds(out, "&amp;");
            break;
        case '<':
            hy_buf_adds(out, "&lt;");
            break;
        case '>':
            hy_buf_adds(out, "&gt;");
            break;
        case '"':
            hy_buf_adds(out, "&quot;");
            break;
        case '\'':
            hy_buf_adds(out, "&#39;");
            break;
        default:
            hy_buf_add(out, text, 1);
        }
    }
}

static const char *member(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

// "2026-02-14T10:00:00+08:00" as people write it, to the minute.
static void add_time(struct hy_buf *out, const char *time) {
    if (strlen(time) < 16) return;
    hy_buf_adds(out, "<time datetime=\"");
    add_escaped(out, time);
    char shown[20];
    snprintf(shown, sizeof shown, "%.10s %.5s", time, time + 11);
    hy_buf_adds(out, "\">");
    add_escaped(out, shown);
    hy_buf_adds(out, "</time>");
}

static const char *state_text(const char *state, enum status_language language) {
    for (size_t i = 0; i < sizeof STATES / sizeof STATES[0]; i++) {
        if (strcmp(STATES[i].state, state) == 0) return STATES[i].text[language];
    }
    return "";
}

static void add_receipt(struct hy_buf *out, const json_t *receipt, enum status_language language) {
    const json_t *answers = json_object_get(receipt, "answers");
    hy_buf_addf(out, "<section role=\"status\"><dl><dt>%s</dt><dd>", TEXTS[NUMBER][language]);
    add_escaped(out, member(receipt, "number"));
    hy_buf_addf(out, "</dd><dt>%s</dt><dd id=\"state\">%s</dd><dt>%s</dt><dd>", TEXTS[STATE][language],
                state_text(member(receipt, "state"), language), TEXTS[RECEIVED][language]);
    add_time(out, member(receipt, "received"));
    hy_buf_addf(out, "</dd></dl><h2>%s</h2>", TEXTS[ANSWERS][language]);
    if (json_array_size(answers) == 0) hy_buf_addf(out, "<p class=\"quiet\">%s</p>", TEXTS[NONE_YET][language]);
    for (size_t i = 0; i < json_array_size(answers); i++) {
        const json_t *answer = json_array_get(answers, i);
        hy_buf_adds(out, "<article><p class=\"quiet\">");
        add_time(out, member(answer, "at"));
        hy_buf_adds(out, "</p><p class=\"text\" lang=\"zh-CN\">");
        add_escaped(out, member(answer, "text"));
        hy_buf_adds(out, "</p></article>");
    }
    hy_buf_adds(out, "</section>");
}

static void add_form(struct hy_buf *out, const char *number, enum status_language language) {
    hy_buf_addf(out,
                "<form action=\"/status\" method=\"get\"><input type=\"hidden\" name=\"lang\" value=\"%s\"><label"
                " for=\"number\">%s</label><input id=\"number\" name=\"number\" required maxlength=\"40\""
                " autocomplete=\"off\" autocapitalize=\"characters\" spellcheck=\"false\" value=\"",
                language == STATUS_EN ? "en" : "zh", TEXTS[ASK][language]);
    add_escaped(out, number);
    hy_buf_addf(out, "\"><button>%s</button></form>", TEXTS[LOOK][language]);
}

void status_page(enum status_language language, const char *number, const json_t *receipt, struct hy_buf *out) {
    hy_buf_addf(out,
                "<!doctype html><html lang=\"%s\"><head><meta charset=\"utf-8\"><meta name=\"viewport\""
                " content=\"width=device-width, initial-scale=1\"><meta name=\"robots\" content=\"noindex\">"
                "<title>%s</title><link rel=\"stylesheet\" href=\"/assets/status.css\"></head><body><header><h1>%s</h1>"
                "<a href=\"/status?lang=%s\" lang=\"%s\">%s</a></header><main>",
                TEXTS[LANG][language], TEXTS[TITLE][language], TEXTS[TITLE][language], TEXTS[OTHER_CODE][language],
                TEXTS[LANG][!language], TEXTS[OTHER][language]);
    add_form(out, number, language);
    if (receipt)
        add_receipt(out, receipt, language);
    else if (number[0])
        hy_buf_addf(out, "<section role=\"alert\"><p class=\"bad\">%s</p><p>%s</p></section>", TEXTS[UNKNOWN][language],
                    TEXTS[UNKNOWN_HELP][language]);
    hy_buf_adds(out, "</main></body></html>\n");
}
