// Courier (design sections 4 and 6): brings what cases have to say to its target and the receipt back as a command. For
// each open row: claim it (ClaimDelivery), read the own claim back in the snapshot, send while enough of the lease is
// left, report what came of it (DeliveryReceipt). The engine decides; a courier that was stopped and woke has lost its
// claim and sends nothing. The claim carries a name that no other start of the program has, so that what an earlier
// life may or may not have sent becomes unknown and is looked for, never sent blindly.
#ifndef HY_COURIER_COURIER_H
#define HY_COURIER_COURIER_H

// main of the program: 0 drained; 1 failed; 2 wrong use.
int courier_main(int argc, char **argv);

#endif
