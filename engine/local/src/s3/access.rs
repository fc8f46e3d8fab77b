//! Who may do what with S3: the key table for signatures, and the policies of roles.

use std::sync::Arc;

use percent_encoding::percent_decode_str;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{Credentials, S3Auth, SecretKey};
use s3s::dto::{CopyObjectInput, UploadPartCopyInput};
use s3s::path::S3Path;
use s3s::{S3Request, S3Result, s3_error};

use super::copy::source_of;
use super::fault::access_denied;
use crate::auth::Identity;
use crate::iam;
use crate::services::Services;

/// Finds secrets of access keys.
pub(super) struct KeyTable {
    services: Arc<Services>,
}

impl KeyTable {
    pub(super) fn new(services: Arc<Services>) -> Self {
        Self { services }
    }
}

#[async_trait::async_trait]
impl S3Auth for KeyTable {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let (credentials, _) = self
            .services
            .keys
            .find(access_key)
            .ok_or_else(unknown_key)?;
        Ok(SecretKey::from(credentials.secret_key))
    }
}

/// Checks every operation against the caller's policies.
pub(super) struct Policies {
    services: Arc<Services>,
}

impl Policies {
    pub(super) fn new(services: Arc<Services>) -> Self {
        Self { services }
    }

    fn require(
        &self,
        identity: &Identity,
        action: &str,
        path: &S3Path,
        query: Option<&str>,
    ) -> S3Result<()> {
        let resource = match path {
            S3Path::Root => "arn:aws:s3:::*".to_owned(),
            S3Path::Bucket { bucket } => format!("arn:aws:s3:::{bucket}"),
            S3Path::Object { bucket, key } => format!("arn:aws:s3:::{bucket}/{key}"),
        };
        let value = |name: &str| query_value(query.unwrap_or(""), name).unwrap_or_default();
        let (prefix, delimiter) = (value("prefix"), value("delimiter"));
        let context = [
            ("s3:prefix", prefix.as_str()),
            ("s3:delimiter", delimiter.as_str()),
        ];
        let allowed = iam::allows_in(&self.services, identity, action, &resource, &context)?;
        if allowed {
            Ok(())
        } else {
            Err(access_denied())
        }
    }

    fn require_source<T>(
        &self,
        request: &S3Request<T>,
        source: &s3s::dto::CopySource,
    ) -> S3Result<()> {
        let identity = identity(&self.services, request.credentials.as_ref())?;
        let (bucket, key, version_id) = source_of(source)?;
        let path = S3Path::Object {
            bucket: bucket.into(),
            key: key.into(),
        };
        let action = match version_id {
            Some(_) => "s3:GetObjectVersion",
            None => "s3:GetObject",
        };
        self.require(&identity, action, &path, None)
    }
}

#[async_trait::async_trait]
impl S3Access for Policies {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let identity = identity(&self.services, context.credentials())?;
        let query = context.uri().query();
        let with_version = query_value(query.unwrap_or(""), "versionId").is_some();
        for action in actions(
            context.s3_op().name(),
            context.headers().contains_key("x-amz-tagging"),
            with_version,
        ) {
            self.require(&identity, &action, context.s3_path(), query)?;
        }
        Ok(())
    }

    async fn copy_object(&self, request: &mut S3Request<CopyObjectInput>) -> S3Result<()> {
        self.require_source(request, &request.input.copy_source)
    }

    async fn upload_part_copy(&self, request: &mut S3Request<UploadPartCopyInput>) -> S3Result<()> {
        self.require_source(request, &request.input.copy_source)
    }
}

/// Who made a request. Its signature and session token were checked before.
pub(super) fn identity(
    services: &Services,
    credentials: Option<&Credentials>,
) -> S3Result<Identity> {
    let credentials = credentials.ok_or_else(access_denied)?;
    let found = services.keys.find(&credentials.access_key);
    found.map(|(_, identity)| identity).ok_or_else(unknown_key)
}

fn unknown_key() -> s3s::S3Error {
    s3_error!(
        InvalidAccessKeyId,
        "The AWS Access Key Id you provided does not exist in our records."
    )
}

