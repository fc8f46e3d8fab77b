//! Names and ARNs of functions.

/// Whether an ARN matches a pattern in which `*` stands for any text (`ArnLike`).
pub(super) fn arn_matches(pattern: &str, arn: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == arn;
    };
    let Some(tail) = arn.strip_prefix(head) else {
        return false;
    };
    tail.char_indices()
        .map(|(at, _)| at)
        .chain([tail.len()])
        .any(|at| arn_matches(rest, &tail[at..]))
}

/// Name of the function that a name, an ARN, or either with a version names.
pub(crate) fn function_name(named: &str) -> &str {
    let name = match named.split_once(":function:") {
        Some((_, name)) => name,
        None => named,
    };
    name.split(':').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_functions() {
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:shrink";
        for named in [
            "shrink",
            "shrink:$LATEST",
            arn,
            &format!("{arn}:$LATEST"),
            "000000000000:function:shrink",
        ] {
            assert_eq!(function_name(named), "shrink", "{named}");
        }
    }

    #[test]
    fn arns_match_with_wildcards() {
        assert!(arn_matches("arn:aws:s3:::*", "arn:aws:s3:::bucket"));
        assert!(arn_matches("a*c*e", "abcde"));
        assert!(!arn_matches("a*c", "abcd"));
    }
}
