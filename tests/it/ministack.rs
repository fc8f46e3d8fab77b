//! A cloud that is not ours: ministack makes the stack and starts the supervisor. What it cannot do stands
//! in `docs/reference/other-clouds.md`.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use scar_tests::cloud::within;
use scar_tests::product::python;
use scar_tests::{Product, Run};

const MANIFEST: &str = "workflows/quickstart/workflow.yaml";
const RESULTS: [(&str, &str); 3] = [
    ("market.txt", "4\tand\n3\tall\n3\tapples\n"),
    ("rain.txt", "10\tthe\n3\train\n2\tand\n"),
    ("river.txt", "13\ta\n4\triver\n2\tand\n"),
];
/// Its start imports dozens of services.
const START_MAX: Duration = Duration::from_secs(60);
const RESULTS_MAX: Duration = Duration::from_secs(120);

/// A ministack of one product directory, ended when dropped.
struct Ministack<'a> {
    product: &'a Product,
    process: Child,
    port: u16,
}

impl<'a> Ministack<'a> {
    fn up(product: &'a Product) -> Self {
        let port = free_port();
        let log = fs::File::create(product.path().join("ministack.log")).expect("make a file");
        let process = Command::new(python())
            .args(["-m", "ministack"])
            .current_dir(product.path())
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("SFTP_ENABLED", "0")
            .env("IOT_MTLS_ENABLED", "0")
            .env("MINISTACK_ACCOUNT_ID", "123456789012")
            .env("LAMBDA_EXECUTOR", "local")
            .env("AWS_ENDPOINT_URL", endpoint(port))
            .env("SCAR_WORK_DIR", product.path().join("tasks"))
            .env("TMPDIR", product.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("start python");
        let mut cloud = Self {
            product,
            process,
            port,
        };
        within("ministack comes up", START_MAX, || {
            let ended = cloud.process.try_wait().expect("ask for the process");
            assert!(ended.is_none(), "ministack ended:\n{}", cloud.log());
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        cloud
    }

    fn scar(&self, arguments: &[&str]) -> Run {
        let mut command = self.product.command(arguments);
        command
            .args(["-f", MANIFEST, "--endpoint-url", &endpoint(self.port)])
            .env("AWS_ACCESS_KEY_ID", "anybody")
            .env("AWS_SECRET_ACCESS_KEY", "anything");
        command.output().expect("start scar").into()
    }

    fn changes(&self) -> serde_json::Value {
        let plan = self.scar(&["plan", "--bundle-supervisor", "--json"]);
        plan.exits(0).json()["summary"].clone()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.product.path().join("ministack.log")).expect("read the log")
    }
}

impl Drop for Ministack<'_> {
    /// Asked rather than killed, so that it ends the functions that it has started.
    #[expect(
        clippy::print_stdout,
        reason = "the reason of a failure stands in the log"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("--- ministack\n{}", self.log());
        }
        let id = i32::try_from(self.process.id()).expect("a process id");
        kill(Pid::from_raw(id), Signal::SIGTERM).ok();
        self.process.wait().ok();
    }
}

fn endpoint(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

fn assert_changes(found: &serde_json::Value, expected: u64) {
    for (kind, number) in [
        ("add", 0),
        ("change", expected),
        ("replace", 0),
        ("delete", 0),
    ] {
        assert_eq!(found[kind], number, "{kind}: {found}");
    }
}

fn change_memory(product: &Product) {
    let text = fs::read_to_string(product.path().join(MANIFEST)).expect("read the manifest");
    let changed = text.replacen("    run: sort", "    memory: 512MiB\n    run: sort", 1);
    assert_ne!(text, changed);
    product.write(MANIFEST, changed);
}

#[test]
fn the_quickstart_runs_in_a_cloud_that_is_not_ours() {
    let product = Product::new();
    product.image("shell");
    let cloud = Ministack::up(&product);
    let apply = ["apply", "--bundle-supervisor", "--auto-approve"];

    cloud.scar(&apply).exits(0);
    assert_changes(&cloud.changes(), 0);

    let texts = RESULTS.map(|(name, _)| format!("workflows/quickstart/texts/{name}"));
    let [market, rain, river] = texts.each_ref().map(String::as_str);
    cloud.scar(&["put", market, rain, river]).exits(0);
    within("three results", RESULTS_MAX, || {
        let listed = cloud.scar(&["ls", "top/", "--json"]).exits(0);
        listed.stdout.matches(".txt\"").count() == RESULTS.len()
    });
    cloud.scar(&["get", "top/", "got"]).exits(0);
    for (name, words) in RESULTS {
        let got = fs::read_to_string(product.path().join("got").join(name)).unwrap();
        assert_eq!(got, words, "{name}");
    }

    change_memory(&product);
    assert_changes(&cloud.changes(), 1);
    cloud.scar(&apply).exits(0);
    assert_changes(&cloud.changes(), 0);

    let everything = ["destroy", "--delete-data", "--base", "--confirm", "dev"];
    cloud.scar(&everything).exits(0);
    assert_ne!(cloud.changes()["add"], 0);
}
