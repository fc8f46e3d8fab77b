//! Any text as a file of SCAR 4: what is accepted is a valid manifest, written as `scar fmt` writes it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scar_fuzz::{AllScripts, places};
use scar_manifest::import::import;
use scar_manifest::{Diagnostic, Format, Source, format, parse};

fuzz_target!(|text: &str| {
    let source = Source {
        name: "old.yaml".to_owned(),
        text: text.to_owned(),
        format: Format::Yaml,
    };
    let imported = import(&source, &AllScripts);
    places(text, &imported.diagnostics);
    for line in &imported.report {
        assert!(text.get(line.span.clone()).is_some(), "{line:?}");
    }
    if !imported.diagnostics.iter().any(Diagnostic::is_error) {
        let native = Source {
            text: imported.text.clone(),
            ..source
        };
        assert!(
            parse(&native, None, &AllScripts).manifest.is_some(),
            "{}",
            imported.text
        );
        assert_eq!(format(&native), Ok(imported.text));
    }
});
