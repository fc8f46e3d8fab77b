//! Any text as a TOML manifest: read, linked, formatted.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| scar_fuzz::manifest(text, scar_manifest::Format::Toml));
