//! Starting programs: by the guest's `execve`, which becomes one of the loader, and in the new process.

use crate::elf::is_program;
use crate::entry::Registers;
use crate::numbers;
use crate::path::{guest_string, to_host, translate};
use crate::state::state;
use crate::sys::{
    self, AT_FDCWD, Answer, ENOENT, ENOEXEC, File, MAP_ANONYMOUS, MAP_PRIVATE, READABLE, WRITABLE,
};
use crate::text::Text;

/// What the loader needs to know stands before the guest's arguments: loader, plan, host path, guest path.
pub(crate) const OWN_ARGUMENTS: usize = 4;
/// More arguments than that do not go on the stack.
const SMALL: usize = 256;
/// As much of a script's first line as the kernel reads, `BINPRM_BUF_SIZE`.
pub(crate) const LINE_BYTES: usize = 256;

/// The first line of a script.
pub(crate) struct Script {
    line: [u8; LINE_BYTES + 1],
    interpreter: usize,
    argument: Option<usize>,
}

impl Script {
    /// Reads the first line in the beginning of a file, if that is a script.
    pub(crate) fn new(head: &[u8]) -> Option<Self> {
        let rest = head.strip_prefix(b"#!")?;
        let is_end = |&byte: &u8| byte == b'\n' || byte == 0;
        let end = rest
            .iter()
            .take(LINE_BYTES)
            .position(is_end)
            .unwrap_or(rest.len().min(LINE_BYTES));
        let mut line = [0; LINE_BYTES + 1];
        line[..end].copy_from_slice(&rest[..end]);
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let trimmed = line[..end]
            .iter()
            .rposition(|byte| !is_blank(byte) && *byte != b'\r')?
            + 1;
        line[trimmed] = 0;
        let text = &line[..trimmed];
        let interpreter = text.iter().position(|byte| !is_blank(byte))?;
        let blank = text[interpreter..]
            .iter()
            .position(is_blank)
            .map(|at| at + interpreter);
        let argument = blank.and_then(|blank| {
            let skipped = text[blank..].iter().position(|byte| !is_blank(byte))?;
            Some(blank + skipped)
        });
        if let Some(blank) = blank {
            line[blank] = 0;
        }
        Some(Self {
            line,
            interpreter,
            argument,
        })
    }

    /// Path of the interpreter with a zero byte behind it.
    pub(crate) fn interpreter(&self) -> *const u8 {
        self.line[self.interpreter..].as_ptr()
    }

    pub(crate) fn argument(&self) -> Option<*const u8> {
        self.argument.map(|at| self.line[at..].as_ptr())
    }
}

/// `execve`: returns the error if the program cannot be started.
pub(crate) fn execute(
    registers: &Registers,
    path: usize,
    arguments: usize,
    environment: usize,
) -> isize {
    let mut text = Text::new();
    let result = translate(AT_FDCWD, path, &mut text).and_then(|host| {
        check_program(host)?;
        become_program(
            registers,
            host,
            path,
            arguments as *const usize,
            environment,
        )
    });
    result.unwrap_or_else(|error| error)
}

/// `execveat`, with a descriptor of the program itself or of a directory.
pub(crate) fn execute_at(registers: &Registers) -> isize {
    const AT_EMPTY_PATH: usize = 0x1000;
    let [directory, path, arguments, environment, flags, _] = registers.arguments();
    let name = guest_string(path);
    if name.first() == Some(&b'/') || (directory as i32 == AT_FDCWD && !name.is_empty()) {
        return execute(registers, path, arguments, environment);
    }
    let made = || -> Answer<isize> {
        let mut link = Text::new();
        link.push(b"/proc/self/fd/")?;
        if name.is_empty() && flags & AT_EMPTY_PATH != 0 {
            // The descriptor may be one that is closed on exec, but the loader has to open it then.
            let kept = core::mem::ManuallyDrop::new(File::duplicate(directory as i32)?);
            link.push_number(kept.0 as usize)?;
            let result = execute(registers, link.pointer() as usize, arguments, environment);
            drop(core::mem::ManuallyDrop::into_inner(kept));
            return Ok(result);
        }
        if name.is_empty() {
            return Err(ENOENT);
        }
        let mut host = Text::new();
        crate::path::file_path(directory as i32, &mut host)?;
        crate::path::to_guest(host.bytes(), &mut link)?;
        link.push(b"/")?;
        link.push(name)?;
        Ok(execute(
            registers,
            link.pointer() as usize,
            arguments,
            environment,
        ))
    };
    made().unwrap_or_else(|error| error)
}

