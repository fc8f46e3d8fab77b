//! Every construct, alone and with others: it renders, the validator has nothing to say, the linter has
//! its files, and roles grant what the construct needs and nothing else.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read and write files"
)]

#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use scar_cfn::{Pseudo, Resolver, Scope, validate};
use scar_schemas::construct::SecretReference;
use scar_schemas::contract::Mount;
use scar_template::{Error, NotificationTarget, Rendered, render};
use scar_workflow::Workflow;
use serde_json::{Value, json};
use support::constructs::{Case, cases};
use support::materials_for;

fn rendered(case: &Case) -> Rendered {
    render(&case.workflow, &materials_for(&case.workflow))
        .unwrap_or_else(|error| panic!("{}: {error}", case.name))
}

#[test]
fn every_construct_renders_and_is_valid() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shapes");
    fs::create_dir_all(&folder).unwrap();
    for case in cases() {
        let rendered = rendered(&case);
        assert_eq!(rendered, self::rendered(&case), "{}", case.name);
        for (part, document) in [("base", &rendered.base), ("stack", &rendered.stack)] {
            assert_eq!(validate(document), [], "{} {part}", case.name);
            let file = format!("construct-{}-{part}.json", case.name);
            fs::write(folder.join(file), document.to_json()).unwrap();
        }
    }
}

/// Parameters of a workflow's stack are outputs of its base stack.
#[test]
fn the_base_stack_has_what_the_stack_asks_for() {
    for case in cases() {
        let rendered = rendered(&case);
        for name in &rendered.parameters {
            assert!(
                rendered.base.outputs.contains_key(name),
                "{}: {name}",
                case.name
            );
        }
        let parameters: BTreeSet<String> = rendered.stack.parameters.keys().cloned().collect();
        assert_eq!(parameters, rendered.parameters, "{}", case.name);
        let base: BTreeSet<&String> = rendered.base.parameters.keys().collect();
        let given: BTreeSet<&String> = rendered.base_parameters.keys().collect();
        assert_eq!(base, given, "{}", case.name);
    }
}

/// What another workflow needed stays.
#[test]
fn features_of_the_base_stack_are_never_taken_away() {
    let cases = cases();
    let batch = cases
        .iter()
        .find(|case| case.name == "batch-fargate")
        .unwrap();
    let plain = cases.iter().find(|case| case.name == "lambda").unwrap();
    let before = rendered(batch);
    let mut materials = materials_for(&plain.workflow);
    materials.base = scar_template::DeployedBase::new(&before.base, before.base_parameters);
    let after = render(&plain.workflow, &materials).unwrap();
    assert_eq!(before.base, after.base);
    assert_ne!(before.base, rendered(plain).base);
}

/// A workflow that asks for nothing leaves the base stack as another one wants it, and can still read there.
#[test]
fn safeguards_of_the_base_stack_are_never_taken_away() {
    let case = |name: &str| cases().into_iter().find(|case| case.name == name).unwrap();
    let (strict, plain) = (case("safeguards"), case("lambda"));
    let key = strict.workflow.safeguards.kms_key.clone().unwrap();
    let before = rendered(&strict);
    let mut materials = materials_for(&plain.workflow);
    materials.base = scar_template::DeployedBase::new(&before.base, before.base_parameters);
    assert_eq!(materials.base.safeguards, strict.workflow.safeguards);
    let after = render(&plain.workflow, &materials).unwrap();
    assert_eq!(
        before.base.resources["ArtifactStore"],
        after.base.resources["ArtifactStore"]
    );
    assert!(
        after.stack.resources["WorkRole"].properties["Policies"]
            .to_string()
            .contains(&key)
    );
    assert!(
        !after.stack.resources["WorkFunction"]
            .properties
            .contains_key("KmsKeyArn")
    );
    assert!(!rendered(&plain).stack.to_json().contains("kms:"));
}

#[test]
fn a_supervisor_that_is_not_there_is_missed() {
    for name in ["arm64", "batch-fargate"] {
        let case = cases().into_iter().find(|case| case.name == name).unwrap();
        let mut materials = materials_for(&case.workflow);
        materials.supervisor_arm64 = None;
        materials.supervisor_images.clear();
        let error = render(&case.workflow, &materials).unwrap_err();
        assert!(matches!(error, Error::NoSupervisor { .. }), "{error}");
        assert!(error.to_string().contains("cargo build"), "{error}");
    }
}

