//! Troubles outside of the workflow: said at once, with the way out.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use scar_tests::cloud::within;
use scar_tests::product::scar;
use scar_tests::{Product, Run};

const MANIFEST: &str = "w/workflow.yaml";
const COPY: &str = "cp \"$SCAR_INPUT\" \"$SCAR_OUT/\"";

#[test]
fn a_function_that_cannot_start_is_told_while_the_run_waits() {
    let product = Product::new();
    product.stage(COPY, &[]);
    product.write("a.txt", "a");
    // A program that is none for Lambda: it ends at once.
    let run = [
        "run",
        MANIFEST,
        "a.txt",
        "--local",
        "--supervisor",
        "/usr/bin/true",
    ];
    let said = product.scar(run).exits(8).stderr;
    assert!(
        said.contains("stage work ends before it can take a task"),
        "{said}"
    );
    assert!(said.contains("Runtime.ExitError"), "{said}");
    assert!(said.contains("scar logs work -v"), "{said}");
}

/// A server on this machine whose certificate nobody has signed.
struct Untrusted(Child);

impl Untrusted {
    fn start(product: &Product, port: u16) -> Self {
        let key = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 1 -subj /CN=nobody -addext subjectAltName=IP:127.0.0.1";
        let made = Command::new("sh")
            .args(["-c", &format!("{key} 2>/dev/null")])
            .current_dir(product.path())
            .status();
        assert!(made.unwrap().success());
        let accept = format!("127.0.0.1:{port}");
        let server = Command::new("openssl")
            .args([
                "s_server", "-quiet", "-key", "key.pem", "-cert", "cert.pem", "-accept", &accept,
            ])
            .current_dir(product.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        within("the server is there", Duration::from_secs(20), || {
            std::net::TcpStream::connect(&accept).is_ok()
        });
        Self(server)
    }
}

impl Drop for Untrusted {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn a_certificate_that_is_not_trusted_is_told_at_once() {
    let product = Product::new();
    // The time of building it is not the program's.
    scar();
    let port = free_port();
    let _server = Untrusted::start(&product, port);
    let url = format!("https://127.0.0.1:{port}");
    let image = format!("127.0.0.1:{port}/x:1");
    for arguments in [
        &["list", "--endpoint-url", &url][..],
        &["image", "pull", &image, "--output", "x"],
    ] {
        let before = Instant::now();
        let run: Run = product
            .command(arguments)
            .env("AWS_ACCESS_KEY_ID", "a")
            .env("AWS_SECRET_ACCESS_KEY", "b")
            .output()
            .unwrap()
            .into();
        let said = run.exits(1).stderr;
        assert!(said.contains("not trusted"), "{said}");
        assert!(said.contains("SSL_CERT_FILE"), "{said}");
        assert!(
            before.elapsed() < Duration::from_secs(2),
            "{:?}",
            before.elapsed()
        );
    }
}

#[test]
fn a_proxy_that_does_not_answer_is_named() {
    let product = Product::new();
    let run: Run = product
        .command(["list", "--endpoint-url", "https://192.0.2.1"])
        .env("AWS_ACCESS_KEY_ID", "a")
        .env("AWS_SECRET_ACCESS_KEY", "b")
        .env("HTTPS_PROXY", format!("http://127.0.0.1:{}", free_port()))
        .output()
        .unwrap()
        .into();
    let said = run.exits(1).stderr;
    assert!(said.contains("NO_PROXY"), "{said}");
}

#[test]
fn a_full_disk_is_named_and_nothing_is_half_written() {
    let product = Product::new();
    product.stage(COPY, &[]);
    product.write("big.bin", vec![7; 6 << 20]);
    let on_small_disk = |size: &str, command: &str| -> Run {
        let script = format!(
            "mkdir -p .scar && mount -t tmpfs -o size={size} none .scar && {{ {} {command}; code=$?; ls -A .scar; exit $code; }}",
            scar().display()
        );
        Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
            .current_dir(product.path())
            .output()
            .unwrap()
            .into()
    };
    let pull = "image pull oci:workflows/images/shell --output .scar/x";
    let pulled = on_small_disk("1m", pull).exits(1);
    assert!(pulled.stderr.contains(".scar/"), "{}", pulled.stderr);
    assert!(
        pulled.stderr.contains("the disk is full"),
        "{}",
        pulled.stderr
    );
    assert_eq!(pulled.stdout, "", "something is left");
    let run = on_small_disk("12m", &format!("run {MANIFEST} big.bin --local"));
    assert!([1, 6, 8].contains(&run.code), "{run:?}");
    assert!(run.stderr.contains("disk is full"), "{}", run.stderr);
    assert!(
        fs::read_dir(product.path().join(".scar"))
            .unwrap()
            .next()
            .is_none()
    );
}
