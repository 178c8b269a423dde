// courier: open deliveries → their targets, receipts → commands (design section 4). The work is in courier.c.
#include "consumers/courier/courier.h"

int main(int argc, char **argv) {
    return courier_main(argc, argv);
}
