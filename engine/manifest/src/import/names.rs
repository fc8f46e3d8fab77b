//! Names of a manifest from those of an old file.

/// Characters of a name.
const MOST: usize = crate::limits::NAME;

/// A name like this one that a manifest can have: `scar-Cow_Say` to `scar-cow-say`.
pub(crate) fn name(text: &str, otherwise: &str) -> String {
    let letter = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let mut name = String::new();
    for character in text.chars().map(letter) {
        let is_start = name.is_empty() && !character.is_ascii_lowercase();
        let is_double = character == '-' && name.ends_with('-');
        if !is_start && !is_double && name.len() < MOST {
            name.push(character);
        }
    }
    let name = name.trim_end_matches('-');
    if name.is_empty() {
        otherwise.to_owned()
    } else {
        name.to_owned()
    }
}

/// The name, with a number if it is taken.
pub(crate) fn free(name: &str, taken: impl Fn(&str) -> bool) -> String {
    if !taken(name) {
        return name.to_owned();
    }
    let numbered = |number: usize| {
        let end = format!("-{number}");
        let start: String = name.chars().take(MOST - end.len()).collect();
        format!("{}{end}", start.trim_end_matches('-'))
    };
    (2..)
        .map(numbered)
        .find(|name| !taken(name))
        .unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(name("scar-Cow_Say", "x"), "scar-cow-say");
        assert_eq!(name("1st.stage__", "x"), "st-stage");
        assert_eq!(name("---", "x"), "x");
        assert_eq!(name(&"a".repeat(40), "x").len(), 31);
        assert_eq!(free("a", |_| false), "a");
        assert_eq!(free("a", |name| name == "a" || name == "a-2"), "a-3");
    }
}
