//! What somebody may have meant.

/// Nobody means a name by a text longer than this, and comparing takes time for every letter.
const MAX_LENGTH: usize = 100;

/// The most similar of some names, if one is similar at all.
pub(super) fn similar<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    if name.len() > MAX_LENGTH {
        return None;
    }
    let least = (name.len() / 3).max(1);
    names
        .map(|one| (distance(&name.to_lowercase(), &one.to_lowercase()), one))
        .filter(|(distance, _)| *distance <= least)
        .min()
        .map(|(_, one)| one)
}

/// How many letters must be changed, added or removed.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for column in 0..right.len() {
            let changed = diagonal + usize::from(letter != right[column]);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near() {
        let names = ["MemorySize", "Timeout", "Role"];
        assert_eq!(similar("Memorysize", names.into_iter()), Some("MemorySize"));
        assert_eq!(similar("TimeOut", names.into_iter()), Some("Timeout"));
        assert_eq!(similar("Colour", names.into_iter()), None);
    }
}
