//! The loader of the engine `graft`: maps a program of an image and translates its paths from within.
//!
//! It is started with the guest's arguments and, before the guest's variables, the paths of the plan and of
//! the program on the host and in the guest. It never ends: the guest takes its process over. There is no standard library and no allocator; what is needed lives on the stack, in
//! the mapped plan, or in memory that is mapped for it. Unsafe code is everywhere near the surface here:
//! other people's programs run in this address space.
#![no_std]
#![no_main]

mod decode;
mod elf;
mod entry;
mod exec;
mod handle;
mod load;
mod memory;
mod numbers;
mod patch;
mod path;
mod plan;
mod process;
mod ready;
mod scan;
mod shared;
mod sites;
mod sockets;
mod state;
mod status;
mod sys;
mod text;
mod window;

use core::arch::{asm, global_asm};

use exec::OWN_VARIABLES;
use load::Program;
use plan::Plan;
use state::State;
use sys::{AT_FDCWD, Answer, File, MAP_ANONYMOUS, MAP_NORESERVE, MAP_PRIVATE, READABLE, WRITABLE};
use text::Text;

/// As much of a file as has to hold its program headers.
const HEAD_BYTES: usize = 4096;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    sys::fail(b"internal error", b"loader")
}

global_asm!(
    r#"
    .globl _start
_start:
    xor ebp, ebp
    mov rdi, rsp
    lea rsi, [rip + __ehdr_start]
    lea rdx, [rip + _DYNAMIC]
    and rsp, -16
    call {start}
    ud2
    "#,
    start = sym start,
);

/// # Safety
/// Called once, with the stack pointer of a new process and the addresses of our own ELF header and
/// dynamic section.
unsafe extern "C" fn start(stack: *const usize, base: usize, dynamic: *const [usize; 2]) -> ! {
    // SAFETY: as this function's.
    let initial = unsafe {
        relocate(base, dynamic);
        Initial::new(stack)
    };
    // SAFETY: as this function's.
    match unsafe { prepare(&initial) } {
        // SAFETY: the guest was loaded, and nothing of ours is needed after it.
        Ok((program, entry, base)) => unsafe { initial.enter(&program, entry, base) },
        Err(error) => {
            let mut reason = Text::new();
            let _ = reason.push(b"cannot be started, error ");
            let _ = reason.push_number(error.unsigned_abs());
            sys::fail(reason.bytes(), initial.own(2))
        }
    }
}

/// Adds the address that we were loaded at to all pointers in our data.
///
/// # Safety
/// Once, before anything else.
unsafe fn relocate(base: usize, mut dynamic: *const [usize; 2]) {
    const RELA: usize = 7;
    const RELA_BYTES: usize = 8;
    const RELATIVE: usize = 8;
    let (mut table, mut bytes) = (0, 0);
    // SAFETY: the section ends with a zero entry, and the linker made the table.
    unsafe {
        while (*dynamic)[0] != 0 {
            match *dynamic {
                [RELA, address] => table = base + address,
                [RELA_BYTES, size] => bytes = size,
                _ => {}
            }
            dynamic = dynamic.add(1);
        }
        for at in (0..bytes).step_by(24) {
            let [offset, kind, addend] = *((table + at) as *const [usize; 3]);
            if kind == RELATIVE {
                *((base + offset) as *mut usize) = base + addend;
            }
        }
    }
}

/// What the new process' stack begins with.
struct Initial {
    arguments: *const usize,
    argument_count: usize,
    variables: *const usize,
    variable_count: usize,
    /// Pairs of the auxiliary vector, with the last one, which is zeros.
    pairs: *const [usize; 2],
    pair_count: usize,
}

impl Initial {
    /// # Safety
    /// `stack` is the stack pointer of a new process.
    unsafe fn new(stack: *const usize) -> Self {
        // SAFETY: as the kernel's interface says, lists follow one another, each with a null at its end.
        unsafe {
            let argument_count = *stack;
            let arguments = stack.add(1);
            let variables = arguments.add(argument_count + 1);
            let mut variable_count = 0;
            while *variables.add(variable_count) != 0 {
                variable_count += 1;
            }
            let pairs = variables.add(variable_count + 1).cast::<[usize; 2]>();
            let mut pair_count = 1;
            while (*pairs.add(pair_count - 1))[0] != 0 {
                pair_count += 1;
            }
            Self {
                arguments,
                argument_count,
                variables,
                variable_count,
                pairs,
                pair_count,
            }
        }
    }

    /// The list of variables without those that are for us.
    fn guest_variables(&self) -> *const usize {
        // SAFETY: `prepare` has read ours before.
        unsafe { self.variables.add(OWN_VARIABLES) }
    }

