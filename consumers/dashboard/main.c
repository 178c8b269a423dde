// dashboard: the view of all cases, and the one door for reads and acts (design section 4). All of it is in
// dashboard.c.
#include "consumers/dashboard/dashboard.h"

int main(int argc, char **argv) {
    return dashboard_main(argc, argv);
}
