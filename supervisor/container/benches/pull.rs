//! How long a cold image takes from a registry to an extracted tree, beside tools that do the same and
//! beside the floor of one pipe that checks nothing.
//!
//! `cargo bench -p scar-container --bench pull [-- REGISTRY/NAME:TAG]`. Without a name the image is packed
//! from this machine's programs and libraries and served by `docker-registry` on loopback. Needs
//! `docker-registry`, `skopeo`, `umoci`, `curl` and `igzip`. Nothing here fails for being slow: the numbers are
//! for people.
#![expect(clippy::print_stdout, reason = "a benchmark talks to people")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot run says why")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use scar_container::{
    Cache, Client, Credentials, Limits, PackSpec, PackedFile, Platform, Reference, pack,
};

const RUNS: usize = 7;
/// Tells this program that it is the child that pulls.
const PULL: &str = "pull-into";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, name, directory] = arguments.as_slice()
        && first == PULL
    {
        return pull(name, Path::new(directory));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let given = arguments.iter().find(|argument| !argument.starts_with('-'));
    let served = given.is_none().then(|| Served::new(folder.path()));
    let name = match (&served, given) {
        (Some(served), _) => served.name.clone(),
        (None, Some(name)) => name.clone(),
        (None, None) => return,
    };
    compare(&name, folder.path());
}

fn compare(name: &str, folder: &Path) {
    let floor = measure(folder, |target| shell(&pipe(name, target)));
    println!("{:<40} {floor}", "floor: curl | igzip | tar, unchecked");
    let own = std::env::current_exe().expect("this program");
    let ours = measure(folder, |target| {
        let mut command = Command::new(&own);
        command.arg(PULL).arg(name).arg(target);
        command
    });
    println!("{:<40} {ours}", "scar: pulled, verified, extracted");
    let others = measure(folder, |target| shell(&skopeo_and_umoci(name, target)));
    println!("{:<40} {others}", "skopeo copy + umoci unpack");
    let ratio = |one: &Figure, other: &Figure| other.wall.as_secs_f64() / one.wall.as_secs_f64();
    println!("scar takes {:.2} of the floor's time", ratio(&floor, &ours));
    println!(
        "skopeo + umoci take {:.2} of scar's time",
        ratio(&ours, &others)
    );
}

/// The child: nothing is there, then the tree is.
fn pull(name: &str, directory: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let Ok(Reference::Registry(reference)) = Reference::parse(name) else {
            panic!("{name} is not in a registry");
        };
        let client = Client::new(&reference, Credentials::default(), true).expect("a client");
        let digest = client.resolve(&Platform::host()).await.expect("the image");
        let cache = Cache::new(directory);
        cache
            .ensure(&client, &digest, &Limits::default())
            .await
            .expect("the tree");
    });
}

/// A registry on loopback with an image of this machine's programs and libraries.
struct Served {
    child: Child,
    name: String,
}

impl Served {
    fn new(folder: &Path) -> Self {
        let layout = folder.join("image");
        let file = |path: &str| PackedFile {
            source: PathBuf::from(path),
            target: path.to_owned(),
        };
        let spec = PackSpec {
            programs: vec!["sh".into()],
            files: vec![file("/usr/bin"), file("/usr/share")],
            ..PackSpec::default()
        };
        let report = pack(&spec, &layout).expect("pack the image");
        println!(
            "image: {} MB compressed, {} MB of files, {} entries",
            report.layer_bytes / 1_000_000,
            report.unpacked_bytes / 1_000_000,
            report.paths.len()
        );
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let host = listener.local_addr().expect("an address").to_string();
        drop(listener);
        let settings = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {host}\n",
            folder.join("registry").display()
        );
        std::fs::write(folder.join("registry.yml"), settings).expect("settings");
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(folder.join("registry.yml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry");
        while std::net::TcpStream::connect(&host).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
        let name = format!("{host}/bench/image:1");
        let copy = format!(
            "skopeo --insecure-policy copy -q --dest-tls-verify=false oci:{}:latest docker://{name}",
            layout.display()
        );
        assert!(shell(&copy).status().expect("skopeo").success());
        Self { child, name }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-ec").arg(script);
    command
}

/// All layers through one pipe, in order. Nothing is verified and whiteouts are not understood.
fn pipe(name: &str, target: &Path) -> String {
    let (repository, _) = name.rsplit_once(':').expect("a tag");
    let (host, path) = repository.split_once('/').expect("a host");
    let target = target.display();
    format!(
        "mkdir -p {target}; skopeo inspect --raw --tls-verify=false docker://{name} \
         | grep -o 'sha256:[0-9a-f]*' | tail -n +2 | while read digest; do \
         curl -sfL http://{host}/v2/{path}/blobs/$digest | igzip -dc | tar -x -C {target} --no-same-owner; done"
    )
}

fn skopeo_and_umoci(name: &str, target: &Path) -> String {
    let target = target.display();
    format!(
        "mkdir -p {target}; skopeo --insecure-policy copy -q --src-tls-verify=false docker://{name} \
         oci:{target}/layout:image; umoci --log=error unpack --rootless --image {target}/layout:image {target}/bundle"
    )
}

/// Medians of several runs.
struct Figure {
    wall: Duration,
    fastest: Duration,
    slowest: Duration,
    processor: Duration,
    peak_kib: i64,
}

impl std::fmt::Display for Figure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            wall,
            fastest,
            slowest,
            processor,
            peak_kib,
        } = self;
        write!(
            out,
            "{wall:>8.2?} ({fastest:.2?} to {slowest:.2?}, {RUNS} runs), {processor:.2?} CPU, {} MiB",
            peak_kib / 1024
        )
    }
}

fn measure(folder: &Path, command: impl Fn(&Path) -> Command) -> Figure {
    let mut runs: Vec<(Duration, Duration, i64)> = (0..RUNS)
        .map(|_| {
            let target = folder.join("target");
            let start = Instant::now();
            let (processor, peak) = wait(&mut command(&target));
            let wall = start.elapsed();
            scar_container::remove_tree(&target).expect("remove the tree");
            (wall, processor, peak)
        })
        .collect();
    runs.sort();
    let (wall, processor, _) = runs[RUNS / 2];
    Figure {
        wall,
        fastest: runs[0].0,
        slowest: runs[RUNS - 1].0,
        processor,
        peak_kib: runs.iter().map(|run| run.2).max().unwrap_or(0),
    }
}

/// Runs a command; its processor time and the peak memory of its largest process.
fn wait(command: &mut Command) -> (Duration, i64) {
    let text = "/usr/bin/time -f '%U %S %M' -o \"$0\" \"$@\"";
    let report = tempfile::NamedTempFile::new().expect("a file");
    let status = Command::new("sh")
        .args(["-c", text])
        .arg(report.path())
        .arg(command.get_program())
        .args(command.get_args())
        .status()
        .expect("start");
    assert!(status.success(), "{command:?} failed");
    let text = std::fs::read_to_string(report.path()).expect("the figures");
    let mut figures = text
        .split_whitespace()
        .map(|word| word.parse::<f64>().expect("a figure"));
    let mut next = || figures.next().expect("three figures");
    let processor = Duration::from_secs_f64(next() + next());
    #[expect(clippy::cast_possible_truncation, reason = "KiB of a process")]
    let peak = next() as i64;
    (processor, peak)
}
