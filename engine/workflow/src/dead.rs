//! Inputs that nothing writes although somebody seems to have meant it.

use std::collections::{BTreeMap, BTreeSet};

use scar_manifest::{Diagnostic, nearest};
use scar_schemas::contract::OutputKey;

use crate::ends::{End, Ends};
use crate::{Input, Output, Workflow, limits};

/// Finds what may have been meant by inputs that no stage feeds.
pub(crate) struct Search<'a> {
    workflow: &'a Workflow,
    ends: &'a Ends<'a>,
    /// Outputs that nobody reads.
    unread: BTreeSet<usize>,
    /// All outputs by folder.
    folders: BTreeMap<&'a str, Vec<usize>>,
    /// Outputs that nobody reads, by their folder with one part left out.
    gaps: BTreeMap<Gap, Vec<usize>>,
}

/// A folder with one part left out: what is before it, and what is behind.
type Gap = (String, String);

impl<'a> Search<'a> {
    pub(crate) fn new(workflow: &'a Workflow, ends: &'a Ends<'a>) -> Self {
        let read: BTreeSet<usize> = ends.meetings.iter().map(|m| m.output).collect();
        let mut search = Self {
            workflow,
            ends,
            unread: BTreeSet::new(),
            folders: BTreeMap::new(),
            gaps: BTreeMap::new(),
        };
        for (number, end) in ends.outputs.iter().enumerate() {
            let folder = output_folder(&workflow.stages[end.stage].outputs[end.index]);
            search.folders.entry(folder).or_default().push(number);
            if !read.contains(&number) {
                search.unread.insert(number);
                for (gap, _) in gaps(folder) {
                    search.gaps.entry(gap).or_default().push(number);
                }
            }
        }
        search
    }

    /// Why an input that no stage feeds looks like a mistake; `None` if it is a plain source. `follows` tells
    /// of a stage whether the reader leads to it: it cannot have been meant to feed the reader.
    pub(crate) fn diagnose(
        &self,
        reader: &End<'_>,
        follows: &dyn Fn(usize) -> bool,
    ) -> Option<Diagnostic> {
        let input = &self.workflow.stages[reader.stage].inputs[reader.index];
        let folder = folder(&input.pattern.literal_prefix()).to_owned();
        let candidates: BTreeSet<usize> = self.candidates(&folder);
        candidates.into_iter().find_map(|number| {
            let writer = &self.ends.outputs[number];
            let output = &self.workflow.stages[writer.stage].outputs[writer.index];
            let meant = meant(input, &folder, output, self.unread.contains(&number))?;
            (!follows(writer.stage)).then(|| report(reader, input, writer, output, meant))
        })
    }

    /// Outputs in this folder, above it, or in one of nearly the same name.
    fn candidates(&self, folder: &str) -> BTreeSet<usize> {
        let above = folder
            .match_indices('/')
            .filter_map(|(end, _)| self.folders.get(&folder[..=end]));
        let near = gaps(folder).filter_map(|(gap, _)| self.gaps.get(&gap));
        above
            .chain(near)
            .flat_map(|numbers| numbers.iter().take(limits::RESULTS))
            .copied()
            .collect()
    }
}

/// Each part of a folder, with the folder without it.
fn gaps(folder: &str) -> impl Iterator<Item = (Gap, &str)> {
    let mut start = 0;
    folder.split_inclusive('/').map(move |part| {
        let (before, behind) = (&folder[..start], &folder[start + part.len()..]);
        start += part.len();
        ((before.to_owned(), behind.to_owned()), part)
    })
}

fn meant(input: &Input, folder: &str, output: &Output, is_unread: bool) -> Option<Meant> {
    let written = output_folder(output);
    let is_same = input.bucket == output.bucket;
    if written.is_empty() {
        None
    } else if is_same && folder.starts_with(written) {
        Some(Meant::Files)
    } else if !is_unread {
        None
    } else if !is_same {
        (folder == written).then_some(Meant::Bucket)
    } else {
        is_near(folder, written).then_some(Meant::Folder)
    }
}

/// Whether two folders differ in one part only, and there by a slip. Numbers are different on purpose.
fn is_near(left: &str, right: &str) -> bool {
    gaps(left)
        .zip(gaps(right))
        .any(|((left, one), (right, other))| {
            let word = one.trim_end_matches('/');
            let is_number = word.bytes().all(|b| b.is_ascii_digit());
            left == right && !is_number && nearest(word, [other.trim_end_matches('/')]).is_some()
        })
}

/// What somebody may have meant instead.
enum Meant {
    /// Other files of the same folder.
    Files,
    /// A folder of nearly the same name.
    Folder,
    /// The same folder of another bucket.
    Bucket,
}

fn report(
    reader: &End<'_>,
    input: &Input,
    writer: &End<'_>,
    output: &Output,
    meant: Meant,
) -> Diagnostic {
    let written = format!("{}:{}", output.bucket, show(output));
    let wanted = format!("{}:{}", input.bucket, input.pattern);
    let pattern = input.pattern.as_str();
    let rest = &pattern[folder(&input.pattern.literal_prefix()).len()..];
    let bucket = &output.bucket;
    let advice = match meant {
        Meant::Files => format!("`{}` writes only `{written}`.", writer.name),
        Meant::Folder => format!("did you mean `{bucket}:{}{rest}`?", output_folder(output)),
        Meant::Bucket => format!("did you mean `{bucket}:{pattern}`?"),
    };
    Diagnostic::error("E301", format!("stage `{}` can never start: nothing writes `{wanted}`", reader.name))
        .label(reader.span.clone(), "nothing writes this")
        .label(writer.span.clone(), format!("`{}` writes here", writer.name))
        .help(format!(
            "{advice} If these objects come from outside, say so: `{{path: \"{wanted}\", from: outside}}`"
        ))
}

fn output_folder(output: &Output) -> &str {
    match &output.key {
        OutputKey::Prefix { prefix, .. } => folder(prefix),
        OutputKey::Single { before, .. } => folder(before),
    }
}

/// The key pattern of an output, as people read it.
pub(crate) fn show(output: &Output) -> String {
    match &output.key {
        OutputKey::Prefix {
            prefix,
            files: None,
        } => prefix.clone(),
        OutputKey::Prefix {
            prefix,
            files: Some(files),
        } => format!("{prefix}{files}"),
        OutputKey::Single { before, after } => format!("{before}*{after}"),
    }
}

fn folder(key: &str) -> &str {
    key.rfind('/').map_or("", |slash| &key[..=slash])
}
