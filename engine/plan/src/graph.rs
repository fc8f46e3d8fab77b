//! The change told in the words of the manifest: stages, links, settings, images, reasons.

use std::collections::{BTreeMap, BTreeSet};

use scar_schemas::construct::HttpAuth;
use scar_schemas::deployed::{Deployed, DeployedLink, DeployedStage};
use scar_schemas::digest::Digest;
use scar_template::Rendered;
use scar_template::name::Owners;
use scar_workflow::{Stage, Workflow};

use crate::{
    Action, ImageChange, LinkChange, Reason, Request, ResourceChange, SettingChange, StageChange,
};

/// Stages in topological order, deleted ones last.
pub(crate) fn stages(
    resources: &[ResourceChange],
    old: Option<&Deployed>,
    new: Option<&Deployed>,
    workflow: &Workflow,
) -> Vec<StageChange> {
    let is_open = |stage: &&Stage| {
        let http = stage.http.as_ref();
        http.is_some_and(|http| http.auth == HttpAuth::None)
    };
    let open: BTreeSet<&str> = workflow
        .stages
        .iter()
        .filter(is_open)
        .map(|stage| stage.name.as_str())
        .collect();
    let (before, after) = (by_id(old), by_id(new));
    let resources = by_stage(resources);
    let none = Vec::new();
    let current = list(new).iter().map(|stage| {
        let before = before.get(stage.id());
        let own = resources.get(stage.name.as_str());
        let (action, reason) = strongest(own.unwrap_or(&none));
        let settings = before.map(|before| settings(before, stage));
        StageChange {
            is_open: open.contains(stage.name.as_str()),
            ..stage_change(stage, action, reason, settings.unwrap_or_default())
        }
    });
    let gone = list(old)
        .iter()
        .filter(|stage| !after.contains_key(stage.id()));
    let gone = gone.map(|stage| stage_change(stage, Action::Delete, Reason::Removed, Vec::new()));
    current.chain(gone).collect()
}

/// Links of the new graph, deleted ones last.
pub(crate) fn links(old: Option<&Deployed>, new: Option<&Deployed>) -> Vec<LinkChange> {
    let links =
        |deployed: Option<&Deployed>| deployed.map(|it| it.links.clone()).unwrap_or_default();
    let (old, new) = (links(old), links(new));
    let [before, after] = [&old, &new].map(|all| all.iter().collect::<BTreeSet<_>>());
    let change = |link: &DeployedLink, action| LinkChange {
        from: link.from.clone(),
        to: link.to.clone(),
        via: link.via.clone(),
        action,
    };
    let current = new.iter().map(|link| {
        change(
            link,
            if before.contains(link) {
                Action::Keep
            } else {
                Action::Create
            },
        )
    });
    let gone = old
        .iter()
        .filter(|link| !after.contains(link))
        .map(|link| change(link, Action::Delete));
    current.chain(gone).collect()
}

/// Image of every stage, and what it was.
pub(crate) fn images(old: Option<&Deployed>, new: Option<&Deployed>) -> Vec<ImageChange> {
    let stages = by_id(old);
    let change = |stage: &DeployedStage| {
        let before = stages.get(stage.id());
        let before = before.filter(|before| before.digest != stage.digest);
        ImageChange {
            stage: stage.name.clone(),
            reference: stage.image.clone(),
            digest: stage.digest.clone(),
            was: before.map(|before| before.digest.clone()),
            tag_moved: before.is_some_and(|before| before.image == stage.image),
            tag_now: None,
            locked: false,
        }
    };
    list(new).iter().map(change).collect()
}

/// What the lock file holds, and what its tags mean by now.
pub(crate) fn hold(images: &mut [ImageChange], request: &Request<'_>) {
    for image in images {
        image.locked = request.locked.contains(&image.stage);
        image.tag_now = request
            .moved
            .get(&image.stage)
            .filter(|now| **now != image.digest)
            .cloned();
    }
}

/// Fills in what the comparison of resources cannot know: the stage of deleted resources, and why a
/// function changes.
pub(crate) fn explain(
    resources: &mut [ResourceChange],
    rendered: &Rendered,
    old: Option<&Deployed>,
    new: Option<&Deployed>,
) {
    let owners = Owners::new(list(old).iter().map(|stage| (stage.id(), &stage.name)));
    let before = by_id(old);
    let by_name: BTreeMap<&str, &DeployedStage> = list(new)
        .iter()
        .map(|stage| (stage.name.as_str(), stage))
        .collect();
    for change in resources {
        if change.stage.is_none() && !rendered.origins.contains_key(&change.logical_id) {
            change.stage = owners.of(&change.logical_id).map(|name| (*name).clone());
        }
        if change.kind == "AWS::Lambda::Function" && change.action == Action::Update {
            let stage = change.stage.as_deref().unwrap_or_default();
            let now = by_name.get(stage).copied();
            let before = now.and_then(|now| before.get(now.id()).copied());
            if let Some(reason) = function_reason(change, before, now) {
                change.reason = reason;
            }
        }
    }
}

