//! What becomes of each system call that is not left alone.

use core::mem::ManuallyDrop;

use crate::entry::Registers;
use crate::exec;
use crate::memory::{is_readable, is_writable, string};
use crate::numbers as n;
use crate::patch::{self, Mapping};
use crate::path::{
    directory_path, file_path, is_below, keep_below_root, refusal, to_guest, to_host, translate,
};
use crate::process;
use crate::shared::{separate, separate_open};
use crate::sockets;
use crate::state::state;
use crate::status;
use crate::sys::{
    self, AT_FDCWD, AT_SYMLINK_NOFOLLOW, Answer, EFAULT, ENOSYS, EOPNOTSUPP, EPERM, ERANGE, EXDEV,
    EXECUTABLE, File, MAP_SHARED, O_NOFOLLOW, O_PATH, READABLE, Status,
};
use crate::text::Text;

/// `AT_FDCWD` as an argument.
const HERE: usize = AT_FDCWD as usize;

/// Called by the entry with the guest's registers, of which only the result may change.
pub(crate) unsafe extern "C" fn handle(registers: &mut Registers) {
    match dispatch(registers.rax as usize, registers) {
        Ok(Some(result)) => registers.rax = result,
        Ok(None) => registers.pass(),
        Err(error) => registers.rax = error,
    }
}

/// The result, or nothing if the guest shall make the call itself.
fn dispatch(number: usize, registers: &Registers) -> Answer<Option<isize>> {
    let [a, b, c, d, e, _] = registers.arguments();
    let result = match number {
        n::OPEN => open(HERE, a, b, c)?,
        n::CREAT => open(HERE, a, 0o1101, b)?,
        n::OPENAT => open(a, b, c, d)?,
        n::OPENAT2 => open_how(registers)?,
        n::STAT | n::LSTAT | n::FSTAT => status::stat(number, registers),
        n::NEWFSTATAT => status::status_at(a as i32, b, c, d),
        n::STATX => status::statx(registers),
        n::READLINK => status::read(AT_FDCWD, a, b, c),
        n::READLINKAT => status::read(a as i32, b, c, d),
        n::GETDENTS64 => status::entries(registers),
        n::GETCWD => current_directory(a, b)?,
        n::EXECVE => exec::execute(registers.slot, a, b, c)?,
        n::EXECVEAT => exec::execute_at(registers)?,
        n::MMAP => map(registers),
        n::MPROTECT | n::PKEY_MPROTECT => protect(number, registers),
        n::RENAME | n::LINK => two_paths(number, registers, [HERE, a, HERE, b])?,
        n::RENAMEAT | n::RENAMEAT2 | n::LINKAT => two_paths(number, registers, [a, b, c, d])?,
        n::SYMLINK => symlink(a, HERE, b)?,
        n::SYMLINKAT => symlink(a, b, c)?,
        n::CHOWN => own(HERE, a, 0)?,
        n::LCHOWN => own(HERE, a, AT_SYMLINK_NOFOLLOW)?,
        n::FCHOWNAT => own(a, b, e)?,
        n::FCHOWN => own_open(a),
        n::FCHMOD | n::FSETXATTR | n::FREMOVEXATTR => change_open(number, registers)?,
        n::CONNECT | n::BIND | n::SENDTO => return sockets::send(number, registers),
        n::SENDMSG => return sockets::send_message(registers),
        n::GETSOCKNAME | n::GETPEERNAME | n::ACCEPT | n::ACCEPT4 => {
            sockets::receive(number, registers)
        }
        n::PRCTL => process::option(registers),
        n::FALLOCATE => instead_of(EPERM, Some(EOPNOTSUPP), number, registers),
        n::CHROOT => EPERM,
        n::IO_URING_SETUP => ENOSYS,
        _ if (n::GETUID..=n::SETFSGID).contains(&number) => process::identity(number, registers),
        _ => one_path(number, registers)?,
    };
    Ok(Some(result))
}

/// The call with other arguments.
pub(crate) fn call(number: usize, arguments: [usize; 6]) -> isize {
    // SAFETY: the guest's own call; only paths were replaced, by live strings.
    unsafe { sys::call(number, arguments) }
}

/// Calls with one path: first or behind the descriptor of a directory.
fn one_path(number: usize, registers: &Registers) -> Answer<isize> {
    let mut arguments = registers.arguments();
    let place = usize::from(number >= n::INOTIFY_ADD_WATCH);
    let directory = match number {
        n::INOTIFY_ADD_WATCH => AT_FDCWD,
        _ if place == 1 => arguments[0] as i32,
        _ => AT_FDCWD,
    };
    if makes_or_removes(number) {
        refusal(directory, arguments[place], true)?;
    }
    let mut text = Text::new();
    let host = translate(directory, arguments[place], &mut text)?;
    if let Some(follow) = changes(number, &arguments) {
        refusal(directory, arguments[place], false)?;
        if arguments[place] == 0 {
            separate_open(directory)?;
        } else {
            separate(directory, host, follow);
        }
    }
    arguments[place] = host;
    Ok(call(number, arguments))
}

