//! From errors to recorded failures: a class that says who can act, and one line for people.

use std::error::Error;
use std::io;

use scar_container::{Exit, Outcome};
use scar_schemas::construct::RetryClass;
use scar_schemas::contract::StageConfig;
use scar_schemas::exit_code::{STAGE_BAD_INPUT, STAGE_TRY_LATER};
use scar_schemas::record::{Failure, FailureClass};

use crate::cloud::CloudError;
use crate::mounts::MountError;
use crate::outputs::OutputError;
use crate::secrets::SecretError;
use crate::step::{Reply, failure};
use crate::store::StoreError;

const KILLED: i32 = 128 + 9;
const TERMINATED: i32 = 128 + 15;

/// A failure of the store. Another attempt may help: even a refusal can be a role that is not yet
/// usable.
pub(crate) fn of_store(error: &StoreError, disk_mib: u32) -> Failure {
    match error {
        StoreError::File { source, .. } if is_disk_full(source) => disk(disk_mib),
        StoreError::File { .. } => failure(FailureClass::Internal, chain(error)),
        _ => failure(FailureClass::Cloud, chain(error)),
    }
}

/// A failure of a local file.
pub(crate) fn of_file(what: &str, error: &io::Error, disk_mib: u32) -> Reply {
    let failure = match is_disk_full(error) {
        true => disk(disk_mib),
        false => failure(FailureClass::Internal, format!("{what}: {error}")),
    };
    Reply::Failed {
        retry: failure.class != FailureClass::Disk,
        failure,
    }
}

/// A failure to get the image or to start the container.
pub(crate) fn of_container(error: &scar_container::Error, disk_mib: u32) -> Reply {
    use scar_container::Error as E;
    let failure = match error {
        E::DiskFull { .. } => disk_because(disk_mib, &error.to_string()),
        error if has_disk_full(error) => disk(disk_mib),
        E::Engine { .. } | E::Prepare { .. } | E::File { .. } => {
            failure(FailureClass::Internal, chain(error))
        }
        E::Start { .. } | E::Job(_) => failure(FailureClass::Container, chain(error)),
        E::Source { .. } => failure(FailureClass::Cloud, chain(error)),
        _ => failure(FailureClass::Image, chain(error)),
    };
    Reply::Failed {
        failure,
        retry: error.is_retryable(),
    }
}

/// A failure to collect outputs.
pub(crate) fn of_output(error: &OutputError) -> Reply {
    Reply::Failed {
        failure: failure(FailureClass::Output, chain(error)),
        retry: false,
    }
}

/// A failure to fetch a secret.
pub(crate) fn of_secret(error: &SecretError) -> Reply {
    let is_passing = matches!(error, SecretError::Cloud { source, .. } if source.is_passing());
    Reply::Failed {
        failure: failure(FailureClass::Cloud, chain(error)),
        retry: is_passing,
    }
}

/// A failure to fetch a mount.
pub(crate) fn of_mount(error: &MountError) -> Reply {
    let failure = match error {
        MountError::TooLarge { .. } => failure(FailureClass::Disk, chain(error)),
        MountError::File { source, .. } if is_disk_full(source) => {
            failure(FailureClass::Disk, chain(error))
        }
        MountError::Store { .. } if has_disk_full(error) => {
            failure(FailureClass::Disk, chain(error))
        }
        MountError::Store { .. } | MountError::Changing { .. } => {
            failure(FailureClass::Cloud, chain(error))
        }
        MountError::File { .. } => failure(FailureClass::Internal, chain(error)),
    };
    Reply::Failed {
        retry: failure.class != FailureClass::Disk,
        failure,
    }
}

/// A failure to submit a job.
pub(crate) fn of_cloud(error: &CloudError) -> Failure {
    failure(FailureClass::Cloud, chain(error))
}

