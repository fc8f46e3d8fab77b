//! Any text as a saved plan.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = scar_plan::Plan::from_json(text);
});
