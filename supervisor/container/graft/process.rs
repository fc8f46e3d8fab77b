//! Calls about the process itself: who it is, what it is called, what it wants of the kernel.

use crate::entry::Registers;
use crate::handle::call;
use crate::memory::{is_readable, is_writable, string};
use crate::numbers as n;
use crate::state::state;
use crate::sys::{AT_FDCWD, EFAULT, EPERM, File};

/// Calls about users and groups: the container has one of each.
pub(crate) fn identity(number: usize, registers: &Registers) -> isize {
    let (user, group) = (state().shown_user(), state().shown_group());
    match number {
        n::GETUID | n::GETEUID => user as isize,
        n::GETGID | n::GETEGID => group as isize,
        n::SETFSUID => user as isize,
        n::SETFSGID => group as isize,
        n::GETRESUID | n::GETRESGID => {
            let shown = if number == n::GETRESUID { user } else { group };
            let places = [registers.rdi, registers.rsi, registers.rdx];
            if !places.iter().all(|&place| is_readable(place, 4)) {
                return EFAULT;
            }
            for place in places {
                // SAFETY: the guest says that these are three numbers of its own.
                unsafe { *(place as *mut u32) = shown };
            }
            0
        }
        _ => 0,
    }
}

/// `prctl`: the refusal of some options by a sandbox is hidden: signals at the end of the parent, whether
/// memory can be dumped, no new rights, tracers. Names of threads are in `/proc` as well.
pub(crate) fn option(registers: &Registers) -> isize {
    const SET_NAME: usize = 15;
    const GET_NAME: usize = 16;
    let result = call(n::PRCTL, registers.arguments());
    let [option, name, ..] = registers.arguments();
    match option {
        _ if result != EPERM => result,
        SET_NAME => named(|file| file.write(string(name))),
        GET_NAME if is_writable(name, NAME_BYTES) => named(|file| {
            // SAFETY: just looked at; the guest says that it has this room for a name.
            let name = unsafe { core::slice::from_raw_parts_mut(name as *mut u8, NAME_BYTES) };
            name.fill(0);
            let length = file.read(name).unwrap_or(0);
            // The file ends with a line end.
            name[length.saturating_sub(1)] = 0;
        }),
        1 | 4 | 38 | 0x5961_6d61 => 0,
        _ => result,
    }
}

/// Room for the name of a thread, `TASK_COMM_LEN`.
const NAME_BYTES: usize = 16;

/// Does something with the file that holds the name of this thread.
fn named(work: impl FnOnce(&File)) -> isize {
    const O_RDWR: usize = 2;
    let path = c"/proc/thread-self/comm".as_ptr().cast();
    if let Ok(file) = File::open(AT_FDCWD, path, O_RDWR, 0) {
        work(&file);
    }
    0
}
