//! Names of files in a task's private directory. Pure.

use scar_schemas::contract::stem;

/// Longest file name in bytes on the file systems of Linux.
const MAX_NAME_BYTES: usize = 255;
/// Longest suffix worth keeping on a replacement name.
const MAX_SUFFIX_BYTES: usize = 16;

/// A file name for the input: the base name of its key where that is a safe name, else `input` and
/// the suffix of the key if that one is plain.
pub(crate) fn input_name(key: &str) -> String {
    let base = key.rsplit('/').next().unwrap_or_default();
    if is_safe(base) {
        return base.to_owned();
    }
    let suffix = &base[stem(key).len()..];
    let is_plain = (2..=MAX_SUFFIX_BYTES).contains(&suffix.len())
        && suffix
            .bytes()
            .skip(1)
            .all(|byte| byte.is_ascii_alphanumeric());
    if is_plain {
        format!("input{suffix}")
    } else {
        "input".to_owned()
    }
}

/// A name that no program is likely to stumble over: not a path, not an option, nothing invisible.
fn is_safe(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && name != "."
        && name != ".."
        && !name.starts_with('-')
        && !name
            .chars()
            .any(|c| c.is_control() || c == '/' || c == '\\')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::input_name;

    #[test]
    fn plain_names_are_kept() {
        assert_eq!(input_name("in/a b (ü).tar.gz"), "a b (ü).tar.gz");
        assert_eq!(input_name("in/.profile"), ".profile");
    }

    #[test]
    fn odd_names_are_replaced_and_keep_their_suffix() {
        let long = format!("in/{}.jpg", "a".repeat(300));
        assert_eq!(input_name(&long), "input.jpg");
        assert_eq!(input_name("in/a\nb.jpg"), "input.jpg");
        assert_eq!(input_name("in/-rf.jpg"), "input.jpg");
        assert_eq!(input_name("in/.."), "input");
        assert_eq!(input_name("in/a\\b.x y"), "input");
        assert_eq!(input_name(""), "input");
    }

    proptest! {
        #[test]
        fn no_key_leaves_the_directory(key in "[./\\\\\\x00-\\x20a-cü-]{0,40}") {
            let name = input_name(&key);
            prop_assert!(!name.is_empty() && name.len() <= 255);
            prop_assert!(!name.contains('/') && !name.contains('\0'));
            prop_assert!(name != "." && name != "..");
        }
    }
}
