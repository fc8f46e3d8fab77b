//! The example workflows on inputs that the tools themselves make.

use std::fs;
use std::process::Command;

use scar_tests::Product;

fn tool(product: &Product, program: &str, arguments: &[&str]) {
    let status = Command::new(program)
        .args(arguments)
        .current_dir(product.path())
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "{program} {arguments:?}"
    );
}

fn clip(product: &Product, name: &str) {
    let inputs = [
        "-f",
        "lavfi",
        "-i",
        "testsrc=duration=3:size=160x120:rate=10",
        "-f",
        "lavfi",
        "-i",
        "sine=duration=3",
    ];
    let mut arguments = vec!["-v", "error", "-y"];
    arguments.extend(inputs);
    arguments.extend(["-shortest", name]);
    tool(product, "/usr/bin/ffmpeg", &arguments);
}

fn fetched(product: &Product, workflow: &str, prefix: &str) -> Vec<(String, String)> {
    let manifest = format!("workflows/{workflow}/workflow.yaml");
    product
        .scar(["get", prefix, "got", "-f", &manifest, "--local"])
        .exits(0);
    let mut files: Vec<(String, String)> = fs::read_dir(product.path().join("got"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                text,
            )
        })
        .collect();
    files.sort();
    files
}

#[test]
fn imagemagick_makes_grey_thumbnails_and_index_entries() {
    let product = Product::new();
    product.image("imagemagick");
    for name in ["rose", "granite"] {
        tool(
            &product,
            "/usr/bin/convert-im6.q16",
            &[&format!("{name}:"), &format!("{name}.png")],
        );
    }
    let run = [
        "run",
        "workflows/imagemagick/workflow.yaml",
        "rose.png",
        "granite.png",
        "--local",
    ];
    product.scar(run).exits(0);
    let entries = fetched(&product, "imagemagick", "index/");
    let names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["granite.png", "granite.txt", "rose.png", "rose.txt"]
    );
    assert_eq!(entries[3].1, "64x42 Gray\n");
}

#[test]
fn video_fans_out_to_one_task_a_frame() {
    let product = Product::new();
    product.image("ffmpeg");
    clip(&product, "clip.mp4");
    product
        .scar([
            "run",
            "workflows/video/workflow.yaml",
            "clip.mp4",
            "--local",
        ])
        .exits(0);
    let verdicts = fetched(&product, "video", "verdicts/");
    let names: Vec<&str> = verdicts.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["clip-001.txt", "clip-002.txt", "clip-003.txt"]);
    assert!(
        verdicts.iter().all(|(_, text)| text.starts_with("bright ")),
        "{verdicts:?}"
    );
}

#[test]
fn av_routes_by_suffix_to_two_stages() {
    let product = Product::new();
    product.image("ffmpeg");
    clip(&product, "talk.mp4");
    product
        .scar(["run", "workflows/av/workflow.yaml", "talk.mp4", "--local"])
        .exits(0);
    let results = fetched(&product, "av", "result/");
    assert_eq!(results.len(), 2, "{results:?}");
    assert!(results[0].1.contains("codec_name=mpeg4"), "{results:?}");
    assert!(results[1].1.contains("mean_volume"), "{results:?}");
}
