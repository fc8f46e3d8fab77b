//! How much of a call's time is the supervisor's. Nothing here fails for being slow: the numbers are for
//! people, and mean something on a quiet computer with the file that is shipped:
//!
//! ```text
//! cargo build -p scar-supervisor --profile supervisor
//! SCAR_DELIVERY_SUPERVISOR=target/supervisor/scar-supervisor \
//!     cargo test -p scar-supervisor --test delivery -- --ignored figures --nocapture
//! ```

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use scar_schemas::contract::{More, OutputKey};

use crate::sandbox::{ENGINES, Sandbox};
use crate::stage::{DATA, prefix, single};
use crate::world::event;

const CALLS: usize = 101;
const STARTS: usize = 21;
/// The script, as near to `/bin/true` as a stage with an output can be.
const SCRIPT: &str = "#!/bin/sh\n: > \"$SCAR_OUT/$SCAR_STEM.up\"\n";
const COPY: &str = "#!/bin/sh\ncat \"$SCAR_INPUT\" > \"$SCAR_OUT/$SCAR_STEM.up\"\n";

/// Times in the order of their length.
struct Figure(Vec<Duration>);

impl Figure {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self(times)
    }

    fn percentile_ms(&self, percent: usize) -> f64 {
        self.0[(self.0.len() - 1) * percent / 100].as_secs_f64() * 1_000.0
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [median, most] = [50, 90].map(|percent| self.percentile_ms(percent));
        write!(
            out,
            "{median:.2} ms median, {most:.2} ms at 90 %, {} times",
            self.0.len()
        )
    }
}

#[test]
#[ignore = "measures; run it by its name on a quiet computer"]
fn figures_of_warm_calls() {
    for engine in ENGINES {
        warm(engine, "atomic", single("out/", ".up"));
        warm(engine, "ledger", prefix("out/"));
    }
}

/// Calls and floors in turn: the bare requests of a call and the start of one process.
fn warm(engine: &str, mode: &str, output: OutputKey) {
    let more = More::default();
    let mut sandbox = Sandbox::new(engine, SCRIPT, &["in/*"], Some(output), more);
    let mut client = Client::new(&sandbox.store.address.to_string());
    let (mut calls, mut floors) = (Vec::new(), Vec::new());
    let requests = |sandbox: &Sandbox| sandbox.store.state.lock().unwrap().requests;
    let (processor, mut asked) = (sandbox.function.processor_time(), 0);
    sandbox.bring("in/first", "first");
    for number in 0..CALLS {
        let event = sandbox.put(&format!("in/{number}"), "some text");
        let before = requests(&sandbox);
        let start = Instant::now();
        let report = sandbox.function.invoke(&event).unwrap();
        calls.push(start.elapsed());
        asked = requests(&sandbox) - before;
        assert_eq!(report["tasks"][0]["state"], "published", "{report:#}");
        let start = Instant::now();
        client.requests_of_a_call(mode, number);
        assert!(Command::new("/bin/true").status().unwrap().success());
        floors.push(start.elapsed());
    }
    let (calls, floors) = (Figure::of(calls), Figure::of(floors));
    let ratio = calls.percentile_ms(50) / floors.percentile_ms(50);
    let processor = (sandbox.function.processor_time() - processor) / (CALLS as u32 + 1);
    eprintln!(
        "warm call, {engine}, {mode}: {calls}, {asked} requests, {processor:?} of processor time; \
         floor {floors}; {ratio:.1} times the floor"
    );
}

#[test]
#[ignore = "measures; run it by its name on a quiet computer"]
fn figures_of_cold_starts() {
    let start = |_| Sandbox::copying(ENGINES[0], SCRIPT).function.cold_start;
    let floor = |_| {
        let start = Instant::now();
        assert!(Command::new("/bin/true").status().unwrap().success());
        start.elapsed()
    };
    let (starts, floors): (Vec<_>, Vec<_>) = (0..STARTS).map(|n| (start(n), floor(n))).unzip();
    let (starts, floors) = (Figure::of(starts), Figure::of(floors));
    eprintln!("start to first poll: {starts}; floor, /bin/true: {floors}");
}

#[test]
#[ignore = "measures; run it by its name on a quiet computer"]
fn figures_of_memory() {
    for (mode, output) in [
        ("atomic", single("out/", ".up")),
        ("ledger", prefix("out/")),
    ] {
        let more = More::default();
        let mut sandbox = Sandbox::new(ENGINES[0], COPY, &["in/*"], Some(output), more);
        sandbox.bring("in/small", "small");
        let small = sandbox.function.peak_memory_kib();
        let gibibyte = Bytes::from(vec![b'x'; 1 << 30]);
        sandbox.store.put(DATA, "in/large", gibibyte);
        let event = event(&sandbox.store, DATA, "in/large");
        let report = sandbox.function.invoke(&event).unwrap();
        assert_eq!(report["tasks"][0]["state"], "published", "{report:#}");
        assert_eq!(sandbox.object("out/large.up").body.len(), 1 << 30);
        let large = sandbox.function.peak_memory_kib();
        eprintln!(
            "peak memory, {mode}: {large} KiB with 1 GiB in and out, {small} KiB with 5 bytes"
        );
    }
}

/// A client that does nothing but send and read.
struct Client(BufReader<TcpStream>);

impl Client {
    fn new(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::new(stream))
    }

    fn requests_of_a_call(&mut self, mode: &str, number: usize) {
        let at = |name: &str| format!("/floor/{name}-{number}");
        self.ask("GET", "/data-real/in/first", &[], "");
        if mode == "atomic" {
            self.ask("HEAD", &at("out"), &[], "");
            self.ask("PUT", &at("out"), &["if-none-match: *"], "some text");
            return;
        }
        let record = "r".repeat(1_000);
        let source = format!("x-amz-copy-source: floor/staged-{number}");
        self.ask("GET", &at("record"), &[], "");
        self.ask("PUT", &at("staged"), &["if-none-match: *"], "some text");
        self.ask("PUT", &at("record"), &["if-none-match: *"], &record);
        self.ask("PUT", &at("out"), &["if-none-match: *", &source], "");
        self.ask("PUT", &at("record"), &[], &record);
        self.ask("DELETE", &at("staged"), &[], "");
    }

    fn ask(&mut self, method: &str, path: &str, headers: &[&str], body: &str) {
        let length = body.len();
        let mut text =
            format!("{method} {path} HTTP/1.1\r\nhost: s3\r\ncontent-length: {length}\r\n");
        for header in headers {
            text.push_str(header);
            text.push_str("\r\n");
        }
        let text = text + "\r\n" + body;
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
        let mut length = 0;
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            assert!(self.0.read_line(&mut line).unwrap() > 0);
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
        }
        if method != "HEAD" {
            let mut body = vec![0; length];
            self.0.read_exact(&mut body).unwrap();
        }
    }
}