fn function_reason(
    change: &ResourceChange,
    old: Option<&DeployedStage>,
    new: Option<&DeployedStage>,
) -> Option<Reason> {
    let only = |prefix: &str| {
        change
            .properties
            .iter()
            .all(|property| property.path.starts_with(prefix))
    };
    if only("Layers") {
        return Some(Reason::Supervisor);
    }
    let (old, new) = (old?, new?);
    let with_new_digest = DeployedStage {
        digest: new.digest.clone(),
        ..old.clone()
    };
    let moved = old.digest != new.digest && with_new_digest == *new;
    (only("Code") && moved).then_some(Reason::TagMoved)
}

fn by_stage(resources: &[ResourceChange]) -> BTreeMap<&str, Vec<&ResourceChange>> {
    let mut all: BTreeMap<&str, Vec<&ResourceChange>> = BTreeMap::new();
    for change in resources {
        if let Some(stage) = &change.stage {
            all.entry(stage).or_default().push(change);
        }
    }
    all
}

/// The action of a stage is that of its resources together: new if all are, else the strongest.
fn strongest(resources: &[&ResourceChange]) -> (Action, Reason) {
    let own = || resources.iter().copied();
    let of = |action: Action| own().find(move |change| change.action == action);
    if own().all(|change| change.action == Action::Create) {
        return (Action::Create, Reason::New);
    }
    if let Some(change) = of(Action::Replace) {
        return (Action::Replace, change.reason.clone());
    }
    // A permission or rule that comes or goes is a change of the stage; the function tells most.
    let changed = || own().filter(|change| change.action != Action::Keep);
    let main = changed()
        .find(|change| change.kind == "AWS::Lambda::Function")
        .or_else(|| changed().next());
    match main {
        Some(change) if change.action == Action::Update => (Action::Update, change.reason.clone()),
        Some(_) => (Action::Update, Reason::Manifest),
        None => (Action::Keep, Reason::Unchanged),
    }
}

fn stage_change(
    stage: &DeployedStage,
    action: Action,
    reason: Reason,
    settings: Vec<SettingChange>,
) -> StageChange {
    StageChange {
        name: stage.name.clone(),
        action,
        reason,
        compute: stage.compute.clone(),
        image: stage.image.clone(),
        inputs: stage.inputs.clone(),
        outputs: stage.outputs.clone(),
        settings,
        is_open: false,
        place: None,
    }
}

fn settings(before: &DeployedStage, after: &DeployedStage) -> Vec<SettingChange> {
    if before == after {
        return Vec::new();
    }
    let (old, new) = (texts(before), texts(after));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let value = |all: &BTreeMap<String, String>, name: &String| {
        all.get(name).cloned().unwrap_or_else(|| "none".to_owned())
    };
    let differing = names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name));
    differing
        .map(|name| SettingChange {
            name: name.clone(),
            before: value(&old, name),
            after: value(&new, name),
            place: None,
        })
        .collect()
}

/// Every setting as people write it. Long values are told by the start of their digest.
fn texts(stage: &DeployedStage) -> BTreeMap<String, String> {
    let short = |digest: &Digest| digest.hex().chars().take(12).collect::<String>();
    let joined = |texts: &[String]| texts.join(", ");
    let image = format!("{} ({})", stage.image, short(&stage.digest));
    let general = [
        ("compute", stage.compute.clone()),
        ("disk", format!("{} MiB", stage.disk_mib)),
        ("env", short(&stage.variables)),
        ("image", image),
        ("in", joined(&stage.inputs)),
        ("logs", format!("{} days", stage.log_days)),
        ("memory", format!("{} MiB", stage.memory_mib)),
        ("name", stage.name.clone()),
        ("out", joined(&stage.outputs)),
        ("retry", format!("{} attempts", stage.attempts)),
        ("script", short(&stage.work)),
        ("timeout", format!("{} s", stage.timeout_s)),
    ];
    let mut texts = stage.settings.clone();
    texts.extend(general.map(|(name, value)| (name.to_owned(), value)));
    texts
}

fn list(deployed: Option<&Deployed>) -> &[DeployedStage] {
    deployed
        .map(|deployed| deployed.stages.as_slice())
        .unwrap_or_default()
}

/// By the name that a stage keeps when it is renamed.
fn by_id(deployed: Option<&Deployed>) -> BTreeMap<&str, &DeployedStage> {
    let stages = list(deployed).iter();
    stages.map(|stage| (stage.id(), stage)).collect()
}
