//! How long a cold image takes from a registry to an extracted tree, beside tools that do the same and
//! beside the floor of one pipe that checks nothing.
//!
//! `cargo bench -p scar-container --bench pull [-- --images FOLDER] [--runs N]` makes three images of Debian
//! packages in FOLDER where they are not there yet (`images.sh`; needs root, `debootstrap` and the network),
//! serves them by `docker-registry` on loopback, and lets all take turns. Trees are made below `TMPDIR`, each
//! in a new folder, so `TMPDIR=/dev/shm` leaves the disk out of it. Needs `docker-registry`, `skopeo`, `umoci`,
//! `curl` and `igzip`; compares with `podman` where that is installed. Nothing here fails for being slow: the
//! numbers are for people.
#![expect(clippy::print_stdout, reason = "a benchmark talks to people")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot run says why")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use scar_container::{Cache, Client, Credentials, Limits, Platform, Reference};

const RUNS: usize = 7;
const IMAGES: [&str; 3] = ["debian", "media", "pydata"];
/// Tells this program that it is the child that pulls.
const PULL: &str = "pull-into";

/// A way to pull: its name, and the command that makes a tree of an image in a folder.
type Way = (&'static str, fn(&str, &Path) -> Command);

const FLOOR: Way = ("curl | igzip | tar, unchecked", |name, target| {
    shell(&pipe(name, target))
});
const OURS: Way = ("scar", |name, target| {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.arg(PULL).arg(name).arg(target);
    command
});
const UMOCI: Way = ("skopeo copy + umoci unpack", |name, target| {
    shell(&skopeo_and_umoci(name, target))
});
const PODMAN_VFS: Way = ("podman pull, vfs", |name, target| {
    shell(&podman("vfs", name, target))
});
const PODMAN_OVERLAY: Way = ("podman pull, overlay", |name, target| {
    shell(&podman("overlay", name, target))
});

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, name, directory] = arguments.as_slice()
        && first == PULL
    {
        return pull(name, Path::new(directory));
    }
    let value = |option: &str| {
        let place = arguments.iter().position(|argument| argument == option)?;
        arguments.get(place + 1)
    };
    let runs = value("--runs").map_or(RUNS, |runs| runs.parse().expect("a number of runs"));
    let images = value("--images").map_or_else(
        || std::env::temp_dir().join("scar-bench-images"),
        PathBuf::from,
    );
    let served = Served::new(&images);
    let mut ways = vec![FLOOR, OURS, UMOCI];
    let has_podman = shell("command -v podman >/dev/null").status();
    if has_podman.expect("a shell").success() {
        ways.extend([PODMAN_VFS, PODMAN_OVERLAY]);
    }
    for image in IMAGES {
        compare(&format!("{}/bench/{image}:1", served.host), &ways, runs);
    }
}

/// All ways in turn, several times, so that what else the machine does meets all of them.
fn compare(name: &str, ways: &[Way], runs: usize) {
    println!("{name}");
    let folder = tempfile::tempdir().expect("a folder");
    let mut figures: Vec<Vec<Run>> = vec![Vec::new(); ways.len()];
    for number in 0..runs {
        for (place, ((_, command), figures)) in ways.iter().zip(&mut figures).enumerate() {
            let target = folder.path().join(format!("{place}-{number}"));
            figures.push(Run::of(&mut command(name, &target)));
            scar_container::remove_tree(&target).expect("remove the tree");
        }
    }
    let ours = &figures[1];
    for ((way, _), theirs) in ways.iter().zip(&figures) {
        let pairs = theirs.iter().zip(ours);
        let ratio = median(pairs.map(|(their, our)| their.wall.div_duration_f64(our.wall)));
        let walls = || theirs.iter().map(|run| run.wall.as_secs_f64());
        let peak = theirs.iter().map(|run| run.peak_kib).max().unwrap_or(0);
        println!(
            "  {way:<30} {:>6.2} s ({:.2} to {:.2}), {:>6.2} s CPU, {:>4.1} MiB, {ratio:.2} of scar's time",
            median(walls()),
            walls().fold(f64::INFINITY, f64::min),
            walls().fold(0.0, f64::max),
            median(theirs.iter().map(|run| run.processor.as_secs_f64())),
            f64::from(peak) / 1024.0,
        );
    }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<_> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
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
        let limits = Limits::default();
        let pulled = cache.ensure(&client, &digest, &limits).await;
        pulled.expect("the tree");
    });
}

/// A registry on loopback with the images.
struct Served {
    child: Child,
    host: String,
}

impl Served {
    fn new(images: &Path) -> Self {
        if !images.join("complete").exists() {
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/images.sh");
            let made = Command::new("sh").arg(script).arg(images).status();
            assert!(made.expect("a shell").success(), "{script} failed");
        }
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let host = listener.local_addr().expect("an address").to_string();
        drop(listener);
        let settings = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {host}\n",
            images.join("registry").display()
        );
        std::fs::write(images.join("registry.yml"), settings).expect("settings");
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(images.join("registry.yml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry");
        while std::net::TcpStream::connect(&host).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
        for image in IMAGES {
            let layout = images.join("layout");
            let copy = format!(
                "skopeo --insecure-policy copy -q --dest-tls-verify=false oci:{}:{image} docker://{host}/bench/{image}:1",
                layout.display()
            );
            assert!(shell(&copy).status().expect("skopeo").success());
        }
        Self { child, host }
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
         curl -sfL http://{host}/v2/{path}/blobs/$digest | igzip -dc \
         | tar -x -C {target} --no-same-owner --warning=none 2>/dev/null; done"
    )
}

fn skopeo_and_umoci(name: &str, target: &Path) -> String {
    let target = target.display();
    format!(
        "mkdir -p {target}; skopeo --insecure-policy copy -q --src-tls-verify=false docker://{name} \
         oci:{target}/layout:image; umoci --log=error unpack --rootless --image {target}/layout:image {target}/bundle"
    )
}

/// The overlay driver leaves a mount behind.
fn podman(driver: &str, name: &str, target: &Path) -> String {
    let target = target.display();
    format!(
        "mkdir -p {target}; podman --root {target}/root --runroot {target}/run --storage-driver {driver} \
         pull -q --tls-verify=false {name} >/dev/null; umount {target}/root/overlay 2>/dev/null || true"
    )
}

/// What one run took.
#[derive(Clone, Copy)]
struct Run {
    wall: Duration,
    processor: Duration,
    /// Of the largest process.
    peak_kib: u32,
}

impl Run {
    fn of(command: &mut Command) -> Self {
        let text = "/usr/bin/time -f '%U %S %M' -o \"$0\" \"$@\"";
        let report = tempfile::NamedTempFile::new().expect("a file");
        let start = Instant::now();
        let status = Command::new("sh")
            .args(["-c", text])
            .arg(report.path())
            .arg(command.get_program())
            .args(command.get_args())
            .status()
            .expect("start");
        let wall = start.elapsed();
        assert!(status.success(), "{command:?} failed");
        let text = std::fs::read_to_string(report.path()).expect("the figures");
        let figures: Vec<&str> = text.split_whitespace().collect();
        let [user, system, peak] = figures[..] else {
            panic!("{text:?} is not three figures");
        };
        let seconds = |text: &str| text.parse::<f64>().expect("seconds");
        Self {
            wall,
            processor: Duration::from_secs_f64(seconds(user) + seconds(system)),
            peak_kib: peak.parse().expect("KiB"),
        }
    }
}