/// Finds out what the kernel would say, while there still is somebody to tell.
fn check_program(host: usize) -> Answer<()> {
    check_access(host)?;
    let mut head = [0; LINE_BYTES];
    let file = File::open(AT_FDCWD, host as *const u8, 0, 0)?;
    let length = file.read(&mut head).map_err(|_| sys::EACCES)?;
    let head = &head[..length];
    if let Some(script) = Script::new(head) {
        let mut text = Text::new();
        return check_access(translate(
            AT_FDCWD,
            script.interpreter() as usize,
            &mut text,
        )?);
    }
    if is_program(head) {
        Ok(())
    } else {
        Err(ENOEXEC)
    }
}

fn check_access(host: usize) -> Answer<()> {
    const X_OK: usize = 1;
    // SAFETY: a path that cannot be read is refused by the kernel.
    sys::check(unsafe { sys::call(numbers::ACCESS, [host, X_OK, 0, 0, 0, 0]) })?;
    Ok(())
}

fn become_program(
    registers: &Registers,
    host: usize,
    guest: usize,
    arguments: *const usize,
    environment: usize,
) -> Answer<isize> {
    let mut count = 0;
    // SAFETY: the guest says that this is a list that ends with a null.
    while !arguments.is_null() && unsafe { *arguments.add(count) } != 0 {
        count += 1;
    }
    let mut small = [0_usize; SMALL];
    let words = count + OWN_ARGUMENTS + 1;
    let large = if words > SMALL {
        Some(allocate(words)?)
    } else {
        None
    };
    let list = large.unwrap_or(small.as_mut_ptr());
    let own = [
        state().plan.loader().as_ptr() as usize,
        state().plan_path.as_ptr() as usize,
        host,
        guest,
    ];
    // SAFETY: the list has room for all of them, and was zeros.
    unsafe {
        core::ptr::copy_nonoverlapping(own.as_ptr(), list, OWN_ARGUMENTS);
        if count > 0 {
            core::ptr::copy_nonoverlapping(arguments, list.add(OWN_ARGUMENTS), count);
        }
    }
    // A process made by vfork shares this slot with its parent, who goes on when it has left.
    sys::clear_when_gone(registers.slot);
    // SAFETY: all strings are live.
    let result = unsafe {
        sys::call(
            numbers::EXECVE,
            [own[0], list as usize, environment, 0, 0, 0],
        )
    };
    sys::clear_when_gone(core::ptr::null_mut());
    if let Some(large) = large {
        // SAFETY: mapped above, and not used any more.
        unsafe { sys::unmap(large as usize, words * size_of::<usize>()) };
    }
    Ok(result)
}

fn allocate(words: usize) -> Answer<*mut usize> {
    let bytes = words * size_of::<usize>();
    // SAFETY: a new place.
    let at = unsafe {
        sys::map(
            0,
            bytes,
            READABLE | WRITABLE,
            MAP_PRIVATE | MAP_ANONYMOUS,
            None,
        )
    }?;
    Ok(at as *mut usize)
}

/// The host's path of a program interpreter, which has a zero byte at its end.
pub(crate) fn interpreter_path(guest: *const u8, host: &mut Text) -> Answer<()> {
    // SAFETY: the caller's string ends with a zero byte.
    let guest = unsafe { sys::string(guest) };
    if guest.first() == Some(&b'/') {
        to_host(guest, host)
    } else {
        host.clear();
        host.push(guest)
    }
}
