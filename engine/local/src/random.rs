//! Random identities and secrets from the operating system.

/// `count` random bytes as lower-case hexadecimal text.
///
/// A system without a random source cannot make keys at all, so this stops the process there.
pub(crate) fn hex(count: usize) -> String {
    let mut bytes = vec![0; count];
    fill(&mut bytes);
    scar_schemas::digest::hex(&bytes)
}

/// A random (version 4) UUID.
pub(crate) fn uuid() -> String {
    let mut bytes = [0; 16];
    fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = scar_schemas::digest::hex(&bytes);
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

#[expect(
    clippy::panic,
    reason = "going on with predictable secrets would be worse"
)]
fn fill(bytes: &mut [u8]) {
    if let Err(error) = getrandom::fill(bytes) {
        panic!("the system has no source of randomness: {error}");
    }
}
