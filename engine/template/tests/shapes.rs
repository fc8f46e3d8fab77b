//! Many shapes of workflows, each rendered and written to a folder for the template linter:
//! `cfn-lint target/tmp/shapes/*.json` must find nothing.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read and write files"
)]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;

use scar_cfn::Document;
use scar_template::{Content, Error, Rendered, render};
use serde_json::Value;
use support::{Builder, materials};

fn shapes() -> Vec<(&'static str, Builder)> {
    let many = (0..60).fold(Builder::new("many"), |builder, index| {
        builder.stage(
            &format!("s{index}"),
            &[&format!("data:p{index}/**")],
            &[&format!("data:p{}/", index + 1)],
        )
    });
    let long = |first: usize| {
        let names: Vec<String> = (first..first + 18)
            .map(|index| format!("{index:050}"))
            .collect();
        format!("data:in/{{{}}}.bin", names.join(","))
    };
    vec![
        (
            "one",
            Builder::new("one").stage("copy", &["data:in/**"], &["data:out/"]),
        ),
        (
            "sink",
            Builder::new("sink").stage("swallow", &["data:in/a.txt"], &[]),
        ),
        (
            "single",
            Builder::new("single").stage(
                "thumb",
                &["data:in/*.{jpg,png}"],
                &["data:thumbs/*.webp"],
            ),
        ),
        (
            "root",
            Builder::new("root")
                .stage("all", &["data:*.json"], &["other:"])
                .bucket("other", None),
        ),
        (
            "system-like",
            Builder::new("z-1")
                .stage("z-1", &["data:**"], &["other:x/"])
                .bucket("other", None),
        ),
        (
            "existing",
            Builder::new("existing")
                .bucket("archive", Some("acme-archive"))
                .stage(
                    "burn",
                    &["data:in/*.srt", "archive:video/*.avi"],
                    &["archive:subtitled/", "data:log/"],
                ),
        ),
        (
            "long",
            Builder::new("long").stage("many-patterns", &[&long(0), &long(20)], &["data:out/"]),
        ),
        (
            "unicode",
            Builder::new("unicode").stage(
                "snow",
                &["data:ein gang/☃ \"quoted\" & <b>/*.é"],
                &["data:aus gang/"],
            ),
        ),
        ("many", many),
        (
            "layout",
            Builder::new("layout")
                .image_in_bucket()
                .stage("a", &["data:in/*"], &["data:out/"]),
        ),
    ]
}

fn rendered(builder: &Builder) -> Rendered {
    render(&builder.workflow(), &materials(builder)).unwrap()
}

#[test]
fn every_shape_renders_and_reads_back() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shapes");
    fs::create_dir_all(&folder).unwrap();
    for (name, builder) in shapes() {
        let rendered = rendered(&builder);
        for (part, document) in [("base", &*rendered.base), ("stack", &*rendered.stack)] {
            let text = document.to_json();
            assert_eq!(&Document::parse(&text).unwrap(), document);
            assert_eq!(
                &Document::parse(&document.to_yaml()).unwrap(),
                document,
                "{name}"
            );
            fs::write(folder.join(format!("{name}-{part}.json")), text).unwrap();
        }
    }
}

#[test]
fn rendering_is_deterministic() {
    for (name, builder) in shapes() {
        let (first, second) = (rendered(&builder), rendered(&builder));
        assert_eq!(first.stack.to_json(), second.stack.to_json(), "{name}");
        assert_eq!(first, second, "{name}");
    }
}

/// What a rule would start a stage for must never be an object of scar's own.
#[test]
fn rules_stay_away_from_own_objects() {
    for (name, builder) in shapes() {
        for resource in rendered(&builder)
            .stack
            .resources
            .values()
            .filter(|it| it.kind == "AWS::Events::Rule")
        {
            let keys = &resource.properties["EventPattern"]["detail"]["object"]["key"];
            for key in keys.as_array().unwrap() {
                let wildcard = key
                    .get("wildcard")
                    .and_then(Value::as_str)
                    .unwrap_or("none");
                assert!(
                    !wildcard.starts_with('*') || !wildcard.ends_with('*'),
                    "{name}: {wildcard}"
                );
            }
            let pattern = resource.properties["EventPattern"].to_string();
            assert!(pattern.len() < 2048, "{name}: {}", pattern.len());
        }
    }
}

type Package = zip::ZipArchive<std::io::Cursor<Vec<u8>>>;

