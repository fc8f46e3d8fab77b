//! Inputs that nothing writes although somebody seems to have meant it.

use std::collections::{BTreeMap, BTreeSet};

use scar_manifest::{Diagnostic, nearest};
use scar_schemas::contract::OutputKey;

use crate::ends::{End, Ends};
use crate::{Input, Output, Workflow};

/// Finds what may have been meant by inputs that no stage feeds.
pub(crate) struct Search<'a> {
    workflow: &'a Workflow,
    ends: &'a Ends<'a>,
    /// Outputs that nobody reads.
    unread: BTreeSet<usize>,
    /// All outputs by bucket and folder.
    folders: BTreeMap<(&'a str, &'a str), Vec<usize>>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(workflow: &'a Workflow, ends: &'a Ends<'a>) -> Self {
        let read: BTreeSet<usize> = ends.meetings.iter().map(|m| m.output).collect();
        let mut folders: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        for (number, end) in ends.outputs.iter().enumerate() {
            let output = &workflow.stages[end.stage].outputs[end.index];
            let place = (output.bucket.as_str(), output_folder(output));
            folders.entry(place).or_default().push(number);
        }
        Self {
            workflow,
            ends,
            unread: (0..ends.outputs.len())
                .filter(|output| !read.contains(output))
                .collect(),
            folders,
        }
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
        if folder.is_empty() {
            return None;
        }
        let mut above: BTreeSet<usize> = BTreeSet::new();
        for (end, _) in folder.match_indices('/') {
            let place = (input.bucket.as_str(), &folder[..=end]);
            above.extend(self.folders.get(&place).into_iter().flatten());
        }
        let find = |number: &usize| {
            let writer = &self.ends.outputs[*number];
            let output = &self.workflow.stages[writer.stage].outputs[writer.index];
            let meant = meant(input, &folder, output, self.unread.contains(number))?;
            (!follows(writer.stage)).then_some((*number, meant))
        };
        let written = above.iter().find_map(find);
        let unread = self.unread.iter().find_map(find);
        let (number, meant) = [written, unread]
            .into_iter()
            .flatten()
            .min_by_key(|(number, _)| *number)?;
        let writer = &self.ends.outputs[number];
        let output = &self.workflow.stages[writer.stage].outputs[writer.index];
        Some(report(reader, input, writer, output, meant))
    }
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
        nearest(folder, [written]).map(|_| Meant::Folder)
    }
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
