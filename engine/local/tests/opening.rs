//! Opening, finding and closing a cloud.

use std::os::unix::fs::PermissionsExt;

use scar_local::{Cloud, Error, Settings, find_running};

/// Leaves what a killed cloud would have left.
fn leave_stale_file(directory: &std::path::Path) -> std::io::Result<()> {
    let text = r#"{"endpoint":"http://127.0.0.1:1","access_key":"a","secret_key":"s","region":"r","pid":1}"#;
    std::fs::write(directory.join("cloud.json"), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_has_one_cloud_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    assert!(find_running(&path).is_none());
    let cloud = Cloud::open(Settings::new(path.clone())).await.unwrap();
    let found = find_running(&path).unwrap();
    assert_eq!(found.endpoint, cloud.endpoint());
    assert_eq!(found.secret_key, cloud.credentials().secret_key);
    match Cloud::open(Settings::new(path.clone())).await {
        Err(Error::Running(running)) => assert_eq!(running.endpoint, cloud.endpoint()),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("opened twice"),
    }
    cloud.idle().await.unwrap();
    cloud.shutdown().await;
    assert!(find_running(&path).is_none());
    let again = Cloud::open(Settings::new(path)).await.unwrap();
    assert_ne!(again.credentials().secret_key, found.secret_key);
    again.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_those_that_open_at_once_one_wins_and_the_others_are_told_of_it() {
    let directory = tempfile::tempdir().unwrap();
    leave_stale_file(directory.path()).unwrap();
    let open = || tokio::spawn(Cloud::open(Settings::new(directory.path().to_owned())));
    let (mut winners, mut told) = (Vec::new(), Vec::new());
    for opening in [open(), open(), open(), open()] {
        match opening.await.unwrap() {
            Ok(cloud) => winners.push(cloud),
            Err(Error::Running(running)) => told.push(running.endpoint),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((winners.len(), told.len()), (1, 3));
    let cloud = winners.remove(0);
    assert!(told.iter().all(|endpoint| endpoint == cloud.endpoint()));
    cloud.shutdown().await;
}

/// Set in the process that is killed.
const KILLED: &str = "SCAR_LOCAL_TEST_KILLED";

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_cloud_can_be_opened_again() {
    if let Some(path) = std::env::var_os(KILLED) {
        let _cloud = Cloud::open(Settings::new(path.into())).await.unwrap();
        return std::future::pending().await;
    }
    let directory = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let mut process = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_killed_cloud_can_be_opened_again"])
            .env(KILLED, directory.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        while find_running(directory.path()).is_none() {
            assert!(process.try_wait().unwrap().is_none());
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        process.kill().unwrap();
        process.wait().unwrap();
        assert!(directory.path().join("cloud.json").exists());
        assert!(find_running(directory.path()).is_none());
        let cloud = Cloud::open(Settings::new(directory.path().to_owned()))
            .await
            .unwrap();
        cloud.idle().await.unwrap();
        cloud.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_for_the_owner_alone() {
    let directory = tempfile::tempdir().unwrap();
    let cloud = Cloud::open(Settings::new(directory.path().to_owned()))
        .await
        .unwrap();
    let mode = |name: &str| {
        std::fs::metadata(directory.path().join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode("cloud.json"), 0o600);
    assert_eq!(mode("state.redb"), 0o600);
    assert_eq!(mode(""), 0o700);
    assert!(!format!("{:?}", cloud.credentials()).contains(&cloud.credentials().secret_key));
    assert!(!format!("{:?}", cloud.running()).contains(&cloud.credentials().secret_key));
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_file_of_a_killed_cloud_is_not_a_running_one() {
    let directory = tempfile::tempdir().unwrap();
    leave_stale_file(directory.path()).unwrap();
    assert!(find_running(directory.path()).is_none());
    let cloud = Cloud::open(Settings::new(directory.path().to_owned()))
        .await
        .unwrap();
    assert_eq!(
        find_running(directory.path()).unwrap().endpoint,
        cloud.endpoint()
    );
    cloud.shutdown().await;
}
