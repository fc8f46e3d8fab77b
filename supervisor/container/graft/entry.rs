//! Where trampolines lead: off the guest's stack, which may be tiny, and into [`crate::handle`].

use core::arch::global_asm;
use core::sync::atomic::AtomicU32;

use crate::numbers::{COUNT, TABLE};

/// How many calls can be in translation at a time. One that a signal handler jumps out of is lost.
const SLOTS: usize = 256;
/// Stack of one translation.
const STACK_BYTES: usize = 1 << 16;
/// Of all stacks together.
pub(crate) const STACKS_BYTES: usize = SLOTS * STACK_BYTES;

/// Which stacks are in use.
static TAKEN: [AtomicU32; SLOTS] = [const { AtomicU32::new(0) }; SLOTS];
/// Where the stacks are.
pub(crate) static mut STACKS: usize = 0;

/// The guest's registers at a call, as the entry stores them.
#[repr(C)]
pub(crate) struct Registers {
    vectors: [u8; 256],
    pub(crate) r9: usize,
    pub(crate) r8: usize,
    pub(crate) r10: usize,
    pub(crate) rdx: usize,
    pub(crate) rsi: usize,
    pub(crate) rdi: usize,
    /// The word that says that this stack is in use.
    pub(crate) slot: *mut u32,
    /// The number, and then the result.
    pub(crate) rax: isize,
    rsp: usize,
    /// Where the guest goes on.
    next: usize,
}

impl Registers {
    /// The six arguments in their order.
    pub(crate) fn arguments(&self) -> [usize; 6] {
        [self.rdi, self.rsi, self.rdx, self.r10, self.r8, self.r9]
    }

    /// Lets the guest make the call itself.
    pub(crate) fn pass(&mut self) {
        const SYSCALL_BYTES: usize = 2;
        self.next -= SYSCALL_BYTES;
    }
}

unsafe extern "C" {
    fn graft_entry();
}

/// Address of the entry.
pub(crate) fn address() -> usize {
    graft_entry as *const () as usize
}

// `rcx` is where to go on, `r11` is free, all else is the guest's. The red zone below the stack pointer
// is skipped. A `mmap` or `mprotect` that makes nothing executable is common,
// and passed here.
global_asm!(
    r#"
    .globl graft_entry
    .p2align 4
graft_entry:
    cmp rax, {count}
    jae 1f
    lea r11, [rip + {table}]
    cmp byte ptr [r11 + rax], 0
    jne 2f
1:  sub rcx, 2
    jmp rcx
2:  cmp eax, {mmap}
    je 7f
    cmp eax, {mprotect}
    jne 3f
7:  test edx, 4
    jz 1b
3:  lea r11, [rsp - 128]
    xchg rsp, r11
    push rcx
    push r11
    push rax
    push rdx
    lea r11, [rip + {taken}]
    xor ecx, ecx
4:  cmp dword ptr [r11 + rcx * 4], 0
    jne 5f
    mov edx, 1
    xor eax, eax
    lock cmpxchg dword ptr [r11 + rcx * 4], edx
    je 6f
5:  inc ecx
    and ecx, {slots} - 1
    pause
    jmp 4b
6:  lea rdx, [r11 + rcx * 4]
    inc ecx
    shl rcx, 16
    add rcx, [rip + {stacks}]
    mov r11, rsp
    mov rsp, rcx
    push qword ptr [r11 + 24]
    lea rcx, [r11 + 160]
    push rcx
    push qword ptr [r11 + 8]
    push rdx
    mov rdx, [r11]
    push rdi
    push rsi
    push rdx
    push r10
    push r8
    push r9
    sub rsp, 256
    movups [rsp], xmm0
    movups [rsp + 16], xmm1
    movups [rsp + 32], xmm2
    movups [rsp + 48], xmm3
    movups [rsp + 64], xmm4
    movups [rsp + 80], xmm5
    movups [rsp + 96], xmm6
    movups [rsp + 112], xmm7
    movups [rsp + 128], xmm8
    movups [rsp + 144], xmm9
    movups [rsp + 160], xmm10
    movups [rsp + 176], xmm11
    movups [rsp + 192], xmm12
    movups [rsp + 208], xmm13
    movups [rsp + 224], xmm14
    movups [rsp + 240], xmm15
    mov rdi, rsp
    cld
    call {handle}
    movups xmm0, [rsp]
    movups xmm1, [rsp + 16]
    movups xmm2, [rsp + 32]
    movups xmm3, [rsp + 48]
    movups xmm4, [rsp + 64]
    movups xmm5, [rsp + 80]
    movups xmm6, [rsp + 96]
    movups xmm7, [rsp + 112]
    movups xmm8, [rsp + 128]
    movups xmm9, [rsp + 144]
    movups xmm10, [rsp + 160]
    movups xmm11, [rsp + 176]
    movups xmm12, [rsp + 192]
    movups xmm13, [rsp + 208]
    movups xmm14, [rsp + 224]
    movups xmm15, [rsp + 240]
    add rsp, 256
    pop r9
    pop r8
    pop r10
    pop rdx
    pop rsi
    pop rdi
    pop rcx
    pop rax
    mov r11, [rsp + 8]
    mov rsp, [rsp]
    mov dword ptr [rcx], 0
    jmp r11
    "#,
    count = const COUNT,
    mmap = const crate::numbers::MMAP,
    mprotect = const crate::numbers::MPROTECT,
    slots = const SLOTS,
    table = sym TABLE,
    taken = sym TAKEN,
    stacks = sym STACKS,
    handle = sym crate::handle::handle,
);
