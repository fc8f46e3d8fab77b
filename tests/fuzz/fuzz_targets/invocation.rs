//! Any text as what the supervisor is invoked with: sorted and routed, with never more than was in it.
#![no_main]

#[allow(dead_code, reason = "only readers are of interest")]
#[path = "../../../supervisor/bootstrap/src/envelope.rs"]
mod envelope;
#[allow(dead_code, reason = "only readers are of interest")]
#[path = "../../../supervisor/bootstrap/src/http_request.rs"]
mod http_request;
#[allow(dead_code, reason = "only readers are of interest")]
#[path = "../../../supervisor/bootstrap/src/route.rs"]
mod route;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use envelope::Envelope;
use libfuzzer_sys::fuzz_target;
use scar_schemas::contract::StageConfig;
use serde_json::{Value, json};

static STAGE: LazyLock<StageConfig> = LazyLock::new(|| {
    let digest = format!("sha256:{}", "0".repeat(64));
    let stage = json!({
        "format": 1, "workflow": "w", "environment": "dev", "stage": "s",
        "image": {"from": "bucket", "reference": "oci:none", "bucket": "artifacts",
            "prefix": "images/", "digest": digest},
        "command": "image", "variables": {},
        "inputs": [{"bucket": "data", "pattern": "in/**"}],
        "outputs": [{"bucket": "data", "key": {"prefix": {"prefix": "out/", "files": null}}}],
        "state_bucket": "data", "timeout_s": 60, "memory_mib": 512, "disk_mib": 512, "attempts": 1
    });
    serde_json::from_value(stage).expect("a stage")
});

fuzz_target!(|text: &str| {
    let Ok(event) = serde_json::from_str::<Value>(text) else {
        return;
    };
    let Ok(Envelope::Letters { letters, .. }) = envelope::open(&event, text) else {
        return;
    };
    let buckets = BTreeMap::from([("data".to_owned(), "bucket".to_owned())]);
    assert!(letters.len() <= envelope::MAX_RECORDS);
    for letter in letters {
        let Ok(event) = letter.event else { continue };
        if let Ok(routed) = route::route(&event, &STAGE, &buckets) {
            assert!(routed.arrivals.len() <= envelope::MAX_RECORDS);
        }
    }
});
