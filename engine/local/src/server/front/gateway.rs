//! Function URLs and HTTP APIs: a request becomes an event in the payload format 2.0, and what the
//! function answers becomes the response.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{API_PREFIX, URL_PREFIX, document, token};
use crate::auth::{self, Identity};
use crate::lambda::{self, Api, Function, Outcome, Route};
use crate::services::Services;
use crate::store::Table;
use crate::{clock, iam, random};

/// Bytes of a request or a response, the limit of Lambda for payloads.
const LIMIT: usize = 6 * 1024 * 1024;

/// Status and text of a refusal.
struct Refusal(StatusCode, &'static str);

const NOT_FOUND: Refusal = Refusal(StatusCode::NOT_FOUND, "Not Found");
const FORBIDDEN: Refusal = Refusal(StatusCode::FORBIDDEN, "Forbidden");
const UNAUTHORIZED: Refusal = Refusal(StatusCode::UNAUTHORIZED, "Unauthorized");
const FAILED: Refusal = Refusal(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
const TOO_MANY: Refusal = Refusal(StatusCode::TOO_MANY_REQUESTS, "Rate Exceeded.");

type Answer = Result<Response<s3s::Body>, Refusal>;

impl From<crate::Error> for Refusal {
    fn from(_: crate::Error) -> Self {
        FAILED
    }
}

/// Answers a request at a function's own address.
pub(super) async fn function_url(
    services: &Arc<Services>,
    parts: &Parts,
    body: Incoming,
) -> Response<s3s::Body> {
    respond(at_url(services, parts, body).await)
}

/// Answers a request at an HTTP API.
pub(super) async fn api(
    services: &Arc<Services>,
    parts: &Parts,
    body: Incoming,
) -> Response<s3s::Body> {
    respond(at_api(services, parts, body).await)
}

fn respond(answer: Answer) -> Response<s3s::Body> {
    answer
        .unwrap_or_else(|Refusal(status, message)| document(status, &json!({ "message": message })))
}

async fn at_url(services: &Arc<Services>, parts: &Parts, body: Incoming) -> Answer {
    let (id, path) = split(parts.uri.path(), URL_PREFIX).ok_or(NOT_FOUND)?;
    let functions = services.store.list::<Function>(Table::Functions, "")?;
    let has_id = |one: &Function| one.url.as_ref().is_some_and(|url| url.id == id);
    let mut functions = functions.into_iter().map(|(_, function)| function);
    let function = functions.find(has_id).ok_or(NOT_FOUND)?;
    let body = collect(body).await?;
    let needs_signature = function.url.as_ref().is_none_or(|url| url.needs_signature);
    let identity = if needs_signature {
        let identity = auth::verify(&services.keys, parts, &body).map_err(|_| FORBIDDEN)?;
        let allowed = iam::allows(
            services,
            &identity,
            "lambda:InvokeFunctionUrl",
            &function.arn,
        )?;
        allowed.then_some(identity).ok_or(FORBIDDEN)?
    } else if function.is_public() {
        Identity::Root
    } else {
        return Err(FORBIDDEN);
    };
    let event = Event {
        parts,
        body: &body,
        path,
        api_id: id,
        route: "$default",
        path_parameters: Map::new(),
        authorizer: needs_signature.then(|| caller(services, &identity)),
    };
    let limit = Duration::from_secs(function.timeout_s + 5);
    call(services, &function, &event.document(services), limit).await
}

/// Who signed, as the event tells it.
fn caller(services: &Services, identity: &Identity) -> Value {
    let account = &services.settings.account;
    json!({ "iam": { "accountId": account, "userArn": identity.arn(account) } })
}

async fn at_api(services: &Arc<Services>, parts: &Parts, body: Incoming) -> Answer {
    let (id, path) = split(parts.uri.path(), API_PREFIX).ok_or(NOT_FOUND)?;
    let api = services
        .store
        .get::<Api>(Table::Apis, id)?
        .ok_or(NOT_FOUND)?;
    if !api.stages.contains_key("$default") {
        return Err(NOT_FOUND);
    }
    let (route, path_parameters) = find_route(&api, &parts.method, path).ok_or(NOT_FOUND)?;
    let body = collect(body).await?;
    let authorizer = authorize(services, &api, route, parts, &body).await?;
    let integration = route
        .integration
        .as_ref()
        .and_then(|id| api.integrations.get(id));
    let integration = integration.ok_or(FAILED)?;
    let function = lambda::find(services, &integration.function)?.ok_or(FAILED)?;
    let settings = &services.settings;
    let (region, account) = (&settings.region, &settings.account);
    let source = format!(
        "arn:aws:execute-api:{region}:{account}:{id}/$default/{}{path}",
        parts.method
    );
    if !function.admits("apigateway.amazonaws.com", &source, account) {
        return Err(FAILED);
    }
    let event = Event {
        parts,
        body: &body,
        path,
        api_id: id,
        route: &route.key,
        path_parameters,
        authorizer,
    };
    let limit = Duration::from_millis(integration.timeout_ms);
    call(services, &function, &event.document(services), limit).await
}

async fn authorize(
    services: &Services,
    api: &Api,
    route: &Route,
    parts: &Parts,
    body: &[u8],
) -> Result<Option<Value>, Refusal> {
    if route.needs_signature {
        let identity = auth::verify(&services.keys, parts, body).map_err(|_| FORBIDDEN)?;
        return Ok(Some(caller(services, &identity)));
    }
    let Some(id) = &route.authorizer else {
        return Ok(None);
    };
    let authorizer = api.authorizers.get(id).ok_or(FAILED)?;
    let claims = token::verify(authorizer, parts)
        .await
        .map_err(|_| UNAUTHORIZED)?;
    let held = claims
        .get("scope")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let held: Vec<&str> = held.split(' ').collect();
    let has_scope = |scope: &String| held.contains(&scope.as_str());
    if !route.scopes.is_empty() && !route.scopes.iter().any(has_scope) {
        return Err(FORBIDDEN);
    }
    // Claims are texts in events.
    let text = |(name, value): (&String, &Value)| {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        (name.clone(), Value::from(text))
    };
    let claims: Map<String, Value> = claims.iter().map(text).collect();
    Ok(Some(json!({ "jwt": { "claims": claims, "scopes": null } })))
}

/// The id in a path, and the rest of it with its slash.
fn split<'a>(path: &'a str, prefix: &str) -> Option<(&'a str, &'a str)> {
    let rest = path.strip_prefix(prefix)?;
    Some(match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    })
}

