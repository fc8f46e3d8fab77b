//! Ctrl-C and SIGTERM, at any moment: what state things are in is said, nothing is half written, and the next
//! try succeeds.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use scar_tests::cloud::within;
use scar_tests::{Product, Run};

const MANIFEST: &str = "w/workflow.yaml";
const COPY: &str = "cp \"$SCAR_INPUT\" \"$SCAR_OUT/\"";
/// Counts for some seconds, as the image has no `sleep`, then copies.
const SLOW_COPY: &str =
    "n=0; while [ $n -lt 3000000 ]; do n=$((n + 1)); done; cp \"$SCAR_INPUT\" \"$SCAR_OUT/\"";

fn start(product: &Product, arguments: &[&str]) -> Child {
    let mut command = product.command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).ok();
}

fn ended(child: Child) -> Run {
    child.wait_with_output().unwrap().into()
}

/// Done before the signal, interrupted, or ended by the signal itself before anything was begun.
#[track_caller]
fn is_orderly(run: &Run) {
    match run.code {
        0 => {}
        130 => {
            assert!(run.stderr.contains("interrupted"), "{}", run.stderr);
            assert!(run.stderr.contains("hint:"), "{}", run.stderr);
        }
        -1 => assert!(run.stdout.is_empty(), "{}", run.stdout),
        code => panic!("{code}: {}", run.stderr),
    }
}

#[test]
fn an_interrupted_deployment_is_completed_by_the_next_one() {
    let product = Product::new();
    product.stage(COPY, &[]);
    let apply = ["apply", MANIFEST, "--local"];
    for (number, milliseconds) in [20, 60, 120, 200, 300, 450].into_iter().enumerate() {
        let child = start(&product, &apply);
        sleep(Duration::from_millis(milliseconds));
        let signal = match number % 2 {
            0 => Signal::SIGINT,
            _ => Signal::SIGTERM,
        };
        send(&child, signal);
        is_orderly(&ended(child));
    }
    product.scar(apply).exits(0);
    let plan = ["plan", MANIFEST, "--local", "--exit-code"];
    product.scar(plan).exits(0);
    product.write("a.txt", "a");
    product.scar(["run", MANIFEST, "a.txt", "--local"]).exits(0);
}

#[test]
fn an_interrupted_run_goes_on_where_it_was() {
    let product = Product::new();
    product.stage(SLOW_COPY, &[]);
    product.write("a.txt", "a");
    let run = ["run", MANIFEST, "a.txt", "--local"];
    product.scar(["apply", MANIFEST, "--local"]).exits(0);
    let child = start(&product, &run);
    sleep(Duration::from_millis(1_000));
    send(&child, Signal::SIGINT);
    let interrupted = ended(child).exits(130);
    assert!(
        interrupted.stderr.contains("nothing is lost"),
        "{}",
        interrupted.stderr
    );
    product.scar(run).exits(0);
    let listed = product.scar(["ls", "out/", "-f", MANIFEST, "--local", "--json"]);
    assert_eq!(listed.exits(0).json().as_array().unwrap().len(), 1);
}

#[test]
fn whoever_asks_twice_does_not_wait() {
    let product = Product::new();
    product.stage(SLOW_COPY, &[]);
    product.write("a.txt", "a");
    product.scar(["apply", MANIFEST, "--local"]).exits(0);
    let child = start(&product, &["run", MANIFEST, "a.txt", "--local"]);
    sleep(Duration::from_millis(800));
    let before = Instant::now();
    send(&child, Signal::SIGINT);
    sleep(Duration::from_millis(50));
    send(&child, Signal::SIGINT);
    ended(child).exits(130);
    assert!(
        before.elapsed() < Duration::from_secs(3),
        "{:?}",
        before.elapsed()
    );
    product.scar(["status", MANIFEST, "--local"]).exits(0);
}

#[test]
fn a_local_cloud_that_is_ended_leaves_its_lock() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let product = Product::new();
        product.stage(COPY, &[]);
        let child = start(&product, &["local", "up"]);
        within("the cloud is up", Duration::from_secs(20), || {
            product.scar(["local", "info"]).code == 0
        });
        send(&child, signal);
        ended(child).exits(0);
        product.scar(["local", "info"]).exits(1);
        product.scar(["apply", MANIFEST, "--local"]).exits(0);
    }
}

#[test]
fn of_an_interrupted_pull_nothing_is_left() {
    let product = Product::new();
    // A registry that takes connections and never answers.
    let registry = TcpListener::bind("127.0.0.1:0").unwrap();
    let image = format!("{}/x:1", registry.local_addr().unwrap());
    let pull = [
        "image",
        "pull",
        &image,
        "--plain-http",
        "--output",
        "pulled/x",
    ];
    let child = start(&product, &pull);
    sleep(Duration::from_millis(600));
    send(&child, Signal::SIGINT);
    let run = ended(child).exits(130);
    assert!(
        run.stderr.contains("nothing is left of it"),
        "{}",
        run.stderr
    );
    let left = fs::read_dir(product.path().join("pulled"));
    assert_eq!(left.map_or(0, Iterator::count), 0);
}
