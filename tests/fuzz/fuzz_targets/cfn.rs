//! Any text as a CloudFormation template: read, checked, written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scar_cfn::Document;

fuzz_target!(|text: &str| {
    let Ok(document) = Document::parse(text) else {
        return;
    };
    let _ = scar_cfn::validate(&document);
    let _ = scar_cfn::creation_order(&document);
    let written = document.to_json();
    let again = Document::parse(&written).expect("what was written can be read");
    assert_eq!(again.to_json(), written);
});
