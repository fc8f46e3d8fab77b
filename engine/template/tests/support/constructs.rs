//! One workflow for every construct, and some with several at once.

use scar_schemas::construct::{
    Architecture, Cache, Compute, Events, Http, HttpAuth, HttpMode, Join, JoinBy, Network, Package,
    RetryClass, Schedule, SecretReference, Times, When,
};
use scar_schemas::contract::Mount;
use scar_schemas::manifest::Safeguards;
use scar_workflow::{BucketSettings, Stage, Workflow};

use super::Builder;

/// A workflow under a name.
pub struct Case {
    pub name: &'static str,
    pub workflow: Workflow,
}

pub fn cases() -> Vec<Case> {
    let groups = [batch(), triggers(), joins(), doors(), the_rest()];
    groups.into_iter().flatten().collect()
}

fn batch() -> Vec<Case> {
    vec![
        one("lambda", |_| {}),
        one("batch-fargate", job),
        one("batch-fargate-spot", |it| {
            job(it);
            it.spot = true;
            it.disk_mib = 60 * 1024;
        }),
        one("batch-ec2", |it| {
            job(it);
            it.vcpu_milli = 32_000;
        }),
        one("batch-ec2-spot", |it| {
            job(it);
            it.vcpu_milli = 32_000;
            it.spot = true;
        }),
        one("batch-gpu", |it| {
            job(it);
            it.gpu = 1;
        }),
        one("batch-gpu-spot", |it| {
            job(it);
            it.gpu = 2;
            it.spot = true;
        }),
        one("batch-nodes", |it| {
            job(it);
            it.nodes = 4;
        }),
        one("batch-arm64", |it| {
            job(it);
            it.arch = Architecture::Arm64;
        }),
        one("batch-arm64-spot", |it| {
            job(it);
            it.arch = Architecture::Arm64;
            it.spot = true;
        }),
        one("batch-large-disk", |it| {
            job(it);
            it.disk_mib = 500 * 1024;
        }),
        one("batch-private", |it| {
            job(it);
            it.network = private();
        }),
        one("batch-private-gpu", |it| {
            job(it);
            it.gpu = 1;
            it.network = private();
        }),
        one("fallback", |it| {
            it.fallback = true;
            it.timeout_s = 7_200;
            it.memory_mib = 16 * 1024;
            it.disk_mib = 30 * 1024;
            it.vcpu_milli = 2_000;
        }),
    ]
}

fn triggers() -> Vec<Case> {
    vec![
        one("when", |it| {
            it.when = Some(When {
                min_bytes: Some(10),
                below_bytes: Some(1_000_000),
                suffixes: vec![".gz.bin".to_owned()],
            });
        }),
        one("queue", |it| {
            it.events = Events::Queue;
            it.concurrency = Some(10);
        }),
        one("queue-one", |it| {
            it.events = Events::Queue;
            it.concurrency = Some(1);
        }),
        one("direct", |it| it.events = Events::Direct),
        case("direct-existing", |workflow| {
            workflow.stages = existing_input();
            workflow.stages[0].events = Events::Direct;
        }),
        case("bus-existing", |workflow| {
            workflow.stages = existing_input()
        }),
        one("concurrency", |it| it.concurrency = Some(5)),
        one("schedule", |it| {
            it.inputs.clear();
            it.schedule = Some(weekly());
        }),
        case("after", |workflow| {
            workflow.stages[0].announces = true;
            let mut follower = stage("tell");
            follower.inputs.clear();
            follower.after = vec!["work".to_owned()];
            workflow.stages.push(follower);
        }),
        case("after-several", |workflow| {
            let mut other = stage("other");
            for stage in workflow.stages.iter_mut().chain([&mut other]) {
                stage.announces = true;
            }
            let mut follower = stage("tell");
            follower.inputs.clear();
            follower.after = vec!["work".to_owned(), "other".to_owned()];
            workflow.stages.extend([other, follower]);
        }),
        one("loop", |it| it.loop_max = Some(3)),
    ]
}

fn joins() -> Vec<Case> {
    let join = |by, timeout_s| {
        Some(Join {
            by,
            min_percent: 100,
            timeout_s,
        })
    };
    vec![
        one("join-stem", |it| it.join = join(JoinBy::Stem, Some(3_600))),
        one("join-run", |it| it.join = join(JoinBy::Run, None)),
        one("join-window", |it| {
            it.join = join(JoinBy::Window, None);
            it.schedule = Some(weekly());
        }),
        one("join-batch", |it| {
            job(it);
            it.join = join(JoinBy::Run, Some(86_400));
        }),
        one("scatter", |it| it.items = items()),
        one("scatter-batch", |it| {
            job(it);
            it.items = items();
        }),
    ]
}

