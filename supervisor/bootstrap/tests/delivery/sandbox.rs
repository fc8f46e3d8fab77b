//! A warm function of one stage, its store, and where it works.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use scar_schemas::contract::{More, OutputKey};
use serde_json::Value;
use tempfile::TempDir;

use crate::faults::Faults;
use crate::runtime::{Function, LOG};
use crate::stage::{DATA, Stage, image, prefix};
use crate::store::{Object, Store};
use crate::world::{event, supervisor};

pub(crate) const ENGINES: [&str; 2] = ["namespaces", "graft"];

/// A variable of the stage by which its processes are known.
const MARK: &str = "SCAR_TEST_MARK";

pub(crate) struct Sandbox {
    pub(crate) store: Store,
    pub(crate) folder: TempDir,
    pub(crate) stage: Stage,
    pub(crate) function: Function,
}

impl Sandbox {
    /// A stage that takes `in/*` and makes files below `out/`.
    pub(crate) fn copying(engine: &str, script: &str) -> Self {
        Self::new(
            engine,
            script,
            &["in/*"],
            Some(prefix("out/")),
            More::default(),
        )
    }

    pub(crate) fn new(
        engine: &str,
        script: &str,
        inputs: &[&str],
        output: Option<OutputKey>,
        more: More,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::start(Faults::none());
        let digest = image(&store);
        let key = output.clone().unwrap_or_else(|| prefix("out/"));
        let mut stage = Stage::new(folder.path(), "one", &digest, inputs, key, more, script);
        if output.is_none() {
            stage.config.outputs.clear();
        }
        let mark = (MARK.to_owned(), folder.path().display().to_string());
        stage.config.variables.extend([mark]);
        stage.write();
        let function = Function::start(&stage, &store, folder.path(), engine);
        Self {
            store,
            folder,
            stage,
            function,
        }
    }

    /// Puts an object and returns its event.
    pub(crate) fn put(&self, key: &str, body: &str) -> Value {
        self.store.put(DATA, key, body.to_owned());
        event(&self.store, DATA, key)
    }

    /// Puts an object and hands over its event.
    pub(crate) fn bring(&mut self, key: &str, body: &str) -> Value {
        let event = self.put(key, body);
        self.function.invoke(&event).unwrap()
    }

    pub(crate) fn object(&self, key: &str) -> Object {
        let state = self.store.state.lock().unwrap();
        let object = state.objects.get(&(DATA.to_owned(), key.to_owned()));
        object.expect(key).clone()
    }

    pub(crate) fn text(&self, key: &str) -> String {
        String::from_utf8(self.object(key).body.to_vec()).unwrap()
    }

    /// Keys below a prefix.
    pub(crate) fn keys(&self, prefix: &str) -> Vec<String> {
        let state = self.store.state.lock().unwrap();
        let keys = state.objects.keys().map(|(_, key)| key);
        keys.filter(|key| key.starts_with(prefix))
            .cloned()
            .collect()
    }

    /// Puts an input, has it worked on, and returns how long that took.
    pub(crate) fn work(&mut self, name: &str, body: &str) -> Duration {
        let event = self.put(&format!("in/{name}.txt"), body);
        let start = Instant::now();
        let report = self.function.invoke(&event).unwrap();
        let time = start.elapsed();
        assert_eq!(report["tasks"][0]["state"], "published", "{report:#}");
        assert_eq!(self.text(&format!("out/{name}.copy")), body);
        time
    }

    /// A computer of Batch that does the job of this request.
    pub(crate) fn computer(&self, request: &str) -> Command {
        let mut command = Command::new(supervisor());
        command.arg("job").env_clear();
        command.envs(self.stage.variables(&self.store, self.folder.path()));
        command.envs([self.stage.package_variable()]);
        command.env("SCAR_JOB", request);
        command
    }

    /// All that was logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join(LOG)).unwrap()
    }

    /// Processes that know the mark of this sandbox, except for the supervisor.
    pub(crate) fn survivors(&self) -> Vec<PathBuf> {
        let mark = format!("{MARK}={}", self.folder.path().display());
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let is_ours = |path: &PathBuf| {
            let variables = fs::read(path.join("environ")).unwrap_or_default();
            let mut variables = variables.split(|byte| *byte == 0);
            variables.any(|one| one == mark.as_bytes())
        };
        processes.map(|one| one.path()).filter(is_ours).collect()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.store.stop();
    }
}
