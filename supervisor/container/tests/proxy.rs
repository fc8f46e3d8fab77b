//! A registry that only a proxy reaches.
#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use scar_container::{Client, Credentials, PackSpec, Platform, Reference, pack};

mod partner;

use partner::{Registry, needs, registry, run};

/// A name that nothing but the proxy knows.
const IMAGE: &str = "registry.test/acme/tools:1";
/// `user:secret` as the header has it.
const LOGIN: &str = "Basic dXNlcjpzZWNyZXQ=";

/// Starts a registry with a certificate for the name above, which is `certificate.pem` in the folder.
fn registry_with_tls(folder: &Path) -> Registry {
    let path = |name: &str| folder.join(name).display().to_string();
    let (key, certificate) = (path("key.pem"), path("certificate.pem"));
    let names = "subjectAltName=DNS:registry.test";
    let options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    let mut arguments: Vec<&str> = options.split(' ').collect();
    arguments.extend(["-subj", "/CN=registry.test", "-addext", names]);
    arguments.extend(["-addext", "basicConstraints=critical,CA:FALSE"]);
    arguments.extend(["-keyout", &key, "-out", &certificate]);
    run("openssl", &arguments);
    let settings = format!("  tls:\n    certificate: {certificate}\n    key: {key}\n");
    registry(folder, &settings)
}

/// A proxy that leads to the registry whatever name it is asked for. Gives its address and what it was
/// asked.
fn proxy(registry: String) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (registry, log) = (registry.clone(), log.clone());
            std::thread::spawn(move || tunnel(client, &registry, &log));
        }
    });
    (address, asked)
}

fn tunnel(mut client: TcpStream, registry: &str, log: &Mutex<Vec<String>>) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    log.lock().unwrap().push(String::from_utf8(head).unwrap());
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    let mut server = TcpStream::connect(registry).unwrap();
    let (mut asks, mut asked) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || std::io::copy(&mut asks, &mut asked));
    let _ = std::io::copy(&mut server, &mut client);
}

/// Asks for the image in a process with these variables.
fn resolved(folder: &Path, proxy: &str, excepted: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "resolves_an_image"])
        .env("SSL_CERT_FILE", folder.join("certificate.pem"))
        .env("HTTPS_PROXY", format!("http://user:secret@{proxy}"))
        .env("NO_PROXY", excepted)
        .output()
        .unwrap()
}

#[test]
fn a_registry_is_asked_through_the_proxy_of_the_environment() {
    needs(&["skopeo", "docker-registry", "openssl"]);
    let folder = tempfile::tempdir().unwrap();
    let spec = PackSpec {
        programs: vec!["true".into()],
        ..PackSpec::default()
    };
    let image = folder.path().join("image");
    let report = pack(&spec, &image).unwrap();
    let registry = registry_with_tls(folder.path());
    let source = format!("oci:{}:latest", image.display());
    let target = format!("docker://{}/acme/tools:1", registry.host);
    let options = ["--insecure-policy", "copy", "-q", "--dest-tls-verify=false"];
    run("skopeo", &[&options[..], &[&source, &target]].concat());

    let (proxy, asked) = proxy(registry.host.clone());
    let output = resolved(folder.path(), &proxy, "example.com,10.0.0.0/8");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(report.digest.as_str()), "{output:?}");
    let asked = asked.lock().unwrap().join("");
    assert!(asked.starts_with("CONNECT registry.test:443 "), "{asked}");
    assert!(asked.contains(LOGIN), "{asked}");

    // Nobody else knows the name.
    let output = resolved(folder.path(), &proxy, "example.com,.test");
    assert!(!output.status.success(), "{output:?}");
}

#[tokio::test]
#[ignore = "the other process of the test above"]
async fn resolves_an_image() {
    let Reference::Registry(reference) = Reference::parse(IMAGE).unwrap() else {
        unreachable!("a registry reference");
    };
    let client = Client::new(&reference, Credentials::default(), false).unwrap();
    println!("{}", client.resolve(&Platform::host()).await.unwrap());
}
