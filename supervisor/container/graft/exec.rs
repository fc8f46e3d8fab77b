//! Starting programs: by the guest's `execve`, which becomes one of the loader, and in the new process.

use crate::elf::is_program;
use crate::entry::Registers;
use crate::memory::{is_readable, string};
use crate::numbers;
use crate::path::{to_host, translate};
use crate::state::state;
use crate::sys::{
    self, AT_FDCWD, Answer, EFAULT, ELOOP, ENOENT, ENOEXEC, File, MAP_ANONYMOUS, MAP_PRIVATE,
    READABLE, WRITABLE,
};
use crate::text::Text;

/// What the loader needs to know stands before the guest's variables: plan, host path, guest path. So the
/// arguments, which others see in `/proc`, are the guest's.
pub(crate) const OWN_VARIABLES: usize = 3;
/// More words than that do not go on the stack.
const SMALL: usize = 512;
/// Scripts whose interpreters are scripts: as many as Linux allows.
const MAX_SCRIPTS: usize = 4;
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
    slot: *mut u32,
    path: usize,
    arguments: usize,
    environment: usize,
) -> Answer<isize> {
    let mut text = Text::new();
    let host = translate(AT_FDCWD, path, &mut text)?;
    start(slot, host, path, [arguments, environment])
}

/// Starts the program at a host path, or the one that a script names there. `path` is what the guest called
/// it, `lists` are those of arguments and variables.
pub(crate) fn start(
    slot: *mut u32,
    mut host: usize,
    path: usize,
    lists: [usize; 2],
) -> Answer<isize> {
    let mut scripts = [const { None }; MAX_SCRIPTS];
    let mut prefix = Prefix::default();
    let mut text = Text::new();
    let mut guest = path;
    let mut places = scripts.iter_mut();
    // Whatever the kernel would refuse is found out while there still is somebody to tell.
    while let Some(script) = read_script(host)? {
        let script: &Script = places.next().ok_or(ELOOP)?.insert(script);
        prefix.add(script, guest);
        guest = script.interpreter() as usize;
        host = translate(AT_FDCWD, guest, &mut text)?;
    }
    become_program(slot, [host, path], &prefix, lists)
}

/// How the arguments begin when the program is a script.
#[derive(Default)]
struct Prefix {
    words: [usize; 2 * MAX_SCRIPTS + 1],
    count: usize,
}

impl Prefix {
    /// The interpreter and its argument go before what is there; the script takes the place of its name.
    fn add(&mut self, script: &Script, guest: usize) {
        let kept = self.count.saturating_sub(1);
        let own = [Some(script.interpreter()), script.argument()];
        let count = 1 + usize::from(own[1].is_some());
        self.words
            .copy_within(self.count - kept..self.count, count + 1);
        for (place, word) in self.words.iter_mut().zip(own.into_iter().flatten()) {
            *place = word as usize;
        }
        self.words[count] = guest;
        self.count = count + 1 + kept;
    }
}

fn read_script(host: usize) -> Answer<Option<Script>> {
    const X_OK: usize = 1;
    // SAFETY: a path that cannot be read is refused by the kernel.
    sys::check(unsafe { sys::call(numbers::ACCESS, [host, X_OK, 0, 0, 0, 0]) })?;
    let mut head = [0; LINE_BYTES];
    let file = File::open(AT_FDCWD, host as *const u8, 0, 0)?;
    let length = file.read(&mut head).map_err(|_| sys::EACCES)?;
    let script = Script::new(&head[..length]);
    if script.is_none() && !is_program(&head[..length]) {
        return Err(ENOEXEC);
    }
    Ok(script)
}

fn become_program(
    slot: *mut u32,
    [host, guest]: [usize; 2],
    prefix: &Prefix,
    [arguments, environment]: [usize; 2],
) -> Answer<isize> {
    let arguments = list(arguments)?;
    let replaced = usize::from(prefix.count > 0).min(arguments.len());
    let own = [state().plan_path.as_ptr() as usize, host, guest];
    let parts = [
        &prefix.words[..prefix.count],
        &arguments[replaced..],
        &[0],
        &own,
        list(environment)?,
        &[0],
    ];
    let words: usize = parts.iter().map(|part| part.len()).sum();
    let mut small = [0_usize; SMALL];
    let large = if words > SMALL {
        Some(allocate(words)?)
    } else {
        None
    };
    let all = large.unwrap_or(small.as_mut_ptr());
    let mut at = all;
    for part in parts {
        // SAFETY: there is room for all of them.
        unsafe {
            core::ptr::copy_nonoverlapping(part.as_ptr(), at, part.len());
            at = at.add(part.len());
        }
    }
    let first = prefix.count + arguments.len() - replaced + 1;
    // A process made by vfork shares this slot with its parent, who goes on when it has left.
    sys::clear_when_gone(slot);
    let loader = state().plan.loader().as_ptr() as usize;
    let variables = all as usize + first * size_of::<usize>();
    // SAFETY: all strings are live.
    let result = unsafe { sys::call(numbers::EXECVE, [loader, all as usize, variables, 0, 0, 0]) };
    sys::clear_when_gone(core::ptr::null_mut());
    if let Some(large) = large {
        // SAFETY: mapped above, and not used any more.
        unsafe { sys::unmap(large as usize, words * size_of::<usize>()) };
    }
    Ok(result)
}

/// A list of the guest's without the null at its end.
fn list<'a>(pointer: usize) -> Answer<&'a [usize]> {
    let mut count = 0;
    while pointer != 0 {
        let place = pointer + count * size_of::<usize>();
        if !is_readable(place, size_of::<usize>()) {
            return Err(EFAULT);
        }
        // SAFETY: just looked at; the kernel would read it as well.
        if unsafe { (place as *const usize).read_unaligned() } == 0 {
            // SAFETY: all of it was looked at.
            return Ok(unsafe { core::slice::from_raw_parts(pointer as *const usize, count) });
        }
        count += 1;
    }
    Ok(&[])
}

fn allocate(words: usize) -> Answer<*mut usize> {
    let bytes = words * size_of::<usize>();
    let flags = MAP_PRIVATE | MAP_ANONYMOUS;
    // SAFETY: a new place.
    let at = unsafe { sys::map(0, bytes, READABLE | WRITABLE, flags, None) }?;
    Ok(at as *mut usize)
}

/// `execveat`, with a descriptor of the program itself or of a directory.
pub(crate) fn execute_at(registers: &Registers) -> Answer<isize> {
    const AT_EMPTY_PATH: usize = 0x1000;
    let [directory, path, arguments, environment, flags, _] = registers.arguments();
    let name = string(path);
    if name.first() == Some(&b'/') || (directory as i32 == AT_FDCWD && !name.is_empty()) {
        return execute(registers.slot, path, arguments, environment);
    }
    let mut link = Text::new();
    if name.is_empty() && flags & AT_EMPTY_PATH != 0 {
        link.push(b"/proc/self/fd/")?;
        // The descriptor may be one that is closed on exec, but the loader has to open it then.
        let kept = File::duplicate(directory as i32)?;
        link.push_number(kept.0 as usize)?;
        let path = link.pointer() as usize;
        return execute(registers.slot, path, arguments, environment);
    }
    if name.is_empty() {
        return Err(ENOENT);
    }
    let mut host = Text::new();
    crate::path::file_path(directory as i32, &mut host)?;
    crate::path::to_guest(host.bytes(), &mut link)?;
    link.push(b"/")?;
    link.push(name)?;
    let path = link.pointer() as usize;
    execute(registers.slot, path, arguments, environment)
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
