// Code that is written at run time and makes its own system calls, in the ways that compilers at run
// time and self-extracting programs use: writable and then executable, and both at once by two mappings.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef long (*caller)(long number, long a, long b, long c);

// open(path, 0, 0) by a number in the code, and a call of any number.
static const uint8_t direct[] = {0x48, 0x89, 0xf7, 0x31, 0xf6, 0x31, 0xd2, 0xb8, 2, 0, 0, 0, 0x0f, 0x05, 0xc3};
static const uint8_t any[] = {0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0x48, 0x89, 0xd6, 0x48, 0x89, 0xca,
                              0x4d, 0x89, 0xc2, 0x0f, 0x05, 0xc3, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90};

static void try_code(const char *name, const uint8_t *code, size_t length, int how) {
    uint8_t *at = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(at, 0x90, 4096);
    memcpy(at + 64, code, length);
    if (how == 0) mprotect(at, 8192, PROT_READ | PROT_EXEC);
    if (how == 1) mprotect(at, 8192, PROT_READ | PROT_WRITE | PROT_EXEC);
    if (how == 2) {
        mprotect(at, 4096, PROT_READ | PROT_EXEC);
        mprotect(at, 4096, PROT_READ | PROT_WRITE);
        memset(at, 0x90, 4096);
        memcpy(at + 128 - 64, code, length);
        mprotect(at, 4096, PROT_READ | PROT_EXEC);
    }
    long file = ((caller)(at + 64))(SYS_open, (long)"/etc/image-only", 0, 0);
    char text[64] = "";
    if (file >= 0) read(file, text, 63);
    printf("%s %d: %s", name, how, file >= 0 ? text : "cannot be opened\n");
    munmap(at, 8192);
}

int main(void) {
    for (int how = 0; how < 3; how++) {
        try_code("direct", direct, sizeof direct, how);
        try_code("any", any, sizeof any, how);
    }
    uint8_t *room = mmap(0, 64 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    printf("reserved: %d\n", mprotect(room, 64 << 20, PROT_READ | PROT_WRITE | PROT_EXEC));
    printf("bad: %d\n", mprotect((void *)1, 4096, PROT_READ | PROT_EXEC));
    return 0;
}
