//! `stages.NAME`: what a stage runs, takes, becomes and opens.

use crate::keys::{Key, Shape, Table, key, required, with_default};
use crate::language_settings::{
    ARCH, CACHE, CONCURRENCY, DISK, ENV, EVENTS, GPU, LOGS, MEMORY, NETWORK, RETRY, SPOT, TIMEOUT,
    VCPU,
};
use crate::limits;
use crate::text_rule::TextRule;

/// `stages.NAME`.
pub(crate) static STAGE_TABLE: Table = Table {
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
        key(
            "in",
            Shape::Inputs,
            "Objects that start the stage: `[bucket:]pattern`, or a list. Each object is a task of its own. `*` and `?` \
             stay in one folder, `**` crosses folders, `{a,b}` alternates. `{path: PATTERN, from: outside}` says that no \
             stage writes there on purpose. A stage has this, `after`, `http` or `schedule`.",
            "in: uploads/*.{jpg,png}",
        ),
        WHEN,
        key(
            "out",
            Shape::Outputs,
            "Where the files of `$SCAR_OUT` go. `thumbs/*.webp` is exactly one file, named like the input; `frames/` is any \
             number of files; a map sends files to several prefixes by pattern.",
            "out: {video/: \"*.avi\", audio/: \"*.wav\"}",
        ),
        JOIN,
        SCATTER,
        key(
            "after",
            Shape::TextList(TextRule::Name("stage")),
            "Stages whose finished tasks start this one. With one, each of its tasks; with several, a run in which all of \
             them are done. Not together with `in`, `http` or `schedule`.",
            "after: [load, check]",
        ),
        HTTP,
        SCHEDULE,
        with_default(
            key(
                "compute",
                Shape::Choice(&["lambda", "batch", "auto"], &[]),
                "Where the stage runs. `auto` is Lambda, unless something that is asked for needs Batch; the plan says why.",
                "compute: batch",
            ),
            "lambda",
        ),
        key(
            "fallback",
            Shape::Choice(&["batch"], &[]),
            "Lambda first; a task that finds too little time, memory or disk there is done again in Batch, with all that was \
             asked for.",
            "fallback: batch",
        ),
        ENV,
        SECRETS,
        MOUNTS,
        MEMORY,
        TIMEOUT,
        DISK,
        VCPU,
        GPU,
        SPOT,
        NODES,
        ARCH,
        NETWORK,
        CONCURRENCY,
        CACHE,
        EVENTS,
        PACKAGE,
        LOOP,
        RETRY,
        LOGS,
        key(
            "tags",
            Shape::Texts(TextRule::TagKey, TextRule::TagValue),
            "Tags besides the workflow's.",
            "tags: {cost-center: \"4711\"}",
        ),
        key(
            "renamed_from",
            Shape::Text(TextRule::Name("stage")),
            "Name under which the stage was first deployed: its resources and its finished tasks stay.",
            "renamed_from: split",
        ),
    ],
    later: &[],
};

const WHEN: Key = key(
    "when",
    Shape::Table(&WHEN_TABLE),
    "Which objects of `in` are taken, besides what their keys say.",
    "when: {size: \"<64MiB\"}",
);
const JOIN: Key = key(
    "join",
    Shape::Table(&JOIN_TABLE),
    "Waits for several objects and takes them as one task.",
    "join: {by: stem, timeout: 6h}",
);
const SCATTER: Key = key(
    "scatter",
    Shape::Table(&SCATTER_TABLE),
    "Makes several tasks of one object: each sees its text in `$SCAR_ITEM` and its number in `$SCAR_INDEX`. `out` must be \
     prefixes.",
    "scatter: {list: [chr1, chr2]}",
);
const HTTP: Key = key(
    "http",
    Shape::Table(&HTTP_TABLE),
    "An HTTP door: the request's body is the input, the result the response.",
    "http: {auth: iam}",
);
const SCHEDULE: Key = key(
    "schedule",
    Shape::Table(&SCHEDULE_TABLE),
    "Times at which the stage starts. With `in` it needs `join: {by: window}`.",
    "schedule: {cron: \"0 6 * * MON\", tz: Europe/Madrid}",
);
const SECRETS: Key = key(
    "secrets",
    Shape::Texts(TextRule::ContainerVariable, TextRule::Secret),
    "Variables whose values are fetched when a task starts: `ssm:/NAME` from Parameter Store, `secret:NAME` or \
     `secret:NAME#KEY` from Secrets Manager.",
    "secrets: {LICENSE: \"ssm:/variants/license\"}",
);
const MOUNTS: Key = key(
    "mounts",
    Shape::Texts(TextRule::MountPath, TextRule::MountSource),
    "Prefixes of buckets that tasks see as read-only folders, by absolute path in the container.",
    "mounts: {/reference: \"data:reference/\"}",
);
const NODES: Key = with_default(
    key(
        "nodes",
        Shape::Integer(1, limits::NODES),
        "Computers of one Batch job that work together; the first one fetches and publishes.",
        "nodes: 4",
    ),
    "1",
);
const PACKAGE: Key = with_default(
    key(
        "package",
        Shape::Choice(&["layer", "image"], &[]),
        "How a Lambda stage gets its image: `layer` fetches it when the function first runs, `image` makes a function \
         that starts in it, for large images; only `/tmp` can be written to then.",
        "package: image",
    ),
    "layer",
);
const LOOP: Key = key(
    "loop",
    Shape::Table(&LOOP_TABLE),
    "A cycle through this stage is meant, and ends.",
    "loop: {max: 3}",
);

