//! Random bytes from the kernel.

use rustix::rand::{GetRandomFlags, getrandom};
use scar_schemas::digest::hex;

/// Fills a small buffer. The kernel gives up to 256 bytes at once, never fewer, when it is asked to
/// wait for its pool.
pub(crate) fn fill(buffer: &mut [u8]) {
    while getrandom(&mut *buffer, GetRandomFlags::empty()).is_err() {}
}

/// A new identity for an attempt: 128 random bits.
pub(crate) fn attempt() -> String {
    let mut bytes = [0_u8; 16];
    fill(&mut bytes);
    hex(&bytes)
}
