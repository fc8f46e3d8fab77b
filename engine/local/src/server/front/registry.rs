//! The registry's protocol: OCI distribution specification 1.1, pulling and pushing.

mod refusal;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use http::request::Parts;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use percent_encoding::percent_decode_str;
use scar_schemas::digest::Digest;
use serde_json::json;
use tokio_util::io::ReaderStream;

use self::refusal::{Refusal, cut, mismatch, unknown};
use super::super::own::{basic, is_same};
use super::{REGISTRY_PREFIX, document};
use crate::registry::{self, ImageBlob, Manifest, ManifestError, Repository, Upload, row};
use crate::services::Services;
use crate::store::{BlobReader, Table, Transaction};
use crate::{Error, clock};

/// Bytes of a manifest ("Pushing Manifests" in the specification asks for at least 4 MiB).
const MANIFEST_LIMIT: usize = 4 << 20;
/// Media type of manifests that do not say theirs.
const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

type Answer = Result<Response<s3s::Body>, Refusal>;

/// Answers one request.
pub(super) async fn handle(
    services: &Arc<Services>,
    parts: &Parts,
    body: Incoming,
) -> Response<s3s::Body> {
    if !is_admitted(services, parts) {
        return unauthorized();
    }
    let answer = route(services, parts, body).await;
    answer.unwrap_or_else(|Refusal(status, code, message)| {
        let errors = json!({ "errors": [{ "code": code, "message": message }] });
        document(status, &errors)
    })
}

/// The user `AWS` with the password of `GetAuthorizationToken`, or the root key.
fn is_admitted(services: &Services, parts: &Parts) -> bool {
    let root = services.keys.root();
    basic(parts).is_some_and(|(name, password)| {
        let is_aws = name == "AWS" && is_same(&password, services.keys.registry_password());
        is_aws || (name == root.access_key && is_same(&password, &root.secret_key))
    })
}

fn unauthorized() -> Response<s3s::Body> {
    let errors = json!({ "errors": [{ "code": "UNAUTHORIZED", "message": "Not Authorized" }] });
    let mut response = document(StatusCode::UNAUTHORIZED, &errors);
    let realm = HeaderValue::from_static("Basic realm=\"local registry\",service=\"ecr\"");
    response
        .headers_mut()
        .insert(http::header::WWW_AUTHENTICATE, realm);
    response
}

async fn route(services: &Arc<Services>, parts: &Parts, body: Incoming) -> Answer {
    let path = percent_decode_str(parts.uri.path())
        .decode_utf8_lossy()
        .into_owned();
    let path = path.strip_prefix(REGISTRY_PREFIX).unwrap_or_default();
    if path.is_empty() {
        return Ok(document(StatusCode::OK, &json!({})));
    }
    let (name, rest) = split(path).ok_or_else(|| unknown("NAME_INVALID", path))?;
    let repository = services
        .store
        .get::<Repository>(Table::Repositories, name)?;
    let repository = repository.ok_or_else(|| {
        let message = format!("The repository with name '{name}' does not exist in the registry");
        Refusal(StatusCode::NOT_FOUND, "NAME_UNKNOWN", message)
    })?;
    let door = Place {
        services,
        repository: &repository,
        parts,
    };
    let method = &parts.method;
    match rest.as_slice() {
        ["tags", "list"] if method == Method::GET => door.tags(),
        ["manifests", reference] => door.manifest(reference, body).await,
        ["blobs", "uploads"] if method == Method::POST => door.begin(body).await,
        ["blobs", "uploads", id] => door.go_on(id, body).await,
        ["blobs", digest] if method == Method::GET || method == Method::HEAD => {
            door.blob(digest).await
        }
        _ => Err(unknown("UNSUPPORTED", path)),
    }
}

/// Name of the repository, which may have slashes, and what follows.
fn split(path: &str) -> Option<(&str, Vec<&str>)> {
    ["/manifests/", "/blobs/", "/tags/"]
        .iter()
        .find_map(|mark| {
            let at = path.rfind(mark)?;
            let rest = path.get(at + 1..)?;
            Some((
                path.get(..at)?,
                rest.split('/').filter(|step| !step.is_empty()).collect(),
            ))
        })
}

struct Place<'a> {
    services: &'a Arc<Services>,
    repository: &'a Repository,
    parts: &'a Parts,
}

