//! What a repository allows its workflows: the rules of its policy file, as values.

use std::collections::BTreeSet;

use crate::{Action, Block, BlockCode, MicroDollars, Plan, diff};

/// Rules that a plan has to keep. The default has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// The only regions; any, if absent.
    pub regions: Option<BTreeSet<String>>,
    /// The only accounts; any, if absent.
    pub accounts: Option<BTreeSet<String>>,
    /// Most that a workflow may cost in a month.
    pub cost_per_month: Option<MicroDollars>,
    /// The only environments in which roles may reach beyond the workflow; any, if absent.
    pub widen_in: Option<BTreeSet<String>>,
    /// Every image is named by its digest, or held by the lock file.
    pub pinned_images: bool,
    /// Image names have to begin with one of these; any, if empty.
    pub registries: BTreeSet<String>,
    /// Most resources of the workflow's stack.
    pub resources_max: Option<usize>,
    /// Doors without authentication are refused.
    pub no_open_http: bool,
    /// Environments that have to have a KMS key and a bucket for access logs.
    pub hardened_in: BTreeSet<String>,
}

impl Policy {
    /// Every rule that the plan breaks.
    #[must_use]
    pub fn check(&self, plan: &Plan) -> Vec<Block> {
        let mut blocks = Vec::new();
        blocks.extend(self.place(plan));
        blocks.extend(self.size(plan));
        blocks.extend(self.widening(plan));
        blocks.extend(self.images(plan));
        blocks.extend(self.doors(plan));
        blocks.extend(self.safeguards(plan));
        blocks
    }

    fn place(&self, plan: &Plan) -> Vec<Block> {
        let outside = |allowed: &Option<BTreeSet<String>>, is: &str| {
            !is.is_empty() && allowed.as_ref().is_some_and(|all| !all.contains(is))
        };
        let mut blocks = Vec::new();
        if outside(&self.regions, &plan.region) {
            let reason = format!("region {} is not among the allowed ones", plan.region);
            blocks.push(broken("regions", reason));
        }
        if outside(&self.accounts, &plan.account) {
            let reason = format!("account {} is not among the allowed ones", plan.account);
            blocks.push(broken("accounts", reason));
        }
        blocks
    }

    fn size(&self, plan: &Plan) -> Vec<Block> {
        let mut blocks = Vec::new();
        let stays = plan.stack.resources.iter();
        let count = stays.filter(|one| one.action != Action::Delete).count();
        if let Some(max) = self.resources_max.filter(|max| count > *max) {
            let reason = format!("the stack has {count} resources, {max} are allowed");
            blocks.push(broken("resources_max", reason));
        }
        if let Some(max) = self.cost_per_month.filter(|max| plan.cost.after > *max) {
            let (is, max) = (plan.cost.after.dollars(), max.dollars());
            let reason = format!("it costs about ${is:.2} a month, ${max:.2} are allowed");
            blocks.push(broken("cost_per_month", reason));
        }
        blocks
    }

    fn widening(&self, plan: &Plan) -> Option<Block> {
        let environments = self.widen_in.as_ref()?;
        let is_refused = plan.summary.widens > 0 && !environments.contains(&plan.environment);
        let reason = format!(
            "roles may not reach beyond the workflow in environment {}",
            plan.environment
        );
        is_refused.then(|| broken("widen_in", reason))
    }

    fn images(&self, plan: &Plan) -> Vec<Block> {
        let mut blocks = Vec::new();
        for image in &plan.images {
            let name = &image.reference;
            if self.pinned_images && !image.is_pinned() {
                let reason = format!(
                    "image {name} of stage {} is a tag that nothing holds",
                    image.stage
                );
                blocks.push(broken("pinned_images", reason));
            }
            let is_known = self.registries.is_empty()
                || image.is_on_disk()
                || self.registries.iter().any(|start| name.starts_with(start));
            if !is_known {
                let reason = format!(
                    "image {name} of stage {} is from no allowed registry",
                    image.stage
                );
                blocks.push(broken("registries", reason));
            }
        }
        blocks
    }

    fn doors(&self, plan: &Plan) -> Vec<Block> {
        if !self.no_open_http {
            return Vec::new();
        }
        let open = plan.stages.iter().filter(|stage| stage.is_open);
        let block = |stage: &crate::StageChange| {
            let reason = format!("everybody may call stage {}", stage.name);
            broken("no_open_http", reason)
        };
        open.map(block).collect()
    }

    fn safeguards(&self, plan: &Plan) -> Option<Block> {
        if !self.hardened_in.contains(&plan.environment) {
            return None;
        }
        let deployed = diff::deployed(&plan.stack.template.metadata);
        let settings = deployed
            .map(|deployed| deployed.settings)
            .unwrap_or_default();
        let missing: Vec<&str> = ["kms_key", "access_logs"]
            .into_iter()
            .filter(|name| !settings.contains_key(*name))
            .collect();
        let reason = format!(
            "environment {} has to have {}",
            plan.environment,
            missing.join(" and ")
        );
        (!missing.is_empty()).then(|| broken("hardened_in", reason))
    }
}

fn broken(rule: &str, reason: String) -> Block {
    Block {
        code: BlockCode::Policy,
        subject: rule.to_owned(),
        reason,
        allow: None,
    }
}
