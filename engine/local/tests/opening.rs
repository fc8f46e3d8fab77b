//! Opening, finding and closing a cloud.

use std::os::unix::fs::PermissionsExt;

use scar_local::{Cloud, Error, Settings, find_running};

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
    assert_eq!(mode(""), 0o700);
    assert!(!format!("{:?}", cloud.credentials()).contains(&cloud.credentials().secret_key));
    assert!(!format!("{:?}", cloud.running()).contains(&cloud.credentials().secret_key));
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_file_of_a_killed_cloud_is_not_a_running_one() {
    let directory = tempfile::tempdir().unwrap();
    let text = r#"{"endpoint":"http://127.0.0.1:1","access_key":"a","secret_key":"s","region":"r","pid":1}"#;
    std::fs::write(directory.path().join("cloud.json"), text).unwrap();
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
