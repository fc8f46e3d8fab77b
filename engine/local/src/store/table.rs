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
    /// Counters and other single values.
    Meta,
}

impl Table {
    /// All of them.
    pub(super) const ALL: [Self; 19] = [
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
            Self::Meta => "meta",
        }
    }

    /// The table in redb's terms.
    pub(super) fn definition(self) -> TableDefinition<'static, &'static str, &'static [u8]> {
        TableDefinition::new(self.name())
    }
}