impl Place<'_> {
    fn tags(&self) -> Answer {
        let name = &self.repository.name;
        let prefix = row(name, "");
        let tags = self
            .services
            .store
            .list::<String>(Table::ImageTags, &prefix)?;
        let tags: Vec<&str> = tags.iter().map(|(key, _)| &key[prefix.len()..]).collect();
        Ok(document(
            StatusCode::OK,
            &json!({ "name": name, "tags": tags }),
        ))
    }

    async fn manifest(&self, reference: &str, body: Incoming) -> Answer {
        match self.parts.method {
            Method::PUT => self.put_manifest(reference, body).await,
            Method::GET => self.get_manifest(reference),
            Method::HEAD => {
                let mut response = self.get_manifest(reference)?;
                *response.body_mut() = s3s::Body::empty();
                Ok(response)
            }
            Method::DELETE => self.delete_manifest(reference).await,
            _ => Err(unknown("UNSUPPORTED", reference)),
        }
    }

    fn get_manifest(&self, reference: &str) -> Answer {
        let store = &self.services.store;
        let name = &self.repository.name;
        let digest = match reference.contains(':') {
            true => Some(reference.to_owned()),
            false => store.get::<String>(Table::ImageTags, &row(name, reference))?,
        };
        let digest = digest.ok_or_else(|| unknown("MANIFEST_UNKNOWN", reference))?;
        let manifest = store.get::<Manifest>(Table::Manifests, &row(name, &digest))?;
        let manifest = manifest.ok_or_else(|| unknown("MANIFEST_UNKNOWN", reference))?;
        let size = manifest.text.len();
        let mut response = Response::new(s3s::Body::from(manifest.text));
        let headers = response.headers_mut();
        set(headers, CONTENT_TYPE, &manifest.media_type);
        set(headers, CONTENT_LENGTH, &size.to_string());
        set(headers, DIGEST, &digest);
        Ok(response)
    }

    async fn put_manifest(&self, reference: &str, body: Incoming) -> Answer {
        let collected = Limited::new(body, MANIFEST_LIMIT).collect().await;
        let bytes = collected.map_err(|_| cut())?.to_bytes();
        let digest = Digest::of(&bytes).as_str().to_owned();
        let tag = (!reference.contains(':')).then(|| reference.to_owned());
        if tag.is_none() && reference != digest {
            return Err(mismatch(&digest));
        }
        let text = String::from_utf8(bytes.into())
            .map_err(|error| ManifestError::Invalid(error.to_string()))?;
        let media_type = self.parts.headers.get(CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok());
        let manifest = Manifest {
            text,
            media_type: media_type.unwrap_or(MANIFEST_TYPE).to_owned(),
            pushed_ms: clock::now_ms(),
        };
        let (repository, kept) = (self.repository.clone(), digest.clone());
        let change = move |transaction: &mut Transaction<'_>| {
            registry::put_manifest(transaction, &repository, &kept, tag.as_deref(), &manifest)
        };
        self.services.store.transact(change).await?;
        let path = format!("manifests/{digest}");
        Ok(self.created(&path, &digest))
    }

    async fn delete_manifest(&self, reference: &str) -> Answer {
        let (table, key) = match reference.contains(':') {
            true => (Table::Manifests, row(&self.repository.name, reference)),
            false => (Table::ImageTags, row(&self.repository.name, reference)),
        };
        self.services.store.delete(table, &key).await?;
        Ok(empty(StatusCode::ACCEPTED))
    }

    async fn blob(&self, digest: &str) -> Answer {
        let key = row(&self.repository.name, digest);
        let stored = self
            .services
            .store
            .get::<ImageBlob>(Table::ImageBlobs, &key)?;
        let stored = stored.ok_or_else(|| unknown("BLOB_UNKNOWN", digest))?;
        let body = match self.parts.method {
            Method::HEAD => s3s::Body::empty(),
            _ => match self.services.store.blobs().open_blob(&stored.blob).await? {
                BlobReader::Bytes(bytes) => s3s::Body::from(bytes),
                BlobReader::File(file) => {
                    let frames = ReaderStream::with_capacity(file, 256 * 1024).map_ok(Frame::data);
                    s3s::Body::http_body(StreamBody::new(frames))
                }
            },
        };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        set(headers, CONTENT_TYPE, "application/octet-stream");
        set(headers, CONTENT_LENGTH, &stored.size.to_string());
        set(headers, DIGEST, digest);
        Ok(response)
    }

    /// Begins an upload; with `digest` the body is the whole blob, with `mount` there is perhaps nothing
    /// to send.
    async fn begin(&self, body: Incoming) -> Answer {
        if let (Some(digest), Some(from)) = (self.query("mount"), self.query("from"))
            && self.mount(&digest, &from).await?
        {
            let path = format!("blobs/{digest}");
            return Ok(self.created(&path, &digest));
        }
        let mut upload = Upload::begin(self.services.store.blobs(), &self.repository.name);
        if let Some(digest) = self.query("digest") {
            receive(&mut upload, body).await?;
            return self.finish(upload, &digest).await;
        }
        let id = self.services.uploads.keep(None, upload);
        Ok(self.accepted(&id, 0))
    }

    async fn mount(&self, digest: &str, from: &str) -> Result<bool, Refusal> {
        // Blobs have one owner here, so one that the repository has already is all that can be mounted.
        let key = row(&self.repository.name, digest);
        let is_own = from == self.repository.name;
        let stored = self
            .services
            .store
            .get::<ImageBlob>(Table::ImageBlobs, &key)?;
        Ok(is_own && stored.is_some())
    }

    async fn go_on(&self, id: &str, body: Incoming) -> Answer {
        let upload = self.services.uploads.take(&self.repository.name, id);
        let mut upload = upload.ok_or_else(|| unknown("BLOB_UPLOAD_UNKNOWN", id))?;
        match self.parts.method {
            Method::PATCH => {
                self.check_place(&upload)?;
                receive(&mut upload, body).await?;
                let size = upload.size;
                self.services.uploads.keep(Some(id.to_owned()), upload);
                Ok(self.accepted(id, size))
            }
            Method::PUT => {
                let digest = self.query("digest").ok_or_else(|| mismatch("none"))?;
                receive(&mut upload, body).await?;
                self.finish(upload, &digest).await
            }
            Method::DELETE => Ok(empty(StatusCode::NO_CONTENT)),
            _ => {
                let size = upload.size;
                self.services.uploads.keep(Some(id.to_owned()), upload);
                let mut response = self.accepted(id, size);
                *response.status_mut() = StatusCode::NO_CONTENT;
                Ok(response)
            }
        }
    }

    /// A piece that says where it belongs must follow what is there.
    fn check_place(&self, upload: &Upload) -> Result<(), Refusal> {
        let range = self.parts.headers.get(http::header::CONTENT_RANGE);
        let start: Option<u64> =
            range.and_then(|value| value.to_str().ok()?.split('-').next()?.parse().ok());
        match start {
            Some(start) if start != upload.size => {
                let message = format!("the upload has {} bytes", upload.size);
                let status = StatusCode::RANGE_NOT_SATISFIABLE;
                Err(Refusal(status, "BLOB_UPLOAD_INVALID", message))
            }
            _ => Ok(()),
        }
    }

    async fn finish(&self, upload: Upload, wanted: &str) -> Answer {
        let size = upload.size;
        let (new, digest) = upload.finish().await?;
        if digest != wanted {
            return Err(mismatch(&digest));
        }
        let key = row(&self.repository.name, &digest);
        let change = move |transaction: &mut Transaction<'_>| {
            if transaction.contains(Table::ImageBlobs, &key)? {
                return Ok::<_, Error>(());
            }
            let blob = transaction.keep(new);
            transaction.put(Table::ImageBlobs, &key, &ImageBlob { blob, size })
        };
        self.services.store.transact(change).await?;
        let path = format!("blobs/{digest}");
        Ok(self.created(&path, &digest))
    }

    fn query(&self, name: &str) -> Option<String> {
        let pairs = self.parts.uri.query()?.split('&');
        let (_, value) = pairs
            .filter_map(|pair| pair.split_once('='))
            .find(|(other, _)| *other == name)?;
        Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
    }

    fn created(&self, path: &str, digest: &str) -> Response<s3s::Body> {
        let mut response = empty(StatusCode::CREATED);
        let location = format!("{REGISTRY_PREFIX}{}/{path}", self.repository.name);
        set(response.headers_mut(), LOCATION, &location);
        set(response.headers_mut(), DIGEST, digest);
        response
    }

    fn accepted(&self, id: &str, size: u64) -> Response<s3s::Body> {
        let mut response = empty(StatusCode::ACCEPTED);
        let name = &self.repository.name;
        let headers = response.headers_mut();
        set(
            headers,
            LOCATION,
            &format!("{REGISTRY_PREFIX}{name}/blobs/uploads/{id}"),
        );
        set(headers, UPLOAD_ID, id);
        set(
            headers,
            http::header::RANGE,
            &format!("0-{}", size.saturating_sub(1)),
        );
        response
    }
}

const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const UPLOAD_ID: HeaderName = HeaderName::from_static("docker-upload-uuid");

async fn receive(upload: &mut Upload, body: Incoming) -> Result<(), Refusal> {
    let mut body = body;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| cut())?;
        if let Ok(bytes) = frame.into_data() {
            let bytes: Bytes = bytes;
            upload.write(&bytes).await?;
        }
    }
    Ok(())
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn empty(status: StatusCode) -> Response<s3s::Body> {
    let mut response = Response::new(s3s::Body::empty());
    *response.status_mut() = status;
    response
}
