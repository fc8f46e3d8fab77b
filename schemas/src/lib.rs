//! Every format that crosses a process boundary, and nothing else: the stage contract between the
//! engine and the supervisor, storage events, task records, the manifest, the plan, exit codes.
//!
//! Writer and reader of a format stand in the same file, so they cannot drift apart. This crate
//! deliberately knows no clock, file, environment, network or AWS SDK: it only has types, their
//! text forms, and the few pure functions (globs, task identity) on which two processes must agree.

pub mod automaton;
pub mod construct;
pub mod contract;
pub mod deployed;
pub mod digest;
pub mod event;
pub mod exit_code;
pub mod glob;
pub mod hand_over;
pub mod inclusion;
pub mod lock;
pub mod manifest;
pub mod plan;
pub mod record;
