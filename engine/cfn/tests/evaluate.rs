//! Intrinsic functions: a value in, what it comes to out.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use scar_cfn::{Document, Pseudo, Resolver, Scope};
use serde_json::{Value, json};

struct Stack;

impl Resolver for Stack {
    fn reference(&self, logical_id: &str) -> Option<Value> {
        (logical_id == "Data").then(|| json!("data-1"))
    }

    fn attribute(&self, logical_id: &str, attribute: &str) -> Option<Value> {
        (logical_id == "Data" && attribute == "Arn").then(|| json!("arn:data-1"))
    }
}

fn check(value: &str, expected: Value) {
    let document = Document::parse(
        "
Parameters: {Env: {Type: String, Default: dev}, Zones: {Type: CommaDelimitedList, Default: 'a, b'}}
Mappings: {Size: {dev: {mib: 512}}}
Conditions:
  Prod: !Equals [!Ref Env, prod]
  Other: !And [!Not [!Condition Prod], !Or [!Condition Prod, !Equals [1, '1']]]
Resources: {Data: {Type: 'AWS::S3::Bucket'}}
",
    )
    .unwrap();
    let pseudo = Pseudo {
        region: "eu-west-1".into(),
        ..Pseudo::default()
    };
    let scope = Scope::new(&document, &BTreeMap::new(), pseudo).unwrap();
    let holder = Document::parse(&format!(
        "Resources: {{X: {{Type: T, Properties: {{V: {value}}}}}}}"
    ));
    let properties = scope
        .properties(&holder.unwrap().resources["X"], &Stack)
        .unwrap();
    assert_eq!(
        properties.get("V").cloned().unwrap_or_default(),
        expected,
        "{value}"
    );
}

#[test]
fn functions() {
    check("!Ref Data", json!("data-1"));
    check("!GetAtt Data.Arn", json!("arn:data-1"));
    check(
        "!Sub '${Data.Arn}/${Env}/${!x}/${AWS::Region}'",
        json!("arn:data-1/dev/${x}/eu-west-1"),
    );
    check("!Sub ['${a}${Data}', {a: '${Env}'}]", json!("${Env}data-1"));
    check(
        "!Join ['-', [a, 1, true, !Ref AWS::NoValue]]",
        json!("a-1-true"),
    );
    check("!Select [1, !Ref Zones]", json!("b"));
    check("!Select ['0', !Split ['/', 'x/y']]", json!("x"));
    check("!FindInMap [Size, !Ref Env, mib]", json!(512));
    check("!Base64 hi", json!("aGk="));
    check(
        "!Cidr ['10.0.0.0/16', 2, 12]",
        json!(["10.0.0.0/20", "10.0.16.0/20"]),
    );
    check(
        "!Select [1, !Cidr ['10.0.0.0/16', '3']]",
        json!("10.0.1.0/24"),
    );
    check(
        "!GetAZs ''",
        json!(["eu-west-1a", "eu-west-1b", "eu-west-1c"]),
    );
    check(
        "!Select [0, {'Fn::GetAZs': us-east-1}]",
        json!("us-east-1a"),
    );
    check(
        "!If [Prod, 1, !If [Other, [2, !Ref AWS::NoValue], 3]]",
        json!([2]),
    );
    check("!Ref AWS::NoValue", Value::Null);
    check(
        "{Condition: {StringEquals: {a: !Ref Data}}}",
        json!({"Condition": {"StringEquals": {"a": "data-1"}}}),
    );
}

#[test]
fn mistakes_are_errors() {
    let document =
        Document::parse("Parameters: {N: {Type: Number, MaxValue: 3}}\nResources: {A: {Type: T}}")
            .unwrap();
    let bind = |pairs: &[(&str, &str)]| {
        let given = pairs
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        Scope::new(&document, &given, Pseudo::default())
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(bind(&[]), "parameters: [N] must have values");
    assert_eq!(
        bind(&[("N", "1"), ("M", "1")]),
        "parameters: [M] do not exist in the template"
    );
    assert_eq!(bind(&[("N", "x")]), "parameter N must be a number");
    assert_eq!(bind(&[("N", "4")]), "parameter N is out of its range");
    let circular = Document::parse(
        "Conditions: {A: !Not [!Condition B], B: !Not [!Condition A]}\nResources: {A: {Type: T}}",
    );
    assert!(Scope::new(&circular.unwrap(), &BTreeMap::new(), Pseudo::default()).is_err());
}
