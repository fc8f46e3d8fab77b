//! Cost, checks, blocks and what no template reaches: plan → file, and back.

pub(super) mod read;
pub(super) mod write;
