//! Inputs that nothing writes although somebody seems to have meant it.

use scar_manifest::{Diagnostic, nearest};
use scar_schemas::contract::OutputKey;

use crate::graph::End;
use crate::{Input, Output, Workflow};

/// Why an input that no stage feeds looks like a mistake; `None` if it is a plain source.
///
/// `outputs` are those of stages that do not follow the reader, each with whether somebody reads it.
pub(crate) fn diagnose<'a>(
    workflow: &Workflow,
    reader: &End<'_>,
    outputs: impl Iterator<Item = (&'a End<'a>, bool)>,
) -> Option<Diagnostic> {
    let input = &workflow.stages[reader.stage].inputs[reader.index];
    let folder = folder(&input.pattern.literal_prefix()).to_owned();
    if folder.is_empty() {
        return None;
    }
    for (writer, is_read) in outputs {
        let output = &workflow.stages[writer.stage].outputs[writer.index];
        let written = output_folder(output);
        let meant = if input.bucket == output.bucket
            && !written.is_empty()
            && folder.starts_with(written)
        {
            Meant::Files
        } else if is_read || written.is_empty() {
            continue;
        } else if input.bucket != output.bucket && folder == written {
            Meant::Bucket
        } else if input.bucket == output.bucket && nearest(&folder, [written]).is_some() {
            Meant::Folder
        } else {
            continue;
        };
        return Some(report(reader, input, writer, output, meant));
    }
    None
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
