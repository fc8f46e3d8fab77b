// System calls with paths, each with its answer; signals, threads and processes around them.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

extern char **environ;
static void say(const char *what, long result) {
    printf("%s: %s\n", what, result < 0 ? strerror(errno) : "good");
}

static void paths(void) {
    struct stat status;
    struct statfs space;
    char text[PATH_MAX] = "";
    long directory = open("d", O_RDONLY | O_DIRECTORY);
    say("mkdir", mkdir("d", 0755));
    directory = open("d", O_RDONLY | O_DIRECTORY);
    say("mkdirat", mkdirat(directory, "e", 0700));
    say("openat", openat(directory, "f", O_CREAT | O_RDWR, 0640));
    say("creat", creat("d/g", 0600));
    say("exclusive", open("d/g", O_CREAT | O_EXCL | O_WRONLY, 0600));
    say("symlink", symlink("/etc/image-only", "d/l"));
    say("symlinkat", symlinkat("../g", directory, "e/m"));
    say("link", link("d/g", "d/h"));
    say("linkat", linkat(directory, "l", directory, "n", AT_SYMLINK_FOLLOW));
    say("nofollow", open("d/l", O_RDONLY | O_NOFOLLOW));
    say("readlink", readlink("d/l", text, sizeof text));
    printf("  %s\n", text);
    long length = readlinkat(directory, "l", text, 4);
    printf("  %ld %.4s\n", length, text);
    say("stat", stat("d/l", &status));
    say("lstat", lstat("d/l", &status));
    printf("  %ld %o\n", (long)status.st_size, status.st_mode & S_IFMT);
    say("fstatat", fstatat(directory, "e/m", &status, 0));
    say("fstatat empty", fstatat(directory, "", &status, AT_EMPTY_PATH));
    say("fstatat null", syscall(SYS_newfstatat, AT_FDCWD, 0, &status, 0));
    say("statfs", statfs("/etc", &space));
    say("access", access("/etc/image-only", R_OK));
    say("faccessat", faccessat(directory, "../d/g", X_OK, AT_EACCESS));
    say("rename", rename("d/h", "d/i"));
    say("renameat2", syscall(SYS_renameat2, directory, "i", directory, "f", 2));
    say("renameat2 noreplace", syscall(SYS_renameat2, directory, "i", directory, "f", 1));
    say("chmod", chmod("d/g", 0644));
    say("fchmodat", fchmodat(directory, "g", 0604, 0));
    say("chown", chown("d/g", getuid(), getgid()));
    say("truncate", truncate("d/g", 10));
    say("utimensat", utimensat(directory, "g", (struct timespec[2]){{1, 2}, {3, 4}}, 0));
    say("utimes", utimes("d/f", (struct timeval[2]){{1, 2}, {3, 4}}));
    say("mknodat", mknodat(directory, "p", S_IFIFO | 0600, 0));
    say("setxattr", setxattr("d/g", "user.a", "b", 1, 0));
    say("getxattr", getxattr("d/g", "user.a", text, 9));
    say("lgetxattr", lgetxattr("d/l", "user.a", text, 9));
    say("statx", syscall(SYS_statx, AT_FDCWD, "/etc/image-only", 0, 0x7ff, text));
    say("chdir", chdir("d/e"));
    say("getcwd", (long)!getcwd(text, sizeof text) * -1);
    printf("  %s\n", text);
    say("small getcwd", syscall(SYS_getcwd, text, 2));
    say("up", open("../../d/../d/f", O_RDONLY));
    say("fchdir", fchdir(directory));
    say("unlinkat", unlinkat(directory, "e/m", 0));
    say("rmdir", rmdir("e"));
    say("rmdir again", rmdir("e"));
    say("unlink directory", unlink("/etc"));
    int watch = inotify_init();
    say("inotify", inotify_add_watch(watch, "../d/g", IN_ALL_EVENTS));
    say("open of a file as a directory", open("/etc/image-only/x", O_RDONLY));
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    say("name too long", open(text, O_RDONLY));
    text[0] = '/';
    say("path too long", open(text, O_RDONLY));
    say("temporary", open("/tmp", O_TMPFILE | O_RDWR, 0600));
    say("fallocate", fallocate(open("f", O_RDWR), 0, 0, 8192));
    say("empty path", open("", O_RDONLY));
    say("null path", open(NULL, O_RDONLY));
    say("bad path", open((char *)8192, O_RDONLY));
    say("bad buffer", syscall(SYS_getcwd, (char *)8192, 4096));
    say("bad stat", syscall(SYS_stat, "/etc", (char *)8192));
    say("bad link buffer", syscall(SYS_readlink, "/proc/self/exe", (char *)8192, 99));
    say("bad path of a program", syscall(SYS_execve, (char *)8192, 0, 0));
    say("bad arguments of a program", syscall(SYS_execve, "/bin/true", (char *)8192, 0));
    say("bad address", connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)8192, 20));
    char *edge = (char *)mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + 4096;
    munmap(edge, 4096);
    memcpy(edge - 5, "/etc", 5);
    say("path at the edge", open(edge - 5, O_RDONLY));
    memcpy(edge - 4, "/etc", 4);
    say("path over the edge", open(edge - 4, O_RDONLY));
}

