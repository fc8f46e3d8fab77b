//! Numbers of the system calls that are translated, from `arch/x86/entry/syscalls/syscall_64.tbl`.

macro_rules! numbers {
    ($($name:ident = $number:literal),+ $(,)?) => {
        $(
            #[allow(dead_code, reason = "some need nothing but an entry in the table")]
            pub(crate) const $name: usize = $number;
        )+
        /// Every number above.
        const ALL: &[usize] = &[$($number),+];
    };
}

numbers! {
    OPEN = 2, STAT = 4, FSTAT = 5, LSTAT = 6, MMAP = 9, MPROTECT = 10, ACCESS = 21, CONNECT = 42, ACCEPT = 43,
    SENDTO = 44, SENDMSG = 46, BIND = 49, GETSOCKNAME = 51, GETPEERNAME = 52, EXECVE = 59,
    TRUNCATE = 76, GETCWD = 79, CHDIR = 80, RENAME = 82, MKDIR = 83, RMDIR = 84, CREAT = 85,
    LINK = 86, UNLINK = 87, SYMLINK = 88, READLINK = 89, CHMOD = 90, FCHMOD = 91, CHOWN = 92,
    FCHOWN = 93, LCHOWN = 94, GETUID = 102, GETGID = 104, SETUID = 105, SETGID = 106,
    GETEUID = 107, GETEGID = 108, SETREUID = 113, SETREGID = 114, SETGROUPS = 116,
    SETRESUID = 117, GETRESUID = 118, SETRESGID = 119, GETRESGID = 120, SETFSUID = 122,
    SETFSGID = 123, UTIME = 132, MKNOD = 133, STATFS = 137, PRCTL = 157, CHROOT = 161,
    SETXATTR = 188, LSETXATTR = 189, FSETXATTR = 190, GETXATTR = 191, LGETXATTR = 192,
    LISTXATTR = 194, LLISTXATTR = 195, REMOVEXATTR = 197, LREMOVEXATTR = 198,
    FREMOVEXATTR = 199, GETDENTS64 = 217, UTIMES = 235, INOTIFY_ADD_WATCH = 254, OPENAT = 257,
    MKDIRAT = 258, MKNODAT = 259, FCHOWNAT = 260, FUTIMESAT = 261, NEWFSTATAT = 262,
    UNLINKAT = 263, RENAMEAT = 264, LINKAT = 265, SYMLINKAT = 266, READLINKAT = 267,
    FCHMODAT = 268, FACCESSAT = 269, UTIMENSAT = 280, FALLOCATE = 285, ACCEPT4 = 288,
    NAME_TO_HANDLE_AT = 303, RENAMEAT2 = 316, EXECVEAT = 322, PKEY_MPROTECT = 329, STATX = 332, IO_URING_SETUP = 425,
    OPENAT2 = 437, FACCESSAT2 = 439, FCHMODAT2 = 452,
}

/// Numbers below this have an entry in [`TABLE`].
pub(crate) const COUNT: usize = 512;

/// For each number 1 if it is translated, else 0.
pub(crate) static TABLE: [u8; COUNT] = {
    let mut table = [0; COUNT];
    let mut at = 0;
    while at < ALL.len() {
        table[ALL[at]] = 1;
        at += 1;
    }
    table
};
