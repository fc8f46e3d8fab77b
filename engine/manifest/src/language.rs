//! The language of the manifest: every key with its shape, limits and meaning.

use crate::keys::{Key, Shape, Table};
use crate::limits;
use crate::text_rule::TextRule;

/// The top level.
pub(crate) static MANIFEST_TABLE: Table = Table {
    name: "manifest",
    keys: &[
        required(
            "scar",
            Shape::Version,
            "Version of the manifest language.",
            "scar: 1",
        ),
        required(
            "name",
            Shape::Text(TextRule::Name("workflow")),
            "Name of the workflow; part of the names of everything that is made.",
            "name: thumbs",
        ),
        key(
            "description",
            Shape::Text(TextRule::Description),
            "Free text for people.",
            "description: Thumbnails of uploads",
        ),
        REGION,
        key(
            "tags",
            Shape::Texts(TextRule::TagKey, TextRule::TagValue),
            "Tags on everything that can have tags.",
            "tags: {team: media}",
        ),
        key(
            "bucket",
            Shape::Text(TextRule::RealBucket),
            "Short for `buckets: {data: {existing: NAME}}`: works in a bucket that is there already.",
            "bucket: acme-data",
        ),
        key(
            "buckets",
            Shape::Named(&BUCKET_TABLE, "bucket", 20),
            "Buckets by the name that `in` and `out` use. `{}` is one that scar makes and keeps. Without any there is \
             one of these, `data`.",
            "buckets: {data: {}, archive: {existing: acme-archive}}",
        ),
        key(
            "vars",
            VARS,
            "Values for `{{ vars.NAME }}`.",
            "vars: {size: \"320\"}",
        ),
        key(
            "defaults",
            Shape::Table(&DEFAULTS_TABLE),
            "Settings of every stage that does not set them itself.",
            "defaults: {memory: 2GiB}",
        ),
        key(
            "envs",
            Shape::Named(&ENVIRONMENT_TABLE, "environment", 20),
            "Environments by name. Without any there is one, `dev`.",
            "envs: {dev: {}, prod: {protect: true}}",
        ),
        required(
            "stages",
            Shape::Named(&STAGE_TABLE, "stage", limits::STAGES),
            "Stages by name.",
            "stages: {shrink: {image: …, in: …}}",
        ),
    ],
    later: &[],
};

const fn key(
    name: &'static str,
    shape: Shape,
    meaning: &'static str,
    example: &'static str,
) -> Key {
    Key {
        name,
        shape,
        required: false,
        default: "",
        meaning,
        example,
    }
}

const fn required(
    name: &'static str,
    shape: Shape,
    meaning: &'static str,
    example: &'static str,
) -> Key {
    Key {
        name,
        shape,
        required: true,
        default: "",
        meaning,
        example,
    }
}

const fn with_default(key: Key, default: &'static str) -> Key {
    Key { default, ..key }
}

const ENV: Key = key(
    "env",
    Shape::Texts(TextRule::ContainerVariable, TextRule::Free),
    "Variables of the container, never secrets. A stage adds to those of `defaults`.",
    "env: {LEVEL: \"3\"}",
);
const MEMORY: Key = with_default(
    key(
        "memory",
        Shape::Size(limits::MEMORY_MIB.0, limits::MEMORY_MIB.1, "E202"),
        "Memory of a task. Lambda gives processor time in proportion: a whole core at 1769 MiB.",
        "memory: 2GiB",
    ),
    "1GiB",
);
const TIMEOUT: Key = with_default(
    key(
        "timeout",
        Shape::Duration(limits::TIMEOUT_S.0, limits::TIMEOUT_S.1, "E201"),
        "Time that a task may take, fetching and publishing included.",
        "timeout: 10m",
    ),
    "5m",
);
const DISK: Key = with_default(
    key(
        "disk",
        Shape::Size(limits::DISK_MIB.0, limits::DISK_MIB.1, "E203"),
        "Scratch disk of a task: the unpacked image, the input and the outputs must fit.",
        "disk: 4GiB",
    ),
    "512MiB",
);
const RETRY: Key = key(
    "retry",
    Shape::Table(&RETRY_TABLE),
    "What to do with failed tasks. Exit code 65 (bad input) is never retried.",
    "retry: {attempts: 3}",
);
const LOGS: Key = key(
    "logs",
    Shape::Table(&LOGS_TABLE),
    "Logging.",
    "logs: {keep: 14d}",
);

const BATCH_ONLY: &str = "stages run on AWS Lambda in this version: remove it";

