//! Inputs and outputs of an old function → `in` and `out`.

use std::collections::BTreeMap;

use super::draft::{self, Draft};
use super::function::Function;
use super::report::{Found, Report};
use super::storage::{self, Buckets, OWN, Place};
use super::value;

/// The inputs and outputs of a function.
#[derive(Debug, Default)]
pub(crate) struct Paths<'a> {
    pub(crate) inputs: Vec<Path<'a>>,
    pub(crate) outputs: Vec<Path<'a>>,
}

/// One input or output that can be carried over.
#[derive(Debug)]
pub(crate) struct Path<'a> {
    /// The item, or the old field that names bucket and folder in one.
    found: Found<'a>,
    pub(crate) place: Place,
    prefixes: Vec<String>,
    suffixes: Vec<String>,
}

/// Reads the paths of a function.
pub(crate) fn read<'a>(
    function: &Function<'a>,
    providers: &BTreeMap<String, Found<'a>>,
    report: &mut Report,
) -> Paths<'a> {
    Paths {
        inputs: side(
            function,
            "lambda.input",
            "s3.input_bucket",
            providers,
            report,
        ),
        outputs: side(
            function,
            "lambda.output",
            "s3.output_bucket",
            providers,
            report,
        ),
    }
}

fn side<'a>(
    function: &Function<'a>,
    path: &str,
    old: &str,
    providers: &BTreeMap<String, Found<'a>>,
    report: &mut Report,
) -> Vec<Path<'a>> {
    let mut paths = Vec::new();
    for item in function.get(path).iter().flat_map(value::list) {
        known_fields(&item, report);
        let filters = ["prefix", "suffix"]
            .map(|key| item.get(key).map_or(Vec::new(), |it| filter(&it, report)));
        let [prefixes, suffixes] = filters;
        if let Some(place) = storage::place(&item, providers, report) {
            paths.push(Path {
                found: item,
                place,
                prefixes,
                suffixes,
            });
        }
    }
    if let Some(found) = function.get(old)
        && let Some(place) = value::filled(&found, report).and_then(|text| storage::split(&text))
    {
        paths.push(Path {
            found,
            place,
            prefixes: Vec::new(),
            suffixes: Vec::new(),
        });
    }
    paths
}

const FIELDS: &[&str] = &["storage_provider", "path", "prefix", "suffix"];

fn known_fields(item: &Found<'_>, report: &mut Report) {
    for (name, found) in item.fields() {
        if !FIELDS.contains(&name) {
            super::walk::unknown(&found, name, FIELDS.iter().copied(), "this path", report);
        }
    }
}

/// The texts of `prefix` or `suffix`. Patterns cannot say every character.
fn filter(found: &Found<'_>, report: &mut Report) -> Vec<String> {
    let texts = value::texts(found, report);
    if texts
        .iter()
        .any(|text| text.contains(['*', '?', '{', '}', '[', ']', '\\', ',']))
    {
        let help = "patterns have no way to write * ? { } [ ] \\ or a comma: rename the files";
        report.wrong(found, "has characters that patterns cannot have", help);
        return Vec::new();
    }
    texts.into_iter().filter(|text| !text.is_empty()).collect()
}

impl Path<'_> {
    /// Where its path stands in the old file.
    pub(crate) fn origin(&self) -> crate::place::Place {
        let path = self.found.get("path");
        path.map_or_else(|| self.found.place.clone(), |path| path.place)
    }

    /// Pattern of the files within the folder: `**` is all of them.
    fn files(&self) -> String {
        let either = |texts: &[String]| match texts {
            [] => String::new(),
            [one] => one.clone(),
            several => format!("{{{}}}", several.join(",")),
        };
        format!("{}**{}", either(&self.prefixes), either(&self.suffixes))
    }

    fn has_filter(&self) -> bool {
        !self.prefixes.is_empty() || !self.suffixes.is_empty()
    }

    /// Says of all its fields what became of them.
    fn report(&self, to: &str, filter_note: &str, report: &mut Report) {
        if self.found.node.entries().is_empty() {
            return report.mapped(&self.found, to);
        }
        for key in ["storage_provider", "path"] {
            if let Some(found) = self.found.get(key) {
                let is_odd = key == "path" && found.node.text().is_some_and(is_odd);
                match is_odd {
                    true => report.changed(
                        &found,
                        to,
                        "slashes at its ends and doubled ones are left out",
                    ),
                    false => report.mapped(&found, to),
                }
            }
        }
        for key in ["prefix", "suffix"] {
            if let Some(found) = self.found.get(key) {
                match filter_note {
                    "" => report.mapped(&found, to),
                    note => report.changed(&found, to, note),
                }
            }
        }
    }
}

fn is_odd(path: &str) -> bool {
    let path = path.trim();
    path.starts_with('/') || path.ends_with('/') || path.contains("//")
}