/// Wherever text of the user goes, AWS takes it as it is or scar refuses it.
#[test]
fn text_is_never_evaluated() {
    let changes: [fn(&mut Workflow, &str); 6] = [
        |workflow, text| drop(workflow.stages[0].tags.insert("team".into(), text.into())),
        |workflow, text| workflow.alarm = Some(text.into()),
        |workflow, text| {
            let secret = SecretReference::Parameter(text.into());
            workflow.stages[0].secrets.insert("KEY".into(), secret);
        },
        |workflow, text| {
            workflow.stages[0].mounts.push(Mount {
                bucket: "archive".into(),
                prefix: text.into(),
                path: "/data".into(),
            });
        },
        |workflow, text| {
            let settings = workflow.bucket_settings.entry("data".into()).or_default();
            settings.expire_days.insert(text.into(), 3);
        },
        |workflow, text| workflow.stages[0].id = text.into(),
    ];
    for change in changes {
        for text in ["{{resolve:ssm:x}}/", "a{{resolve:secretsmanager:x}}"] {
            let mut case = cases().remove(0);
            change(&mut case.workflow, text);
            let error = render(&case.workflow, &materials_for(&case.workflow)).unwrap_err();
            let is_refused = matches!(error, Error::UnsafeText { .. } | Error::InvalidName { .. });
            assert!(is_refused, "{text}: {error}");
        }
    }
}

#[test]
fn buckets_of_others_are_told_what_to_tell() {
    let case = cases()
        .into_iter()
        .find(|case| case.name == "direct-existing");
    let rendered = rendered(&case.unwrap());
    let [one] = rendered.notifications.as_slice() else {
        panic!("{:?}", rendered.notifications);
    };
    assert_eq!(one.bucket, "acme-archive");
    let NotificationTarget::Function {
        id,
        prefix,
        suffix,
        logical_id,
        ..
    } = &one.target
    else {
        panic!("{one:?}");
    };
    assert!(id.starts_with("scar.w.dev.work."), "{id}");
    assert_eq!((prefix.as_str(), suffix.as_str()), ("in/", ".bin"));
    assert_eq!(
        rendered.stack.resources[logical_id].kind,
        "AWS::Lambda::Function"
    );
}

/// Roles of every construct: action and resource, one line each.
#[test]
fn roles_grant_exactly_this() {
    let mut text = String::new();
    for case in cases() {
        let rendered = rendered(&case);
        for (part, document) in [("base", &rendered.base), ("stack", &rendered.stack)] {
            for grant in grants(document) {
                text += &format!("{} {part} {grant}\n", case.name);
            }
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/grants.txt");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == text,
        "tests/grants.txt differs, see with UPDATE=1 and git diff"
    );
}

/// No action has a wildcard, and no resource is all of them but where the service knows no other.
#[test]
fn nothing_is_granted_at_large() {
    for case in cases() {
        let rendered = rendered(&case);
        for document in [&rendered.base, &rendered.stack] {
            for grant in grants(document) {
                let (_, rest) = grant.split_once(' ').unwrap();
                let (action, resource) = rest.split_once(' ').unwrap();
                assert!(!action.contains('*'), "{}: {grant}", case.name);
                let is_all = action == "ecr:GetAuthorizationToken";
                assert!(
                    is_all || resource.starts_with("arn:"),
                    "{}: {grant}",
                    case.name
                );
                assert!(!resource.contains(":::*"), "{}: {grant}", case.name);
            }
        }
    }
}

fn grants(document: &scar_cfn::Document) -> Vec<String> {
    let parameters = document
        .parameters
        .keys()
        .map(|name| (name.clone(), format!("arn:parameter:{name}")))
        .collect();
    let pseudo = Pseudo {
        account: "123456789012".to_owned(),
        region: "eu-west-1".to_owned(),
        partition: "aws".to_owned(),
        ..Pseudo::default()
    };
    let scope = Scope::new(document, &parameters, pseudo).unwrap();
    let mut grants = Vec::new();
    for (id, resource) in &document.resources {
        if resource.kind != "AWS::IAM::Role" {
            continue;
        }
        let properties = scope.properties(resource, &Symbols).unwrap();
        for managed in many(properties.get("ManagedPolicyArns").unwrap_or(&Value::Null)) {
            grants.push(format!("{id} managed {}", managed.as_str().unwrap()));
        }
        for policy in many(properties.get("Policies").unwrap_or(&Value::Null)) {
            for statement in many(&policy["PolicyDocument"]["Statement"]) {
                for action in many(&statement["Action"]) {
                    for resource in many(&statement["Resource"]) {
                        let (action, resource) = (action.as_str(), resource.as_str());
                        let resource = without_digest(resource.unwrap());
                        grants.push(format!("{id} {} {resource}", action.unwrap()));
                    }
                }
            }
        }
    }
    grants.sort();
    grants
}

/// What a package is called depends on all that is in it.
fn without_digest(resource: &str) -> String {
    match resource.split_once("/stages/") {
        Some((bucket, _)) => format!("{bucket}/stages/<digest>.zip"),
        None => resource.to_owned(),
    }
}

fn many(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    }
}

struct Symbols;

impl Resolver for Symbols {
    fn reference(&self, logical_id: &str) -> Option<Value> {
        Some(json!(format!("arn:ref:{logical_id}")))
    }

    fn attribute(&self, logical_id: &str, attribute: &str) -> Option<Value> {
        Some(json!(format!("arn:{logical_id}:{attribute}")))
    }
}
