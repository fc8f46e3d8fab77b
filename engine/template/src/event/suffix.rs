//! Wildcards that are narrowed to suffixes: what both of a pattern and `when` take.

/// Wildcards for the keys that `wildcard` takes and that end in one of `suffixes` (in anything, if there
/// is none). Where no wildcard says it exactly it stays wider: the supervisor looks once more.
pub(super) fn wildcards(wildcard: &str, suffixes: &[&str]) -> Vec<String> {
    if suffixes.is_empty() {
        return vec![wildcard.to_owned()];
    }
    let narrowed = suffixes
        .iter()
        .filter_map(|suffix| narrow(wildcard, suffix));
    narrowed.collect()
}

fn narrow(wildcard: &str, suffix: &str) -> Option<String> {
    let Some((head, tail)) = wildcard.rsplit_once('*') else {
        return wildcard.ends_with(suffix).then(|| wildcard.to_owned());
    };
    if tail.ends_with(suffix) {
        return Some(wildcard.to_owned());
    }
    if !suffix.ends_with(tail) {
        return None;
    }
    // `in/x*` and `x.gz`: the key `in/x.gz` has the head's end as the suffix's beginning.
    let is_shared = |(start, _): (usize, char)| suffix.starts_with(&head[start..]);
    let literal = head.rsplit('*').next().unwrap_or_default();
    let first = head.len() - literal.len();
    if head
        .char_indices()
        .skip_while(|(start, _)| *start < first)
        .any(is_shared)
    {
        return Some(wildcard.to_owned());
    }
    Some(format!("{head}*{suffix}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_and_suffixes_meet() {
        let met = |wildcard: &str, suffix: &str| wildcards(wildcard, &[suffix]);
        assert_eq!(met("in/*", ".gz"), ["in/*.gz"]);
        assert_eq!(met("in/*.gz", ".fastq.gz"), ["in/*.fastq.gz"]);
        assert_eq!(met("in/*.fastq.gz", ".gz"), ["in/*.fastq.gz"]);
        assert_eq!(met("in/a.gz", ".gz"), ["in/a.gz"]);
        assert_eq!(met("a*b/*", ".gz"), ["a*b/*.gz"]);
        assert!(met("in/*.xz", ".gz").is_empty() && met("in/a", ".gz").is_empty());
        assert_eq!(met("in/x*", "x.gz"), ["in/x*"]);
        assert_eq!(wildcards("*", &[".a", ".b"]), ["*.a", "*.b"]);
        assert_eq!(wildcards("*", &[]), ["*"]);
    }
}
