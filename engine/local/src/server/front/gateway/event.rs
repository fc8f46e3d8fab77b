//! A request as the event that a function gets: payload format 2.0.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::services::Services;
use crate::{clock, random};

/// A request on its way to a function.
pub(super) struct Event<'a> {
    pub(super) parts: &'a Parts,
    pub(super) body: &'a Bytes,
    pub(super) path: &'a str,
    pub(super) api_id: &'a str,
    pub(super) route: &'a str,
    pub(super) path_parameters: Map<String, Value>,
    pub(super) authorizer: Option<Value>,
}

impl Event<'_> {
    /// "Payload format version 2.0" in the API Gateway developer guide.
    pub(super) fn document(&self, services: &Services) -> Value {
        let Self { parts, path, .. } = self;
        let path = percent_decode_str(path).decode_utf8_lossy();
        let host = header(&parts.headers, "host");
        let now_ms = clock::now_ms();
        let mut context = json!({
            "accountId": services.settings.account,
            "apiId": self.api_id,
            "domainName": host,
            "domainPrefix": self.api_id,
            "http": {
                "method": parts.method.as_str(),
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": header(&parts.headers, "user-agent"),
            },
            "requestId": random::uuid(),
            "routeKey": self.route,
            "stage": "$default",
            "time": clock::rfc3339(now_ms),
            "timeEpoch": now_ms,
        });
        if let Some(authorizer) = &self.authorizer {
            context["authorizer"] = authorizer.clone();
        }
        let mut event = json!({
            "version": "2.0",
            "routeKey": self.route,
            "rawPath": path,
            "rawQueryString": parts.uri.query().unwrap_or_default(),
            "headers": headers(&parts.headers),
            "requestContext": context,
            "isBase64Encoded": false,
        });
        self.add_optional(&mut event);
        event
    }

    fn add_optional(&self, event: &mut Value) {
        let query = query(self.parts.uri.query().unwrap_or_default());
        if !query.is_empty() {
            event["queryStringParameters"] = query.into();
        }
        if !self.path_parameters.is_empty() {
            event["pathParameters"] = self.path_parameters.clone().into();
        }
        let cookies = header(&self.parts.headers, "cookie");
        if !cookies.is_empty() {
            event["cookies"] = cookies.split("; ").collect::<Vec<_>>().into();
        }
        if self.body.is_empty() {
            return;
        }
        match text_of(&self.parts.headers, self.body) {
            Some(text) => event["body"] = text.into(),
            None => {
                event["body"] = STANDARD.encode(self.body).into();
                event["isBase64Encoded"] = true.into();
            }
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}

/// Names in small letters; several values of one name are joined by commas.
fn headers(headers: &HeaderMap) -> Map<String, Value> {
    let mut all = Map::new();
    for name in headers.keys().filter(|name| *name != "cookie") {
        let values = headers.get_all(name).iter();
        let values: Vec<_> = values
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        all.insert(name.as_str().to_owned(), values.join(",").into());
    }
    all
}

fn query(text: &str) -> Map<String, Value> {
    let mut all = Map::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decode =
            |text: &str| scar_schemas::event::decode_key(text).unwrap_or_else(|| text.to_owned());
        let (name, value) = (decode(name), decode(value));
        let joined = match all.get(&name).and_then(Value::as_str) {
            Some(before) => format!("{before},{value}"),
            None => value,
        };
        all.insert(name, joined.into());
    }
    all
}

/// The body as text, if it says that it is text and is.
fn text_of(headers: &HeaderMap, body: &Bytes) -> Option<String> {
    const TEXTS: [&str; 4] = [
        "application/json",
        "application/javascript",
        "application/xml",
        "application/x-www-form-urlencoded",
    ];
    let kind = header(headers, CONTENT_TYPE.as_str());
    let is_text = kind.starts_with("text/") || TEXTS.iter().any(|text| kind.starts_with(text));
    let is_plain = !headers.contains_key(CONTENT_ENCODING);
    (is_text && is_plain).then(|| String::from_utf8(body.to_vec()).ok())?
}