/// `in`: one pattern or a list of them. A function without inputs was started by hand.
pub(crate) fn inputs(
    function: &Function<'_>,
    paths: &Paths<'_>,
    buckets: &Buckets,
    draft: &mut Draft,
    report: &mut Report,
) {
    let mut patterns = Vec::new();
    let is_list = paths.inputs.len() > 1;
    for (index, path) in paths.inputs.iter().enumerate() {
        let to = if is_list {
            format!("in.{index}")
        } else {
            "in".to_owned()
        };
        let note = "SCAR 4 did not look at it for inputs: now only such files start the stage";
        path.report(&function.to(&to), note, report);
        let slash = if path.place.prefix.is_empty() {
            ""
        } else {
            "/"
        };
        let lead = buckets.lead(&path.place.bucket);
        patterns.push(format!(
            "{lead}{}{slash}{}",
            path.place.prefix,
            path.files()
        ));
    }
    match patterns.as_slice() {
        [] => by_hand(function, buckets, draft),
        [one] => {
            draft.set("in", draft::text(one));
        }
        several => {
            draft.set("in", draft::list(several));
        }
    }
}

fn by_hand(function: &Function<'_>, buckets: &Buckets, draft: &mut Draft) {
    let lead = if buckets.all().next().is_some() {
        format!("{OWN}:")
    } else {
        String::new()
    };
    let comment = "was started by hand: now each file that is put here starts it";
    draft.set_with_comment(
        "in",
        draft::text(&format!("{lead}{}/**", function.stage)),
        comment,
    );
}

/// `out`: a prefix, a list of them, or a map of prefixes to files.
pub(crate) fn outputs(
    function: &Function<'_>,
    paths: &Paths<'_>,
    buckets: &Buckets,
    draft: &mut Draft,
    report: &mut Report,
) {
    let mut prefixes: Vec<(String, Vec<String>)> = Vec::new();
    for path in &paths.outputs {
        let prefix = format!("{}{}/", buckets.lead(&path.place.bucket), path.place.prefix);
        if path.place.prefix.is_empty() {
            let place = path.found.get("path").unwrap_or_else(|| path.found.clone());
            let help =
                "write a folder: `path: BUCKET/FOLDER`; scar keeps the root of a bucket for itself";
            report.wrong(
                &place,
                "is the root of a bucket, where stages cannot write",
                help,
            );
            continue;
        }
        let files = path.files();
        match prefixes.iter_mut().find(|(known, _)| *known == prefix) {
            Some((_, all)) => all.push(files),
            None => prefixes.push((prefix, vec![files])),
        }
    }
    let is_map = paths.outputs.iter().any(Path::has_filter);
    for (index, path) in paths.outputs.iter().enumerate() {
        let to = match (is_map, prefixes.len()) {
            (false, 2..) => format!("out.{index}"),
            _ => "out".to_owned(),
        };
        path.report(&function.to(&to), "", report);
    }
    set_outputs(prefixes, is_map, draft);
}

fn set_outputs(prefixes: Vec<(String, Vec<String>)>, is_map: bool, draft: &mut Draft) {
    if is_map {
        let pair = |(prefix, files): (String, Vec<String>)| (prefix, union(files));
        let all: Vec<_> = prefixes.into_iter().map(pair).collect();
        draft.set("out", draft::texts(&all));
        return;
    }
    let all: Vec<String> = prefixes.into_iter().map(|(prefix, _)| prefix).collect();
    match all.as_slice() {
        [] => {}
        [one] => {
            draft.set("out", draft::text(one));
        }
        several => {
            draft.set("out", draft::list(several));
        }
    }
}

/// One pattern for several: alternatives of single ones do not nest, so their parts are spread out.
fn union(files: Vec<String>) -> String {
    if let [one] = files.as_slice() {
        return one.clone();
    }
    if files.iter().any(|pattern| pattern == "**") {
        return "**".to_owned();
    }
    let mut all: Vec<String> = files.iter().flat_map(|pattern| spread(pattern)).collect();
    all.dedup();
    format!("{{{}}}", all.join(","))
}

/// `{a,b}**c` → `a**c`, `b**c`.
fn spread(pattern: &str) -> Vec<String> {
    let Some((before, rest)) = pattern.split_once('{') else {
        return vec![pattern.to_owned()];
    };
    let Some((inner, after)) = rest.split_once('}') else {
        return vec![pattern.to_owned()];
    };
    let each = |word: &str| spread(&format!("{before}{word}{after}"));
    inner.split(',').flat_map(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unions() {
        assert_eq!(union(vec!["**a".into()]), "**a");
        assert_eq!(union(vec!["**a".into(), "**".into()]), "**");
        assert_eq!(
            union(vec!["{x,y}**a".into(), "**{b,c}".into()]),
            "{x**a,y**a,**b,**c}"
        );
    }
}
