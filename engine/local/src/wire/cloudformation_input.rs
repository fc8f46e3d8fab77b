//! CloudFormation: what requests say about the stack they want.

use std::collections::BTreeMap;

use super::Fault;
use super::query::Parameters;
use crate::s3;
use crate::services::Services;
use crate::stack::{Definition, OnFailure, Stack};

/// Largest template in a request, in bytes ("CloudFormation quotas").
const BODY_LIMIT: usize = 51_200;
/// Largest template in a bucket, in bytes.
const OBJECT_LIMIT: u64 = 1024 * 1024;

/// The name, if a stack may have it.
pub(super) fn check_name(name: &str) -> Result<&str, Fault> {
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || character == '-';
    let is_good =
        name.starts_with(|first: char| first.is_ascii_alphabetic()) && name.chars().all(is_allowed);
    if is_good && name.len() <= 128 {
        return Ok(name);
    }
    Err(Fault::validation(format!(
        "1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
    )))
}

/// What a request says about failures.
pub(super) fn on_failure(text: Option<&str>) -> OnFailure {
    match text {
        Some("DELETE") => OnFailure::Delete,
        Some("DO_NOTHING") => OnFailure::DoNothing,
        _ => OnFailure::Rollback,
    }
}

/// What the request wants the stack to be made of; what it leaves out is as it was.
pub(super) async fn definition(
    services: &Services,
    parameters: &Parameters,
    stack: &Stack,
) -> Result<Definition, Fault> {
    let template = match template(services, parameters).await? {
        Some(template) => template,
        None if parameters.flag("UsePreviousTemplate") => stack.definition.template.clone(),
        None => {
            return Err(Fault::validation(
                "Either Template URL or Template Body must be specified.",
            ));
        }
    };
    let mut values = BTreeMap::new();
    for given in parameters.structures("Parameters") {
        let name = given.required("ParameterKey")?;
        let previous = stack.definition.parameters.get(name);
        match (given.flag("UsePreviousValue"), previous) {
            (false, _) => drop(values.insert(
                name.to_owned(),
                given.text("ParameterValue").unwrap_or_default().to_owned(),
            )),
            (true, Some(previous)) => drop(values.insert(name.to_owned(), previous.clone())),
            // The default was used before and is used again.
            (true, None) => {}
        }
    }
    let tag = |tag: &Parameters| {
        Some((
            tag.text("Key")?.to_owned(),
            tag.text("Value").unwrap_or_default().to_owned(),
        ))
    };
    let tags: BTreeMap<String, String> = parameters
        .structures("Tags")
        .iter()
        .filter_map(tag)
        .collect();
    Ok(Definition {
        template,
        parameters: values,
        tags: if tags.is_empty() {
            stack.definition.tags.clone()
        } else {
            tags
        },
        capabilities: parameters.list("Capabilities"),
    })
}

/// The template that a request brings or points to.
pub(super) async fn template(
    services: &Services,
    parameters: &Parameters,
) -> Result<Option<String>, Fault> {
    if let Some(body) = parameters.text("TemplateBody") {
        if body.len() > BODY_LIMIT {
            let message = format!(
                "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to {BODY_LIMIT}"
            );
            return Err(Fault::validation(message));
        }
        return Ok(Some(body.to_owned()));
    }
    let Some(url) = parameters.text("TemplateURL") else {
        return Ok(None);
    };
    let unusable = |why: &str| Fault::validation(format!("TemplateURL {url} {why}"));
    let (bucket, key) =
        object_of(url).ok_or_else(|| unusable("does not name an object of this cloud"))?;
    let bytes = s3::read_object(services, &bucket, &key, OBJECT_LIMIT).await;
    let bytes = bytes.map_err(|error| unusable(&format!("cannot be used: {error}")))?;
    String::from_utf8(bytes.to_vec())
        .map(Some)
        .map_err(|_| unusable("is not text"))
}

/// Bucket and key of an object's URL: `http://host/bucket/key` or `http://bucket.s3.host/key`.
fn object_of(url: &str) -> Option<(String, String)> {
    let (_, rest) = url.split_once("://")?;
    let (host, path) = rest.split_once('/')?;
    let path = path.split('?').next().unwrap_or(path);
    let path = percent_encoding::percent_decode_str(path)
        .decode_utf8()
        .ok()?
        .into_owned();
    match host.split_once(".s3.") {
        Some((bucket, _)) => Some((bucket.to_owned(), path)),
        None => path
            .split_once('/')
            .map(|(bucket, key)| (bucket.to_owned(), key.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn template_urls() {
        let expected = Some(("b".to_owned(), "a/t x.json".to_owned()));
        assert_eq!(object_of("http://127.0.0.1:1/b/a/t%20x.json"), expected);
        assert_eq!(
            object_of("https://b.s3.us-east-1.amazonaws.com/a/t%20x.json?x=y"),
            expected
        );
        assert_eq!(object_of("nonsense"), None);
    }
}
