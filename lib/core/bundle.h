// A bundle: a pack (or a dispatch list) together with all that it inherits, as one text that can be published and read
// back alone. A case pins the hash of its pack, so what was published once must stay readable when its parent changes.
// JSON: {"id":…,"sources":[{"name":…,"role":"pack"|"list"|"places","yaml":…}]}.
// To carry another kind of text, give it a role here and read it where the role is used.
#ifndef HY_CORE_BUNDLE_H
#define HY_CORE_BUNDLE_H

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/core/dispatch.h"
#include "lib/core/policy.h"

enum hy_bundle_role { HY_BUNDLE_PACK, HY_BUNDLE_LIST, HY_BUNDLE_PLACES, HY_BUNDLE_ROLES };

enum { HY_BUNDLE_SOURCES = 64 };

// The texts of a bundle by role. Read from JSON it owns them (hy_bundle_free); filled by hand it borrows.
struct hy_bundle {
    const char *id;
    struct hy_pack_source sources[HY_BUNDLE_ROLES][HY_BUNDLE_SOURCES];
    int n[HY_BUNDLE_ROLES];
    void *owned; // private
};

// Appends the JSON of a bundle to *out. HY_ENOMEM.
HY_MUST_CHECK int hy_bundle_write(const struct hy_bundle *bundle, struct hy_buf *out);
// Reads one. HY_EFORMAT says what is wrong with it. *out is freed with hy_bundle_free.
HY_MUST_CHECK int hy_bundle_read(struct hy_bytes json, struct hy_bundle *out, struct hy_error *err);
void hy_bundle_free(struct hy_bundle *bundle);

// Loads the pack that the bundle names; problems as hy_pack_load.
HY_MUST_CHECK int hy_bundle_pack(const struct hy_bundle *bundle, struct hy_pack **out, struct hy_buf *problems);
// Loads its dispatch list against a pack; HY_ENOTFOUND when it has none. Problems as hy_dispatch_load.
HY_MUST_CHECK int hy_bundle_dispatch(const struct hy_bundle *bundle, const struct hy_pack *pack,
                                     struct hy_dispatch **out, struct hy_buf *problems);

#endif
