//! What differs between two texts, line by line, as `diff -u` shows it.

use std::fmt::Write as _;

use super::style::Style;
use super::text::clean;

/// Lines that are shown around a change.
const CONTEXT: usize = 3;
/// Larger tables of lines are not compared: the middle is then shown as replaced.
const MOST_CELLS: usize = 4_000_000;

/// A line that is in both texts or in one of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Both,
    Old,
    New,
}

/// The difference with its headings; empty if there is none.
pub(crate) fn difference(name: &str, old: &str, new: &str, style: Style) -> String {
    if old == new {
        return String::new();
    }
    let lines = lines(
        &old.lines().collect::<Vec<_>>(),
        &new.lines().collect::<Vec<_>>(),
    );
    let name = clean(name);
    let mut out = format!("--- {name}\n+++ {name} (formatted)\n");
    for (start, end) in hunks(&lines) {
        let before = |side: Side| lines[..start].iter().filter(|(it, _)| *it != side).count() + 1;
        let inside = |side: Side| {
            lines[start..end]
                .iter()
                .filter(|(it, _)| *it != side)
                .count()
        };
        let _ = writeln!(
            out,
            "@@ -{},{} +{},{} @@",
            before(Side::New),
            inside(Side::New),
            before(Side::Old),
            inside(Side::Old)
        );
        for (side, line) in &lines[start..end] {
            out.push_str(&drawn(*side, line, style));
        }
    }
    out
}

fn drawn(side: Side, line: &str, style: Style) -> String {
    let line = clean(line);
    match side {
        Side::Both => format!(" {line}\n"),
        Side::Old => format!("{}\n", style.red(&format!("-{line}"))),
        Side::New => format!("{}\n", style.green(&format!("+{line}"))),
    }
}

/// All lines of both texts, those that are the same once.
fn lines<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(Side, &'a str)> {
    let same =
        |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(a, b)| a == b).count();
    let start = same(&mut old.iter().zip(new));
    let (old_rest, new_rest) = (&old[start..], &new[start..]);
    let end = same(&mut old_rest.iter().rev().zip(new_rest.iter().rev()));
    let (old_middle, new_middle) = (
        &old_rest[..old_rest.len() - end],
        &new_rest[..new_rest.len() - end],
    );
    let both = |line: &&'a str| (Side::Both, *line);
    let mut all: Vec<(Side, &str)> = old[..start].iter().map(both).collect();
    all.extend(middle(old_middle, new_middle));
    all.extend(old[old.len() - end..].iter().map(both));
    all
}

/// The longest common subsequence decides what stays.
fn middle<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(Side, &'a str)> {
    let width = new.len() + 1;
    if old.len().saturating_mul(width) > MOST_CELLS {
        let old = old.iter().map(|line| (Side::Old, *line));
        return old
            .chain(new.iter().map(|line| (Side::New, *line)))
            .collect();
    }
    let mut common = vec![0_u32; (old.len() + 1) * width];
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            common[i * width + j] = if a == b {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut all) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            all.push((Side::Both, old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len()
            || i < old.len() && common[(i + 1) * width + j] >= common[i * width + j + 1]
        {
            all.push((Side::Old, old[i]));
            i += 1;
        } else {
            all.push((Side::New, new[j]));
            j += 1;
        }
    }
    all
}

/// Ranges of lines with a change and what stands around it; near ones are joined.
fn hunks(lines: &[(Side, &str)]) -> Vec<(usize, usize)> {
    let mut hunks: Vec<(usize, usize)> = Vec::new();
    for (at, (side, _)) in lines.iter().enumerate() {
        if *side == Side::Both {
            continue;
        }
        let (start, end) = (
            at.saturating_sub(CONTEXT),
            (at + CONTEXT + 1).min(lines.len()),
        );
        match hunks.last_mut() {
            Some((_, last)) if *last >= start => *last = end,
            _ => hunks.push((start, end)),
        }
    }
    hunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_with_their_surroundings() {
        let old = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\n";
        let new = "a\nB\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm\n";
        assert_eq!(
            difference("x", old, new, Style::new(false)),
            "--- x\n+++ x (formatted)\n@@ -1,5 +1,5 @@\n a\n-b\n+B\n c\n d\n e\n@@ -10,3 +10,4 @@\n j\n k\n l\n+m\n"
        );
        assert_eq!(difference("x", old, old, Style::new(false)), "");
    }
}