fn makes_or_removes(number: usize) -> bool {
    matches!(
        number,
        n::MKDIR | n::RMDIR | n::UNLINK | n::MKNOD | n::MKDIRAT | n::MKNODAT | n::UNLINKAT
    )
}

/// Whether a call changes the file itself, and if so, whether that of a link's end.
fn changes(number: usize, arguments: &[usize; 6]) -> Option<bool> {
    match number {
        n::TRUNCATE | n::CHMOD | n::UTIME | n::UTIMES | n::SETXATTR | n::REMOVEXATTR => Some(true),
        n::FUTIMESAT | n::FCHMODAT => Some(true),
        n::FCHMODAT2 | n::UTIMENSAT => Some(arguments[3] & AT_SYMLINK_NOFOLLOW == 0),
        n::LSETXATTR | n::LREMOVEXATTR => Some(false),
        _ => None,
    }
}

const O_ACCESS: usize = 3;
const O_CREAT: usize = 0o100;
const O_EXCL: usize = 0o200;
const O_TRUNC: usize = 0o1000;
const AT_SYMLINK_FOLLOW: usize = 0x400;

/// Gives a file that is going to be written its own data.
fn prepare_open(directory: i32, path: usize, host: usize, flags: usize) -> Answer<()> {
    if flags & (O_ACCESS | O_TRUNC | O_CREAT) == 0 || flags & sys::O_PATH != 0 {
        return Ok(());
    }
    refusal(directory, path, false)?;
    if flags & (O_ACCESS | O_TRUNC) != 0 && flags & (O_CREAT | O_EXCL) != O_CREAT | O_EXCL {
        separate(directory, host, flags & O_NOFOLLOW == 0);
    }
    Ok(())
}

fn open(directory: usize, path: usize, flags: usize, mode: usize) -> Answer<isize> {
    let mut text = Text::new();
    let host = translate(directory as i32, path, &mut text)?;
    prepare_open(directory as i32, path, host, flags)?;
    let result = call(n::OPENAT, [directory, host, flags, mode, 0, 0]);
    if result < 0 && flags & O_NOFOLLOW != 0 && is_mount_link(directory as i32, host) {
        return Ok(call(
            n::OPENAT,
            [directory, host, flags & !O_NOFOLLOW, mode, 0, 0],
        ));
    }
    Ok(result)
}

fn is_mount_link(directory: i32, host: usize) -> bool {
    Status::of(directory, host as *const u8, AT_SYMLINK_NOFOLLOW)
        .is_ok_and(|status| status.is_link() && status::mount_of_link(status.inode()).is_some())
}

/// `openat2`, whose flags are in a structure.
fn open_how(registers: &Registers) -> Answer<isize> {
    let mut arguments = registers.arguments();
    let [directory, path, how, ..] = arguments;
    let mut text = Text::new();
    let host = translate(directory as i32, path, &mut text)?;
    if is_readable(how, size_of::<u64>()) {
        // SAFETY: the guest says that this is a `struct open_how`, which begins with the flags.
        let flags = unsafe { *(how as *const u64) } as usize;
        prepare_open(directory as i32, path, host, flags)?;
    }
    arguments[1] = host;
    Ok(call(n::OPENAT2, arguments))
}

fn two_paths(number: usize, registers: &Registers, paths: [usize; 4]) -> Answer<isize> {
    let [from, old, to, new] = paths;
    if !matches!(number, n::LINK | n::LINKAT) {
        refusal(from as i32, old, true)?;
    }
    refusal(to as i32, new, true)?;
    let (mut first, mut second) = (Text::new(), Text::new());
    let (given, wanted) = (string(old), string(new));
    let old = translate(from as i32, old, &mut first)?;
    let new = translate(to as i32, new, &mut second)?;
    let flags = if number == n::RENAMEAT2 || number == n::LINKAT {
        registers.r8
    } else {
        0
    };
    let is_link = matches!(number, n::LINK | n::LINKAT);
    let is_followed = is_link && flags & AT_SYMLINK_FOLLOW != 0;
    let is_beside = from == to && !is_followed && parent(given) == parent(wanted);
    if !is_beside && crosses([from, old], [to, new], is_followed) {
        return Err(EXDEV);
    }
    if is_link {
        // Both names shall be of one file, also when it is written.
        separate(from as i32, old, is_followed);
    }
    let number = match number {
        n::LINK | n::LINKAT => n::LINKAT,
        _ if flags == 0 => n::RENAMEAT,
        _ => n::RENAMEAT2,
    };
    Ok(call(number, [from, old, to, new, flags, 0]))
}

fn parent(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&byte| byte == b'/');
    end.map_or(b"", |end| &path[..=end])
}

