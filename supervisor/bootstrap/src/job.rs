//! What one task works on, and who it is. Pure.

use bytes::Bytes;
use scar_schemas::contract::{StageConfig, stem};
use scar_schemas::digest::hash_parts;
use scar_schemas::hand_over::{
    Fire, JobRequest, Member, fire_key, item_task, join_task, requested_task, scheduled_task,
};
use scar_schemas::record::{ObjectVersion, deployment};

use crate::store::Location;

/// One task and its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    /// Identity of the task.
    pub(crate) task: String,
    /// Identity of what it is made of, without its version.
    pub(crate) source: String,
    /// The run that it begins, if its input belongs to none.
    pub(crate) run: String,
    /// What is recorded as its input.
    pub(crate) input: ObjectVersion,
    /// Key for people and programs: that of the input or of the first member.
    pub(crate) key: String,
    /// What output names are made of.
    pub(crate) stem: String,
    /// What is fetched.
    pub(crate) material: Material,
    /// Which item of a scatter it is.
    pub(crate) item: Option<Item>,
    /// How to find out whether something newer took its place.
    pub(crate) current: Current,
    /// Whether the caller waits for what the container makes.
    pub(crate) answers: bool,
    /// The same task as a job of Batch.
    pub(crate) request: JobRequest,
}

/// What is fetched before the container starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Material {
    /// The input object.
    Object,
    /// The object that was scattered, which is not the one that started the task.
    Other(ObjectVersion),
    /// The members of a join, and whether they share a run.
    Members(Vec<Member>),
    /// The body of a request, under this name.
    Body(String, Bytes),
    /// Nothing at all.
    Nothing,
}

/// One item of a scatter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// Which, from 0.
    pub(crate) index: u32,
    /// Of how many.
    pub(crate) count: u32,
    /// Its text.
    pub(crate) text: String,
}

/// How to find out whether a task is still the newest of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Current {
    /// This object still has this version.
    Object(ObjectVersion),
    /// Nothing is here: the next generation of a join.
    Absent(Location),
    /// Nothing can take its place.
    Always,
}

impl Job {
    /// The task of one object.
    pub(crate) fn of_object(
        config: &StageConfig,
        object: ObjectVersion,
        cause: JobRequest,
    ) -> Self {
        let task = config.task(&object);
        Self {
            run: task.clone(),
            task,
            source: object.source(),
            key: object.key.clone(),
            stem: stem(&object.key).to_owned(),
            material: Material::Object,
            item: None,
            current: Current::Object(object.clone()),
            answers: false,
            request: cause,
            input: object,
        }
    }

    /// The task of the body of an asynchronous call: its identity is known before there is a body.
    pub(crate) fn of_body(
        config: &StageConfig,
        object: ObjectVersion,
        request: &str,
        cause: JobRequest,
    ) -> Self {
        let task = requested_task(&name(config), config.id(), request);
        let task = config.cached(task);
        Self {
            run: task.clone(),
            task,
            ..Self::of_object(config, object, cause)
        }
    }

    /// The task of one item; `object` is what was scattered, `input` what started the task.
    pub(crate) fn of_item(
        config: &StageConfig,
        object: ObjectVersion,
        input: ObjectVersion,
        index: u32,
        cause: JobRequest,
    ) -> Self {
        let whole = Self::of_object(config, object.clone(), cause);
        let text = config.more.items.get(index as usize).cloned();
        let count = u32::try_from(config.more.items.len()).unwrap_or(u32::MAX);
        let number = index.to_string();
        let item = Item {
            index,
            count,
            text: text.unwrap_or_default(),
        };
        Self {
            task: item_task(&whole.task, index),
            source: hash_parts([whole.source.as_bytes(), number.as_bytes()]),
            material: Material::Other(object),
            item: Some(item),
            input,
            ..whole
        }
    }

    /// The task of a join.
    pub(crate) fn of_fire(
        config: &StageConfig,
        object: ObjectVersion,
        state_bucket: &str,
        fire: Fire,
        cause: JobRequest,
    ) -> Self {
        let (deployment, id) = (name(config), config.id());
        let task = join_task(&deployment, id, &fire.group, fire.generation);
        let next = fire_key(id, &fire.group, fire.generation.saturating_add(1));
        let first = fire.members.first();
        let task = config.cached(task);
        Self {
            run: first.map_or_else(|| task.clone(), |member| member.run.clone()),
            task,
            source: hash_parts([&b"join"[..], fire.group.as_bytes()]),
            key: first.map_or_else(|| object.key.clone(), |member| member.object.key.clone()),
            stem: file_name(&fire.group),
            material: Material::Members(fire.members),
            current: Current::Absent(Location::new(state_bucket, next)),
            ..Self::of_object(config, object, cause)
        }
    }

    /// The task of one firing of a schedule.
    pub(crate) fn of_schedule(config: &StageConfig, time: &str, cause: JobRequest) -> Self {
        let task = config.cached(scheduled_task(&name(config), config.id(), time));
        Self::without_object(config, task, time, Material::Nothing, cause)
    }

    /// The task of a call that waits for its result.
    pub(crate) fn of_call(
        config: &StageConfig,
        request: &str,
        body: (String, Bytes),
        cause: JobRequest,
    ) -> Self {
        let task = config.cached(requested_task(&name(config), config.id(), request));
        let material = Material::Body(body.0, body.1);
        Self {
            answers: true,
            ..Self::without_object(config, task, request, material, cause)
        }
    }

    fn without_object(
        config: &StageConfig,
        task: String,
        what: &str,
        material: Material,
        cause: JobRequest,
    ) -> Self {
        let input = ObjectVersion {
            bucket: String::new(),
            key: what.to_owned(),
            etag: String::new(),
            size: 0,
            version_id: None,
        };
        Self {
            source: task.clone(),
            run: task.clone(),
            task,
            stem: file_name(what),
            material,
            current: Current::Always,
            ..Self::of_object(config, input, cause)
        }
    }
}

fn name(config: &StageConfig) -> String {
    deployment(&config.workflow, &config.environment)
}

/// The last segment of a group's name, which is a stem, a run or a time.
fn file_name(group: &str) -> String {
    group.rsplit('/').next().unwrap_or(group).to_owned()
}
