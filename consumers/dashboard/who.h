// Who asks, and what of the cases that identity may see: the operator all, a department its own, 网信办 the incidents.
// Queries take it as a parameter and put it into their SQL, so that nothing is filtered after it was read.
// To add a role: a row in who.c and its condition in the queries' SCOPE.
#ifndef HY_DASHBOARD_WHO_H
#define HY_DASHBOARD_WHO_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/web/tokens.h"

enum who_sees { WHO_SEES_ALL = 0, WHO_SEES_DEPARTMENT = 1, WHO_SEES_INCIDENTS = 2 };

struct who {
    const char *name, *role; // borrowed from the token
    const char *department;  // code; "" for the operator
    enum who_sees sees;
};

// False for a role that this door does not know, and for a department without its code.
bool who_of(const struct hy_web_identity *identity, struct who *out);
// May it see a case of this kind with this owner?
bool who_may_see(const struct who *who, const char *kind, const char *owner);

#endif
