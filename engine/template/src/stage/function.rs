//! The stage's function with what belongs to it: role, log, failed events, asynchronous settings.

use std::collections::BTreeMap;

use scar_schemas::construct::{Architecture, Package};
use scar_schemas::contract::{ARTIFACTS, bucket_variable, function_variable};
use serde_json::{Value, json};

use super::{Named, Part, Size};
use crate::{Error, access, name, output};

/// Retries of an asynchronous call are 0 to 2 ("`EventInvokeConfig`" of Lambda).
const MAX_RETRIES: u32 = 2;

impl Part<'_> {
    pub(super) fn function(&self) -> Result<Vec<Named>, Error> {
        let function = name::function_id(self.id());
        let queue = name::queue_id(self.id());
        let retries = self.stage.attempts.saturating_sub(1).min(MAX_RETRIES);
        let invoke = json!({"function": function, "queue": queue, "retries": retries});
        let log_group = json!({"days": self.stage.log_days, "kms_key": self.kms_key()});
        let failed = json!({"kms_key": self.kms_key()});
        Ok(vec![
            (name::role_id(self.id()), self.role()?),
            (
                name::log_group_id(self.id()),
                self.render("log_group", log_group)?,
            ),
            (queue, self.render("queue", failed)?),
            (function, self.function_resource()?),
            (name::async_id(self.id()), self.render("async", invoke)?),
        ])
    }

    fn function_resource(&self) -> Result<Value, Error> {
        let size = Size::of_function(self.stage);
        let network = self.private_network();
        let values = json!({
            "description": self.describe(),
            "architecture": self.stage.arch,
            "image": self.image_uri()?,
            "package": self.package,
            "layer": self.layer()?,
            "variables": self.function_variables(),
            "disk_mib": size.disk_mib,
            "memory_mib": size.memory_mib,
            "timeout_s": size.timeout_s,
            "role": name::role_id(self.id()),
            "log_group": name::log_group_id(self.id()),
            "kms_key": self.kms_key(),
            "loops": self.stage.loop_max.is_some(),
            "concurrency": self.reserved_concurrency(),
            "subnets": network.map(|(subnets, _)| subnets),
            "security_groups": network.map(|(_, groups)| groups),
        });
        self.render("function", values)
    }

    /// How many tasks at once, where the function itself has to see to it: an event source takes care
    /// of it from two on ("`MaximumConcurrency`" of event source mappings).
    fn reserved_concurrency(&self) -> Option<u32> {
        let by_source = |limit: &u32| self.has_inbox() && *limit >= 2;
        self.stage
            .concurrency
            .filter(|limit| !by_source(limit) && !self.is_intake())
    }

    pub(super) fn layer(&self) -> Result<&'static str, Error> {
        match self.stage.arch {
            Architecture::X86_64 => Ok(output::SUPERVISOR_LAYER),
            Architecture::Arm64 if self.context.materials.supervisor_arm64.is_none() => {
                Err(self.no_supervisor())
            }
            Architecture::Arm64 => Ok(output::SUPERVISOR_ARM64_LAYER),
        }
    }

    pub(super) fn no_supervisor(&self) -> Error {
        Error::NoSupervisor {
            stage: self.stage.name.clone(),
            architecture: self.stage.arch,
        }
    }

    /// Address of the image of an image function. The function of a stage whose tasks are jobs is never
    /// one.
    fn image_uri(&self) -> Result<Option<String>, Error> {
        if self.stage.package == Package::Layer || self.is_intake() {
            return Ok(None);
        }
        let digests = &self.context.materials.derived_images;
        let digest = digests
            .get(&self.stage.name)
            .ok_or_else(|| Error::Missing {
                stage: self.stage.name.clone(),
                what: "image with the supervisor in it",
            })?;
        Ok(Some(format!("${{{}}}@{digest}", output::REGISTRY)))
    }

    /// Whether the platform brings no package.
    pub(super) fn fetches_package(&self) -> bool {
        self.stage.package == Package::Image && !self.is_intake()
    }

    fn function_variables(&self) -> BTreeMap<String, Value> {
        let mut variables = self.variables();
        if self.fetches_package() {
            variables.insert(
                function_variable::PACKAGE_KEY.to_owned(),
                json!(self.package),
            );
        }
        if let Some(queue) = self.job_queue() {
            let definition = json!({ "Ref": name::job_id(self.id()) });
            variables.insert(function_variable::BATCH_QUEUE.to_owned(), queue);
            variables.insert(function_variable::BATCH_DEFINITION.to_owned(), definition);
        }
        variables
    }

    /// Variables that function and jobs share: the stage's name, and real names of buckets.
    pub(super) fn variables(&self) -> BTreeMap<String, Value> {
        let context = self.context;
        let mut buckets = access::touched(context.workflow, self.stage, self.image);
        buckets.extend(self.stage.mounts.iter().map(|mount| mount.bucket.clone()));
        buckets.insert(ARTIFACTS.to_owned());
        let variable = |bucket: &String| (bucket_variable(bucket), context.buckets.name(bucket));
        let mut variables: BTreeMap<String, Value> = buckets.iter().map(variable).collect();
        let stage = json!(self.stage.name);
        variables.insert(function_variable::STAGE.to_owned(), stage);
        variables
    }
}