/// `retry`.
static RETRY_TABLE: Table = Table {
    name: "retry",
    keys: &[with_default(
        key(
            "attempts",
            Shape::Integer(limits::ATTEMPTS.0, limits::ATTEMPTS.1),
            "Starts of one task at most, the first one included.",
            "attempts: 3",
        ),
        "2",
    )],
    later: &[
        ("backoff", "remove it: AWS waits one and then two minutes"),
        ("only", "remove it: exit code 65 already means never again"),
    ],
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

/// `defaults`, at the top and in an environment.
static DEFAULTS_TABLE: Table = Table {
    name: "defaults",
    keys: &[ENV, MEMORY, TIMEOUT, DISK, RETRY, LOGS],
    later: &[
        ("vcpu", BATCH_ONLY),
        ("gpu", BATCH_ONLY),
        ("spot", BATCH_ONLY),
        ("arch", "remove it: stages run on x86-64"),
        (
            "network",
            "remove it: stages have the Internet, but no private network",
        ),
        ("concurrency", "remove it: the limit of the account holds"),
    ],
};

/// `buckets.NAME`.
static BUCKET_TABLE: Table = Table {
    name: "bucket",
    keys: &[key(
        "existing",
        Shape::Text(TextRule::RealBucket),
        "Real name of a bucket that is there already. scar never makes, changes or deletes it.",
        "existing: acme-archive",
    )],
    later: &[
        (
            "expire",
            "set a lifecycle rule on an existing bucket instead",
        ),
        (
            "versioned",
            "use an existing bucket with versioning instead",
        ),
        ("endpoint", "only buckets of Amazon S3 are possible"),
    ],
};

/// `envs.NAME`.
static ENVIRONMENT_TABLE: Table = Table {
    name: "environment",
    keys: &[
        REGION,
        key(
            "vars",
            VARS,
            "Values that replace those of the top level.",
            "vars: {size: \"640\"}",
        ),
        key(
            "defaults",
            Shape::Table(&DEFAULTS_TABLE),
            "Replaces parts of the top level's.",
            "defaults: {memory: 4GiB}",
        ),
        with_default(
            key(
                "protect",
                Shape::Boolean,
                "Destroying or replacing anything needs the environment's name typed.",
                "protect: true",
            ),
            "false",
        ),
    ],
    later: &[
        ("account", "choose the account by your AWS profile"),
        (
            "alarm",
            "set alarms on the dead-letter queues of the stack yourself",
        ),
        ("limits", "set an AWS budget yourself"),
    ],
};

const REGION: Key = key(
    "region",
    Shape::Text(TextRule::Region),
    "AWS region, unless the command line says another.",
    "region: eu-west-1",
);
const VARS: Shape = Shape::Texts(TextRule::Variable, TextRule::Constant);

/// `stages.NAME`.
static STAGE_TABLE: Table = Table {
    name: "stage",
    keys: &[
        required(
            "image",
            Shape::Text(TextRule::Image),
            "Container image: a registry reference, `oci:DIR[:ref]` for an OCI layout beside the manifest, or \
             `archive:FILE` for a saved image.",
            "image: docker.io/library/debian:13-slim",
        ),
        key(
            "run",
            Shape::Text(TextRule::Shell),
            "Inline script for `/bin/sh -e` in the image. Nothing is filled in: read environment variables.",
            "run: sort \"$SCAR_INPUT\" > \"$SCAR_OUT/$SCAR_STEM.txt\"",
        ),
        key(
            "script",
            Shape::Text(TextRule::Script),
            "Script file in the manifest's folder, run by its `#!` line. Not together with `run` or `command`.",
            "script: scripts/split.sh",
        ),
        key(
            "command",
            Shape::Arguments,
            "Argument vector. Without `run`, `script` and `command` the image's own entrypoint runs.",
            "command: [ffmpeg, -version]",
        ),
        required(
            "in",
            Shape::Inputs,
            "Objects that start the stage: `[bucket:]pattern`, or a list. Each object is a task of its own. `*` and `?` \
             stay in one folder, `**` crosses folders, `{a,b}` alternates. `{path: PATTERN, from: outside}` says that no \
             stage writes there on purpose.",
            "in: uploads/*.{jpg,png}",
        ),
        key(
            "out",
            Shape::Outputs,
            "Where the files of `$SCAR_OUT` go. `thumbs/*.webp` is exactly one file, named like the input; `frames/` is any \
             number of files; a map sends files to several prefixes by pattern.",
            "out: {video/: \"*.avi\", audio/: \"*.wav\"}",
        ),
        with_default(
            key(
                "compute",
                Shape::Choice(&["lambda"], &["auto", "batch"]),
                "Where the stage runs.",
                "compute: lambda",
            ),
            "lambda",
        ),
        ENV,
        MEMORY,
        TIMEOUT,
        DISK,
        RETRY,
        LOGS,
    ],
    later: &[
        ("join", "let the stage take one object at a time"),
        (
            "scatter",
            "let the stage before write one file for each part: each one starts a task",
        ),
        ("when", "tell objects apart by prefix or suffix in `in`"),
        ("after", "connect stages by `in` and `out`"),
        (
            "cache",
            "remove it: a task that is done is never done again",
        ),
        ("http", "start the workflow by putting an object under `in`"),
        (
            "schedule",
            "start the workflow by putting an object under `in`",
        ),
        (
            "secrets",
            "let the script fetch secrets itself; never write them into `env`",
        ),
        ("mounts", "put the files into the image"),
        ("fallback", BATCH_ONLY),
        ("vcpu", BATCH_ONLY),
        ("gpu", BATCH_ONLY),
        ("spot", BATCH_ONLY),
        ("nodes", BATCH_ONLY),
        ("arch", "remove it: stages run on x86-64"),
        (
            "network",
            "remove it: stages have the Internet, but no private network",
        ),
        ("concurrency", "remove it: the limit of the account holds"),
        ("events", "remove it: events come through EventBridge"),
        (
            "package",
            "remove it: the image is fetched when the stage first runs",
        ),
        ("loop", "write to a prefix that no stage before it reads"),
        ("tags", "set `tags` at the top level"),
        ("renamed_from", "a renamed stage is made anew"),
    ],
};
