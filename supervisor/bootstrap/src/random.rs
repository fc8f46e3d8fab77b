//! Random bytes from the kernel.

use std::time::Duration;

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

/// A pause with full jitter, so that two attempts that met once do not meet again.
pub(crate) fn jittered(pause: Duration) -> Duration {
    let mut bytes = [0_u8; 2];
    fill(&mut bytes);
    pause.mul_f64(f64::from(u16::from_le_bytes(bytes)) / f64::from(u16::MAX))
}
