#include "consumers/dashboard/who.h"

#include <string.h>

#define CAC "wangxinban" // role and department code of the internet-information office

bool who_of(const struct hy_web_identity *identity, struct who *out) {
    *out = (struct who){.name = identity->name, .role = identity->role, .department = ""};
    if (strcmp(identity->role, "operator") == 0) return true;
    if (strcmp(identity->role, CAC) == 0) {
        out->sees = WHO_SEES_INCIDENTS;
        out->department = CAC;
        return true;
    }
    out->sees = WHO_SEES_DEPARTMENT;
    out->department = identity->department;
    return strcmp(identity->role, "department") == 0 && identity->department[0];
}

bool who_may_see(const struct who *who, const char *kind, const char *owner) {
    if (who->sees == WHO_SEES_ALL) return true;
    if (who->sees == WHO_SEES_DEPARTMENT) return strcmp(owner, who->department) == 0;
    return strcmp(kind, "incident") == 0;
}
