// Each case runs in a child: crash points kill. The child's fate is what is tested.
#include "tests/unit/base/unit.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/base/fault.h"

#ifdef HY_FAULT_POINTS

enum { LIVED = 42 };

// Runs `passages` passages of "lane.test" in a child with the environment given; returns its wait status.
static int fate(const char *points, int passages) {
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(STDERR_FILENO);
        unsetenv("HY_FAULT_FILE");
        unsetenv("HY_FAULT_POINT");
        if (points != NULL) setenv("HY_FAULT_POINT", points, 1);
        for (int i = 0; i < passages; i++) {
            HY_FAULT_POINT("lane.other");
            HY_FAULT_POINT("lane.test");
        }
        _exit(LIVED);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    if (WIFSTOPPED(status)) {
        kill(pid, SIGCONT);
        int after;
        assert_int_equal(waitpid(pid, &after, 0), pid);
        assert_true(WIFEXITED(after) && WEXITSTATUS(after) == LIVED); // a stopped process goes on where it stood
    }
    return status;
}

static bool lived(int status) {
    return WIFEXITED(status) && WEXITSTATUS(status) == LIVED;
}

static bool killed(int status) {
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void without_a_name_nothing_happens(void **state) {
    (void)state;
    assert_true(lived(fate(NULL, 3)));
    assert_true(lived(fate("", 3)));
    assert_true(lived(fate("lane.tes", 3)));
    assert_true(lived(fate("lane.test2", 3)));
}

static void the_named_point_kills_at_the_nth_passage(void **state) {
    (void)state;
    assert_true(killed(fate("lane.test", 1)));
    assert_true(killed(fate("lane.test:1:kill", 1)));
    assert_true(lived(fate("lane.test:3", 2)));
    assert_true(killed(fate("lane.test:3", 3)));
}

static void stop_stops_the_process_and_exit_ends_it(void **state) {
    (void)state;
    int status = fate("lane.test:2:stop", 5);
    assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    status = fate("lane.test:1:exit", 1);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

static void several_points_can_be_armed(void **state) {
    (void)state;
    assert_true(killed(fate("nowhere:1:exit,lane.test:2", 2)));
    int status = fate("lane.test:5:kill,lane.other:2:stop", 3);
    assert_true(WIFSTOPPED(status));
}

static void what_is_not_understood_is_said_and_arms_nothing(void **state) {
    (void)state;
    static const char *const bad[] = {"lane.test:0",      "lane.test:x",        "lane.test:-1",
                                      "lane.test:1:burn", "lane.test:1:kill:2", ":::"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_true(lived(fate(bad[i], 3)));
    }
    struct unit_capture err = unit_capture_start(STDERR_FILENO);
    pid_t pid = fork();
    if (pid == 0) {
        setenv("HY_FAULT_POINT", "lane.test:1:burn", 1);
        HY_FAULT_POINT("lane.test");
        _exit(LIVED);
    }
    int status;
    waitpid(pid, &status, 0);
    char *text = unit_capture_end(&err);
    unit_contains(text, "crash point not understood");
    free(text);
}

static void nap(long ms) {
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void put_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

// Until the child has stopped or ended, 5 s at most.
static int wait_status(pid_t pid) {
    int status = 0;
    for (int i = 0; i < 500; i++) {
        if (waitpid(pid, &status, WUNTRACED | WNOHANG) == pid) return status;
        nap(10);
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    fail_msg("the point that the file armed did not act");
    return status;
}

static void a_file_arms_a_running_program(void **state) {
    (void)state;
    char path[] = "/tmp/hy-fault-XXXXXX";
    close(mkstemp(path));
    unlink(path);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        unsetenv("HY_FAULT_POINT");
        setenv("HY_FAULT_FILE", path, 1);
        for (int i = 0; i < 20000; i++) {
            HY_FAULT_POINT("lane.test");
            nap(1);
        }
        _exit(LIVED);
    }
    nap(200);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0); // no file yet, so it lives
    put_file(path, "elsewhere\n");
    nap(200);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    put_file(path, "lane.test:3:stop\n");
    assert_true(WIFSTOPPED(wait_status(pid)));
    put_file(path, "lane.test:1:kill\n");
    kill(pid, SIGCONT);
    assert_true(killed(wait_status(pid)));
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_name_nothing_happens),
        cmocka_unit_test(the_named_point_kills_at_the_nth_passage),
        cmocka_unit_test(stop_stops_the_process_and_exit_ends_it),
        cmocka_unit_test(several_points_can_be_armed),
        cmocka_unit_test(what_is_not_understood_is_said_and_arms_nothing),
        cmocka_unit_test(a_file_arms_a_running_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void a_build_for_production_has_no_crash_points(void **state) {
    (void)state;
    setenv("HY_FAULT_POINT", "lane.test:1:kill", 1);
    HY_FAULT_POINT("lane.test"); // would end this process
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_build_for_production_has_no_crash_points)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
