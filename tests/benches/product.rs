//! How fast the product is, as medians with their spread and as ratios to a floor of the same run.
//!
//! `cargo bench -p scar-tests --bench product`. The way from a manifest to a plan is measured by the bench
//! `speed`. Nothing here fails for being slow: the numbers are for people.
#![expect(clippy::print_stdout, reason = "a benchmark talks to people")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use scar_tests::Product;
use scar_tests::figure::Figure;
use scar_tests::product::supervisor;

const RUNS: usize = 21;

fn main() {
    let start = measure(|| processless(&mut Command::new("/bin/true")));
    println!("{:<44} {start}", "floor: /bin/true, wall");
    first_poll(&start);
    quickstart();
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

fn report(name: &str, figure: &Figure, floor: &Figure) {
    let ratio = figure.ratio(floor);
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

fn resident_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|text| text.trim().split(' ').next()?.parse().ok())
        .unwrap_or(0)
}