/// The permissions that an operation needs ("Required permissions for Amazon S3 API operations" in
/// the S3 user guide). Deleting many is checked key by key, the source of a copy by its own method.
fn actions(operation: &str, with_tags: bool, with_version: bool) -> Vec<String> {
    let name = match operation {
        "GetObject" | "HeadObject" if with_version => "GetObjectVersion",
        "DeleteObject" if with_version => "DeleteObjectVersion",
        "ListObjectVersions" => "ListBucketVersions",
        "GetBucketLifecycleConfiguration" => "GetLifecycleConfiguration",
        "PutBucketLifecycleConfiguration" | "DeleteBucketLifecycle" => "PutLifecycleConfiguration",
        "ListBuckets" => "ListAllMyBuckets",
        "HeadBucket" | "ListObjects" | "ListObjectsV2" => "ListBucket",
        "ListMultipartUploads" => "ListBucketMultipartUploads",
        "ListParts" => "ListMultipartUploadParts",
        "HeadObject" => "GetObject",
        "CreateMultipartUpload"
        | "UploadPart"
        | "UploadPartCopy"
        | "CompleteMultipartUpload"
        | "CopyObject" => "PutObject",
        "DeleteObjects" => return Vec::new(),
        "GetBucketNotificationConfiguration" => "GetBucketNotification",
        "PutBucketNotificationConfiguration" => "PutBucketNotification",
        "DeleteBucketTagging" => "PutBucketTagging",
        other => other,
    };
    let mut actions = vec![format!("s3:{name}")];
    if with_tags && name == "PutObject" {
        actions.push("s3:PutObjectTagging".to_owned());
    }
    actions
}

fn query_value(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(other, _)| *other == name)?;
    Some(
        percent_decode_str(&value.replace('+', " "))
            .decode_utf8_lossy()
            .into_owned(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::object_reads;
    use super::*;
    use crate::iam::Role;
    use crate::store::Table;

    async fn services(directory: &std::path::Path, statements: serde_json::Value) -> Arc<Services> {
        let settings = crate::Settings::new(directory.to_owned());
        let services = crate::cloud::services_for_test(settings).await;
        let role = Role {
            name: "stage".to_owned(),
            arn: "arn:aws:iam::000000000000:role/stage".to_owned(),
            trust: json!(null),
            policies: [("p".to_owned(), json!({ "Statement": statements }))].into(),
            managed_policies: Vec::new(),
        };
        services
            .store
            .put(Table::Roles, "stage", &role)
            .await
            .unwrap();
        let bucket = super::super::Bucket::new("data");
        services
            .store
            .put(Table::Buckets, "data", &bucket)
            .await
            .unwrap();
        services
    }

    fn session() -> Identity {
        Identity::Session {
            role: "stage".to_owned(),
            session: "s".to_owned(),
        }
    }

    #[tokio::test]
    async fn roles_have_what_their_policies_say() {
        let directory = tempfile::tempdir().unwrap();
        let statements = json!([
            { "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::data/in/*" },
            { "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::data",
              "Condition": { "StringLike": { "s3:prefix": "in/*" } } },
        ]);
        let policies = Policies::new(services(directory.path(), statements).await);
        let object = |key: &str| S3Path::Object {
            bucket: "data".into(),
            key: key.into(),
        };
        let bucket = S3Path::Bucket {
            bucket: "data".into(),
        };
        let may = |action, path: &S3Path, query| {
            policies.require(&session(), action, path, query).is_ok()
        };
        assert!(may("s3:GetObject", &object("in/a\nb"), None));
        assert!(!may("s3:GetObject", &object("out/a"), None));
        assert!(!may("s3:PutObject", &object("in/a"), None));
        assert!(may(
            "s3:ListBucket",
            &bucket,
            Some("list-type=2&prefix=in%2Fx")
        ));
        assert!(!may(
            "s3:ListBucket",
            &bucket,
            Some("list-type=2&prefix=out")
        ));
        assert!(
            policies
                .require(&Identity::Root, "s3:PutObject", &object("x"), None)
                .is_ok()
        );
    }

    #[tokio::test]
    async fn a_missing_key_shows_only_to_those_who_may_list() {
        let directory = tempfile::tempdir().unwrap();
        let allow = json!({ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" });
        let services = services(directory.path(), allow).await;
        let code = |identity: &Identity| {
            let error = object_reads::find(&services, identity, "data", "missing").unwrap_err();
            error.code().as_str().to_owned()
        };
        assert_eq!(code(&session()), "AccessDenied");
        assert_eq!(code(&Identity::Root), "NoSuchKey");
    }

    #[test]
    fn operations_need_the_permissions_of_s3() {
        assert_eq!(actions("HeadObject", false, false), ["s3:GetObject"]);
        assert_eq!(
            actions("UploadPart", true, false),
            ["s3:PutObject", "s3:PutObjectTagging"]
        );
        assert_eq!(
            actions("AbortMultipartUpload", false, false),
            ["s3:AbortMultipartUpload"]
        );
        assert!(actions("DeleteObjects", false, false).is_empty());
    }
}
