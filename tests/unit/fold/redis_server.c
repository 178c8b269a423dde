#include "tests/unit/fold/redis_server.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int answers(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char reply[8] = "";
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int ok = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 && write(fd, "PING\r\n", 6) == 6 &&
             read(fd, reply, sizeof reply - 1) > 0 && reply[0] == '+';
    close(fd);
    return ok;
}

static void run_server(const struct redis_server *server) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int null = open("/dev/null", O_RDWR);
    dup2(null, 1);
    dup2(null, 2);
    execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", server->socket, "--dir", server->folder,
           "--save", "", "--appendonly", "yes", "--appendfsync", "everysec", (char *)NULL);
    _exit(127);
}

int redis_server_start(struct redis_server *server) {
    if (!server->folder[0]) {
        snprintf(server->folder, sizeof server->folder, "/tmp/hy-unit-redis-XXXXXX");
        if (!mkdtemp(server->folder)) return -1;
        snprintf(server->socket, sizeof server->socket, "%s/redis.sock", server->folder);
        snprintf(server->url, sizeof server->url, "unix://%s", server->socket);
    }
    server->pid = fork();
    if (server->pid == 0) run_server(server);
    for (int i = 0; i < 1000; i++) {
        if (waitpid(server->pid, NULL, WNOHANG) == server->pid) {
            server->pid = 0;
            return -1;
        }
        if (answers(server->socket)) return 0;
        usleep(10000);
    }
    return -1;
}

void redis_server_kill(struct redis_server *server) {
    if (server->pid <= 0) return;
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    server->pid = 0;
}

void redis_server_remove(struct redis_server *server) {
    char command[200];
    redis_server_kill(server);
    if (!server->folder[0]) return;
    snprintf(command, sizeof command, "rm -rf '%s'", server->folder);
    if (system(command) != 0) fprintf(stderr, "could not remove %s\n", server->folder);
}
