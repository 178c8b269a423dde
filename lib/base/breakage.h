// Deliberate defects, to prove that the fault storm finds them: a build made with -DHY_BREAK=NAME has just that one.
// Ordinary builds have none: HY_BROKEN(name) is the constant false there, and a release build with one is refused.
// Each defect is one that unit tests and a day without faults do not show. To add one: a row here, and
// HY_BROKEN(name) where a hurried colleague might have written it so; tests/faults/breakages.py then looks for it.
#ifndef HY_BASE_BREAKAGE_H
#define HY_BASE_BREAKAGE_H

#include "breakage_now.h" // made by CMake: HY_BREAK_NOW, one of the names below

// clang-format off
#define HY_BREAKAGES(X)                                                                                                \
    X(none,                  "nothing is broken")                                                                      \
    X(offset_before_effect,  "a lane commits its position before it handles the record")                               \
    X(overlay_kept,          "what an aborted transaction changed in memory is kept")                                  \
    X(metadata_at_commit,    "the group's metadata is fetched at the commit, not taken at the assignment")             \
    X(parked_taken_as_is,    "a partition that comes back is taken as it was parked, its log not read on")             \
    X(restore_reads_aborted, "the restore barrier reads records of aborted transactions")                              \
    X(lane_reads_aborted,    "a lane reads records of aborted transactions")                                           \
    X(rewind_forgotten,      "after an aborted transaction a lane goes on behind its records")                         \
    X(state_in_memory,       "sentinel's state is kept in memory only")                                                \
    X(unknown_is_success,    "a commit whose result is not known is taken for done")                                   \
    X(dead_letter_dropped,   "a record that cannot be read is passed without a dead letter")                           \
    X(position_outside,      "a fold stores its position before the data, in a write of its own")                      \
    X(outbox_forgotten,      "fires that an earlier owner claimed and did not send are not sent")                      \
    X(failed_send_forgotten, "a fire that Kafka did not acknowledge is not sent again")                                \
    X(unsent_fire_confirmed, "a fire that Kafka did not acknowledge is confirmed as sent")                             \
    X(fire_without_epoch,    "a fire counts for whatever its clock is armed for when it arrives")                      \
    X(clock_step_trusted,    "a jump of Redis's clock is believed")
// clang-format on

#define HY_BREAKAGE_NAME(name, text) HY_BREAK_##name,
enum hy_breakage { HY_BREAKAGES(HY_BREAKAGE_NAME) HY_BREAKAGES_N };

#define HY_BROKEN(name) (HY_BREAK_NOW == HY_BREAK_##name)

#endif
