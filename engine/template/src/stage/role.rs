//! What the stage's function and its jobs may do.

use scar_schemas::construct::SecretReference;
use scar_schemas::contract::ARTIFACTS;
use scar_schemas::hand_over::started_key;
use serde_json::{Value, json};

use super::Part;
use crate::{Error, access, name};

/// Secrets Manager puts a hyphen and six characters behind the name in an ARN ("Secret ARN" of its user
/// guide).
const SECRET_SUFFIX: &str = "-??????";

impl Part<'_> {
    /// The function's role. A function that only submits jobs has nothing to do with image, mounts and
    /// secrets.
    pub(super) fn role(&self) -> Result<Value, Error> {
        let mut values = self.data_rights(!self.is_intake())?;
        values["package"] = json!(self.fetches_package().then(|| self.package_arn()));
        values["network"] = json!(self.private_network().is_some());
        values["job"] = json!(self.placement.as_ref().map(|_| name::job_id(self.id())));
        values["job_queue"] = json!(self.job_queue());
        let started = self.stage.fallback.then(|| self.started_markers());
        values["started"] = json!(started);
        values["inbox"] = json!(self.has_inbox().then(|| name::inbox_id(self.id())));
        values["log_group"] = json!(name::log_group_id(self.id()));
        values["queue"] = json!(name::queue_id(self.id()));
        self.render("role", values)
    }

    /// The role of the stage's jobs.
    pub(super) fn job_role(&self) -> Result<Value, Error> {
        let mut values = self.data_rights(true)?;
        values["package"] = json!(self.package_arn());
        self.render("job_role", values)
    }

    /// Markers of attempts that have begun: taken away when one ends by itself.
    fn started_markers(&self) -> Value {
        let buckets = &self.context.buckets;
        buckets.objects(buckets.state(), &started_key(self.id(), "*"))
    }

    fn package_arn(&self) -> Value {
        self.context.buckets.objects(ARTIFACTS, self.package)
    }

    fn data_rights(&self, runs_container: bool) -> Result<Value, Error> {
        let (stage, workflow) = (self.stage, self.context.workflow);
        let buckets = &self.context.buckets;
        let touched = access::touched(workflow, stage, self.image);
        let touched: Vec<Value> = touched.iter().map(|bucket| buckets.arn(bucket)).collect();
        let has_versions = |bucket: &str| access::has_versions(workflow, bucket);
        let mut values = json!({
            "inputs": access::inputs(buckets, stage, |_| true)?,
            "versions": access::inputs(buckets, stage, has_versions)?,
            "outputs": access::outputs(buckets, stage)?,
            "records": access::records(buckets, stage),
            "hand_over": access::hand_over(buckets, stage),
            "follow": access::follow(buckets, stage),
            "image": Value::Null,
            "package": Value::Null,
            "mounts": [],
            "parameters": [],
            "secrets": [],
            "buckets": touched,
            "keys": self.context.keys,
        });
        if runs_container {
            values["image"] = json!(access::image(buckets, self.stage, self.image));
            values["mounts"] = self.mounts()?;
            values["parameters"] = self.secrets(parameter_arn)?;
            values["secrets"] = self.secrets(secret_arn)?;
        }
        Ok(values)
    }

    fn mounts(&self) -> Result<Value, Error> {
        let buckets = &self.context.buckets;
        let mount = |mount: &scar_schemas::contract::Mount| {
            let keys = format!("{}*", access::literal(self.stage, &mount.prefix)?);
            Ok(json!({
                "objects": buckets.objects(&mount.bucket, &keys),
                "bucket": buckets.arn(&mount.bucket),
                "keys": keys,
            }))
        };
        self.stage.mounts.iter().map(mount).collect()
    }

    fn secrets(&self, arn: fn(&SecretReference) -> Option<String>) -> Result<Value, Error> {
        let mut arns = Vec::new();
        for reference in self.stage.secrets.values() {
            let (SecretReference::Parameter(name) | SecretReference::Secret { name, .. }) =
                reference;
            access::literal(self.stage, name)?;
            arns.extend(arn(reference).map(|arn| json!({ "Fn::Sub": arn })));
        }
        arns.sort_by_key(Value::to_string);
        arns.dedup();
        Ok(Value::Array(arns))
    }
}

fn parameter_arn(reference: &SecretReference) -> Option<String> {
    let SecretReference::Parameter(name) = reference else {
        return None;
    };
    let path = name.trim_start_matches('/');
    Some(if name.starts_with("arn:") {
        name.clone()
    } else {
        format!("arn:${{AWS::Partition}}:ssm:${{AWS::Region}}:${{AWS::AccountId}}:parameter/{path}")
    })
}

fn secret_arn(reference: &SecretReference) -> Option<String> {
    let SecretReference::Secret { name, .. } = reference else {
        return None;
    };
    Some(if name.starts_with("arn:") {
        name.clone()
    } else {
        let service = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}";
        format!("{service}:secret:{name}{SECRET_SUFFIX}")
    })
}
