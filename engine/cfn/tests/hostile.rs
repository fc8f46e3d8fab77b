//! Whatever stands in the place of a value, the validator says something and goes on.

use scar_cfn::{Document, validate};
use serde_json::{Value, json};

const TEMPLATE: &str = include_str!("mutants/template.yaml");

#[test]
fn any_value_in_any_place() {
    let template: Value =
        serde_json::from_str(&Document::parse(TEMPLATE).unwrap().to_json()).unwrap();
    let mut count = 0;
    for (id, resource) in template["Resources"].as_object().unwrap() {
        let alone = json!({"Resources": {id.as_str(): resource}});
        for place in places(&alone) {
            for value in strange() {
                let mut changed = alone.clone();
                *changed.pointer_mut(&place).unwrap() = value;
                if let Ok(document) = Document::from_value(changed) {
                    let _ = validate(&document);
                    count += 1;
                }
            }
        }
    }
    assert!(count > 2000, "{count}");
}

#[test]
fn large_and_deep_templates_take_no_time() {
    let long = "x".repeat(500_000);
    let many: Vec<String> = (0..2000).map(|index| format!("C{index}")).collect();
    let conditions: String = many
        .iter()
        .map(|name| format!("  {name}: !Equals [!Ref {name}x, a]\n"))
        .collect();
    let uses: String = many
        .iter()
        .map(|name| format!("        V{name}: !If [{name}, a, b]\n"))
        .collect();
    let text = format!(
        "Conditions:\n{conditions}Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Environment:\n        Variables:\n{}",
        uses.replace("        V", "          V")
    );
    assert!(!validate(&Document::parse(&text).unwrap()).is_empty());
    let text = json!({"Resources": {"F": {"Type": "AWS::SQS::Queue", "Properties": {long: 1}}}})
        .to_string();
    assert!(!validate(&Document::parse(&text).unwrap()).is_empty());
}

fn strange() -> [Value; 9] {
    [
        Value::Null,
        json!(-1.5),
        json!("é${"),
        json!([[null]]),
        json!({"Ref": "Nothing"}),
        json!({"Fn::Sub": ["${a}", {"a": ["b"]}]}),
        json!({"Fn::If": ["Nothing", {"Ref": "AWS::NoValue"}, []]}),
        json!({"Fn::Join": [[], {"Fn::GetAtt": "x"}]}),
        json!({"": {"Fn::Cidr": [1]}}),
    ]
}

/// Pointers to every third value of a resource.
fn places(template: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(template, String::new(), &mut found);
    found.into_iter().step_by(3).collect()
}

fn collect(value: &Value, place: String, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, format!("{place}/{index}"), found);
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                collect(item, format!("{place}/{key}"), found);
            }
        }
        _ => {}
    }
    found.push(place);
}
