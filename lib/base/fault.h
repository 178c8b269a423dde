// Named crash points for the fault tests: HY_FAULT_POINT("lane.before_flush") does nothing unless the build has
// HY_FAULT_POINTS and the environment names the point:
//   HY_FAULT_POINT=name[:nth[:action]]   the nth passage (default 1) does action: kill (default, SIGKILL to itself),
//                                        stop (SIGSTOP to the whole process; it goes on there after SIGCONT), or exit
//                                        (at once, status 1).
// Several are separated by ",". With HY_FAULT_FILE the same text is read from that file when its mtime changes (checked
// at most every 50 ms), so that a harness can arm a running program; a change starts its counts anew. What cannot be
// understood is logged as an error ("fault.point"). To add a point, write it where a crash would hurt; names are
// "<part>.<where>".
#ifndef HY_BASE_FAULT_H
#define HY_BASE_FAULT_H

#ifdef HY_FAULT_POINTS
void hy_fault_point(const char *name);
#define HY_FAULT_POINT(name) hy_fault_point(name)
#else
#define HY_FAULT_POINT(name) ((void)0)
#endif

#endif
