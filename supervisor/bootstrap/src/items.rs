//! How a run fanned out, and whether all its branches have arrived. Pure.

use std::collections::{BTreeMap, BTreeSet};

/// Deepest nesting of fan-outs.
const MAX_LEVELS: usize = 16;
/// Widest fan-out.
const MAX_WIDTH: u32 = 1_000_000;

/// Where in its run an object stands: item `i` of `n` for each fan-out, from the outermost on.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Items(Vec<(u32, u32)>);

impl Items {
    /// Reads the metadata's form; anybody may have written them, so what is not one is `None`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text == "-" {
            return Some(Self::default());
        }
        let levels: Option<Vec<(u32, u32)>> = text.split('.').map(level).collect();
        levels.filter(|levels| levels.len() <= MAX_LEVELS).map(Self)
    }

    /// One fan-out further: item `index` of `count`.
    pub(crate) fn with(&self, index: u32, count: u32) -> Self {
        let mut levels = self.0.clone();
        levels.push((index, count));
        Self(levels)
    }

    /// The metadata's form.
    pub(crate) fn text(&self) -> String {
        let levels: Vec<String> = self.0.iter().map(|(i, n)| format!("{i}-{n}")).collect();
        levels.join(".")
    }

    /// What the members of a join by stem go on as: the innermost of them if the others are on its way.
    pub(crate) fn shared(all: &[Self]) -> Self {
        let longest = all.iter().max_by_key(|items| items.0.len());
        let Some(longest) = longest else {
            return Self::default();
        };
        let is_on_its_way = |items: &Self| longest.0.starts_with(&items.0);
        match all.iter().all(is_on_its_way) {
            true => longest.clone(),
            false => Self::default(),
        }
    }
}

fn level(text: &str) -> Option<(u32, u32)> {
    let (index, count) = text.split_once('-')?;
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(index) || !plain(count) {
        return None;
    }
    let (index, count) = (index.parse().ok()?, count.parse().ok()?);
    (index < count && count <= MAX_WIDTH).then_some((index, count))
}

/// Share of a run that has arrived, as a fraction of one; exactly 1 only if nothing is missing.
pub(crate) fn share(arrived: &BTreeSet<Items>) -> f64 {
    let paths: Vec<&[(u32, u32)]> = arrived.iter().map(|items| items.0.as_slice()).collect();
    if covers(&paths) {
        return 1.0;
    }
    covered(&paths).min(0.999_999)
}

/// Whether every fan-out that is known of has all its items here. One that nothing has come from is not
/// known of, but then the item before it is missing.
fn covers(paths: &[&[(u32, u32)]]) -> bool {
    if paths.iter().any(|path| path.is_empty()) {
        return true;
    }
    let Some((count, branches)) = branches(paths) else {
        return false;
    };
    branches.len() == count as usize && branches.values().all(|branch| covers(branch))
}

fn covered(paths: &[&[(u32, u32)]]) -> f64 {
    if paths.iter().any(|path| path.is_empty()) {
        return 1.0;
    }
    match branches(paths) {
        None => 0.0,
        Some((count, branches)) => {
            let arrived: f64 = branches.values().map(|branch| covered(branch)).sum();
            arrived / f64::from(count)
        }
    }
}

type Branches<'a> = BTreeMap<u32, Vec<&'a [(u32, u32)]>>;

/// The paths by their first item, and of how many. `None` if there are none or they contradict.
fn branches<'a>(paths: &[&'a [(u32, u32)]]) -> Option<(u32, Branches<'a>)> {
    let (_, count) = *paths.first()?.first()?;
    let mut branches = Branches::new();
    for path in paths {
        let (&(index, of), rest) = path.split_first()?;
        if of != count {
            return None;
        }
        branches.entry(index).or_default().push(rest);
    }
    Some((count, branches))
}

#[cfg(test)]
#[path = "items_tests.rs"]
mod tests;
