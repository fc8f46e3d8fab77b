//! The committed JSON Schema is the one that the types have. `UPDATE=1` rewrites it.
#![expect(clippy::disallowed_methods, reason = "tests read and write files")]

use std::fs;
use std::path::Path;

#[test]
fn plan_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("plan.schema.json");
    let schema = serde_json::to_string_pretty(&scar_schemas::plan::json_schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &schema).unwrap();
    }
    let committed: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&path).unwrap_or_default()).unwrap_or_default();
    assert!(
        committed == scar_schemas::plan::json_schema(),
        "run the tests with UPDATE=1"
    );
}
