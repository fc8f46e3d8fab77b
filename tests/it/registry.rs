//! Images from a real registry on loopback.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use scar_tests::Product;
use scar_tests::cloud::within;

const MANIFEST: &str = "w/workflow.yaml";

/// A registry with the image `shell:1` in it, ended when dropped.
pub(crate) struct Registry {
    process: Child,
    /// Host and port.
    pub(crate) address: String,
}

impl Registry {
    /// Starts it, with the image.
    pub(crate) fn start(product: &Product) -> Self {
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .to_string();
        let settings = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {address}\n",
            product.path().join("registry").display()
        );
        let settings = product.write("registry.yml", settings);
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(settings)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("start docker-registry (apt-get install docker-registry)");
        let registry = Self { process, address };
        within("the registry is up", Duration::from_secs(20), || {
            TcpStream::connect(&registry.address).is_ok()
        });
        registry.push(&product.path().join("workflows/images/shell"));
        registry
    }

    /// Moves the tag to an image of these programs.
    pub(crate) fn push_as(&self, product: &Product, name: &str, programs: &[&str]) {
        let words = ["image", "pack", "--output", name];
        product.scar(words.iter().chain(programs)).exits(0);
        self.push(&product.path().join(name));
    }

    fn push(&self, layout: &Path) {
        let from = format!("oci:{}", layout.display());
        let status = Command::new("skopeo")
            .args(["copy", "--quiet", "--dest-tls-verify=false", &from])
            .arg(format!("docker://{}/shell:1", self.address))
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "skopeo could not push"
        );
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn write_manifest(product: &Product, image: &str) {
    product.stage("cp \"$SCAR_INPUT\" \"$SCAR_OUT/\"", &[]);
    let text = std::fs::read_to_string(product.path().join(MANIFEST)).unwrap();
    product.write(
        MANIFEST,
        text.replace("oci:../workflows/images/shell", image),
    );
}

#[test]
fn a_stage_runs_an_image_of_a_registry_pinned_by_digest() {
    let product = Product::new();
    product.image("shell");
    let registry = Registry::start(&product);
    write_manifest(&product, &format!("{}/shell:1", registry.address));
    product.write("a.txt", "a");
    product
        .scar(["run", MANIFEST, "a.txt", "--local", "--plain-http"])
        .exits(0);
    product
        .scar(["get", "out/", "got", "-f", MANIFEST, "--local"])
        .exits(0);
    assert_eq!(
        std::fs::read(product.path().join("got/a.txt")).unwrap(),
        b"a"
    );
    product
        .scar(["plan", MANIFEST, "--local", "--plain-http", "--exit-code"])
        .exits(0);
}

#[test]
fn an_image_that_the_registry_lacks_is_one_clear_error() {
    let product = Product::new();
    product.image("shell");
    let registry = Registry::start(&product);
    let image = format!("{}/shell:2", registry.address);
    write_manifest(&product, &image);
    let run = product.scar(["plan", MANIFEST, "--local", "--plain-http"]);
    assert_ne!(run.code, 0);
    assert!(
        run.stderr.contains(&image) && run.stderr.contains("work"),
        "{}",
        run.stderr
    );
}

#[test]
fn plain_http_needs_to_be_allowed() {
    let product = Product::new();
    product.image("shell");
    let registry = Registry::start(&product);
    write_manifest(&product, &format!("{}/shell:1", registry.address));
    let run = product.scar(["plan", MANIFEST, "--local"]);
    assert_ne!(run.code, 0);
    assert!(run.stderr.contains("--plain-http"), "{}", run.stderr);
}

#[test]
fn the_image_verbs_work_on_layouts_and_registries() {
    let product = Product::new();
    product.image("shell");
    let registry = Registry::start(&product);
    let remote = format!("{}/shell:1", registry.address);
    let said = product.scar([
        "image",
        "run",
        "oci:workflows/images/shell",
        "--",
        "sh",
        "-c",
        "echo $((6 * 7)); exit 3",
    ]);
    assert_eq!((said.code, said.stdout.trim()), (3, "42"), "{said:?}");
    product
        .scar([
            "image",
            "pull",
            &remote,
            "--output",
            "pulled",
            "--plain-http",
        ])
        .exits(0);
    product
        .scar(["image", "unpack", "oci:pulled", "tree"])
        .exits(0);
    assert!(product.path().join("tree/usr/bin").is_dir());
    let local = product
        .scar(["image", "inspect", "oci:workflows/images/shell", "--json"])
        .exits(0)
        .json();
    let pulled = product
        .scar(["image", "inspect", &remote, "--json", "--plain-http"])
        .exits(0)
        .json();
    assert_eq!(local["digest"], pulled["digest"]);
}
