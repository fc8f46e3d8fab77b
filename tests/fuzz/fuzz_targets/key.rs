//! Any text as a form-encoded key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scar_schemas::event::decode_key;

fuzz_target!(|text: &str| {
    if let Some(key) = decode_key(text) {
        assert!(key.len() <= text.len());
    }
    // What is encoded byte by byte comes back as it was.
    let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    assert_eq!(decode_key(&encoded).as_deref(), Some(text));
});
