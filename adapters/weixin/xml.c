#include "adapters/weixin/xml.h"

#include <string.h>

#include <libxml/parser.h>
#include <libxml/tree.h>

// A copy without what XML 1.0 forbids: C0 controls become blanks, U+FFFE and U+FFFF become U+FFFD; lengths stay.
static char *sanitised(struct hy_bytes text, struct hy_arena *arena) {
    char *copy = hy_arena_strn(arena, (const char *)text.data, text.len);
    if (!copy) return NULL;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = text.data[i];
        copy[i] = (char)c;
        if (c < ' ' && c != '\t' && c != '\n' && c != '\r') copy[i] = ' ';
        if (c == 0xef && i + 2 < text.len && text.data[i + 1] == 0xbf && text.data[i + 2] >= 0xbe) {
            memcpy(copy + i, "\xef\xbf\xbd", 3);
            i += 2;
        }
    }
    copy[text.len] = '\0';
    return copy;
}

// True when markup that declares something stands outside CDATA and comments: a DOCTYPE, and with it any entity.
static bool declares(const char *text) {
    while ((text = strstr(text, "<!"))) {
        const char *end = NULL;
        if (strncmp(text, "<![CDATA[", 9) == 0)
            end = strstr(text + 9, "]]>");
        else if (strncmp(text, "<!--", 4) == 0)
            end = strstr(text + 4, "-->");
        else
            return true;
        if (!end) return false; // the parser will refuse it
        text = end + 3;
    }
    return false;
}

static int take_fields(const xmlNode *root, struct hy_arena *arena, struct weixin_xml *out, const char **reason) {
    for (const xmlNode *node = root->children; node; node = node->next) {
        if (node->type != XML_ELEMENT_NODE) continue;
        if (out->n == WEIXIN_FIELDS_MAX) {
            *reason = "fields";
            return HY_EFORMAT;
        }
        xmlChar *content = xmlNodeGetContent(node);
        struct weixin_field *field = &out->fields[out->n];
        field->name = hy_arena_str(arena, (const char *)node->name);
        field->value = hy_arena_str(arena, content ? (const char *)content : "");
        xmlFree(content);
        if (!field->name || !field->value) return HY_ENOMEM;
        for (size_t i = 0; i < out->n; i++)
            if (strcmp(out->fields[i].name, field->name) == 0) out->twice = field->name;
        out->n++;
    }
    return HY_OK;
}

int weixin_xml_read(struct hy_bytes text, struct hy_arena *arena, struct weixin_xml *out, const char **reason) {
    memset(out, 0, sizeof *out);
    char *copy = sanitised(text, arena);
    if (!copy) return HY_ENOMEM;
    *reason = "utf8";
    if (!hy_utf8_valid(hy_bytes_from(copy, text.len))) return HY_EFORMAT;
    *reason = "doctype";
    if (declares(copy)) return HY_EFORMAT;
    *reason = "xml";
    if (text.len == 0 || text.len > INT32_MAX) return HY_EFORMAT;
    xmlDoc *doc = xmlReadMemory(copy, (int)text.len, NULL, "UTF-8",
                                XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA);
    const xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
    int rc = HY_EFORMAT;
    if (root && !doc->intSubset && strcmp((const char *)root->name, "xml") == 0)
        rc = take_fields(root, arena, out, reason);
    if (doc) xmlFreeDoc(doc);
    return rc;
}

const char *weixin_xml_get(const struct weixin_xml *xml, const char *name) {
    for (size_t i = 0; i < xml->n; i++)
        if (strcmp(xml->fields[i].name, name) == 0) return xml->fields[i].value;
    return "";
}
