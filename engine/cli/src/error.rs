//! One error type for the edge: who can act, what went wrong, why, and what to do. Rendered here only.

use std::error::Error as StdError;
use std::fmt::Write as _;

use scar_schemas::exit_code;
use serde_json::{Value, json};

use crate::view::text::clean;

/// What the system says wherever a disk is full (`ENOSPC`).
const DISK_FULL: &str = "No space left on device";

/// What kind of end this is, which is what the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Anything unexpected: the command line, the network, credentials, a defect.
    Failure,
    /// Differences were found and asked for.
    Differences,
    /// The manifest is invalid; its diagnostics are printed already.
    Invalid,
    /// A policy says no.
    Blocked,
    /// The plan is stale or the stack is busy.
    Stale,
    /// Everything was put back.
    RolledBack,
    /// A person must look.
    Stuck,
    /// The run ended, with failed tasks.
    TasksFailed,
    /// A wait took too long.
    TimedOut,
    /// Ctrl-C.
    Interrupted,
    /// A program that was run for the user ended with this code.
    Program(u8),
    /// The reader of our output went away; nothing is wrong.
    Closed,
}

/// The end of a verb that is not plain success.
#[derive(Debug)]
pub(crate) struct CliError {
    /// Decides the exit code.
    pub(crate) kind: Kind,
    /// What went wrong, a fragment; empty if everything has been said.
    pub(crate) message: String,
    /// Why, from near to far.
    pub(crate) causes: Vec<String>,
    /// What to do about it.
    pub(crate) hints: Vec<String>,
    /// Mistakes of manifests, for programs; people have seen them drawn.
    pub(crate) diagnostics: Vec<Value>,
}

impl CliError {
    /// An error with a message and nothing else.
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            causes: Vec::new(),
            hints: Vec::new(),
            diagnostics: Vec::new(),
        }
    }

    /// An unexpected error.
    pub(crate) fn failure(message: impl Into<String>) -> Self {
        Self::new(Kind::Failure, message)
    }

    /// An end of which everything has been said already.
    pub(crate) fn silent(kind: Kind) -> Self {
        Self::new(kind, "")
    }

    /// An unexpected error with its chain of causes.
    pub(crate) fn caused(message: impl Into<String>, error: &(dyn StdError + 'static)) -> Self {
        let mut causes = vec![error.to_string()];
        causes.extend(sources(error));
        Self {
            causes,
            ..Self::failure(message)
        }
    }

    /// Of another crate's error: its message and its chain.
    pub(crate) fn of(kind: Kind, error: &(dyn StdError + 'static)) -> Self {
        Self {
            causes: sources(error),
            ..Self::new(kind, error.to_string())
        }
    }

    /// Adds a cause, and its chain, behind those that are there.
    pub(crate) fn because(mut self, error: &(dyn StdError + 'static)) -> Self {
        self.causes.push(error.to_string());
        self.causes.extend(sources(error));
        self
    }

    /// Adds advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// With the advice that any verb may need.
    pub(crate) fn advised(self) -> Self {
        let is_full = |text: &String| text.contains(DISK_FULL);
        match is_full(&self.message) || self.causes.iter().any(is_full) {
            true => self.hint("the disk is full: make room, or work in a directory on another one; the local cloud keeps everything in .scar/local"),
            false => self,
        }
    }

    /// The exit code, which never changes its meaning.
    pub(crate) fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Failure => exit_code::ERROR,
            Kind::Differences => exit_code::DIFFERENCES,
            Kind::Invalid => exit_code::INVALID,
            Kind::Blocked => exit_code::BLOCKED,
            Kind::Stale => exit_code::STALE,
            Kind::RolledBack => exit_code::ROLLED_BACK,
            Kind::Stuck => exit_code::STUCK,
            Kind::TasksFailed => exit_code::TASKS_FAILED,
            Kind::TimedOut => exit_code::TIMED_OUT,
            Kind::Interrupted => exit_code::INTERRUPTED,
            Kind::Program(code) => code,
            Kind::Closed => exit_code::OK,
        }
    }

    /// For people: the message, its causes indented, hints after a blank line.
    pub(crate) fn human(&self) -> String {
        let mut out = String::new();
        if self.message.is_empty() {
            return out;
        }
        let _ = writeln!(out, "error: {}", clean(&self.message));
        for cause in &self.causes {
            let _ = writeln!(out, "  caused by: {}", clean(cause));
        }
        for hint in &self.hints {
            let _ = writeln!(out, "\nhint: {}", clean(hint));
        }
        out
    }

    /// For programs; `None` if everything has been said.
    pub(crate) fn json(&self) -> Option<Value> {
        if self.message.is_empty() {
            return None;
        }
        let mut value = json!({
            "type": "error",
            "error": {
                "exit_code": self.exit_code(),
                "message": self.message,
                "causes": self.causes,
                "hints": self.hints,
            },
        });
        if !self.diagnostics.is_empty() {
            value["diagnostics"] = json!(self.diagnostics);
        }
        Some(value)
    }
}

fn sources(error: &(dyn StdError + 'static)) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(source) = next {
        let text = source.to_string();
        if all.last() != Some(&text) {
            all.push(text);
        }
        next = source.source();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_causes_and_hints_without_control_characters() {
        let error = CliError::caused(
            "cannot read \u{1b}[31mx",
            &std::io::Error::from(std::io::ErrorKind::NotFound),
        )
        .hint("give another file");
        assert_eq!(
            error.human(),
            "error: cannot read \\u{1b}[31mx\n  caused by: entity not found\n\nhint: give another file\n"
        );
        assert_eq!(error.exit_code(), 1);
    }
}
