//! Storage providers and paths of an old file → buckets and prefixes.

use std::collections::BTreeMap;

use scar_schemas::contract::ARTIFACTS;

use super::fields::STORAGE;
use super::names::{self, Names};
use super::report::{Found, Report};
use super::value;
use crate::diagnostic::Diagnostic;
use crate::suggest::nearest;
use crate::tree::{Node, Value};
use crate::words::quoted;

/// A place in a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Real name of the bucket.
    pub(crate) bucket: String,
    /// Without slashes at its ends; empty is the whole bucket.
    pub(crate) prefix: String,
}

/// Real buckets with their names in the manifest, in order of use.
#[derive(Debug)]
pub(crate) struct Buckets {
    names: Vec<(String, String)>,
    taken: Names,
    /// A stage needs a bucket that scar makes, besides the existing ones.
    pub(crate) needs_own: bool,
}

/// Name of the bucket that scar makes for stages that had no input.
pub(crate) const OWN: &str = "start";

impl Default for Buckets {
    fn default() -> Self {
        let mut taken = Names::default();
        for name in [OWN, ARTIFACTS] {
            taken.take(name);
        }
        Self {
            names: Vec::new(),
            taken,
            needs_own: false,
        }
    }
}

impl Buckets {
    /// Notes a real bucket.
    pub(crate) fn add(&mut self, real: &str) {
        if !self.names.iter().any(|(known, _)| known == real) {
            let name = self.taken.take(&names::name(real, "data"));
            self.names.push((real.to_owned(), name));
        }
    }

    /// The one bucket that needs no name in paths.
    pub(crate) fn only(&self) -> Option<&str> {
        match self.names.as_slice() {
            [(real, _)] if !self.needs_own => Some(real),
            _ => None,
        }
    }

    /// Real names with those of the manifest.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.names
            .iter()
            .map(|(real, name)| (real.as_str(), name.as_str()))
    }

    /// What stands before a pattern in this bucket: nothing, or its name and a colon.
    pub(crate) fn lead(&self, real: &str) -> String {
        let name = self.names.iter().find(|(known, _)| known == real);
        match name {
            Some((_, name)) if self.only().is_none() => format!("{name}:"),
            _ => String::new(),
        }
    }
}

/// Definitions of one kind: id and fields.
pub(crate) fn definitions<'a>(kind: &Found<'a>) -> Vec<(String, Found<'a>)> {
    if let Value::List(_) = kind.node.value {
        let named = |item: Found<'a>| {
            let name = item
                .get("name")
                .and_then(|name| name.node.text().map(str::to_owned));
            (name.unwrap_or_else(|| "default".to_owned()), item)
        };
        return value::list(kind).into_iter().map(named).collect();
    }
    kind.fields()
        .map(|(id, found)| (id.to_owned(), found))
        .collect()
}

/// All definitions of storage providers by `kind.id`.
pub(crate) fn providers(root: &Node) -> BTreeMap<String, Found<'_>> {
    let mut all = BTreeMap::new();
    let Some(providers) = Found::root(root).get("storage_providers") else {
        return all;
    };
    for (kind, found) in providers.fields() {
        for (id, definition) in definitions(&found) {
            all.insert(format!("{}.{id}", kind.to_ascii_lowercase()), definition);
        }
    }
    all
}

/// Says what becomes of the keys and regions of definitions for S3.
pub(crate) fn report_providers(root: &Node, report: &mut Report) {
    for (name, definition) in providers(root) {
        if !name.starts_with("s3.") {
            continue;
        }
        for key in ["access_key", "secret_key"] {
            if let Some(found) = definition.get(key) {
                key_in_file(&found, report);
            }
        }
    }
}

fn key_in_file(found: &Found<'_>, report: &mut Report) {
    let note = "stages use their own roles; a bucket of another account needs a bucket policy";
    report.dropped(found, note);
    if value::filled(found, report).is_some() {
        let summary = format!("`{}` is a key in plain text", found.path);
        report.diagnostics.push(
            Diagnostic::warning("W982", summary)
                .label(found.span(), "here")
                .help("revoke it: whoever could read this file has it; stages need no keys"),
        );
    }
}

/// The place of an input or output; `None` if it cannot be carried over, which is reported.
pub(crate) fn place(
    item: &Found<'_>,
    providers: &BTreeMap<String, Found<'_>>,
    report: &mut Report,
) -> Option<Place> {
    let is_s3 = match item.get("storage_provider") {
        Some(provider) => {
            // It is the whole item that cannot be carried over.
            let path = item.path.clone();
            is_s3(&Found { path, ..provider }, providers, report)
        }
        None => true,
    };
    let Some(path) = item.get("path") else {
        report.wrong(item, "has no `path`", "write `path: BUCKET/FOLDER`");
        return None;
    };
    let place = value::filled(&path, report).and_then(|text| split(&text));
    if place.is_none() {
        let whole = item.path.clone();
        let path = Found {
            path: whole,
            ..path
        };
        report.wrong(&path, "names no bucket", "write `path: BUCKET/FOLDER`");
    }
    place.filter(|_| is_s3)
}

/// `bucket/folder/`; slashes at the ends and doubled ones are left out.
pub(crate) fn split(text: &str) -> Option<Place> {
    let text = text.trim();
    let mut parts = text.split('/').filter(|part| !part.is_empty());
    let bucket = parts.next()?.to_owned();
    let prefix = parts.collect::<Vec<_>>().join("/");
    Some(Place { bucket, prefix })
}

fn is_s3(
    provider: &Found<'_>,
    providers: &BTreeMap<String, Found<'_>>,
    report: &mut Report,
) -> bool {
    let Some(text) = value::text(provider, report) else {
        return false;
    };
    let (kind, id) = text.split_once('.').unwrap_or((&text, "default"));
    let kind = kind.to_ascii_lowercase();
    if !STORAGE.contains(&kind.as_str()) {
        let help = match nearest(&kind, STORAGE.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("SCAR 4 knew {}", STORAGE.join(", ")),
        };
        report.wrong(
            provider,
            &format!("names no kind of storage: {}", quoted(&text)),
            &help,
        );
        return false;
    }
    if kind != "s3" {
        let what = format!("in storage of the kind {kind}, which stages cannot use");
        let help = "use a bucket of Amazon S3, and copy between the two outside of the workflow";
        report.refused(provider, &what, help);
        return false;
    }
    let name = format!("s3.{id}");
    if id != "default" && !providers.contains_key(&name) {
        let near = nearest(&name, providers.keys().map(String::as_str));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "remove the id: stages use their own roles".to_owned(),
        };
        let what = format!(
            "names a provider that `storage_providers` does not have: {}",
            quoted(&text)
        );
        report.wrong(provider, &what, &help);
        return false;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let place = |bucket: &str, prefix: &str| {
            Some(Place {
                bucket: bucket.into(),
                prefix: prefix.into(),
            })
        };
        assert_eq!(split("b/in"), place("b", "in"));
        assert_eq!(split("/b//in/x/"), place("b", "in/x"));
        assert_eq!(split("b"), place("b", ""));
        assert_eq!(split(" / "), None);
    }

    #[test]
    fn names_of_buckets() {
        let mut buckets = Buckets::default();
        buckets.add("Acme.Data");
        assert_eq!(buckets.lead("Acme.Data"), "");
        buckets.add("acme-data");
        buckets.add("acme-data");
        let all: Vec<_> = buckets.all().collect();
        assert_eq!(
            all,
            [("Acme.Data", "acme-data"), ("acme-data", "acme-data-2")]
        );
        assert_eq!(buckets.lead("acme-data"), "acme-data-2:");
    }
}
