//! Any text as an image reference: what is accepted is written so that it is read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scar_container::{Reference, Version};

fuzz_target!(|text: &str| {
    let Ok(reference) = Reference::parse(text) else {
        return;
    };
    let written = reference.to_string();
    assert_eq!(
        Reference::parse(&written).as_ref(),
        Ok(&reference),
        "{written}"
    );
    let Reference::Registry(reference) = reference else {
        return;
    };
    // These become parts of an address.
    let is_plain = |text: &str, more: &[u8]| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || more.contains(&byte);
        !text.is_empty() && text.bytes().all(is_allowed)
    };
    assert!(is_plain(&reference.host, b".-_:[]"), "{reference:?}");
    assert!(is_plain(&reference.repository, b"._-/"), "{reference:?}");
    let is_path = |part: &str| !part.is_empty() && part != "." && part != "..";
    assert!(
        reference.repository.split('/').all(is_path),
        "{reference:?}"
    );
    if let Version::Tag(tag) = &reference.version {
        assert!(is_plain(tag, b"._-"), "{reference:?}");
    }
});
