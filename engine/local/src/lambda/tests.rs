//! Functions with a real runtime: a shell script that speaks the Runtime API with curl.

use std::io::{Cursor, Write};
use std::time::Duration;

use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

use super::*;
use crate::events::{self, Rule, Target};
use crate::iam::Role;
use crate::logs::{self, Group};
use crate::queue::{Message, Queue};
use crate::services::Settings;

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:stage";
const LOG_GROUP: &str = "/stage";

/// Answers after it has run the event, a shell command.
const BOOTSTRAP: &str = r#"#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
while :; do
  curl -sS -D headers -o event "$api/invocation/next" || exit 1
  id=$(tr -d '\r' < headers | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
  sh -c "$(sed 's/^"//; s/"$//' event)"
  curl -sS -o /dev/null --data-binary '"done"' "$api/invocation/$id/response" || exit 1
done
"#;

struct Fixture {
    services: Arc<Services>,
    _directory: tempfile::TempDir,
}

impl Fixture {
    /// A cloud with a function of 64 MiB memory and 8 MiB disk, its role, log group and failed-events queue.
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = Settings::new(directory.path().to_owned());
        settings.retry_delay = Duration::from_millis(10);
        let services = crate::cloud::services_for_test(settings).await;
        let fixture = Self {
            services,
            _directory: directory,
        };
        let store = &fixture.services.store;
        store
            .put(Table::Functions, "stage", &fixture.function())
            .await
            .unwrap();
        let allowed =
            json!({ "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] });
        let role = Role {
            name: "role".to_owned(),
            arn: "arn:aws:iam::000000000000:role/role".to_owned(),
            trust: Value::Null,
            policies: BTreeMap::from([("all".to_owned(), allowed)]),
            managed_policies: Vec::new(),
        };
        store.put(Table::Roles, "role", &role).await.unwrap();
        let group = Group {
            name: LOG_GROUP.to_owned(),
            arn: String::new(),
            created_ms: 0,
            retention_days: None,
            lines: 0,
            kms_key: None,
        };
        store
            .put(Table::LogGroups, LOG_GROUP, &group)
            .await
            .unwrap();
        let queue = Queue {
            name: "failed".to_owned(),
            arn: "arn:aws:sqs:us-east-1:000000000000:failed".to_owned(),
            visibility_timeout_s: 30,
            retention_s: 1000,
            created_ms: 0,
            policies: BTreeMap::new(),
            redrive: None,
            delay_s: 0,
            kms_key: None,
        };
        store.put(Table::Queues, "failed", &queue).await.unwrap();
        fixture
    }

    fn function(&self) -> Function {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let executable = SimpleFileOptions::default().unix_permissions(0o755);
        writer.start_file("bootstrap", executable).unwrap();
        writer.write_all(BOOTSTRAP.as_bytes()).unwrap();
        let zip = writer.finish().unwrap().into_inner();
        Function {
            name: "stage".to_owned(),
            arn: ARN.to_owned(),
            revision: "1".to_owned(),
            description: String::new(),
            runtime: "provided.al2023".to_owned(),
            handler: "scar".to_owned(),
            role_arn: "arn:aws:iam::000000000000:role/role".to_owned(),
            package: Package::unpack(&packages(&self.services), &zip).unwrap(),
            layers: Vec::new(),
            environment: BTreeMap::new(),
            architecture: "x86_64".to_owned(),
            memory_mib: 64,
            timeout_s: 20,
            disk_mib: 8,
            log_group: LOG_GROUP.to_owned(),
            json_logs: false,
            modified_ms: 0,
            permissions: BTreeMap::new(),
            asynchronous: Some(AsynchronousSettings {
                retries_max: 1,
                age_max_s: 100,
                on_failure: Some("arn:aws:sqs:us-east-1:000000000000:failed".to_owned()),
            }),
            tags: BTreeMap::new(),
            reserved: None,
            url: None,
            kms_key: None,
            network: None,
        }
    }

    async fn run(&self, command: &str) -> Finished {
        let event = Bytes::from(json!(command).to_string());
        invoke(&self.services, &self.function(), event).await
    }

    fn log(&self) -> Vec<String> {
        let query = logs::Query {
            limit: 1000,
            ..logs::Query::default()
        };
        let page = logs::read(&self.services.store, LOG_GROUP, &query).unwrap();
        page.lines
            .into_iter()
            .map(|(_, line)| line.message)
            .collect()
    }

    /// Runs the dispatcher and the rules until `is_done`.
    async fn work_until(&self, is_done: impl Fn(&Self) -> bool) {
        let tasks = [
            tokio::spawn(run(Arc::clone(&self.services))),
            tokio::spawn(events::run(Arc::clone(&self.services))),
        ];
        for _ in 0..1000 {
            if is_done(self) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(is_done(self), "{:?}", self.log());
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }

    fn messages(&self) -> Vec<Value> {
        let all = self
            .services
            .store
            .list::<Message>(Table::Messages, "failed/");
        let bodies = all.unwrap().into_iter().map(|(_, message)| message.body);
        bodies
            .map(|body| serde_json::from_str(&body).unwrap())
            .collect()
    }
}

/// The peak of the report, in MiB.
fn reported_mib(tail: &str) -> u64 {
    let (_, rest) = tail.rsplit_once("Max Memory Used: ").unwrap();
    rest.split(' ').next().unwrap().parse().unwrap()
}

const KILLED: &str = "Runtime exited with error: signal: killed";

#[tokio::test(flavor = "multi_thread")]
async fn a_function_within_its_limits_is_left_alone() {
    let fixture = Fixture::new().await;
    let finished = fixture
        .run("head -c 30000000 /dev/zero | tail -c 30000000 | (sleep 0.4; cat) > /dev/null; head -c 4000000 /dev/zero > $TMPDIR/x")
        .await;
    assert_eq!(
        finished.outcome,
        Outcome::Success(r#""done""#.into()),
        "{}",
        finished.tail
    );
    let peak_mib = reported_mib(&finished.tail);
    assert!((28..64).contains(&peak_mib), "{}", finished.tail);
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_of_all_descendants_is_limited() {
    let fixture = Fixture::new().await;
    // Neither has too much alone.
    let hog = "(head -c 45000000 /dev/zero | tail -c 45000000 | (sleep 15; cat) > /dev/null)";
    let finished = fixture
        .run(&format!("{hog} & setsid sh -c '{hog}' & wait"))
        .await;
    let Outcome::Failure(answer) = &finished.outcome else {
        panic!("{}", finished.tail);
    };
    let answer: Value = serde_json::from_slice(answer).unwrap();
    assert_eq!(answer["errorType"], "Runtime.ExitError");
    assert!(answer["errorMessage"].as_str().unwrap().ends_with(KILLED));
    assert!(
        finished.tail.contains("more than its MemorySize of 64 MB"),
        "{}",
        finished.tail
    );
    assert_eq!(reported_mib(&finished.tail), 64);
    assert!(finished.tail.contains("Status: error"));
    let again = fixture.run("true").await;
    assert!(
        matches!(again.outcome, Outcome::Success(_)),
        "{}",
        again.tail
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_limited_and_the_failed_event_ends_in_its_queue() {
    let fixture = Fixture::new().await;
    let event = json!("head -c 12000000 /dev/zero > $TMPDIR/big; sleep 15").to_string();
    let queued = fixture
        .services
        .store
        .transact(move |transaction| queue(transaction, "stage", event))
        .await
        .unwrap();
    enqueue(&fixture.services, &[queued]);
    fixture
        .work_until(|fixture| !fixture.messages().is_empty())
        .await;
    let record = &fixture.messages()[0];
    assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 2);
    assert_eq!(record["responsePayload"]["errorType"], "Runtime.ExitError");
    let lines = fixture.log();
    let told = lines
        .iter()
        .filter(|line| line.contains("more than its EphemeralStorage of 8 MB"));
    assert_eq!(told.count(), 2, "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_a_function_does_not_admit_leaves_a_trace() {
    let fixture = Fixture::new().await;
    let rule = Rule {
        name: "pictures".to_owned(),
        arn: "arn:aws:events:us-east-1:000000000000:rule/pictures".to_owned(),
        description: String::new(),
        pattern: json!({ "source": ["aws.s3"] }),
        is_enabled: true,
        targets: vec![Target {
            id: "stage".to_owned(),
            arn: ARN.to_owned(),
            ..Target::default()
        }],
    };
    let store = &fixture.services.store;
    store.put(Table::Rules, "pictures", &rule).await.unwrap();
    let event = json!({ "source": "aws.s3", "id": "event-1" });
    store.put(Table::Events, "1", &event).await.unwrap();
    fixture
        .work_until(|fixture| !fixture.log().is_empty())
        .await;
    let lines = fixture.log();
    assert!(
        lines[0].contains("event-1")
            && lines[0].contains("pictures")
            && lines[0].contains("AWS::Lambda::Permission"),
        "{lines:?}"
    );
    assert_eq!(pending(&fixture.services).unwrap(), 0);
}
