//! The supervisor of a stage: takes storage events, runs the stage's container on each object, and
//! publishes its outputs exactly once.
//!
//! ```text
//! event ─envelope→ letters ─route→ arrivals ─→ place in a join, items of a scatter, or a
//! Job ─fetch→ input ─container→ outputs ─publish→ commit ─→ report
//! ```
//!
//! `envelope`, `route`, `job`, `items`, `staging`, `step` and `join` are pure: what an event means, what
//! a task is, how files are called and what the protocols do next. `store` is the only module that knows
//! the S3 client, `cloud` the only one that calls other services. Without arguments the program is a
//! Lambda runtime; `job` does one job of Batch; `once` handles one event from a file.

mod answer;
mod arrive;
mod batch;
mod blob;
mod clock;
mod cloud;
mod collect;
mod container;
mod crash;
mod credentials;
mod digest;
mod directory;
mod door;
mod envelope;
mod event;
mod failure;
mod hand_over;
mod http_request;
mod image;
mod inputs;
mod items;
mod job;
mod job_entry;
mod join;
mod json;
mod lambda;
mod listing;
mod log;
mod mounts;
mod once;
mod outputs;
mod own_root;
mod package;
mod perform;
mod random;
mod report;
mod route;
mod secrets;
mod setup;
mod staging;
mod step;
mod store;
mod stored;
mod sweep;
mod task;
mod tidy;
mod window;
mod work;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "\
usage: scar-supervisor                   serve events of the Lambda Runtime API
       scar-supervisor job               do the job of AWS Batch that the variables name
       scar-supervisor once --event FILE handle one event, print the report
       scar-supervisor --version
";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let words: Vec<&str> = arguments
        .iter()
        .filter_map(|argument| argument.to_str())
        .collect();
    match words.as_slice() {
        [] => serve(),
        ["job"] => job_entry::run(),
        ["once", "--event", file] => once::run(Path::new(file)),
        ["--version"] => say(&mut std::io::stdout(), &version(), ExitCode::SUCCESS),
        ["--help" | "-h"] => say(&mut std::io::stdout(), USAGE, ExitCode::SUCCESS),
        _ => say(&mut std::io::stderr(), USAGE, ExitCode::from(2)),
    }
}

fn serve() -> ExitCode {
    // Without it there is nothing to poll: somebody has started the file by hand.
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return say(&mut std::io::stderr(), USAGE, ExitCode::from(2));
    }
    let served = runtime().and_then(|runtime| {
        runtime
            .block_on(lambda::serve())
            .map_err(std::io::Error::other)
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => say(
            &mut std::io::stderr(),
            &format!("{error}\n"),
            ExitCode::FAILURE,
        ),
    }
}

/// One thread: the work is waiting, and every thread costs memory in each of a thousand sandboxes.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

fn version() -> String {
    format!("scar-supervisor {}\n", env!("CARGO_PKG_VERSION"))
}

/// Writes a text to the person who called; a closed pipe is no reason for another code.
fn say(out: &mut dyn Write, text: &str, code: ExitCode) -> ExitCode {
    let _ = out.write_all(text.as_bytes());
    code
}