fn doors() -> Vec<Case> {
    let door = |auth, mode| {
        Some(Http {
            path: "/convert".to_owned(),
            mode,
            auth,
            body_bytes: 1_000_000,
        })
    };
    let jwt = || HttpAuth::Jwt {
        issuer: "https://login.example.org/".to_owned(),
        audiences: vec!["convert".to_owned()],
    };
    vec![
        one("http-iam", |it| {
            it.http = door(HttpAuth::Iam, HttpMode::Sync)
        }),
        one("http-none", |it| {
            it.http = door(HttpAuth::None, HttpMode::Sync)
        }),
        one("http-jwt", |it| {
            it.timeout_s = 20;
            it.http = door(jwt(), HttpMode::Sync);
        }),
        one("http-async", |it| {
            it.inputs.clear();
            it.http = door(HttpAuth::Iam, HttpMode::Async);
        }),
        one("http-async-batch", |it| {
            job(it);
            it.inputs.clear();
            it.http = door(jwt(), HttpMode::Async);
        }),
    ]
}

fn the_rest() -> Vec<Case> {
    vec![
        one("arm64", |it| it.arch = Architecture::Arm64),
        one("private", |it| it.network = private()),
        one("image", |it| it.package = Package::Image),
        one("secrets", secrets),
        one("mounts", |it| it.mounts = mounts()),
        one("cache", |it| {
            it.cache = Cache::Stage;
            it.retry_only = Some(vec![RetryClass::Exit(75), RetryClass::Spot]);
        }),
        one("renamed", |it| it.name = "do-it".to_owned()),
        one("tags", |it| {
            job(it);
            it.tags.insert("team".to_owned(), "media".to_owned());
        }),
        case("buckets", |workflow| {
            let mut settings = BucketSettings {
                versioned: true,
                ..BucketSettings::default()
            };
            settings.expire_days.insert("out/".to_owned(), 30);
            settings.expire_days.insert(String::new(), 365);
            workflow.bucket_settings.insert("data".to_owned(), settings);
        }),
        case("safeguards", |workflow| {
            workflow.safeguards = safeguards();
            workflow.stages[0].schedule = Some(weekly());
            workflow.stages[0].events = Events::Queue;
            let mut other = stage("large");
            job(&mut other);
            workflow.stages.push(other);
        }),
        case("protected", |workflow| {
            workflow.protect = true;
            workflow.alarm = Some("ops-pager".to_owned());
            let mut queued = stage("queued");
            queued.events = Events::Queue;
            workflow.stages.push(queued);
        }),
        case("everything", |workflow| {
            let mut large = stage("large");
            secrets(&mut large);
            large.fallback = true;
            large.events = Events::Queue;
            large.items = items();
            large.mounts = mounts();
            large.announces = true;
            workflow.stages.push(large);
            let mut follower = stage("follow");
            job(&mut follower);
            follower.inputs.clear();
            follower.after = vec!["large".to_owned()];
            follower.gpu = 1;
            workflow.stages.push(follower);
        }),
    ]
}

fn one(name: &'static str, change: impl FnOnce(&mut Stage)) -> Case {
    case(name, |workflow| change(&mut workflow.stages[0]))
}

fn case(name: &'static str, change: impl FnOnce(&mut Workflow)) -> Case {
    let mut workflow = Builder::new("w")
        .bucket("archive", Some("acme-archive"))
        .workflow();
    workflow.stages.push(stage("work"));
    change(&mut workflow);
    Case { name, workflow }
}

fn stage(name: &str) -> Stage {
    let builder = Builder::new("w").stage(name, &["data:in/*.bin"], &["data:out/"]);
    builder.workflow().stages.remove(0)
}

fn existing_input() -> Vec<Stage> {
    let builder = Builder::new("w").stage("work", &["archive:in/*.bin"], &["data:out/"]);
    builder.workflow().stages
}

fn job(stage: &mut Stage) {
    stage.compute = Compute::Batch;
    stage.vcpu_milli = 2_000;
    stage.memory_mib = 6_000;
    stage.timeout_s = 7_200;
    stage.nodes = 1;
}

fn private() -> Network {
    Network::Private {
        subnets: vec!["subnet-0123456789abcdef0".to_owned()],
        security_groups: vec!["sg-0123456789abcdef0".to_owned()],
    }
}

fn safeguards() -> Safeguards {
    let key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    Safeguards {
        kms_key: Some(key.to_owned()),
        access_logs: Some("acme-access-logs".to_owned()),
        versioned: true,
    }
}

fn weekly() -> Schedule {
    Schedule {
        times: Times::Cron("0 6 * * MON".to_owned()),
        time_zone: "Europe/Madrid".to_owned(),
    }
}

fn items() -> Vec<String> {
    ["a", "b", "c"].map(str::to_owned).into()
}

fn mounts() -> Vec<Mount> {
    vec![Mount {
        bucket: "archive".to_owned(),
        prefix: "reference/".to_owned(),
        path: "/reference".to_owned(),
    }]
}

fn secrets(stage: &mut Stage) {
    let secret = |key: Option<&str>| SecretReference::Secret {
        name: "service/token".to_owned(),
        key: key.map(str::to_owned),
    };
    let parameter = SecretReference::Parameter("/variants/license".to_owned());
    stage.secrets.insert("LICENSE".to_owned(), parameter);
    stage.secrets.insert("TOKEN".to_owned(), secret(None));
    stage
        .secrets
        .insert("USER".to_owned(), secret(Some("user")));
}
