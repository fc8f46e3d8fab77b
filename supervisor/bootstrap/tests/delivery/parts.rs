//! Uploads in parts.

use std::collections::BTreeMap;

use bytes::Bytes;
use hyper::Method;
use hyper::http::request::Parts;

use crate::store::{Answer, State, decode, error, metadata, plain, status, text};

/// Uploads that are under way, by their identity.
pub(crate) type Uploads = BTreeMap<String, Upload>;

/// One of them.
#[derive(Debug, Default)]
pub(crate) struct Upload {
    metadata: BTreeMap<String, String>,
    parts: BTreeMap<u32, Bytes>,
}

impl State {
    /// The answer to a request that is about an upload in parts.
    pub(crate) fn upload(
        &mut self,
        head: &Parts,
        place: &(String, String),
        query: &str,
        body: &Bytes,
    ) -> Option<Answer> {
        let pairs = query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let values: BTreeMap<&str, &str> = pairs.collect();
        if head.method == Method::POST && values.contains_key("uploads") {
            return Some(self.begin(head));
        }
        let id = *values.get("uploadId")?;
        if !self.uploads.contains_key(id) {
            return Some(error(404, "NoSuchUpload"));
        }
        Some(match head.method {
            Method::PUT => {
                let number = values["partNumber"].parse().unwrap();
                match head.headers.get("x-amz-copy-source") {
                    Some(source) => self.copied_part(id, number, head, source.to_str().unwrap()),
                    None => self.part(id, number, head, body),
                }
            }
            Method::DELETE => {
                self.uploads.remove(id);
                status(204)
            }
            _ => self.complete(id, head, place),
        })
    }

    fn begin(&mut self, head: &Parts) -> Answer {
        let id = format!("upload-{}", self.requests);
        let upload = Upload {
            metadata: metadata(head),
            parts: BTreeMap::new(),
        };
        self.uploads.insert(id.clone(), upload);
        text(format!(
            "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
        ))
    }

    fn part(&mut self, id: &str, number: u32, head: &Parts, body: &Bytes) -> Answer {
        let upload = self.uploads.get_mut(id).unwrap();
        upload.parts.insert(number, plain(head, body));
        let mut answer = status(200);
        let etag = format!("\"part-{number}\"").parse().unwrap();
        answer.headers_mut().insert("etag", etag);
        answer
    }

    /// A part of another object.
    fn copied_part(&mut self, id: &str, number: u32, head: &Parts, source: &str) -> Answer {
        let source = decode(source);
        let (bucket, key) = source.split_once('/').unwrap();
        let Some(object) = self.objects.get(&(bucket.to_owned(), key.to_owned())) else {
            return error(404, "NoSuchKey");
        };
        let range = head.headers["x-amz-copy-source-range"].to_str().unwrap();
        let (first, last) = range["bytes=".len()..].split_once('-').unwrap();
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        let bytes = object.body.slice(first..=last);
        let upload = self.uploads.get_mut(id).unwrap();
        upload.parts.insert(number, bytes);
        text(format!(
            "<CopyPartResult><ETag>&quot;part-{number}&quot;</ETag></CopyPartResult>"
        ))
    }

    fn complete(&mut self, id: &str, head: &Parts, place: &(String, String)) -> Answer {
        if let Some(refusal) = self.refusal(head, place) {
            return refusal;
        }
        let upload = self.uploads.remove(id).unwrap();
        let mut body = Vec::new();
        for part in upload.parts.values() {
            body.extend_from_slice(part);
        }
        let etag = self.insert(&place.0, &place.1, body.into(), upload.metadata);
        text(format!(
            "<CompleteMultipartUploadResult><ETag>\"{etag}\"</ETag></CompleteMultipartUploadResult>"
        ))
    }
}
