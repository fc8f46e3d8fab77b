//! Which route of an HTTP API takes a request.

use http::Method;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::lambda::{Api, Route};

/// The route that fits best: one for the method before one for all, the longest literal path first.
pub(super) fn find<'a>(
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

#[cfg(test)]
mod tests {
    use serde_json::json;

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
            let (route, parameters) = find(&api, &method, path).unwrap();
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
