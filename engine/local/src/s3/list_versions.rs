//! `ListObjectVersions`.

use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};

use super::bucket;
use super::list::{Encoding, page_size};
use super::object::{signed, timestamp};
use super::version::{self, Entry};
use crate::services::Services;

pub(super) async fn object_versions(
    services: &Services,
    request: S3Request<ListObjectVersionsInput>,
) -> S3Result<S3Response<ListObjectVersionsOutput>> {
    let input = request.input;
    bucket::require(services, &input.bucket)?;
    let limit = page_size(input.max_keys)?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let entries = version::list(&services.store, &input.bucket, &prefix)?;
    let page = Page::take(&input, entries, usize::try_from(limit).unwrap_or(0));
    let encode = Encoding::of(input.encoding_type.as_ref());
    let text = |text: Option<&String>| text.map(|text| encode.text(text));
    Ok(S3Response::new(ListObjectVersionsOutput {
        prefix: Some(encode.text(&prefix)),
        key_marker: Some(encode.text(input.key_marker.as_deref().unwrap_or_default())),
        version_id_marker: Some(input.version_id_marker.clone().unwrap_or_default()),
        delimiter: text(input.delimiter.as_ref()),
        is_truncated: Some(page.next.is_some()),
        next_key_marker: page.next.as_ref().map(|(key, _)| encode.text(key)),
        next_version_id_marker: page.next.map(|(_, id)| id),
        max_keys: Some(limit),
        common_prefixes: Some(encode.prefixes(page.prefixes)),
        versions: Some(
            page.entries
                .iter()
                .filter_map(|one| shown(one, encode))
                .collect(),
        ),
        delete_markers: Some(
            page.entries
                .iter()
                .filter_map(|one| marker(one, encode))
                .collect(),
        ),
        name: Some(input.bucket),
        encoding_type: input.encoding_type,
        ..ListObjectVersionsOutput::default()
    }))
}

#[derive(Default)]
struct Page {
    entries: Vec<Entry>,
    prefixes: Vec<String>,
    /// Key and version id of the last entry of a page that is not the last one.
    next: Option<(String, String)>,
}

impl Page {
    fn take(input: &ListObjectVersionsInput, entries: Vec<Entry>, limit: usize) -> Self {
        let mut page = Self::default();
        let mut last = None;
        for entry in after(input, entries) {
            let group = group(input, &entry.key);
            if group.is_some() && group.as_ref() == page.prefixes.last() {
                continue;
            }
            if page.entries.len() + page.prefixes.len() == limit {
                page.next = last;
                return page;
            }
            last = Some((
                group.clone().unwrap_or_else(|| entry.key.clone()),
                entry.version.id.clone(),
            ));
            match group {
                Some(group) => page.prefixes.push(group),
                None => page.entries.push(entry),
            }
        }
        page
    }
}

/// What comes after the markers of the request.
fn after(input: &ListObjectVersionsInput, mut entries: Vec<Entry>) -> Vec<Entry> {
    let Some(key_marker) = input
        .key_marker
        .as_ref()
        .filter(|marker| !marker.is_empty())
    else {
        return entries;
    };
    let id_marker = input
        .version_id_marker
        .as_ref()
        .filter(|marker| !marker.is_empty());
    let is_marker = |entry: &Entry| {
        entry.key == *key_marker && id_marker.is_some_and(|id| entry.version.id == *id)
    };
    match entries.iter().position(is_marker) {
        Some(at) => entries.split_off(at + 1),
        None => {
            // A common prefix that ended a page covers all keys below it.
            let covers = |key: &String| {
                key <= key_marker
                    || (input.delimiter.is_some() && group(input, key).as_ref() == Some(key_marker))
            };
            entries.retain(|entry| !covers(&entry.key));
            entries
        }
    }
}

fn group(input: &ListObjectVersionsInput, key: &str) -> Option<String> {
    let delimiter = input.delimiter.as_deref().filter(|text| !text.is_empty())?;
    let start = input.prefix.as_ref().map_or(0, String::len);
    let at = key.get(start..)?.find(delimiter)?;
    key.get(..start + at + delimiter.len()).map(str::to_owned)
}

fn shown(entry: &Entry, encode: Encoding) -> Option<ObjectVersion> {
    let object = entry.version.object.as_ref()?;
    Some(ObjectVersion {
        key: Some(encode.text(&entry.key)),
        version_id: Some(entry.version.id.clone()),
        is_latest: Some(entry.is_latest),
        last_modified: Some(object.modified()),
        e_tag: Some(object.etag()),
        size: Some(signed(object.size)),
        storage_class: Some(ObjectVersionStorageClass::from_static(
            ObjectVersionStorageClass::STANDARD,
        )),
        ..ObjectVersion::default()
    })
}

fn marker(entry: &Entry, encode: Encoding) -> Option<DeleteMarkerEntry> {
    entry.version.object.is_none().then(|| DeleteMarkerEntry {
        key: Some(encode.text(&entry.key)),
        version_id: Some(entry.version.id.clone()),
        is_latest: Some(entry.is_latest),
        last_modified: Some(timestamp(entry.version.modified_ms)),
        owner: None,
    })
}
