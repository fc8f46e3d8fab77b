//! HTTP doors of the real file: what callers get, at once and later.

use scar_schemas::construct::{Http, HttpAuth, HttpMode};
use scar_schemas::contract::{More, OutputKey};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;

use crate::sandbox::{ENGINES, Sandbox};
use crate::stage::{DATA, prefix};
use crate::world::event;

/// Answers as its input's first word wants it.
const SCRIPT: &str = r#"#!/bin/sh
read -r word rest < "$SCAR_INPUT"
case "$word" in
  bad) echo "no good" >&2; exit 65 ;;
  broken) echo "last words"; exit 3 ;;
  print) echo "printed $rest" ;;
  large) /bin/busybox head -c 5000000 /dev/zero > "$SCAR_OUT/large.bin" ;;
  *) cat "$SCAR_INPUT" > "$SCAR_OUT/answer.${SCAR_INPUT##*.}" ;;
esac
"#;

fn door(mode: HttpMode, output: Option<OutputKey>) -> Sandbox {
    let http = Http {
        path: "/".into(),
        mode,
        auth: HttpAuth::None,
        body_bytes: 1_000,
    };
    let more = More {
        http: Some(http),
        ..More::default()
    };
    Sandbox::new(ENGINES[0], SCRIPT, &[], output, more)
}

/// The request of a function URL.
fn request(method: &str, query: Value, content_type: &str, body: &str, encoded: bool) -> Value {
    json!({
        "version": "2.0", "rawPath": "/", "rawQueryString": "",
        "headers": { "Content-Type": content_type },
        "queryStringParameters": query,
        "requestContext": {
            "requestId": format!("r{}", crate::runtime::now_ns()),
            "http": { "method": method, "path": "/" },
        },
        "body": body, "isBase64Encoded": encoded,
    })
}

fn post(sandbox: &mut Sandbox, body: &str) -> Value {
    let request = request("POST", json!({}), "text/plain", body, false);
    sandbox.function.invoke(&request).unwrap()
}

fn parsed(answer: &Value) -> Value {
    serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
}

#[test]
fn a_caller_who_waits_gets_the_file_or_what_was_printed() {
    let mut sandbox = door(HttpMode::Sync, None);
    let answer = post(&mut sandbox, "hello");
    assert_eq!(answer["statusCode"], 200, "{answer:#}");
    assert_eq!(answer["body"], "hello");
    assert_eq!(answer["headers"]["content-type"], "text/plain");
    assert_eq!(answer["headers"]["x-scar-task"].as_str().unwrap().len(), 64);
    let answer = post(&mut sandbox, "print it");
    assert_eq!(answer["body"], "printed it\n");
    let bytes = request("PUT", json!({"name": "x.png"}), "", "/wD+", true);
    let answer = sandbox.function.invoke(&bytes).unwrap();
    assert_eq!(answer["headers"]["content-type"], "image/png", "{answer:#}");
    assert_eq!(answer["isBase64Encoded"], true);
    assert_eq!(answer["body"], "/wD+");
}

#[test]
fn a_caller_who_waits_is_told_what_went_wrong() {
    let mut sandbox = door(HttpMode::Sync, None);
    let answer = post(&mut sandbox, "bad");
    assert_eq!(answer["statusCode"], 400, "{answer:#}");
    assert_eq!(parsed(&answer)["exit_code"], 65);
    let answer = post(&mut sandbox, "broken");
    assert_eq!(answer["statusCode"], 500, "{answer:#}");
    assert_eq!(parsed(&answer)["class"], "container");
    assert_eq!(parsed(&answer)["log_tail"][0], "last words");
    assert_eq!(post(&mut sandbox, &"x".repeat(1_001))["statusCode"], 413);
    let answer = post(&mut sandbox, "large");
    assert_eq!(answer["statusCode"], 413, "{answer:#}");
    let get = request("GET", json!({}), "", "", false);
    let answer = sandbox.function.invoke(&get).unwrap();
    assert_eq!(answer["statusCode"], 405, "{answer:#}");
}

#[test]
fn a_large_result_is_where_the_stage_publishes_it() {
    let mut sandbox = door(HttpMode::Sync, Some(prefix("out/")));
    let answer = post(&mut sandbox, "large");
    assert_eq!(answer["statusCode"], 303, "{answer:#}");
    let location = answer["headers"]["location"].as_str().unwrap();
    assert!(location.contains("X-Amz-Signature="), "{location}");
    let (head, body) = ask(location, "GET", b"");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(body.len(), 5_000_000);
}

#[test]
fn a_caller_who_does_not_wait_asks_later() {
    let mut sandbox = door(HttpMode::Async, Some(prefix("out/")));
    let answer = post(&mut sandbox, "hello");
    assert_eq!(answer["statusCode"], 202, "{answer:#}");
    let task = parsed(&answer)["task"].as_str().unwrap().to_owned();
    let status = request("GET", json!({ "task": task }), "", "", false);
    let told = |sandbox: &mut Sandbox| parsed(&sandbox.function.invoke(&status).unwrap());
    assert_eq!(told(&mut sandbox)["state"], "waits");
    let body = sandbox.keys(".scar/http/one/").remove(0);
    let event = event(&sandbox.store, DATA, &body);
    let report = sandbox.function.invoke(&event).unwrap();
    assert_eq!(report["tasks"][0]["task"], task.as_str(), "{report:#}");
    let told = told(&mut sandbox);
    assert_eq!(told["state"], "published", "{told:#}");
    assert_eq!(told["outputs"], json!(["s3://data-real/out/answer.txt"]));
    let unknown = request("GET", json!({ "task": "x" }), "", "", false);
    let answer = sandbox.function.invoke(&unknown).unwrap();
    assert_eq!(answer["statusCode"], 400, "{answer:#}");
}

#[test]
fn a_body_that_is_too_large_for_a_call_is_uploaded() {
    let mut sandbox = door(HttpMode::Async, Some(prefix("out/")));
    let upload = request("POST", json!({ "upload": "big.csv" }), "", "", false);
    let answer = sandbox.function.invoke(&upload).unwrap();
    assert_eq!(answer["statusCode"], 200, "{answer:#}");
    let text = "1,2\n".repeat(2_000_000);
    let address = parsed(&answer)["upload"].as_str().unwrap().to_owned();
    let (head, _) = ask(&address, "PUT", text.as_bytes());
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let body = sandbox.keys(".scar/http/one/").remove(0);
    let event = event(&sandbox.store, DATA, &body);
    let report = sandbox.function.invoke(&event).unwrap();
    assert_eq!(report["tasks"][0]["state"], "published", "{report:#}");
    assert_eq!(sandbox.text("out/answer.csv"), text);
}

/// A request of a client that knows nothing but an address.
fn ask(address: &str, method: &str, body: &[u8]) -> (String, Vec<u8>) {
    let (host, path) = address
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let length = body.len();
    let head = format!(
        "{method} /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let body = answer.split_off(end + 4);
    (String::from_utf8(answer).unwrap(), body)
}