/// Whether two places are in different mounts, between which nothing is moved or linked.
fn crosses(old: [usize; 2], new: [usize; 2], is_followed: bool) -> bool {
    let mount = |[directory, path]: [usize; 2], is_followed| {
        let mut place = Text::new();
        real_place(directory as i32, path, is_followed, &mut place).ok()?;
        let mut mounts = state().plan.mounts();
        Some(mounts.position(|mount| is_below(place.bytes(), mount.host)))
    };
    match (mount(old, is_followed), mount(new, false)) {
        (Some(old), Some(new)) => old != new,
        // The kernel has more to say about it.
        _ => false,
    }
}

/// The host's path of the directory that a translated path is in, or of what it leads to in the end.
fn real_place(directory: i32, path: usize, is_followed: bool, place: &mut Text) -> Answer<()> {
    let path = string(path);
    if path.is_empty() {
        return file_path(directory, place);
    }
    let part = if is_followed { path } else { parent(path) };
    place.push(if part.is_empty() { b"." } else { part })?;
    let opened = File::open(directory, place.pointer(), O_PATH, 0)?;
    file_path(opened.0, place)
}

/// An absolute target becomes one on the host, where the kernel follows it.
fn symlink(target: usize, directory: usize, path: usize) -> Answer<isize> {
    refusal(directory as i32, path, true)?;
    let (mut first, mut second) = (Text::new(), Text::new());
    let mut written = target;
    let given = string(target);
    if given.first() == Some(&b'/') {
        to_host(given, &mut first)?;
        // A link to a link to this process' program would be one to the program of who makes it.
        if !given.starts_with(b"/proc/") {
            written = first.pointer() as usize;
        }
    }
    let place = translate(directory as i32, path, &mut second)?;
    if given.starts_with(b"..") && keep_below(given, directory as i32, place, &mut first)? {
        written = first.pointer() as usize;
    }
    Ok(call(n::SYMLINKAT, [written, directory, place, 0, 0, 0]))
}

/// Whether a relative target would lead out of the mount or the root that the link is in; then `text` is what
/// leads to the same place of the container.
fn keep_below(given: &[u8], directory: i32, place: usize, text: &mut Text) -> Answer<bool> {
    let (mut host, mut guest) = (Text::new(), Text::new());
    // Without a parent there will be no link either.
    if real_place(directory, place, false, &mut host).is_err() {
        return Ok(false);
    }
    to_guest(host.bytes(), &mut guest)?;
    keep_below_root(given, guest.bytes(), text)
}

/// There is one user, so files cannot change hands; that succeeds as it does for a real root.
fn own(directory: usize, path: usize, flags: usize) -> Answer<isize> {
    refusal(directory as i32, path, false)?;
    let mut text = Text::new();
    let host = translate(directory as i32, path, &mut text)?;
    let status = Status::of(directory as i32, host as *const u8, flags);
    Ok(status.err().unwrap_or(0))
}

fn own_open(file: usize) -> isize {
    // The descriptor is the guest's, who closes it.
    let file = ManuallyDrop::new(File(file as i32));
    file.status().err().unwrap_or(0)
}

fn change_open(number: usize, registers: &Registers) -> Answer<isize> {
    separate_open(registers.rdi as i32)?;
    Ok(call(number, registers.arguments()))
}

fn current_directory(buffer: usize, size: usize) -> Answer<isize> {
    let mut guest = Text::new();
    directory_path(AT_FDCWD, &mut guest)?;
    let length = guest.bytes().len() + 1;
    if length > size {
        return Ok(ERANGE);
    }
    if !is_writable(buffer, length) {
        return Ok(EFAULT);
    }
    // SAFETY: the guest says that its buffer has this size.
    unsafe { core::ptr::copy_nonoverlapping(guest.pointer(), buffer as *mut u8, length) };
    Ok(length as isize)
}

/// Maps what the guest wants to execute, and replaces the calls in it.
fn map(registers: &Registers) -> isize {
    let arguments = registers.arguments();
    let [_, length, protection, flags, file, offset] = arguments;
    let result = call(n::MMAP, arguments);
    // What is written into a shared mapping would be written into the file.
    if result > 0 && file as i32 >= 0 && flags & MAP_SHARED == 0 {
        // The descriptor is the guest's, who closes it.
        let file = ManuallyDrop::new(File(file as i32));
        let at = result.unsigned_abs();
        let mapping = Mapping {
            at,
            length,
            offset,
            protection,
            is_known: false,
        };
        patch::patch(&mapping, &file);
    }
    result
}

/// Replaces the calls in what the guest has written and wants to execute now.
fn protect(number: usize, registers: &Registers) -> isize {
    let [at, length, protection, ..] = registers.arguments();
    let result = call(number, registers.arguments());
    if result == 0 && protection & READABLE != 0 && protection & EXECUTABLE != 0 {
        patch::patch_memory(at, length, protection);
    }
    result
}

/// Makes the call, and gives another answer in place of one that only a sandbox gives.
fn instead_of(
    refused: isize,
    answer: Option<isize>,
    number: usize,
    registers: &Registers,
) -> isize {
    let result = call(number, registers.arguments());
    answer.filter(|_| result == refused).unwrap_or(result)
}
