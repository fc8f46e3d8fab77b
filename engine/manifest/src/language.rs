//! The language of the manifest: every key with its shape, limits and meaning.

use crate::keys::{Key, Shape, Table, key, required, with_default};
use crate::language_settings::DEFAULTS_TABLE;
use crate::language_stage::STAGE_TABLE;
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

/// `buckets.NAME`.
static BUCKET_TABLE: Table = Table {
    name: "bucket",
    keys: &[
        key(
            "existing",
            Shape::Text(TextRule::RealBucket),
            "Real name of a bucket that is there already. scar never makes or deletes it.",
            "existing: acme-archive",
        ),
        key(
            "expire",
            Shape::Texts(TextRule::ExpirePrefix, TextRule::Days),
            "Objects below a prefix are deleted after so many days. The empty prefix means every object but scar's own \
             records.",
            "expire: {frames/: 7d}",
        ),
        with_default(
            key(
                "versioned",
                Shape::Boolean,
                "Old versions of objects are kept.",
                "versioned: true",
            ),
            "false",
        ),
    ],
    later: &[("endpoint", "only buckets of Amazon S3 are possible")],
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
        key(
            "account",
            Shape::Text(TextRule::Account),
            "The only account that this environment may be applied to.",
            "account: \"123456789012\"",
        ),
        key(
            "alarm",
            Shape::Text(TextRule::Topic),
            "Name or ARN of the SNS topic that hears of failures.",
            "alarm: ops-pager",
        ),
        key(
            "limits",
            Shape::Table(&LIMITS_TABLE),
            "What a plan may not exceed.",
            "limits: {cost_per_month: 20}",
        ),
        key(
            "kms_key",
            Shape::Text(TextRule::KmsKey),
            "ARN of the KMS key that encrypts buckets, queues, logs and the variables of functions. Its policy must let \
             in the services that write there: see docs/guide/linters.md.",
            "kms_key: arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        ),
        key(
            "access_logs",
            Shape::Text(TextRule::RealBucket),
            "Real name of a bucket of the same account and region that gets the access logs of all managed buckets.",
            "access_logs: acme-access-logs",
        ),
        with_default(
            key(
                "versioned",
                Shape::Boolean,
                "All managed buckets keep old versions of objects, for 30 days where the bucket itself does not say \
                 `versioned`.",
                "versioned: true",
            ),
            "false",
        ),
    ],
    later: &[],
};

/// `limits` of an environment.
static LIMITS_TABLE: Table = Table {
    name: "limits",
    keys: &[
        key(
            "cost_per_month",
            Shape::Text(TextRule::Money),
            "US dollars a month that the plan may come to, as it estimates them.",
            "cost_per_month: 20",
        ),
        key(
            "concurrency",
            Shape::Integer(1, 1_000_000),
            "Tasks at once over all Lambda stages that set `concurrency`.",
            "concurrency: 200",
        ),
    ],
    later: &[],
};

const REGION: Key = key(
    "region",
    Shape::Text(TextRule::Region),
    "AWS region, unless the command line says another.",
    "region: eu-west-1",
);
const VARS: Shape = Shape::Texts(TextRule::Variable, TextRule::Constant);
