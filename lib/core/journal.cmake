# The hash chain of the journal.
hy_library(hy_journal SOURCES journal.c LINK hy_base hy_proto)
target_link_libraries(hy_core INTERFACE hy_journal)
