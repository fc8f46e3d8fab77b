//! boto3 drives a cloud: versions and settings of buckets, functions behind queues, addresses and
//! schedules, jobs and their images, drift.
//!
//! Needs the Python packages of `tests/requirements.txt`; `SCAR_TEST_PYTHON` names another Python.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use scar_local::{Cloud, Settings};

const CLIENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");

async fn open(directory: &Path) -> Result<Cloud, scar_local::Error> {
    let mut settings = Settings::new(directory.join("cloud"));
    settings.retry_delay = Duration::from_millis(100);
    settings.concurrency = 4;
    Cloud::open(settings).await
}

/// Runs a script in `directory` with what an SDK needs to find the cloud.
async fn run(cloud: &Cloud, directory: &Path, script: &str) -> std::io::Result<()> {
    let key = cloud.credentials();
    let python = std::env::var("SCAR_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut command = Command::new(python);
    command
        .arg(Path::new(CLIENTS).join(script))
        .current_dir(directory)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("AWS_ENDPOINT_URL", cloud.endpoint())
        .env("AWS_ACCESS_KEY_ID", &key.access_key)
        .env("AWS_SECRET_ACCESS_KEY", &key.secret_key)
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_MAX_ATTEMPTS", "1");
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await??;
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    Ok(())
}

async fn run_alone(script: &str) -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let cloud = open(directory.path()).await?;
    run(&cloud, directory.path(), script).await?;
    cloud.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_keep_versions_and_settings() {
    run_alone("versions.py").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_are_reached_by_notification_queue_schedule_and_address() {
    run_alone("triggers.py").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn stacks_show_what_others_changed() {
    run_alone("drift.py").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_run_from_the_registry_and_go_on_after_an_end() {
    let directory = tempfile::tempdir().unwrap();
    let cloud = open(directory.path()).await.unwrap();
    run(&cloud, directory.path(), "jobs.py").await.unwrap();
    cloud.shutdown().await;
    let cloud = open(directory.path()).await.unwrap();
    run(&cloud, directory.path(), "jobs_again.py")
        .await
        .unwrap();
    cloud.shutdown().await;
}
