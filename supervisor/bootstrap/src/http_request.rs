//! Requests of HTTP doors: API Gateway's payloads 1.0 and 2.0, function URLs, which send 2.0, and load
//! balancers, which send 1.0 with parameters as they stand in the address. Pure.

use std::collections::BTreeMap;

use scar_schemas::event::decode_key;
use serde_json::{Value, json};

use crate::route::Refused;

/// A request as Lambda hands it over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// The method, in capitals.
    pub(crate) method: String,
    /// Parameters of the query, decoded.
    pub(crate) query: BTreeMap<String, String>,
    /// Media type of the body, without parameters, in small letters.
    pub(crate) content_type: String,
    /// The body, decoded.
    pub(crate) body: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    /// Header fields besides the content type.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Media type of the body.
    pub(crate) content_type: String,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// Whether an event is an HTTP request of either version.
pub(crate) fn is_request(event: &Value) -> bool {
    event.pointer("/requestContext/http/method").is_some()
        || (event.get("httpMethod").is_some() && event.get("requestContext").is_some())
}

/// Reads the request in an event of which [`is_request`] is true.
pub(crate) fn parse(event: &Value) -> Result<Request, Refused> {
    let text = |path: &str| event.pointer(path).and_then(Value::as_str);
    let method = text("/requestContext/http/method").or_else(|| text("/httpMethod"));
    let malformed = |what: &str| Refused::Malformed(format!("request without {what}"));
    let body = text("/body").unwrap_or_default();
    let is_encoded = event.get("isBase64Encoded").and_then(Value::as_bool);
    let body = match is_encoded.unwrap_or_default() {
        true => aws_smithy_types::base64::decode(body).map_err(|_| malformed("a readable body"))?,
        false => body.as_bytes().to_vec(),
    };
    Ok(Request {
        method: method
            .ok_or_else(|| malformed("a method"))?
            .to_ascii_uppercase(),
        query: query(event),
        content_type: content_type(&pairs(event, "headers", "multiValueHeaders")),
        body,
    })
}

impl Answer {
    /// A JSON answer.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content_type: "application/json".to_owned(),
            body: body.to_string().into_bytes(),
        }
    }

    /// The answer in the form that function URLs and both versions of API Gateway take.
    pub(crate) fn to_event(&self) -> Value {
        let mut headers = serde_json::Map::new();
        headers.insert("content-type".to_owned(), json!(self.content_type));
        for (name, value) in &self.headers {
            headers.insert((*name).to_owned(), json!(value));
        }
        let (body, is_encoded) = match std::str::from_utf8(&self.body) {
            Ok(text) => (text.to_owned(), false),
            Err(_) => (aws_smithy_types::base64::encode(&self.body), true),
        };
        json!({
            "statusCode": self.status,
            "headers": headers,
            "body": body,
            "isBase64Encoded": is_encoded,
        })
    }
}

/// Parameters of the query. Only a load balancer leaves them encoded.
fn query(event: &Value) -> BTreeMap<String, String> {
    let pairs = pairs(
        event,
        "queryStringParameters",
        "multiValueQueryStringParameters",
    );
    if event.pointer("/requestContext/elb").is_none() {
        return pairs;
    }
    let decoded = |text: &str| decode_key(text).unwrap_or_else(|| text.to_owned());
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

/// Names, in small letters, and values; of several values the last, where there are only such.
fn pairs(event: &Value, single: &str, several: &str) -> BTreeMap<String, String> {
    let object = |name| event.get(name).and_then(Value::as_object);
    let last = |value: &Value| Some(value.as_array()?.last()?.as_str()?.to_owned());
    let value = |value: &Value| value.as_str().map(str::to_owned).or_else(|| last(value));
    let pairs = object(single).or_else(|| object(several));
    pairs
        .into_iter()
        .flatten()
        .filter_map(|(name, found)| Some((name.to_ascii_lowercase(), value(found)?)))
        .collect()
}

fn content_type(headers: &BTreeMap<String, String>) -> String {
    let value = headers.get("content-type").map_or("", String::as_str);
    let media = value.split(';').next().unwrap_or_default();
    media.trim().to_ascii_lowercase()
}

/// Suffixes of files and their media types, in both directions; the first of several counts.
const MEDIA: [(&str, &str); 18] = [
    ("txt", "text/plain"),
    ("log", "text/plain"),
    ("csv", "text/csv"),
    ("html", "text/html"),
    ("json", "application/json"),
    ("xml", "application/xml"),
    ("pdf", "application/pdf"),
    ("zip", "application/zip"),
    ("gz", "application/gzip"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("svg", "image/svg+xml"),
    ("mp3", "audio/mpeg"),
    ("wav", "audio/wav"),
    ("mp4", "video/mp4"),
];

/// Media type by the suffix of a file's name.
pub(crate) fn media_type(name: &str) -> &'static str {
    let suffix = name.rsplit_once('.').map_or("", |(_, suffix)| suffix);
    let suffix = suffix.to_ascii_lowercase();
    let found = MEDIA.iter().find(|(known, _)| *known == suffix);
    found.map_or("application/octet-stream", |(_, media)| media)
}

/// Name of the file that a body of this media type becomes.
pub(crate) fn body_name(content_type: &str) -> String {
    match MEDIA.iter().find(|(_, media)| *media == content_type) {
        Some((suffix, _)) => format!("request.{suffix}"),
        None => "request".to_owned(),
    }
}

#[cfg(test)]
#[path = "http_request_tests.rs"]
mod tests;
