//! How fast the product is, as medians with their spread and as ratios to a floor of the same run.
//!
//! `cargo bench -p scar-tests`. Nothing here fails for being slow: the numbers are for people.
#![expect(clippy::print_stdout, reason = "a benchmark talks to people")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use scar_tests::product::{scar, supervisor};
use scar_tests::{Product, root};

const RUNS: usize = 21;

fn main() {
    let floor = measure(|| processor_time(&mut Command::new("/bin/true")));
    println!("{:<44} {floor}", "floor: /bin/true, CPU");
    validate(&floor);
    plan(&floor);
    growth();
    lint();
    let start = measure(|| processless(&mut Command::new("/bin/true")));
    println!("{:<44} {start}", "floor: /bin/true, wall");
    first_poll(&start);
    quickstart();
}

/// `scar validate` of every example, CPU time of the whole process.
fn validate(floor: &Figure) {
    for name in ["quickstart", "imagemagick", "video", "av"] {
        let manifest = root().join("workflows").join(name).join("workflow.yaml");
        let figure =
            measure(|| processor_time(Command::new(scar()).arg("validate").arg(&manifest)));
        report(&format!("scar validate {name}, CPU"), &figure, floor);
    }
}

/// `scar plan --offline` of an example, CPU time of the whole process.
fn plan(floor: &Figure) {
    let product = Product::new();
    product.image("shell");
    let manifest = product.path().join("workflows/quickstart/workflow.yaml");
    let figure = measure(|| {
        processor_time(
            Command::new(scar())
                .args(["plan", "--offline"])
                .arg(&manifest),
        )
    });
    report("scar plan --offline quickstart, CPU", &figure, floor);
}

/// A chain of stages, ten times as many each time: how the time grows is what matters.
fn growth() {
    let product = Product::new();
    let mut before: Option<Figure> = None;
    for stages in [30, 300, 3_000] {
        let manifest = product.write(&format!("chain-{stages}.yaml"), chain(stages));
        let run = || processor_time(Command::new(scar()).arg("validate").arg(&manifest));
        let figure = Figure::of((0..5).map(|_| run()).collect());
        let name = format!("scar validate, {stages} stages, CPU");
        match &before {
            None => println!("{name:<44} {figure}"),
            Some(before) => report(&name, &figure, before),
        }
        before = Some(figure);
    }
}

fn chain(stages: usize) -> String {
    let mut text = String::from("scar: 1\nname: chain\nstages:\n");
    for number in 0..stages {
        let next = number + 1;
        text.push_str(&format!(
            "  s{number}:\n    image: ghcr.io/a/b@sha256:{}\n    in: p{number}/*.txt\n    out: p{next}/*.txt\n    run: cat\n",
            "0".repeat(64)
        ));
    }
    text
}

/// cfn-lint on what `scar render` prints, where it is installed, beside the whole of `scar render`.
fn lint() {
    let product = Product::new();
    product.image("shell");
    let render = [
        "render",
        "--offline",
        "--json",
        "workflows/quickstart/workflow.yaml",
    ];
    let template = product.write("template.json", product.scar(render).exits(0).stdout);
    let ours = Figure::of(
        (0..5)
            .map(|_| processor_time(&mut product.command(render)))
            .collect(),
    );
    let lint = || processor_time(Command::new("cfn-lint").arg(&template));
    if Command::new("cfn-lint").arg("--version").output().is_err() {
        return println!("{:<44} not installed", "cfn-lint of the same template");
    }
    let theirs = Figure::of((0..5).map(|_| lint()).collect());
    println!("{:<44} {ours}", "scar render with its checks, CPU");
    report("cfn-lint of the same template, CPU", &theirs, &ours);
}

/// From starting the supervisor file to its first request for work, and its memory then.
fn first_poll(floor: &Figure) {
    let file = supervisor();
    let mut memory_kib = 0;
    let figure = measure(|| {
        let (time, memory) = poll_once(&file);
        memory_kib = memory;
        time
    });
    report("supervisor start to first poll, wall", &figure, floor);
    let size = std::fs::metadata(&file).expect("the supervisor file").len();
    println!(
        "{:<44} {memory_kib} KiB resident when idle, {size} bytes on disk",
        "supervisor"
    );
}

