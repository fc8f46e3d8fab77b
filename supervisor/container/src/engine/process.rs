//! Program, arguments, variables and directory of a job, as Docker would choose them.

use std::collections::BTreeMap;
use std::ffi::CString;

use crate::engine::user::User;
use crate::engine::{Command, Job};
use crate::error::Error;
use crate::oci::ImageConfig;

/// Search path of images that do not set one; the one that Docker sets.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What is executed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Execution {
    pub(crate) programs: Vec<CString>,
    pub(crate) arguments: Vec<CString>,
    pub(crate) environment: Vec<CString>,
    /// Absolute path inside the container.
    pub(crate) directory: String,
}

impl Execution {
    pub(crate) fn new(config: &ImageConfig, job: &Job, user: &User) -> Result<Self, Error> {
        let arguments = arguments(config, &job.command);
        let program = arguments
            .first()
            .filter(|program| !program.is_empty())
            .ok_or_else(|| Error::Job("neither job nor image name a program".into()))?;
        let variables = variables(config, job, user);
        let wanted = job
            .working_directory
            .as_deref()
            .unwrap_or(&config.working_directory);
        let directory = format!("/{}", wanted.trim_start_matches('/'));
        let path = variables.get("PATH").map_or(DEFAULT_PATH, String::as_str);
        let pairs = variables
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        Ok(Self {
            programs: strings(candidates(program, path, &directory))?,
            environment: strings(pairs)?,
            arguments: strings(arguments)?,
            directory,
        })
    }
}

fn arguments(config: &ImageConfig, command: &Command) -> Vec<String> {
    match command {
        Command::Image => [config.entrypoint.as_slice(), &config.command].concat(),
        Command::Arguments(arguments) => [config.entrypoint.as_slice(), arguments].concat(),
        Command::Exec(arguments) => arguments.clone(),
    }
}

fn variables(config: &ImageConfig, job: &Job, user: &User) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::from([
        ("PATH".to_owned(), DEFAULT_PATH.to_owned()),
        ("HOME".to_owned(), user.home.clone()),
        ("HOSTNAME".to_owned(), "scar".to_owned()),
    ]);
    for variable in &config.environment {
        let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
        variables.insert(name.to_owned(), value.to_owned());
    }
    variables.extend(job.variables.clone());
    variables
}

/// Where the program may be: as it is if it has a slash, else in each directory of the path.
fn candidates(program: &str, path: &str, directory: &str) -> Vec<String> {
    if program.contains('/') {
        return vec![program.to_owned()];
    }
    let folder = |folder: &str| {
        if folder.is_empty() {
            directory.to_owned()
        } else {
            folder.to_owned()
        }
    };
    path.split(':')
        .map(|part| format!("{}/{program}", folder(part)))
        .collect()
}

fn strings(texts: impl IntoIterator<Item = String>) -> Result<Vec<CString>, Error> {
    texts.into_iter().map(c_string).collect()
}

pub(crate) fn c_string(text: impl Into<Vec<u8>>) -> Result<CString, Error> {
    CString::new(text).map_err(|error| {
        let text = error.into_vec();
        Error::Job(format!(
            "{:?} contains a zero byte",
            String::from_utf8_lossy(&text)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn execution(config: &ImageConfig, command: Command) -> Execution {
        let user = User {
            uid: 0,
            gid: 0,
            home: "/root".into(),
        };
        Execution::new(config, &Job::new(command, "/tmp"), &user).unwrap()
    }

    #[test]
    fn entrypoint_and_command_combine_as_in_docker() {
        let config = ImageConfig {
            entrypoint: vec!["/bin/e".into(), "-x".into()],
            command: vec!["c".into()],
            working_directory: "srv".into(),
            environment: vec!["PATH=/opt:".into(), "A=b=c".into()],
            ..ImageConfig::default()
        };
        let arguments = |command| texts(&execution(&config, command).arguments);
        assert_eq!(arguments(Command::Image), "/bin/e -x c");
        assert_eq!(
            arguments(Command::Arguments(vec!["d".into()])),
            "/bin/e -x d"
        );
        let exec = execution(&config, Command::Exec(vec!["sh".into()]));
        assert_eq!(texts(&exec.programs), "/opt/sh /srv/sh");
        assert_eq!(exec.environment[0].as_c_str(), c"A=b=c");
    }

    fn texts(list: &[CString]) -> String {
        let texts: Vec<_> = list.iter().map(|text| text.to_string_lossy()).collect();
        texts.join(" ")
    }
}
