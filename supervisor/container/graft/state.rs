//! What every call needs to know; written once, before the guest's first instruction.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

use crate::plan::{Field, Plan};
use crate::text::Text;

/// See the module.
pub(crate) struct State {
    pub(crate) plan: Plan<'static>,
    /// Path of the plan's file with a zero byte at its end.
    pub(crate) plan_path: &'static [u8],
    pub(crate) root: &'static [u8],
    /// Host path of the program that runs.
    pub(crate) executable: Text,
    /// The process' real user and group.
    pub(crate) user: u32,
    pub(crate) group: u32,
    pub(crate) has_read_only: bool,
}

struct Global(UnsafeCell<MaybeUninit<State>>);

// SAFETY: written before there is a second thread, and only read from then on.
unsafe impl Sync for Global {}

static STATE: Global = Global(UnsafeCell::new(MaybeUninit::uninit()));

pub(crate) fn state() -> &'static State {
    // SAFETY: `set` is the first thing that happens.
    unsafe { (*STATE.0.get()).assume_init_ref() }
}

/// # Safety
/// Nobody may use [`state`] at the same time.
pub(crate) unsafe fn set(state: State) {
    // SAFETY: as this function's.
    unsafe { (*STATE.0.get()).write(state) };
}

/// # Safety
/// Nobody may use [`state`] at the same time.
pub(crate) unsafe fn executable() -> &'static mut Text {
    // SAFETY: as this function's, and `set` came before.
    unsafe { &mut (*STATE.0.get()).assume_init_mut().executable }
}

impl State {
    /// The user that the container believes to be.
    pub(crate) fn shown_user(&self) -> u32 {
        self.plan.field(Field::User) as u32
    }

    /// The group that the container believes to be in.
    pub(crate) fn shown_group(&self) -> u32 {
        self.plan.field(Field::Group) as u32
    }

    pub(crate) fn device(&self) -> u64 {
        self.plan.field(Field::Device) as u64
    }
}
