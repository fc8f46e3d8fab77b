//! Any text as an event of S3, by EventBridge and by notification.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scar_schemas::event::{BusEvent, Notification};

fuzz_target!(|text: &str| {
    if let Ok(event) = serde_json::from_str::<BusEvent>(text) {
        let written = serde_json::to_string(&event).expect("an event can be written");
        assert_eq!(serde_json::from_str::<BusEvent>(&written).ok(), Some(event));
    }
    if let Ok(notification) = serde_json::from_str::<Notification>(text) {
        for record in &notification.records {
            let _ = scar_schemas::event::decode_key(&record.s3.object.key);
        }
    }
});