/// `when`.
static WHEN_TABLE: Table = Table {
    name: "when",
    keys: &[
        key(
            "size",
            Shape::Text(TextRule::SizeRange),
            "Sizes that are taken: `<`, `<=`, `>` or `>=` and a size, or two of them with a comma.",
            "size: \">=1MiB, <64MiB\"",
        ),
        key(
            "suffix",
            Shape::TextList(TextRule::Suffix),
            "Ends of keys that are taken: one of these.",
            "suffix: [.fastq.gz, .fq.gz]",
        ),
    ],
    later: &[],
};

/// `join`.
static JOIN_TABLE: Table = Table {
    name: "join",
    keys: &[
        required(
            "by",
            Shape::Choice(&["stem", "run", "window"], &[]),
            "What belongs together: `stem`, one object of every input with the same name but for the last suffix; `run`, all \
             that one first object has led to; `window`, all since the schedule last fired.",
            "by: stem",
        ),
        with_default(
            key(
                "min",
                Shape::Text(TextRule::Percent),
                "Share of the objects that is enough when the time is up.",
                "min: 80%",
            ),
            "100%",
        ),
        key(
            "timeout",
            Shape::Duration(60, limits::TIMEOUT_S.1, "E201"),
            "Time since the first object after which the join is decided: done with what is there, or recorded as failed.",
            "timeout: 6h",
        ),
    ],
    later: &[],
};

/// `scatter`.
static SCATTER_TABLE: Table = Table {
    name: "scatter",
    keys: &[
        key(
            "lines",
            Shape::Text(TextRule::Lines),
            "File beside the manifest, one task for each of its lines that is not empty.",
            "lines: config/regions.txt",
        ),
        key(
            "list",
            Shape::TextList(TextRule::Item),
            "One task for each text.",
            "list: [chr1, chr2]",
        ),
    ],
    later: &[],
};

/// `http`.
static HTTP_TABLE: Table = Table {
    name: "http",
    keys: &[
        with_default(
            key(
                "path",
                Shape::Text(TextRule::HttpPath),
                "Path of the door.",
                "path: /annotate",
            ),
            "/STAGE",
        ),
        with_default(
            key(
                "mode",
                Shape::Choice(&["sync", "async"], &[]),
                "`sync`: the response is the result. `async`: the response says where the result will be.",
                "mode: async",
            ),
            "sync",
        ),
        required(
            "auth",
            Shape::WordOr(&["iam", "none"], &AUTH_TABLE),
            "Who may call: `iam`, callers that sign with AWS credentials and are allowed to; `{jwt: …}`, callers with a \
             token; `none`, everybody.",
            "auth: iam",
        ),
        with_default(
            key(
                "body",
                Shape::Size(1, limits::HTTP_BODY_MIB, "E211"),
                "Largest body. More than 6MiB needs `mode: async`: callers then get a URL to upload to.",
                "body: 100MiB",
            ),
            "6MiB",
        ),
    ],
    later: &[],
};

/// `auth` as a map.
static AUTH_TABLE: Table = Table {
    name: "auth",
    keys: &[required(
        "jwt",
        Shape::Table(&JWT_TABLE),
        "Tokens of one issuer.",
        "jwt: {issuer: \"https://login.example.org/\", audience: scar}",
    )],
    later: &[],
};

/// `jwt`.
static JWT_TABLE: Table = Table {
    name: "jwt",
    keys: &[
        required(
            "issuer",
            Shape::Text(TextRule::Issuer),
            "URL of the issuer, as it stands in its tokens.",
            "issuer: https://login.example.org/",
        ),
        required(
            "audience",
            Shape::TextList(TextRule::Audience),
            "Audiences of which a token must have one.",
            "audience: [scar]",
        ),
    ],
    later: &[],
};

/// `schedule`.
static SCHEDULE_TABLE: Table = Table {
    name: "schedule",
    keys: &[
        key(
            "cron",
            Shape::Text(TextRule::Cron),
            "Five fields: minute, hour, day of month, month, day of week (0 or 7 is Sunday).",
            "cron: \"0 6 * * MON\"",
        ),
        key(
            "every",
            Shape::Duration(60, limits::EVERY_S, "E215"),
            "The time between two firings, in whole minutes.",
            "every: 15m",
        ),
        with_default(
            key(
                "tz",
                Shape::Text(TextRule::TimeZone),
                "Time zone of the IANA database that `cron` is meant in.",
                "tz: Europe/Madrid",
            ),
            "UTC",
        ),
    ],
    later: &[],
};

/// `loop`.
static LOOP_TABLE: Table = Table {
    name: "loop",
    keys: &[required(
        "max",
        Shape::Integer(1, limits::ROUNDS),
        "Rounds of the cycle; an object that has gone through so many is left alone.",
        "max: 3",
    )],
    later: &[],
};
