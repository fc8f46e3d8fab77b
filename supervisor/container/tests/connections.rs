//! Pulling over connections that break.
#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use scar_container::{
    Cache, Client, Credentials, Limits, PackSpec, PackedFile, Platform, Reference, pack,
};

mod partner;

use partner::{needs, registry, run};

/// Bytes of the file in the image, which do not compress.
const FILE_BYTES: usize = 8 << 20;
/// Answered bytes after which a connection is cut: more than a part of a layer, and not a multiple.
const CUT_AFTER_BYTES: u64 = 2_300_000;

/// Bytes that look like noise and are the same every time.
fn noise() -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next)
        .flatten()
        .take(FILE_BYTES)
        .collect()
}

/// Stands before a registry and cuts every connection. Gives its own address and how much it passed on.
fn cutter(registry: String) -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let passed = Arc::new(AtomicU64::new(0));
    let counter = passed.clone();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(&registry).unwrap();
            let counter = counter.clone();
            std::thread::spawn(move || serve(&client, &server, &counter));
        }
    });
    (address, passed)
}

fn serve(client: &TcpStream, server: &TcpStream, passed: &AtomicU64) {
    let (mut asks, mut asked) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let asking = std::thread::spawn(move || std::io::copy(&mut asks, &mut asked));
    let (mut server, mut client) = (server, client);
    let mut buffer = [0; 16 << 10];
    let mut left = CUT_AFTER_BYTES;
    while left > 0 {
        let Ok(count @ 1..) = server.read(&mut buffer) else {
            break;
        };
        let count = count.min(usize::try_from(left).unwrap_or(count));
        if client.write_all(&buffer[..count]).is_err() {
            break;
        }
        left -= count as u64;
        passed.fetch_add(count as u64, Ordering::Relaxed);
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
    let _ = asking.join();
}

/// An image with a large layer, in a registry.
fn pushed(folder: &Path, host: &str) {
    std::fs::write(folder.join("noise"), noise()).unwrap();
    let spec = PackSpec {
        programs: vec!["true".into()],
        files: vec![PackedFile {
            source: folder.join("noise"),
            target: "/srv/noise".into(),
        }],
        ..PackSpec::default()
    };
    let image = folder.join("image");
    pack(&spec, &image).unwrap();
    let source = format!("oci:{}:latest", image.display());
    let target = format!("docker://{host}/acme/noise:1");
    let options = ["--insecure-policy", "copy", "-q", "--dest-tls-verify=false"];
    run("skopeo", &[&options[..], &[&source, &target]].concat());
}

#[tokio::test]
async fn a_pull_goes_on_where_its_connection_broke() {
    needs(&["skopeo", "docker-registry"]);
    let folder = tempfile::tempdir().unwrap();
    let registry = registry(folder.path(), "");
    pushed(folder.path(), &registry.host);
    let (host, passed) = cutter(registry.host.clone());
    let name = format!("{host}/acme/noise:1");
    let Reference::Registry(reference) = Reference::parse(&name).unwrap() else {
        unreachable!("a registry reference");
    };
    let client = Client::new(&reference, Credentials::default(), true).unwrap();
    let digest = client.resolve(&Platform::host()).await.unwrap();
    let cache = Cache::new(folder.path().join("cache"));
    let limits = Limits::default();
    let rootfs = cache.ensure(&client, &digest, &limits).await.unwrap();
    assert!(std::fs::read(rootfs.path.join("srv/noise")).unwrap() == noise());
    // It was cut several times, and what had come was not asked for again.
    let passed = passed.load(Ordering::Relaxed);
    assert!(passed > FILE_BYTES as u64, "{passed}");
    assert!(passed < 2 * FILE_BYTES as u64, "{passed}");
}