fn poll_once(file: &Path) -> (Duration, u64) {
    let package = Package::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let address = listener.local_addr().expect("an address").to_string();
    let start = Instant::now();
    let mut child = Command::new(file)
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", address)
        .envs(package.variables())
        .stdout(Stdio::null())
        .spawn()
        .expect("start the supervisor");
    let (mut connection, _) = listener.accept().expect("a connection");
    let mut request = [0; 64];
    let read = connection.read(&mut request).expect("a request");
    let time = start.elapsed();
    assert!(String::from_utf8_lossy(&request[..read]).contains("/invocation/next"));
    std::thread::sleep(Duration::from_millis(20));
    let memory = resident_kib(child.id());
    child.kill().expect("end the supervisor");
    child.wait().expect("reap the supervisor");
    connection.flush().expect("close");
    (time, memory)
}

/// A stage package as a function would have it.
struct Package(tempfile::TempDir);

impl Package {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("make a directory");
        let digest = format!("sha256:{}", "0".repeat(64));
        let stage = serde_json::json!({
            "format": 1, "workflow": "bench", "environment": "dev", "stage": "bench",
            "image": {"from": "bucket", "reference": "oci:none", "bucket": "artifacts", "prefix": "images/", "digest": digest},
            "command": "image", "variables": {},
            "inputs": [{"bucket": "data", "pattern": "in/*"}],
            "outputs": [{"bucket": "data", "key": {"prefix": {"prefix": "out/", "files": null}}}],
            "state_bucket": "data", "timeout_s": 60, "memory_mib": 512, "disk_mib": 512, "attempts": 1
        });
        std::fs::write(directory.path().join("stage.json"), stage.to_string())
            .expect("write the package");
        Self(directory)
    }

    fn variables(&self) -> Vec<(&str, String)> {
        let directory = self.0.path().to_string_lossy().into_owned();
        vec![
            ("LAMBDA_TASK_ROOT", directory.clone()),
            ("SCAR_WORK_DIR", format!("{directory}/work")),
            ("SCAR_BUCKET_DATA", "data".into()),
            ("SCAR_BUCKET_ARTIFACTS", "artifacts".into()),
            ("AWS_LAMBDA_FUNCTION_NAME", "bench".into()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1".into()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512".into()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "bench".into()),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "bench".into()),
            ("AWS_REGION", "us-east-1".into()),
            ("AWS_ACCESS_KEY_ID", "none".into()),
            ("AWS_SECRET_ACCESS_KEY", "none".into()),
        ]
    }
}

/// The whole quickstart on a fresh directory, then again when all is done.
fn quickstart() {
    let run = || {
        let product = Product::new();
        product.image("shell");
        let arguments = [
            "run",
            "workflows/quickstart/workflow.yaml",
            "workflows/quickstart/texts/market.txt",
            "--local",
        ];
        let first = time(|| drop(product.scar(arguments).exits(0)));
        let second = time(|| drop(product.scar(arguments).exits(0)));
        (first, second)
    };
    let (first, second): (Vec<Duration>, Vec<Duration>) = (0..5).map(|_| run()).unzip();
    let first = Figure::of(first);
    println!("{:<44} {first}", "quickstart, one text, fresh, wall");
    report(
        "quickstart, one text, nothing to do, wall",
        &Figure::of(second),
        &first,
    );
}

/// Minimum, median and maximum.
struct Figure {
    sorted: Vec<Duration>,
}

impl Figure {
    fn of(mut values: Vec<Duration>) -> Self {
        values.sort();
        Self { sorted: values }
    }

    fn median(&self) -> Duration {
        self.sorted[self.sorted.len() / 2]
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
        let (first, last) = (self.sorted[0], self.sorted[self.sorted.len() - 1]);
        write!(
            out,
            "{:9.2} ms median ({:.2} to {:.2}, {} runs)",
            milliseconds(self.median()),
            milliseconds(first),
            milliseconds(last),
            self.sorted.len()
        )
    }
}

fn report(name: &str, figure: &Figure, floor: &Figure) {
    let ratio = figure.median().as_secs_f64() / floor.median().as_secs_f64().max(1e-6);
    println!("{name:<44} {figure}, {ratio:.1} times the floor");
}

fn measure(mut run: impl FnMut() -> Duration) -> Figure {
    run();
    Figure::of((0..RUNS).map(|_| run()).collect())
}

fn time(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

fn processless(command: &mut Command) -> Duration {
    time(|| {
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("start a process");
    })
}

/// User and system time of one process, from the times of reaped children.
fn processor_time(command: &mut Command) -> Duration {
    let before = children_time();
    processless(command);
    children_time().saturating_sub(before)
}

fn children_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("know the children's times");
    let microseconds = |time: nix::sys::time::TimeVal| {
        u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap_or(0)
    };
    Duration::from_micros(microseconds(usage.user_time()) + microseconds(usage.system_time()))
}

fn resident_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|text| text.trim().split(' ').next()?.parse().ok())
        .unwrap_or(0)
}
