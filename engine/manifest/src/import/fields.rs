//! Every field of the functions definition language of SCAR 4 (grycap/scar 4.3.1), with what becomes of it.

/// A field of a map.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) fate: Fate,
}

/// What becomes of a field.
pub(crate) enum Fate {
    /// The converter reads it and says what it made of it.
    Read,
    /// Not needed any more, with the reason.
    Dropped(&'static str),
    /// Cannot be carried over: what it is, and what to do.
    Refused(&'static str, &'static str),
    /// A map with these fields.
    Map(&'static [Field]),
}

use Fate::{Dropped, Map, Read, Refused};

const fn field(name: &'static str, fate: Fate) -> Field {
    Field { name, fate }
}

const PROFILE: Field = field(
    "boto_profile",
    Dropped("choose the account with --profile or AWS_PROFILE"),
);
const SET_BY_SCAR: Fate = Dropped("SCAR 4 set it itself");
const SUPERVISOR: Fate = Dropped("the supervisor comes with scar, in the same version");
const PACKAGE: Fate = Dropped("stage packages hold no image, so they need no bucket and no limit");
const GENERATED: Fate = Dropped("scar makes this itself");
const OWN_ROLE: Fate =
    Dropped("each stage gets a role of its own with exactly the rights it needs");
const DOOR: Fate = Dropped("the door of a stage needs no such setting");

/// The top of a file.
pub(crate) static TOP: &[Field] = &[
    field("functions", Read),
    field("storage_providers", Read),
    field("scar", Dropped("settings of the old program")),
    field(
        "execution_mode",
        Dropped("it had no effect here: the mode of a function stands in its `lambda`"),
    ),
    field(
        "boto_profile",
        Dropped("it had no effect here; choose the account with --profile"),
    ),
];

/// `functions`.
pub(crate) static FUNCTIONS: &[Field] = &[
    field("aws", Read),
    field(
        "oscar",
        Refused(
            "a service of an OSCAR cluster, which scar does not deploy",
            "keep it in a file of its own for OSCAR, and let both meet in a bucket of Amazon S3",
        ),
    ),
];

/// An entry of `functions.aws`.
pub(crate) static FUNCTION: &[Field] = &[
    field("lambda", Map(LAMBDA)),
    field(
        "iam",
        Map(&[PROFILE, field("role", OWN_ROLE), field("region", Read)]),
    ),
    field(
        "s3",
        Map(&[
            PROFILE,
            field("region", Read),
            field("event", Dropped("`scar run` makes its events itself")),
            field("input_bucket", Read),
            field("output_bucket", Read),
        ]),
    ),
    field("api_gateway", Map(API_GATEWAY)),
    field(
        "cloudwatch",
        Map(&[
            PROFILE,
            field("region", Read),
            field("log_retention_policy_in_days", Read),
            field("request_id", SET_BY_SCAR),
            field("log_stream_name", SET_BY_SCAR),
        ]),
    ),
    field("batch", Map(BATCH)),
    field(
        "ecr",
        Map(&[
            PROFILE,
            field("region", Read),
            field(
                "delete_image",
                Dropped("images of a stage go with the stage"),
            ),
        ]),
    ),
];

static LAMBDA: &[Field] = &[
    PROFILE,
    field("region", Read),
    field("name", Read),
    field("description", Read),
    field("memory", Read),
    field("timeout", Read),
    field(
        "timeout_threshold",
        Dropped("the supervisor keeps the time it needs to publish"),
    ),
    field("runtime", Read),
    field("architectures", Read),
    field("execution_mode", Read),
    field(
        "log_level",
        Dropped("everything is logged; filter with `scar logs`"),
    ),
    field(
        "layers",
        Dropped("containers never saw the files of layers: put them into the image"),
    ),
    field("environment", Map(&[field("Variables", Read)])),
    field("init_script", Read),
    field("run_script", Read),
    field("image", Read),
    field("image_file", Read),
    field(
        "extra_payload",
        Dropped(
            "containers never saw these files: put them into the image, or into a bucket with `mounts`",
        ),
    ),
    field("preheat", Dropped("the first task warms the function up")),
    field(
        "invocation_type",
        Dropped("events are taken asynchronously, doors as `http.mode` says"),
    ),
    field("log_type", Dropped("logs are read with `scar logs`")),
    field("asynchronous", Read),
    field("concurrency", Read),
    field(
        "deployment",
        Map(&[
            field("bucket", PACKAGE),
            field("max_payload_size", PACKAGE),
            field("max_s3_payload_size", PACKAGE),
        ]),
    ),
    field("container", Map(CONTAINER)),
    field("input", Read),
    field("output", Read),
    field(
        "supervisor",
        Map(&[
            field("version", SUPERVISOR),
            field("layer_name", SUPERVISOR),
            field("license_info", SUPERVISOR),
        ]),
    ),
    field(
        "vpc",
        Map(&[field("SubnetIds", Read), field("SecurityGroupIds", Read)]),
    ),
    field(
        "file_system",
        Refused(
            "a file system of EFS, which stages cannot mount",
            "copy the data into a bucket and give stages the prefix with `mounts: {/PATH: \"BUCKET:PREFIX/\"}`",
        ),
    ),
    field("tags", Read),
    field("handler", SET_BY_SCAR),
    field("arn", SET_BY_SCAR),
    field("config_path", SET_BY_SCAR),
    field("payload", SET_BY_SCAR),
    field(
        "c_args",
        Dropped("SCAR 4 set it itself, of the words after `scar run`: write `command: [WORD, …]`"),
    ),
    field(
        "file_stage_in",
        Dropped("the functions of SCAR 4 never had it set: inputs are always fetched"),
    ),
    field("isolation_level", Dropped("only OSCAR had it")),
    field("bucket_list", Dropped("only OSCAR had it")),
];

static CONTAINER: &[Field] = &[
    field("image", Read),
    field("image_file", Read),
    field("create_image", Dropped("no image has to be built")),
    field(
        "alpine",
        Dropped("the supervisor is one static file for every image"),
    ),
    field("environment", Map(&[field("Variables", Read)])),
    field(
        "timeout_threshold",
        Dropped("the supervisor keeps the time it needs to publish"),
    ),
];

static API_GATEWAY: &[Field] = &[
    PROFILE,
    field("region", Read),
    field("name", Read),
    field("endpoint", DOOR),
    field("http_method", DOOR),
    field(
        "method",
        Map(&[
            field("authorizationType", Read),
            field("requestParameters", DOOR),
        ]),
    ),
    field(
        "integration",
        Map(&[
            field("type", DOOR),
            field("integrationHttpMethod", DOOR),
            field("uri", DOOR),
            field("requestParameters", DOOR),
        ]),
    ),
    field("path_part", DOOR),
    field("stage_name", DOOR),
    field("service_id", DOOR),
    field("source_arn_testing", DOOR),
    field("source_arn_invocation", DOOR),
    field("data_binary", SET_BY_SCAR),
    field("json_data", SET_BY_SCAR),
    field("parameters", SET_BY_SCAR),
];

static BATCH: &[Field] = &[
    PROFILE,
    field("region", Read),
    field("vcpus", Read),
    field("memory", Read),
    field("enable_gpu", Read),
    field(
        "state",
        Dropped("queues are always on; remove the stage to switch it off"),
    ),
    field("type", GENERATED),
    field("service_role", OWN_ROLE),
    field("environment", Map(&[field("Variables", Read)])),
    field(
        "multi_node_parallel",
        Map(&[
            field("enabled", Read),
            field("number_nodes", Read),
            field("main_node_index", Read),
        ]),
    ),
    field(
        "compute_resources",
        Map(&[
            field("type", Read),
            field("state", GENERATED),
            field(
                "min_v_cpus",
                Dropped("nothing runs, and nothing costs, while there are no tasks"),
            ),
            field(
                "desired_v_cpus",
                Dropped("AWS Batch follows the number of tasks"),
            ),
            field(
                "max_v_cpus",
                Dropped("the queues of an environment are shared, with a limit of their own"),
            ),
            field(
                "instance_types",
                Dropped(
                    "AWS Batch chooses by `vcpu`, `memory` and `gpu`; SCAR 4 added m3.medium to any list",
                ),
            ),
            field("subnets", Read),
            field("security_group_ids", Read),
            field("launch_template_name", GENERATED),
            field("instance_role", OWN_ROLE),
        ]),
    ),
];

/// A definition below `storage_providers.s3`.
pub(crate) static S3_PROVIDER: &[Field] = &[
    field("name", Dropped("buckets are named where they are used")),
    field("access_key", Read),
    field("secret_key", Read),
    field("region", Read),
];

/// Kinds of storage that SCAR 4 knew.
pub(crate) const STORAGE: &[&str] = &["s3", "minio", "onedata", "webdav", "rucio"];
