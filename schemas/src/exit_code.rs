//! Exit codes of the `scar` command and of stage containers. They never change meaning.

/// Done, or no differences.
pub const OK: u8 = 0;
/// Unexpected error: network, credentials, or a defect of scar.
pub const ERROR: u8 = 1;
/// Differences were found (`plan --exit-code`).
pub const DIFFERENCES: u8 = 2;
/// The manifest is invalid.
pub const INVALID: u8 = 3;
/// Blocked by a policy: data loss, protected environment.
pub const BLOCKED: u8 = 4;
/// The plan is stale, a lock is held, or the stack is busy.
pub const STALE: u8 = 5;
/// Apply failed and everything was rolled back.
pub const ROLLED_BACK: u8 = 6;
/// Apply failed and needs a person.
pub const STUCK: u8 = 7;
/// The run finished, but some tasks failed.
pub const TASKS_FAILED: u8 = 8;
/// A wait ran out of time.
pub const TIMED_OUT: u8 = 124;
/// Interrupted by Ctrl-C.
pub const INTERRUPTED: u8 = 130;

/// A stage container says: the input is bad, never retry it (`EX_DATAERR` of sysexits).
pub const STAGE_BAD_INPUT: i32 = 65;
/// A stage container says: try again later (`EX_TEMPFAIL` of sysexits).
pub const STAGE_TRY_LATER: i32 = 75;
