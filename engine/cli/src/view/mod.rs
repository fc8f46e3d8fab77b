//! What people and programs see: data on stdout, all else on stderr, nothing by colour alone.

pub(crate) mod diagnostics;
pub(crate) mod difference;
pub(crate) mod events;
pub(crate) mod markdown;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod sarif;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod text;

use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::args::Global;
use crate::error::{CliError, Kind};
use style::Style;

/// Both output streams and how to use them.
pub(crate) struct Screen {
    /// Programs read stdout.
    pub(crate) json: bool,
    /// Colours of stdout.
    pub(crate) style: Style,
    /// Colours of stderr.
    pub(crate) note_style: Style,
    /// A person watches stderr, so it may be animated.
    pub(crate) animated: bool,
    /// More detail.
    pub(crate) verbose: bool,
    quiet: bool,
    /// Remarks that are made once.
    said: Mutex<BTreeSet<String>>,
}

impl Screen {
    /// Of the options, the environment and the kind of the two streams.
    pub(crate) fn new(global: &Global) -> Self {
        let plain = global.no_color
            || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let error_terminal = io::stderr().is_terminal();
        Self {
            json: global.json,
            style: Style::new(!plain && io::stdout().is_terminal()),
            note_style: Style::new(!plain && error_terminal),
            animated: error_terminal && !global.quiet && !global.json,
            verbose: global.verbose,
            quiet: global.quiet,
            said: Mutex::default(),
        }
    }

    /// For a command line that cannot be read, but asks for JSON.
    pub(crate) fn for_programs() -> Self {
        Self {
            json: true,
            style: Style::new(false),
            note_style: Style::new(false),
            animated: false,
            verbose: false,
            quiet: true,
            said: Mutex::default(),
        }
    }

    /// Results, to stdout, as they are.
    pub(crate) fn data(&self, text: &str) -> Result<(), CliError> {
        self.bytes(text.as_bytes())
    }

    /// Results that need not be text.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<(), CliError> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)
            .and_then(|()| out.flush())
            .map_err(|error| output_failed(&error))
    }

    /// One result on a line of its own.
    pub(crate) fn line(&self, text: &str) -> Result<(), CliError> {
        self.data(&format!("{text}\n"))
    }

    /// One JSON value on a line.
    pub(crate) fn object(&self, value: &Value) -> Result<(), CliError> {
        self.line(&value.to_string())
    }

    /// One JSON document for people to read too.
    pub(crate) fn document(&self, value: &Value) -> Result<(), CliError> {
        self.line(&format!("{value:#}"))
    }

    /// A remark, to stderr. That nobody reads it is no error.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            let _ = writeln!(io::stderr().lock(), "{text}");
        }
    }

    /// A remark and what it is because of, if there is anything to say; only the first time in this process,
    /// whatever the reason is later.
    pub(crate) fn note_once(&self, text: &str, because: &str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.insert(text.to_owned()) {
            match because {
                "" => self.note(text),
                because => self.note(&format!("{text} ({because})")),
            }
        }
    }

    /// Text that must be seen, to stderr.
    pub(crate) fn complain(&self, text: &str) {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// A question to a person; `None` if there is nobody to ask. The answer is awaited beside the verb's
    /// work, so that Ctrl-C ends the question too.
    pub(crate) async fn ask(&self, question: &str) -> Option<String> {
        if !io::stdin().is_terminal() || self.json {
            return None;
        }
        self.complain(question);
        let (sender, answer) = tokio::sync::oneshot::channel();
        // A thread that nobody waits for: the question must not outlive the verb.
        std::thread::spawn(move || {
            let line = io::stdin().lines().next().and_then(Result::ok);
            drop(sender.send(line));
        });
        let answer = answer.await.ok()??;
        Some(answer.trim().to_owned())
    }
}

fn output_failed(error: &io::Error) -> CliError {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return CliError::silent(Kind::Closed);
    }
    CliError::caused("cannot write the output", error)
}
