#include "lib/base/fault.h"

#ifdef HY_FAULT_POINTS

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/bytes.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

enum { MOST_POINTS = 16, NAME_SIZE = 64, LOOK_EVERY_MS = 50, MOST_TEXT = 4096 };

enum action { ACT_NONE, ACT_KILL, ACT_STOP, ACT_EXIT };

struct point {
    char name[NAME_SIZE];
    uint64_t nth;    // which passage acts
    uint64_t passed; // passages since it was armed
    enum action action;
};

struct list {
    struct point points[MOST_POINTS];
    int n;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool idle; // neither variable is set: nothing can ever be armed
static struct list from_environment, from_file;
static const char *file;
static struct stat file_seen;
static int64_t looked_ms;

static enum action action_of(const char *text) {
    if (text == NULL || strcmp(text, "kill") == 0) return ACT_KILL;
    if (strcmp(text, "stop") == 0) return ACT_STOP;
    if (strcmp(text, "exit") == 0) return ACT_EXIT;
    return ACT_NONE;
}

// One "name[:nth[:action]]"; text is cut up. False when it cannot be understood.
static bool read_point(char *text, struct point *out) {
    char *rest = NULL;
    const char *name = strtok_r(text, ":", &rest);
    const char *nth = strtok_r(NULL, ":", &rest);
    const char *action = strtok_r(NULL, ":", &rest);
    if (name == NULL || strlen(name) >= NAME_SIZE || strtok_r(NULL, ":", &rest) != NULL) return false;
    *out = (struct point){.nth = 1, .action = action_of(action)};
    strcpy(out->name, name);
    if (nth != NULL) {
        char *end;
        out->nth = strtoull(nth, &end, 10);
        if (*end != '\0' || nth[0] < '0' || nth[0] > '9' || out->nth == 0) return false;
    }
    return out->action != ACT_NONE;
}

// text is cut up. What is wrong is said aloud: a fault test that arms nothing would pass for no reason.
static void read_list(char *text, struct list *list) {
    list->n = 0;
    char *rest = NULL;
    for (char *entry = strtok_r(text, ", \t\r\n", &rest); entry != NULL; entry = strtok_r(NULL, ", \t\r\n", &rest)) {
        if (list->n == MOST_POINTS || !read_point(entry, &list->points[list->n])) {
            HY_ERROR("fault.point", "crash point not understood, expected name[:nth[:kill|stop|exit]]", NULL);
            continue;
        }
        list->n++;
    }
}

static void set_up(void) {
    file = getenv("HY_FAULT_FILE");
    const char *points = getenv("HY_FAULT_POINT");
    idle = file == NULL && points == NULL;
    if (points == NULL) return;
    char *copy = strdup(points);
    if (copy != NULL) read_list(copy, &from_environment);
    free(copy);
}

static bool changed(const struct stat *now) {
    return now->st_mtim.tv_sec != file_seen.st_mtim.tv_sec || now->st_mtim.tv_nsec != file_seen.st_mtim.tv_nsec ||
           now->st_ino != file_seen.st_ino || now->st_size != file_seen.st_size;
}

static void look_at_file(void) {
    int64_t now_ms = hy_mono_ms(hy_clock_system());
    if (file == NULL || (looked_ms != 0 && now_ms - looked_ms < LOOK_EVERY_MS)) return;
    looked_ms = now_ms;
    struct stat now = {0};
    if (stat(file, &now) != 0) now = (struct stat){0}; // no file: nothing armed from it
    if (!changed(&now)) return;
    file_seen = now;
    struct hy_buf text = {0};
    from_file.n = 0;
    if (now.st_ino != 0 && hy_read_file(file, MOST_TEXT, &text, NULL) == HY_OK && text.len > 0)
        read_list(text.data, &from_file);
    hy_buf_free(&text);
}

static enum action pass(struct list *list, const char *name) {
    enum action action = ACT_NONE;
    for (int i = 0; i < list->n; i++) {
        struct point *point = &list->points[i];
        if (strcmp(point->name, name) == 0 && ++point->passed == point->nth) action = point->action;
    }
    return action;
}

static void act(enum action action) {
    if (action == ACT_EXIT) _exit(1);
    if (action == ACT_STOP) raise(SIGSTOP); // by thread, so that it is stopped before this returns; stops them all
    if (action != ACT_KILL) return;
    kill(getpid(), SIGKILL);
    for (;;) {
        pause();
    }
}

void hy_fault_point(const char *name) {
    pthread_once(&once, set_up);
    if (idle) return;
    pthread_mutex_lock(&lock);
    look_at_file();
    enum action first = pass(&from_environment, name);
    enum action second = pass(&from_file, name);
    pthread_mutex_unlock(&lock);
    act(first != ACT_NONE ? first : second);
}

#endif
