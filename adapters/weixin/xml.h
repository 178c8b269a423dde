// The flat XML of WeChat's pushes, read without trust: no DOCTYPE, no entities but the five of XML, no network, control
// characters taken out first, because citizens do send them and XML forbids them. Pure. To read another field, ask for
// it by name; nothing here.
#ifndef HY_ADAPTERS_WEIXIN_XML_H
#define HY_ADAPTERS_WEIXIN_XML_H

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"

enum { WEIXIN_FIELDS_MAX = 64 };

struct weixin_field {
    const char *name;
    const char *value; // text of the element and all below it
};

struct weixin_xml {
    struct weixin_field fields[WEIXIN_FIELDS_MAX]; // children of the root, in order
    size_t n;
    const char *twice; // a name that occurs more than once, or NULL
};

// Reads text into *out; strings live in the arena. HY_EFORMAT with *reason (static): utf8, doctype, xml, fields.
// HY_ENOMEM when the arena is exhausted.
HY_MUST_CHECK int weixin_xml_read(struct hy_bytes text, struct hy_arena *arena, struct weixin_xml *out,
                                  const char **reason);
// The field's value; "" when it is absent.
const char *weixin_xml_get(const struct weixin_xml *xml, const char *name);

#endif