/// The reply with the decision of the stage's `retry.only`, if it has one: of the failures that are not
/// the platform's own, only those are tried again.
pub(crate) fn as_wanted(config: &StageConfig, reply: Reply) -> Reply {
    match (reply, &config.more.retry_only) {
        (Reply::Failed { failure, retry }, Some(classes)) => Reply::Failed {
            retry: is_wanted(classes, &failure, retry),
            failure,
        },
        (reply, _) => reply,
    }
}

fn is_wanted(classes: &[RetryClass], failure: &Failure, retry: bool) -> bool {
    let has = |class: RetryClass| classes.contains(&class);
    let is_code = |class: &RetryClass| matches!(class, RetryClass::Exit(code) if failure.exit_code == Some(i32::from(*code)));
    match failure.class {
        FailureClass::Container | FailureClass::Input if failure.exit_code == Some(TERMINATED) => {
            has(RetryClass::Spot) || classes.iter().any(is_code)
        }
        FailureClass::Container | FailureClass::Input => classes.iter().any(is_code),
        FailureClass::Memory => has(RetryClass::Memory) || classes.iter().any(is_code),
        FailureClass::Timeout => has(RetryClass::Timeout),
        FailureClass::Image => retry && has(RetryClass::Pull),
        FailureClass::Disk | FailureClass::Output => false,
        FailureClass::Cloud | FailureClass::Internal => retry,
    }
}

/// A container that ran. `None` if all is well.
pub(crate) fn of_outcome(
    outcome: &Outcome,
    config: &StageConfig,
    is_disk_full: bool,
    log_tail: Vec<String>,
) -> Option<Reply> {
    let code = match outcome.exit {
        Exit::Code(0) => return None,
        Exit::Code(code) => Some(code),
        Exit::Signal(signal) => Some(128 + signal),
        Exit::Timeout => None,
    };
    let (class, message) = match code {
        None => (FailureClass::Timeout, timeout(config)),
        Some(_) if is_disk_full => return Some(with_tail(disk(config.disk_mib), code, log_tail)),
        Some(STAGE_BAD_INPUT) => (
            FailureClass::Input,
            "the container refused its input (exit code 65)".to_owned(),
        ),
        Some(KILLED) => (FailureClass::Memory, memory(config)),
        Some(code) => (
            FailureClass::Container,
            format!("the container ended with exit code {code}"),
        ),
    };
    let failure = Failure {
        class,
        message,
        exit_code: code,
        log_tail,
    };
    let retry = matches!(code, None | Some(STAGE_TRY_LATER | KILLED | TERMINATED));
    Some(Reply::Failed { failure, retry })
}

/// The time ran out before or while the container ran.
pub(crate) fn out_of_time(config: &StageConfig) -> Reply {
    Reply::Failed {
        failure: failure(FailureClass::Timeout, timeout(config)),
        retry: true,
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn with_tail(failure: Failure, exit_code: Option<i32>, log_tail: Vec<String>) -> Reply {
    Reply::Failed {
        failure: Failure {
            exit_code,
            log_tail,
            ..failure
        },
        retry: false,
    }
}

fn timeout(config: &StageConfig) -> String {
    format!(
        "the time of {} s was used up; raise `timeout` of stage {}",
        config.timeout_s, config.stage
    )
}

fn memory(config: &StageConfig) -> String {
    let (memory, stage) = (config.memory_mib, &config.stage);
    format!(
        "the container was killed, most likely for want of memory; stage {stage} has {memory} MiB"
    )
}

fn disk(disk_mib: u32) -> Failure {
    disk_because(disk_mib, "the disk is full")
}

fn disk_because(disk_mib: u32, reason: &str) -> Failure {
    let message = format!("{reason}; the stage has `disk: {disk_mib}MiB`");
    failure(FailureClass::Disk, message)
}

fn has_disk_full(error: &(dyn Error + 'static)) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(is_disk_full) {
            return true;
        }
        cause = error.source();
    }
    false
}

fn is_disk_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
