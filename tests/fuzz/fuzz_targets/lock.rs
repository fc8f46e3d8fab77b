//! Any text as a lock file: read, written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scar_schemas::lock::Lock;

fuzz_target!(|text: &str| {
    if let Ok(lock) = Lock::parse(text) {
        let written = lock.to_text().expect("a lock file can be written");
        assert_eq!(Lock::parse(&written).ok(), Some(lock));
    }
});