fn package(rendered: &Rendered) -> Package {
    let mut assets = rendered.assets.iter();
    let bytes = assets.find_map(|asset| match &asset.content {
        Content::Bytes(bytes) if asset.key.starts_with("stages/") => Some(bytes.clone()),
        _ => None,
    });
    zip::ZipArchive::new(std::io::Cursor::new(bytes.unwrap())).unwrap()
}

fn names(package: &Package) -> Vec<String> {
    let names = package.file_names();
    names.map(|name| name.unwrap().into_owned()).collect()
}

#[test]
fn a_package_holds_the_supervisor_if_wished() {
    let builder = Builder::new("one").stage("copy", &["data:in/**"], &["data:out/"]);
    let mut materials = materials(&builder);
    materials.bundled_supervisor = Some(b"\x7fELF".to_vec());
    let bundled = render(&builder.workflow(), &materials).unwrap();
    assert_eq!(bundled, render(&builder.workflow(), &materials).unwrap());
    assert_ne!(bundled.stack, rendered(&builder).stack);
    assert_eq!(bundled.base, rendered(&builder).base);
    let mut package = package(&bundled);
    assert_eq!(names(&package), ["stage.json", "script", "bootstrap"]);
    let mode = package.by_name("bootstrap").unwrap().unix_mode();
    assert_eq!(mode.unwrap() & 0o777, 0o755);
}

#[test]
fn a_package_holds_configuration_and_script() {
    let rendered = rendered(&Builder::new("one").stage("copy", &["data:in/**"], &["data:out/"]));
    let mut archive = package(&rendered);
    assert_eq!(names(&archive), ["stage.json", "script"]);
    let config: scar_schemas::contract::StageConfig =
        serde_json::from_reader(archive.by_name("stage.json").unwrap()).unwrap();
    assert_eq!(config.stage, "copy");
    assert!(config.takes("data", "in/x/y") && !config.takes("data", "out/x"));
}

#[test]
fn text_that_aws_would_not_take_literally_is_refused() {
    // Braces of an input are alternatives, so nothing of the kind gets through.
    let braces = Builder::new("w").stage("s", &["data:${AWS::AccountId}/*"], &["data:out/"]);
    assert!(
        rendered(&braces)
            .stack
            .to_json()
            .contains("$AWS::AccountId/*")
    );
    assert!(
        Builder::new("w")
            .stage("s", &["data:{{resolve:ssm:x}}/*"], &[])
            .try_workflow()
            .is_none()
    );
    for output in [
        "data:${aws:username}/",
        "data:{{resolve:ssm:x}}/",
        "data:a?b/",
    ] {
        let builder = Builder::new("w").stage("s", &["data:in/*"], &[output]);
        let result = render(&builder.workflow(), &materials(&builder));
        assert!(matches!(result, Err(Error::UnsafeText { .. })), "{output}");
    }
}

#[test]
fn a_name_cannot_widen_a_role() {
    for existing in ["*", "acme/*", "${x}", "ab"] {
        let builder = Builder::new("w").bucket("archive", Some(existing)).stage(
            "s",
            &["data:in/*"],
            &["archive:x/"],
        );
        let result = render(&builder.workflow(), &materials(&builder));
        assert!(
            matches!(result, Err(Error::InvalidName { .. })),
            "{existing}"
        );
    }
    let builder = Builder::new("w").stage("s/*", &["data:in/*"], &[]);
    let result = render(&builder.workflow(), &materials(&builder));
    assert!(matches!(result, Err(Error::InvalidName { .. })));
}

#[test]
fn limits_of_resources_are_found() {
    let limit = |builder: &Builder| render(&builder.workflow(), &materials(builder)).unwrap_err();
    let prefixes: Vec<String> = (0..120)
        .map(|index| format!("data:{}/{index}/", "x".repeat(60)))
        .collect();
    let outputs: Vec<&str> = prefixes.iter().map(String::as_str).collect();
    let wide = Builder::new("w").stage("s", &["data:in/*"], &outputs);
    assert!(matches!(limit(&wide), Error::Limit { limit: 10_240, .. }));
    let named = Builder::new(&"n".repeat(40)).stage("s", &["data:in/*"], &[]);
    assert!(matches!(limit(&named), Error::BucketName { .. }));
    let base = Builder::new("base").stage("s", &["data:in/*"], &[]);
    assert!(matches!(limit(&base), Error::ReservedName { .. }));
}
