//! Names of a manifest from those of an old file.

use std::collections::{BTreeMap, BTreeSet};

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

/// Names that are taken.
#[derive(Debug, Default)]
pub(crate) struct Names {
    taken: BTreeSet<String>,
    /// The next number for names that were wanted again, so that thousands of equal names stay cheap.
    next: BTreeMap<String, usize>,
}

impl Names {
    /// Takes the name, with a number behind it if it is taken already.
    pub(crate) fn take(&mut self, name: &str) -> String {
        if self.taken.insert(name.to_owned()) {
            return name.to_owned();
        }
        let next = self.next.entry(name.to_owned()).or_insert(2);
        loop {
            let end = format!("-{next}");
            *next += 1;
            let start: String = name.chars().take(MOST - end.len()).collect();
            let numbered = format!("{}{end}", start.trim_end_matches('-'));
            if self.taken.insert(numbered.clone()) {
                return numbered;
            }
        }
    }
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
        let mut names = Names::default();
        assert_eq!(
            ["a", "a-2", "a", "a"].map(|name| names.take(name)),
            ["a", "a-2", "a-3", "a-4"]
        );
    }
}