async fn collect(body: Incoming) -> Result<Bytes, Refusal> {
    let collected = Limited::new(body, LIMIT).collect().await;
    let too_large = Refusal(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    collected.map(|body| body.to_bytes()).map_err(|_| too_large)
}

/// The route that fits best: one for the method before one for all, the longest literal path first.
fn find_route<'a>(
    api: &'a Api,
    method: &Method,
    path: &str,
) -> Option<(&'a Route, Map<String, Value>)> {
    let mut found = Vec::new();
    for route in api.routes.values() {
        if route.key == "$default" {
            found.push(((0, 0, false), route, Map::new()));
            continue;
        }
        let Some((wanted, pattern)) = route.key.split_once(' ') else {
            continue;
        };
        let is_exact = wanted == method.as_str();
        if (is_exact || wanted == "ANY")
            && let Some((rank, parameters)) = fit(pattern, path)
        {
            found.push(((rank.0, rank.1, is_exact), route, parameters));
        }
    }
    found.sort_by_key(|(rank, _, _)| *rank);
    found
        .pop()
        .map(|(_, route, parameters)| (route, parameters))
}

type Fit = ((usize, usize), Map<String, Value>);

/// How well a path fits a pattern: without a greedy parameter first, then by literal steps.
fn fit(pattern: &str, path: &str) -> Option<Fit> {
    let mut parameters = Map::new();
    let mut steps = path.trim_start_matches('/').split('/');
    let mut literal = 1;
    for part in pattern.trim_start_matches('/').split('/') {
        let name = part
            .strip_prefix('{')
            .and_then(|part| part.strip_suffix('}'));
        match name {
            Some(name) if name.ends_with('+') => {
                let rest: Vec<&str> = steps.collect();
                let value = decoded(&rest.join("/"));
                parameters.insert(name.trim_end_matches('+').to_owned(), value);
                return (!rest.is_empty()).then_some(((1, literal), parameters));
            }
            Some(name) => {
                let step = steps.next().filter(|step| !step.is_empty())?;
                parameters.insert(name.to_owned(), decoded(step));
            }
            None if steps.next()? == part => literal += 1,
            None => return None,
        }
    }
    steps.next().is_none().then_some(((2, literal), parameters))
}