    /// One of the variables that are for us.
    fn own(&self, index: usize) -> &'static [u8] {
        if self.variable_count < OWN_VARIABLES {
            return b"";
        }
        // SAFETY: variables are strings that live as long as the process.
        unsafe { sys::string(*self.variables.add(index) as *const u8) }
    }

    /// Makes the stack that the kernel would have made, and goes to the guest's first instruction.
    ///
    /// # Safety
    /// Nothing of the loader's may be running any more.
    unsafe fn enter(&self, program: &Program, entry: usize, base: usize) -> ! {
        let count = self.argument_count;
        let words = 1 + count + 1 + self.variable_count + 1 + self.pair_count * 2;
        let here = core::ptr::from_ref(&words) as usize;
        let top = (here - 8192 - words * 8) & !15;
        let mut writer = top as *mut usize;
        let mut put = |word: usize| {
            // SAFETY: far below everything that is in use of this stack, which grows as needed.
            unsafe {
                writer.write(word);
                writer = writer.add(1);
            }
        };
        let guest = self.own(2).as_ptr() as usize;
        put(count);
        // SAFETY: as `new` found it.
        unsafe {
            (0..count).for_each(|index| put(*self.arguments.add(index)));
            put(0);
            (OWN_VARIABLES..self.variable_count).for_each(|index| put(*self.variables.add(index)));
            put(0);
            for [kind, value] in (0..self.pair_count).map(|index| *self.pairs.add(index)) {
                put(kind);
                put(auxiliary(kind, value, guest, program, base));
            }
            asm!("mov rsp, rax", "xor edx, edx", "xor ebp, ebp", "jmp rcx", in("rax") top,
                in("rcx") entry, options(noreturn))
        }
    }
}

/// The auxiliary vector's value for the guest; numbers are those of `getauxval`.
fn auxiliary(kind: usize, value: usize, guest: usize, program: &Program, base: usize) -> usize {
    const HEADER_BYTES: usize = 56;
    match kind {
        3 => program.headers,
        4 => HEADER_BYTES,
        5 => program.header_count,
        7 => base,
        9 => program.entry,
        11 | 12 => state::state().shown_user() as usize,
        13 | 14 => state::state().shown_group() as usize,
        31 => guest,
        _ => value,
    }
}

/// Reads the plan, and maps the program and its interpreter; gives the program, where to begin, and where the
/// interpreter is. A script, with which only the first process of a run begins, is started by its interpreter.
///
/// # Safety
/// As [`start`], after [`relocate`].
unsafe fn prepare(initial: &Initial) -> Answer<(Program, usize, usize)> {
    // SAFETY: this is the only thread, and `state` was not used yet.
    unsafe { set_up(initial.own(0)) }?;
    let (path, guest) = (initial.own(1), initial.own(2));
    let mut host = Text::new();
    host.push(path)?;
    let mut head = [0; HEAD_BYTES];
    let file = File::open(AT_FDCWD, host.pointer(), 0, 0)?;
    let length = file.read_at(&mut head, 0)?;
    if head.starts_with(b"#!") {
        let lists = [initial.arguments, initial.guest_variables()].map(|list| list as usize);
        let guest = guest.as_ptr() as usize;
        let result = exec::start(core::ptr::null_mut(), path.as_ptr() as usize, guest, lists)?;
        return Err(result);
    }
    // SAFETY: this is the only thread, and no reference to it is kept.
    unsafe { state::executable() }.push(host.bytes())?;
    let program = load::load(&file, &head[..length])?;
    name_process(guest);
    let Some(interpreter) = program.interpreter() else {
        let entry = program.entry;
        return Ok((program, entry, 0));
    };
    exec::interpreter_path(interpreter.as_ptr(), &mut host)?;
    let file = File::open(AT_FDCWD, host.pointer(), 0, 0)?;
    let length = file.read_at(&mut head, 0)?;
    let interpreter = load::load(&file, &head[..length])?;
    Ok((program, interpreter.entry, interpreter.base))
}

/// Maps the plan and the stacks.
///
/// # Safety
/// This must be the only thread, and nobody may have used [`state::state`] yet.
unsafe fn set_up(plan_path: &'static [u8]) -> Answer<()> {
    let file = File::open(AT_FDCWD, plan_path.as_ptr(), 0, 0)?;
    let size = file.status()?.size();
    // SAFETY: new places; the plan is never changed or unmapped.
    let (plan, stacks) = unsafe {
        let at = sys::map(0, size, READABLE, MAP_PRIVATE, Some((&file, 0)))?;
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
        let stacks = sys::map(0, entry::STACKS_BYTES, READABLE | WRITABLE, flags, None)?;
        (core::slice::from_raw_parts(at as *const u8, size), stacks)
    };
    let plan = Plan::new(plan).ok_or(sys::ENOEXEC)?;
    // SAFETY: this thread is the only one, and these calls touch no memory.
    unsafe {
        entry::STACKS = stacks;
        state::set(State {
            plan,
            plan_path,
            root: plan.root(),
            executable: Text::new(),
            user: sys::call(numbers::GETUID, [0; 6]) as u32,
            group: sys::call(numbers::GETGID, [0; 6]) as u32,
            has_read_only: plan.mounts().any(|mount| mount.read_only),
        });
    }
    Ok(())
}

/// Gives the process the name of its program, as far as the kernel allows.
fn name_process(path: &[u8]) {
    const O_WRONLY: usize = 1;
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
    let mut text = Text::new();
    // This is quicker, but not every sandbox allows it.
    if text.push(name).is_ok() && sys::name_thread(text.pointer()) == 0 {
        return;
    }
    if let Ok(file) = File::open(AT_FDCWD, c"/proc/self/comm".as_ptr().cast(), O_WRONLY, 0) {
        file.write(name);
    }
}
