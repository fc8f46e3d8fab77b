//! The settings that `defaults` and a stage share.

use crate::keys::{Key, Shape, Table, key, required, with_default};
use crate::limits;
use crate::text_rule::TextRule;

/// `defaults`, at the top and in an environment.
pub(crate) static DEFAULTS_TABLE: Table = Table {
    name: "defaults",
    keys: &[
        ENV,
        MEMORY,
        TIMEOUT,
        DISK,
        VCPU,
        GPU,
        SPOT,
        ARCH,
        NETWORK,
        CONCURRENCY,
        CACHE,
        EVENTS,
        RETRY,
        LOGS,
    ],
    later: &[],
};

pub(crate) const ENV: Key = key(
    "env",
    Shape::Texts(TextRule::ContainerVariable, TextRule::Free),
    "Variables of the container, never secrets. A stage adds to those of `defaults`.",
    "env: {LEVEL: \"3\"}",
);
pub(crate) const MEMORY: Key = with_default(
    key(
        "memory",
        Shape::Size(limits::MEMORY_MIB.0, limits::MEMORY_MIB.1, "E202"),
        "Memory of a task: on Lambda at most 10GiB, with processor time in proportion (a whole core at 1769 MiB). The \
         default in Batch is 2GiB.",
        "memory: 2GiB",
    ),
    "1GiB",
);
pub(crate) const TIMEOUT: Key = with_default(
    key(
        "timeout",
        Shape::Duration(limits::TIMEOUT_S.0, limits::TIMEOUT_S.1, "E201"),
        "Time that a task may take, fetching and publishing included: on Lambda at most 15 minutes. The default in \
         Batch is 1h.",
        "timeout: 10m",
    ),
    "5m",
);
pub(crate) const DISK: Key = with_default(
    key(
        "disk",
        Shape::Size(limits::DISK_MIB.0, limits::DISK_MIB.1, "E203"),
        "Scratch disk of a task: the unpacked image, the input and the outputs must fit. On Lambda at most 10GiB. The \
         default in Batch is 20GiB.",
        "disk: 4GiB",
    ),
    "512MiB",
);
pub(crate) const VCPU: Key = with_default(
    key(
        "vcpu",
        Shape::Text(TextRule::Processors),
        "Processors of a Batch job, whole ones or quarters of one. Lambda gives processors by memory.",
        "vcpu: 4",
    ),
    "1",
);
pub(crate) const GPU: Key = with_default(
    key(
        "gpu",
        Shape::Integer(0, limits::GPUS),
        "GPUs of a Batch job.",
        "gpu: 1",
    ),
    "0",
);
pub(crate) const SPOT: Key = with_default(
    key(
        "spot",
        Shape::Boolean,
        "Batch jobs run on spare capacity: cheaper, and taken away now and then. Interrupted tasks start again.",
        "spot: true",
    ),
    "false",
);
pub(crate) const ARCH: Key = with_default(
    key(
        "arch",
        Shape::Choice(&["x86_64", "arm64"], &[]),
        "Processor architecture; the image must have it.",
        "arch: arm64",
    ),
    "x86_64",
);
pub(crate) const NETWORK: Key = with_default(
    key(
        "network",
        Shape::WordOr(&["auto"], &NETWORK_TABLE),
        "`auto` is the Internet without a private network; or these subnets and security groups of yours.",
        "network: {subnets: [subnet-0a1b2c3d], security_groups: [sg-0a1b2c3d]}",
    ),
    "auto",
);
pub(crate) const CONCURRENCY: Key = key(
    "concurrency",
    Shape::Integer(1, limits::CONCURRENCY),
    "Tasks of a Lambda stage at once. Without it the account's limit holds.",
    "concurrency: 10",
);
pub(crate) const CACHE: Key = with_default(
    key(
        "cache",
        Shape::Choice(&["object", "stage"], &[]),
        "What counts as done: `object`, a task that is done is never done again for the same object; `stage`, also \
         image, command, script and variables must be the same.",
        "cache: stage",
    ),
    "object",
);
pub(crate) const EVENTS: Key = with_default(
    key(
        "events",
        Shape::Choice(&["bus", "direct", "queue"], &[]),
        "How events come: `bus` through EventBridge; `direct` from S3 to the function, the fastest; `queue` through SQS, \
         which waits when `concurrency` is reached.",
        "events: queue",
    ),
    "bus",
);
pub(crate) const RETRY: Key = key(
    "retry",
    Shape::Table(&RETRY_TABLE),
    "What to do with failed tasks. Exit code 65 (bad input) is never retried.",
    "retry: {attempts: 3}",
);
pub(crate) const LOGS: Key = key(
    "logs",
    Shape::Table(&LOGS_TABLE),
    "Logging.",
    "logs: {keep: 14d}",
);

/// `network` as a map.
static NETWORK_TABLE: Table = Table {
    name: "network",
    keys: &[
        required(
            "subnets",
            Shape::TextList(TextRule::Subnet),
            "Ids of the subnets.",
            "subnets: [subnet-0a1b2c3d]",
        ),
        required(
            "security_groups",
            Shape::TextList(TextRule::SecurityGroup),
            "Ids of the security groups.",
            "security_groups: [sg-0a1b2c3d]",
        ),
    ],
    later: &[],
};

/// `retry`.
static RETRY_TABLE: Table = Table {
    name: "retry",
    keys: &[
        with_default(
            key(
                "attempts",
                Shape::Integer(limits::ATTEMPTS.0, limits::ATTEMPTS.1),
                "Starts of one task at most, the first one included: at most 3 on Lambda, 10 in Batch.",
                "attempts: 3",
            ),
            "2",
        ),
        key(
            "only",
            Shape::TextList(TextRule::RetryClass),
            "The only failures that are tried again: `spot`, `pull`, `throttle`, `memory`, `timeout`, `exit:CODE`. Without \
             it exit codes 75, 137 and 143 and whatever is the platform's fault.",
            "only: [spot, pull, \"exit:137\"]",
        ),
    ],
    later: &[("backoff", "remove it: AWS waits one and then two minutes")],
};

/// `logs`.
static LOGS_TABLE: Table = Table {
    name: "logs",
    keys: &[with_default(
        key(
            "keep",
            Shape::LogDays,
            "Days to keep the log, one of the values that CloudWatch Logs has.",
            "keep: 14d",
        ),
        "30d",
    )],
    later: &[("level", "remove it: everything is logged")],
};
