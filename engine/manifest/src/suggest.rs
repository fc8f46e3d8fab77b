//! "Did you mean": the nearest of the words that would have been right.

/// The nearest of `words`, if it is near enough to be meant. Two letters swapped count as one mistake.
#[must_use]
pub fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Long words are compared by their beginning only, so that hostile input stays cheap.
    let word: Vec<char> = word.chars().take(64).collect();
    let allowed = (word.len() / 3).clamp(1, 3);
    let scored = words
        .into_iter()
        .filter(|other| may_be_near(&word, other, allowed))
        .map(|other| (distance(&word, other), other));
    scored
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

/// Whether so few edits may make one word of the other, by how often letters are in them: much cheaper than
/// to count the edits.
fn may_be_near(word: &[char], other: &str, allowed: usize) -> bool {
    const SLOTS: usize = 64;
    let mut counts = [0_isize; SLOTS];
    for character in word {
        counts[*character as usize % SLOTS] += 1;
    }
    for character in other.chars().take(64) {
        counts[character as usize % SLOTS] -= 1;
    }
    // A replaced letter is missing once and one too many once.
    let differences: isize = counts.iter().map(|count| count.abs()).sum();
    differences.unsigned_abs() <= 2 * allowed
}

/// Edits between two words: insertions, deletions, replacements, swaps of neighbours.
fn distance(left: &[char], right: &str) -> usize {
    let right: Vec<char> = right.chars().take(64).collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let replace = last[j] + usize::from(a != b);
            let mut best = replace.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words() {
        let keys = ["memory", "image", "in", "out"];
        assert_eq!(nearest("memroy", keys), Some("memory"));
        assert_eq!(nearest("images", keys), Some("image"));
        assert_eq!(nearest("timeout", keys), None);
        assert_eq!(nearest("ni", keys), Some("in"));
        assert_eq!(nearest("", keys), None);
    }
}