static void sockets(void) {
    struct sockaddr_un address = {AF_UNIX, "/out/a-name-that-would-not-fit-any-more-with-the-path-of-the-folder-before-it-1234567890"};
    struct sockaddr_un found;
    socklen_t length = sizeof found;
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    say("bind", bind(server, (void *)&address, sizeof address));
    say("listen", listen(server, 1));
    say("connect", connect(client, (void *)&address, sizeof address));
    say("getsockname", getsockname(server, (void *)&found, &length));
    printf("  %u %s\n", length, found.sun_path);
    unlink(address.sun_path);
    int datagrams = socket(AF_UNIX, SOCK_DGRAM, 0), sender = socket(AF_UNIX, SOCK_DGRAM, 0);
    strcpy(address.sun_path, "/out/r");
    say("bind", bind(datagrams, (void *)&address, sizeof address));
    struct sockaddr_un own = {AF_UNIX, "/out/s"};
    say("bind", bind(sender, (void *)&own, sizeof own));
    say("sendto", sendto(sender, "x", 1, 0, (void *)&address, sizeof address));
    length = sizeof found;
    char byte;
    say("recvfrom", recvfrom(datagrams, &byte, 1, 0, (void *)&found, &length));
    printf("  %u %s\n", length, found.sun_path);
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &part, .msg_iovlen = 1};
    say("sendmsg", sendmsg(sender, &message, 0));
    message.msg_name = &found;
    say("recvmsg", recvmsg(datagrams, &message, 0));
    printf("  %u %s\n", message.msg_namelen, found.sun_path);
    unlink("/out/r");
    unlink("/out/s");
}

static sigjmp_buf place;
static volatile int count;
static void jump(int signal) { siglongjmp(place, signal); }
static void tick(int signal) { (void)signal; count++; access("/etc/passwd", R_OK); }

static void *walk(void *unused) {
    struct stat status;
    for (int at = 0; at < 3000; at++) stat("/usr/bin/../lib", &status);
    return unused;
}

static void *blocked(void *path) {
    open(path, O_RDONLY);
    return 0;
}

static void signals(void) {
    mkfifo("/out/fifo", 0600);
    signal(SIGALRM, jump);
    for (int at = 0; at < 100; at++) {
        if (!sigsetjmp(place, 1)) {
            ualarm(1000, 0);
            open("/out/fifo", O_RDONLY);
        }
    }
    puts("jumped");
    pthread_t threads[20];
    struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, 0);
    ualarm(500, 500);
    for (int at = 0; at < 20; at++) pthread_create(&threads[at], 0, walk, 0);
    for (int at = 0; at < 20; at++) pthread_join(threads[at], 0);
    ualarm(0, 0);
    puts(count > 0 ? "signals in calls" : "no signals");
    signal(SIGALRM, SIG_DFL);
    pthread_create(&threads[0], 0, blocked, "/out/fifo");
    usleep(50000);
    void *result = 0;
    pthread_cancel(threads[0]);
    // The signal must be there before what it waits for is, however busy the machine is.
    usleep(300000);
    int keeper = open("/out/fifo", O_RDWR | O_NONBLOCK);
    pthread_join(threads[0], &result);
    close(keeper);
    puts(result == PTHREAD_CANCELED ? "cancelled" : "ended");
    unlink("/out/fifo");
}

static void processes(void) {
    int status;
    pid_t child = vfork();
    if (child == 0) {
        execl("/no/such", "x", NULL);
        _exit(errno == ENOENT ? 4 : 5);
    }
    waitpid(child, &status, 0);
    printf("vfork %d\n", WEXITSTATUS(status));
    for (int at = 0; at < 300; at++) {
        char *words[] = {"true", 0};
        if (posix_spawn(&child, "/bin/true", 0, 0, words, environ) || waitpid(child, &status, 0) < 0 || status) puts("spawn failed");
    }
    say("spawn of nothing", -(errno = posix_spawnp(&child, "no-such-program", 0, 0, (char *[]){"x", 0}, environ)) | -1);
    int program = open("/bin/echo", O_RDONLY | O_CLOEXEC);
    if ((child = fork()) == 0) {
        char *words[] = {"echo", "by descriptor", 0};
        fexecve(program, words, environ);
        _exit(errno);
    }
    waitpid(child, &status, 0);
    printf("fexecve %d\n", WEXITSTATUS(status));
    char *empty[] = {NULL};
    if ((child = fork()) == 0) {
        execve("/bin/true", empty, empty);
        _exit(9);
    }
    waitpid(child, &status, 0);
    printf("without arguments %d\n", WEXITSTATUS(status) > 1);
    static char *many[20001];
    for (int at = 0; at < 20000; at++) many[at] = at ? "x" : "/bin/true";
    if ((child = fork()) == 0) _exit(execve("/bin/true", many, environ) & 8);
    waitpid(child, &status, 0);
    printf("many arguments %d\n", WEXITSTATUS(status));
    static char long_word[200000];
    memset(long_word, 'x', sizeof long_word - 1);
    char *too_long[] = {"true", long_word, 0};
    if ((child = fork()) == 0) {
        execve("/bin/true", too_long, environ);
        _exit(errno == E2BIG ? 6 : 7);
    }
    waitpid(child, &status, 0);
    printf("too long %d\n", WEXITSTATUS(status));
    if ((child = fork()) == 0) {
        prctl(PR_SET_NAME, "named");
        char name[17] = "";
        prctl(PR_GET_NAME, name);
        puts(name);
        fflush(stdout);
        abort();
    }
    waitpid(child, &status, 0);
    printf("signal %d\n", WTERMSIG(status));
}

int main(int count, char **arguments) {
    setvbuf(stdout, 0, _IOLBF, 0);
    if (count > 1 && chdir(arguments[1])) return 1;
    paths();
    sockets();
    signals();
    processes();
    return system("rm -rf /out/d");
}
