//! The tables of a store.

use redb::TableDefinition;

/// The tables. Keys are text, ordered by bytes; values are JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    /// Bucket name: `s3::Bucket`.
    Buckets,
    /// `<bucket>/<key>`: metadata of an object.
    Objects,
    /// `<bucket>/<key>\n<upload>`-like keys of open multipart uploads.
    Uploads,
    /// `<upload>/<number>`: uploaded parts.
    Parts,
    /// Role name: `iam::Role`.
    Roles,
    /// `<sequence>`: events that no rule has seen yet.
    Events,
    /// `<sequence>`: asynchronous invocations that are not finished.
    Invocations,
    /// Stack name or id: stacks.
    Stacks,
    /// Change sets.
    ChangeSets,
    /// `<stack>/<sequence>`: events of stacks.
    StackEvents,
    /// Function name: functions.
    Functions,
    /// `<layer>/<version>`: layer versions.
    Layers,
    /// Rule name: EventBridge rules.
    Rules,
    /// Log group name: log groups.
    LogGroups,
    /// `<group>\n<stream>`: log streams.
    LogStreams,
    /// Log lines.
    LogLines,
    /// Queue name: queues.
    Queues,
    /// `<queue>/<sequence>`: messages.
    Messages,
    /// `<bucket>/<key>\0<ordinal>`: versions of objects that are not the current one, and delete markers.
    Versions,
    /// `<sequence>`: deliveries to targets that wait for their time.
    Deliveries,
    /// `<group>/<name>`: schedules of EventBridge Scheduler.
    Schedules,
    /// Id of an event source mapping: what feeds a function from a queue.
    Mappings,
    /// Job id: Batch jobs, children of arrays and nodes too.
    Jobs,
    /// `ready/<sequence>`, `after/<job>` and `never/<job>`: jobs that wait for a place, for other jobs,
    /// or for something that this machine does not have.
    WaitingJobs,
    /// Name: Batch job queues.
    JobQueues,
    /// `<name>:<revision>`: Batch job definitions.
    JobDefinitions,
    /// Name: Batch compute environments.
    ComputeEnvironments,
    /// Name: ECR repositories.
    Repositories,
    /// `<repository>\n<digest>`: image manifests.
    Manifests,
    /// `<repository>\n<tag>`: digest that a tag names.
    ImageTags,
    /// `<repository>\n<digest>`: blobs of images.
    ImageBlobs,
    /// Id: HTTP APIs.
    Apis,
    /// Name: SSM parameters.
    Parameters,
    /// Name: secrets.
    Secrets,
    /// `<type>/<id>`: resources that have no effect here.
    Records,
    /// Counters and other single values.
    Meta,
}

impl Table {
    /// All of them.
    pub(super) const ALL: [Self; 36] = [
        Self::Buckets,
        Self::Objects,
        Self::Uploads,
        Self::Parts,
        Self::Roles,
        Self::Events,
        Self::Invocations,
        Self::Stacks,
        Self::ChangeSets,
        Self::StackEvents,
        Self::Functions,
        Self::Layers,
        Self::Rules,
        Self::LogGroups,
        Self::LogStreams,
        Self::LogLines,
        Self::Queues,
        Self::Messages,
        Self::Versions,
        Self::Deliveries,
        Self::Schedules,
        Self::Mappings,
        Self::Jobs,
        Self::WaitingJobs,
        Self::JobQueues,
        Self::JobDefinitions,
        Self::ComputeEnvironments,
        Self::Repositories,
        Self::Manifests,
        Self::ImageTags,
        Self::ImageBlobs,
        Self::Apis,
        Self::Parameters,
        Self::Secrets,
        Self::Records,
        Self::Meta,
    ];

    /// Name in the database.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Buckets => "buckets",
            Self::Objects => "objects",
            Self::Uploads => "uploads",
            Self::Parts => "parts",
            Self::Roles => "roles",
            Self::Events => "events",
            Self::Invocations => "invocations",
            Self::Stacks => "stacks",
            Self::ChangeSets => "change-sets",
            Self::StackEvents => "stack-events",
            Self::Functions => "functions",
            Self::Layers => "layers",
            Self::Rules => "rules",
            Self::LogGroups => "log-groups",
            Self::LogStreams => "log-streams",
            Self::LogLines => "log-lines",
            Self::Queues => "queues",
            Self::Messages => "messages",
            Self::Versions => "versions",
            Self::Deliveries => "deliveries",
            Self::Schedules => "schedules",
            Self::Mappings => "event-source-mappings",
            Self::Jobs => "jobs",
            Self::WaitingJobs => "waiting-jobs",
            Self::JobQueues => "job-queues",
            Self::JobDefinitions => "job-definitions",
            Self::ComputeEnvironments => "compute-environments",
            Self::Repositories => "repositories",
            Self::Manifests => "manifests",
            Self::ImageTags => "image-tags",
            Self::ImageBlobs => "image-blobs",
            Self::Apis => "apis",
            Self::Parameters => "parameters",
            Self::Secrets => "secrets",
            Self::Records => "records",
            Self::Meta => "meta",
        }
    }

    /// The table in redb's terms.
    pub(super) fn definition(self) -> TableDefinition<'static, &'static str, &'static [u8]> {
        TableDefinition::new(self.name())
    }
}
