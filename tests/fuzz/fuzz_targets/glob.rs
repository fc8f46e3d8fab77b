//! A pattern on the first line and keys on the others: matching ends, and agrees with the literal prefix.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scar_schemas::glob::Glob;

fuzz_target!(|text: &str| {
    let mut lines = text.lines();
    let Some(Ok(glob)) = lines.next().map(str::parse::<Glob>) else {
        return;
    };
    let prefix = glob.literal_prefix();
    for key in lines {
        if glob.matches(key) {
            assert!(
                key.starts_with(&prefix),
                "{key:?} does not start with {prefix:?}"
            );
        }
    }
    assert_eq!(glob.as_str().parse::<Glob>().as_ref(), Ok(&glob));
});
