//! Which key a key that is not known was meant to be.

use crate::keys::Table;
use crate::suggest::nearest;
use crate::tree::Entry;

/// What others call things, with the key's name here.
const SYNONYMS: &[(&str, &str)] = &[
    ("input", "in"),
    ("inputs", "in"),
    ("trigger", "in"),
    ("output", "out"),
    ("outputs", "out"),
    ("environment", "env"),
    ("variables", "env"),
    ("cmd", "command"),
    ("args", "command"),
    ("entrypoint", "command"),
    ("container", "image"),
    ("cpu", "vcpu"),
    ("cpus", "vcpu"),
    ("vcpus", "vcpu"),
    ("gpus", "gpu"),
    ("ram", "memory"),
    ("storage", "disk"),
    ("time_limit", "timeout"),
    ("depends_on", "after"),
    ("needs", "after"),
    ("cron", "schedule"),
    ("init_script", "script"),
    ("execution_mode", "compute"),
    ("version", "scar"),
    ("parameters", "vars"),
    ("environments", "envs"),
];

/// The key of the table that was probably meant: it means the same, or is written nearly so.
pub(crate) fn key(written: &str, table: &Table) -> Option<&'static str> {
    let lower = written.to_lowercase();
    let synonym = SYNONYMS.iter().find(|(word, _)| *word == lower);
    let names = table.keys.iter().map(|key| key.name);
    synonym
        .map(|(_, name)| *name)
        .filter(|name| table.key(name).is_some())
        .or_else(|| nearest(&lower, names))
}

/// Whether this is a stage that stands where a key of the manifest belongs.
pub(crate) fn is_stage(entry: &Entry, table: &Table) -> bool {
    table.key("stages").is_some() && entry.value.get("image").is_some()
}

/// The keys that all unknown ones were meant to be: they are not missing.
pub(crate) fn keys(entries: &[Entry], table: &Table) -> Vec<&'static str> {
    let unknown = entries
        .iter()
        .filter(|entry| table.key(&entry.key).is_none());
    unknown
        .filter_map(|entry| {
            let meant = is_stage(entry, table).then_some("stages");
            meant.or_else(|| key(&entry.key, table))
        })
        .collect()
}
