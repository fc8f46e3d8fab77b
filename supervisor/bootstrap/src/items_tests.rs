use proptest::prelude::*;

use super::*;

fn set(texts: &[&str]) -> BTreeSet<Items> {
    texts
        .iter()
        .map(|text| Items::parse(text).unwrap())
        .collect()
}

fn is_whole(texts: &[&str]) -> bool {
    share(&set(texts)) >= 1.0
}

#[test]
fn a_run_that_did_not_fan_out_is_whole_with_one() {
    assert!(is_whole(&["-"]));
    assert!(!is_whole(&[]));
}

#[test]
fn every_item_of_every_fan_out_must_be_there() {
    assert!(is_whole(&["0-2", "1-2"]));
    assert!(!is_whole(&["0-2"]));
    assert!(is_whole(&["0-2", "1-2.0-3", "1-2.1-3", "1-2.2-3"]));
    assert!(!is_whole(&["0-2", "1-2.0-3", "1-2.2-3"]));
    assert!(!is_whole(&["0-2", "1-3", "2-3"]), "they contradict");
}

#[test]
fn shares_are_those_of_the_branches() {
    let share = share(&set(&["0-4", "1-4", "2-4.0-2"]));
    assert!((share - 0.625).abs() < 1e-9);
}

#[test]
fn what_is_no_path_is_refused() {
    for text in [
        "1",
        "2-2",
        "0-0",
        "+0-1",
        "0-1.",
        "a-b",
        "0-9999999",
        "0--1",
    ] {
        assert_eq!(Items::parse(text), None, "{text}");
    }
}

#[test]
fn joins_by_stem_keep_the_innermost_path() {
    let shared = |texts: &[&str]| {
        let all: Vec<Items> = texts
            .iter()
            .map(|text| Items::parse(text).unwrap())
            .collect();
        Items::shared(&all).text()
    };
    assert_eq!(shared(&["0-2", "0-2"]), "0-2");
    assert_eq!(shared(&["-", "0-2.1-2"]), "0-2.1-2");
    assert_eq!(shared(&["0-2", "1-2"]), "");
}

/// A random tree as the set of its leaves.
fn tree() -> impl Strategy<Value = Vec<Items>> {
    let leaf = Just(vec![Items::default()]);
    leaf.prop_recursive(3, 40, 4, |inner| {
        prop::collection::vec(inner, 1..4).prop_map(|branches| {
            let count = u32::try_from(branches.len()).unwrap();
            let mut leaves = Vec::new();
            for (index, branch) in (0..).zip(branches) {
                leaves.extend(branch.into_iter().map(|leaf| {
                    let mut levels = vec![(index, count)];
                    levels.extend(leaf.0);
                    Items(levels)
                }));
            }
            leaves
        })
    })
}

proptest! {
    #[test]
    fn all_leaves_are_the_whole_and_no_fewer(leaves in tree(), lost in any::<prop::sample::Index>()) {
        let all: BTreeSet<Items> = leaves.iter().cloned().collect();
        prop_assert!(share(&all) >= 1.0);
        for leaf in &all {
            let text = leaf.text();
            prop_assert_eq!(Items::parse(&text), Some(leaf.clone()));
        }
        let mut fewer = all;
        let gone = leaves[lost.index(leaves.len())].clone();
        fewer.remove(&gone);
        prop_assert!(share(&fewer) < 1.0);
    }
}