fn decoded(text: &str) -> Value {
    percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
        .into()
}

/// A request on its way to a function.
struct Event<'a> {
    parts: &'a Parts,
    body: &'a Bytes,
    path: &'a str,
    api_id: &'a str,
    route: &'a str,
    path_parameters: Map<String, Value>,
    authorizer: Option<Value>,
}

impl Event<'_> {
    /// "Payload format version 2.0" in the API Gateway developer guide.
    fn document(&self, services: &Services) -> Value {
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

async fn call(
    services: &Arc<Services>,
    function: &Function,
    event: &Value,
    limit: Duration,
) -> Answer {
    let event = Bytes::from(event.to_string());
    if event.len() > LIMIT {
        return Err(Refusal(
            StatusCode::PAYLOAD_TOO_LARGE,
            "Request Entity Too Large",
        ));
    }
    let _slot = lambda::admit(services, function).ok_or(TOO_MANY)?;
    let _permit = services
        .executor
        .permits
        .acquire()
        .await
        .map_err(|_| FAILED)?;
    let invoked = tokio::time::timeout(limit, lambda::invoke(services, function, event)).await;
    let timed_out = Refusal(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
    match invoked.map_err(|_| timed_out)?.outcome {
        Outcome::Success(payload) => Ok(answer(&payload)),
        Outcome::Failure(_) => Err(Refusal(StatusCode::BAD_GATEWAY, "Internal Server Error")),
    }
}

/// What a function answers: a document with `statusCode`, or anything else as a JSON body.
fn answer(payload: &[u8]) -> Response<s3s::Body> {
    let value: Value = serde_json::from_slice(payload).unwrap_or(Value::Null);
    let Some(status) = value.get("statusCode").and_then(Value::as_u64) else {
        return document(StatusCode::OK, &value);
    };
    let status = u16::try_from(status)
        .ok()
        .and_then(|code| StatusCode::from_u16(code).ok());
    let body = value["body"].as_str().unwrap_or_default();
    let body = match value["isBase64Encoded"] == true {
        true => STANDARD.decode(body).unwrap_or_default(),
        false => body.as_bytes().to_vec(),
    };
    let mut response = Response::new(s3s::Body::from(body));
    *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    for (name, value) in value["headers"].as_object().into_iter().flatten() {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        let pair = (
            HeaderName::try_from(name.as_str()),
            HeaderValue::from_str(&text),
        );
        if let (Ok(name), Ok(value)) = pair {
            response.headers_mut().insert(name, value);
        }
    }
    for cookie in value["cookies"].as_array().into_iter().flatten() {
        if let Ok(cookie) = HeaderValue::from_str(cookie.as_str().unwrap_or_default()) {
            response
                .headers_mut()
                .append(http::header::SET_COOKIE, cookie);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_route_wins() {
        let route = |key: &str| Route {
            key: key.to_owned(),
            integration: None,
            authorizer: None,
            needs_signature: false,
            scopes: Vec::new(),
        };
        let keys = [
            "$default",
            "ANY /{proxy+}",
            "GET /a/{id}",
            "ANY /a/b",
            "POST /a/{id}",
        ];
        let routes = keys.map(|key| (key.to_owned(), route(key)));
        let api = Api {
            routes: routes.into(),
            ..Api::default()
        };
        let found = |method: Method, path: &str| {
            let (route, parameters) = find_route(&api, &method, path).unwrap();
            (route.key.clone(), Value::Object(parameters))
        };
        assert_eq!(found(Method::GET, "/a/b").0, "ANY /a/b");
        assert_eq!(
            found(Method::GET, "/a/c%20d"),
            ("GET /a/{id}".into(), json!({ "id": "c d" }))
        );
        assert_eq!(
            found(Method::PUT, "/a/c"),
            ("ANY /{proxy+}".into(), json!({ "proxy": "a/c" }))
        );
        assert!(fit("/a/{id}", "/a/").is_none() && fit("/a", "/a/b").is_none());
    }
}
