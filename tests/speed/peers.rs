//! Other tools on the very template that scar makes of a manifest.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use scar_tests::figure::Figure;
use scar_tests::generated;
use scar_tests::product::{Product, released};

use crate::chain::Change;
use crate::process;

/// Runs of each tool, taking turns with scar.
const RUNS: usize = 7;

/// A CDK application with the template's resources and nothing else.
const APPLICATION: &str = "
const cdk = require('aws-cdk-lib');
const include = require('aws-cdk-lib/cloudformation-include');
const app = new cdk.App({ outdir: process.argv[3] });
const synthesizer = new cdk.DefaultStackSynthesizer({ generateBootstrapVersionRule: false });
const stack = new cdk.Stack(app, 'generated', { synthesizer });
new include.CfnInclude(stack, 'template', { templateFile: process.argv[2] });
app.synth();
";

/// A command that reads a template, and whether it is there.
struct Peer {
    name: &'static str,
    program: &'static str,
    arguments: Vec<String>,
    /// What to try it with.
    trial: &'static [&'static str],
}

/// From the manifest to the checked template, beside each tool that is installed.
pub(crate) fn compare() {
    println!("scar render --offline, and other tools on the template that it makes");
    for stages in [3, 60] {
        let product = Product::new();
        let manifest = product.write("w/workflow.yaml", generated::manifest(stages, "3GiB"));
        let change = Change::of(stages);
        let text = Change::render(&change.link()).stack.to_json();
        let template = product.write("peers/template.json", text);
        let folder = template.parent().unwrap_or_else(|| Path::new("/"));
        fs::write(folder.join("application.js"), APPLICATION).expect("write the application");
        for peer in peers(&template, folder) {
            measure(&peer, &manifest, folder, stages);
        }
    }
}

fn peers(template: &Path, folder: &Path) -> [Peer; 3] {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let validate = [
        "validate",
        "--lint",
        "--region",
        "us-east-1",
        "--template-file",
    ];
    [
        Peer {
            name: "cfn-lint",
            program: "cfn-lint",
            // Its remarks on what could be better are no failures.
            arguments: vec![
                "--non-zero-exit-code".into(),
                "error".into(),
                text(template),
            ],
            trial: &["--version"],
        },
        Peer {
            name: "sam validate --lint",
            program: "sam",
            arguments: validate
                .map(str::to_owned)
                .into_iter()
                .chain([text(template)])
                .collect(),
            trial: &["--version"],
        },
        Peer {
            name: "cdk synth (its library)",
            program: "node",
            arguments: vec![
                text(&folder.join("application.js")),
                text(template),
                text(&folder.join("cdk.out")),
            ],
            trial: &["-e", "require('aws-cdk-lib')"],
        },
    ]
}

fn measure(peer: &Peer, manifest: &Path, folder: &Path, stages: usize) {
    if !is_there(peer) {
        return println!("{:>4} stages, {:<26} not installed", stages, peer.name);
    }
    let ours = || {
        let mut command = Command::new(released());
        process(command.args(["render", "--offline"]).arg(manifest))
    };
    let theirs = || {
        let mut command = Command::new(peer.program);
        command.env("SAM_CLI_TELEMETRY", "0");
        process(command.args(&peer.arguments).current_dir(folder))
    };
    ours();
    theirs();
    let (ours, theirs) = (0..RUNS).map(|_| (ours(), theirs())).unzip();
    let (ours, theirs) = (Figure::of(ours), Figure::of(theirs));
    println!("{stages:>4} stages, {:<26} {theirs}", peer.name);
    let ratio = theirs.ratio(&ours);
    println!(
        "{:>38} {ours}, the other takes {ratio:.0} times as long",
        "scar"
    );
}

fn is_there(peer: &Peer) -> bool {
    let mut command = Command::new(peer.program);
    let status = command
        .args(peer.trial)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
