//! A plan is for one account and one region; and what is told when a cloud cannot do what a plan says.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use scar_tests::{Cloud, Product, Run};

const MANIFEST: &str = "w/workflow.yaml";
const ACCOUNT: &[u8] = b"000000000000";
const OTHER_ACCOUNT: &[u8] = b"111111111111";

/// Runs `scar` with the keys of the cloud, at this address.
fn at(cloud: &Cloud<'_>, product: &Product, endpoint: &str, arguments: &[&str]) -> Run {
    let mut command = product.command(arguments);
    command
        .args(["--endpoint-url", endpoint])
        .envs(cloud.variables());
    command.output().unwrap().into()
}

fn endpoint(cloud: &Cloud<'_>) -> String {
    let variables = cloud.variables();
    let found = variables
        .iter()
        .find(|(name, _)| name == "AWS_ENDPOINT_URL");
    found.unwrap().1.clone()
}

/// The same cloud at another address, where it says that it is another account.
fn as_another_account(endpoint: &str) -> String {
    let target = endpoint.strip_prefix("http://").unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(&target).unwrap();
            let (from_client, to_server) =
                (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || copy(from_client, to_server, |_| {}));
            thread::spawn(move || copy(server, client, rename));
        }
    });
    format!("http://{address}")
}

fn copy(mut from: TcpStream, mut to: TcpStream, change: impl Fn(&mut [u8])) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        change(&mut bytes[..count]);
        if to.write_all(&bytes[..count]).is_err() {
            return;
        }
    }
}

fn rename(bytes: &mut [u8]) {
    for at in 0..bytes.len().saturating_sub(ACCOUNT.len() - 1) {
        if bytes[at..].starts_with(ACCOUNT) {
            bytes[at..at + ACCOUNT.len()].copy_from_slice(OTHER_ACCOUNT);
        }
    }
}

#[test]
fn a_saved_plan_is_for_one_account_and_one_region() {
    let product = Product::new();
    product.stage("true", &[]);
    let cloud = Cloud::up(&product);
    let here = endpoint(&cloud);
    at(
        &cloud,
        &product,
        &here,
        &["plan", MANIFEST, "--out", "saved.plan"],
    )
    .exits(0);
    let apply = ["apply", "saved.plan", "-f", MANIFEST, "--auto-approve"];

    let there = as_another_account(&here);
    let said = at(&cloud, &product, &there, &apply).exits(5).stderr;
    assert!(
        said.contains("planned for account 000000000000, this is account 111111111111"),
        "{said}"
    );
    let elsewhere = [&apply[..], &["--region", "eu-west-1"]].concat();
    let said = at(&cloud, &product, &here, &elsewhere).exits(5).stderr;
    assert!(
        said.contains("planned for region us-east-1, this is region eu-west-1"),
        "{said}"
    );
    assert!(said.contains("--profile and --region"), "{said}");

    let list = at(&cloud, &product, &here, &["list", "--json"])
        .exits(0)
        .stdout;
    assert!(!list.contains("\"w\""), "nothing was written: {list}");
    at(&cloud, &product, &here, &apply).exits(0);
}

#[test]
fn a_change_that_fails_is_undone_with_exit_code_6() {
    let product = Product::new();
    product.stage("true", &[]);
    let cloud = Cloud::up(&product);
    product.scar(["apply", MANIFEST, "--local"]).exits(0);
    cloud
        .python("break_stack.py", &["scar-w-dev", "lose-bucket"])
        .exits(0);
    let manifest = product.path().join(MANIFEST);
    let text = std::fs::read_to_string(&manifest).unwrap();
    product.write(MANIFEST, text + "buckets: {data: {expire: {out/: 7d}}}\n");
    let said = product.scar(["apply", MANIFEST, "--local"]).exits(6).stderr;
    assert!(said.contains("DataStore (AWS::S3::Bucket)"), "{said}");
    assert!(said.contains("everything is as it was before"), "{said}");
}

#[test]
fn what_only_a_person_can_mend_is_exit_code_7_with_the_command() {
    let product = Product::new();
    product.stage("true", &[]);
    let cloud = Cloud::up(&product);
    product.scar(["apply", MANIFEST, "--local"]).exits(0);
    cloud
        .python("break_stack.py", &["scar-w-dev", "add-bucket"])
        .exits(0);
    let destroy = ["destroy", MANIFEST, "--local", "--auto-approve"];
    let said = product.scar(destroy).exits(7).stderr;
    assert!(said.contains("Extra (AWS::S3::Bucket)"), "{said}");
    assert!(
        said.contains("aws cloudformation delete-stack --stack-name scar-w-dev"),
        "{said}"
    );
}
