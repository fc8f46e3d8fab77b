//! Listing the object storage. The S3 client could do it, but its reader of the answer is larger than all
//! of this.
//!
//! Shape: `ListObjectsV2` in the API reference.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use scar_schemas::event::decode_key;
use scar_schemas::record::ObjectVersion;

use crate::setup::Setup;
use crate::store::{Location, StoreError, encoded, of_cloud};

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// The object at the version of the listing, which tells no version ids.
    pub(crate) object: ObjectVersion,
    /// When it was written, by the store's clock, in milliseconds since the Unix epoch.
    pub(crate) written_ms: u64,
}

impl Setup {
    /// All objects below a prefix, in the order of their keys; an error if there are more than `limit`.
    pub(crate) async fn list(
        &self,
        bucket: &str,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let found = self.list_first(bucket, prefix, limit).await?;
        match found.len() > limit {
            true => Err(failed(
                bucket,
                prefix,
                &format!("there are more than {limit} objects"),
            )),
            false => Ok(found),
        }
    }

    /// The first objects below a prefix: all, or somewhat more than `limit`.
    pub(crate) async fn list_first(
        &self,
        bucket: &str,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let mut found = Vec::new();
        let mut token = String::new();
        loop {
            // XML cannot hold every character that a key can, so keys come encoded.
            let prefix_text = encoded(prefix);
            let query = format!("{token}encoding-type=url&list-type=2&prefix={prefix_text}");
            let at = Location::new(bucket, "");
            let page = self.cloud.ask_store("GET", &at, &query, &[]);
            let page = page.await;
            let page = page.map_err(|error| of_cloud("LIST", error, bucket, prefix))?;
            let page = String::from_utf8_lossy(&page.body).into_owned();
            let objects = objects(bucket, &page);
            let unreadable = || failed(bucket, prefix, "the listing cannot be read");
            found.extend(objects.ok_or_else(unreadable)?);
            match tag(&page, "NextContinuationToken") {
                Some(next) if found.len() <= limit => {
                    token = format!("continuation-token={}&", encoded(&plain(next)));
                }
                _ => return Ok(found),
            }
        }
    }
}

fn failed(bucket: &str, prefix: &str, reason: &str) -> StoreError {
    StoreError::NoAnswer {
        operation: "LIST",
        bucket: bucket.to_owned(),
        key: prefix.to_owned(),
        reason: reason.to_owned(),
    }
}

/// The text of the first element of this name.
pub(crate) fn tag<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let start = xml.find(&format!("<{name}>"))? + name.len() + 2;
    let length = xml.get(start..)?.find(&format!("</{name}>"))?;
    xml.get(start..start + length)
}

fn objects(bucket: &str, page: &str) -> Option<Vec<Listed>> {
    let mut objects = Vec::new();
    let mut rest = page;
    while let Some(content) = tag(rest, "Contents") {
        objects.push(object(bucket, content)?);
        let end = rest.find("</Contents>")?;
        rest = &rest[end + "</Contents>".len()..];
    }
    // A page that is cut, or something else, must not pass for an empty one.
    page.contains("</ListBucketResult>").then_some(objects)
}

fn object(bucket: &str, content: &str) -> Option<Listed> {
    let written = tag(content, "LastModified")?;
    let written = DateTime::from_str(written, Format::DateTime).ok()?;
    Some(Listed {
        object: ObjectVersion {
            bucket: bucket.to_owned(),
            key: decode_key(&plain(tag(content, "Key")?))?,
            etag: plain(tag(content, "ETag")?).trim_matches('"').to_owned(),
            size: tag(content, "Size")?.parse().ok()?,
            version_id: None,
        },
        written_ms: u64::try_from(written.to_millis().ok()?).unwrap_or_default(),
    })
}

/// Text without the references of XML.
fn plain(text: &str) -> String {
    let pairs = [
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ];
    let mut text = text.to_owned();
    for (reference, character) in pairs {
        text = text.replace(reference, character);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<?xml version="1.0"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>
<Contents><Key>in%2Fa%2Bb+c%26</Key><LastModified>2026-01-01T00:00:01.500Z</LastModified>
<ETag>&quot;9b2c-2&quot;</ETag><Size>7</Size><StorageClass>STANDARD</StorageClass></Contents>
<Contents><Key>in/d</Key><LastModified>2026-01-01T00:00:00Z</LastModified><ETag>"e"</ETag><Size>0</Size>
</Contents><NextContinuationToken>a&amp;b=</NextContinuationToken></ListBucketResult>"#;

    #[test]
    fn listings_are_read() {
        let objects = objects("b", PAGE).unwrap();
        assert_eq!(objects[0].object.key, "in/a+b c&");
        assert_eq!(objects[0].object.version(), "etag:9b2c-2:7");
        assert_eq!(objects[0].written_ms, 1_767_225_601_500);
        assert_eq!(objects[1].object.version(), "etag:e:0");
        assert_eq!(
            tag(PAGE, "NextContinuationToken").map(plain).as_deref(),
            Some("a&b=")
        );
    }

    #[test]
    fn what_is_no_listing_is_no_empty_one() {
        assert_eq!(objects("b", ""), None);
        assert_eq!(
            objects("b", "<ListBucketResult><Contents></Contents>"),
            None
        );
        assert_eq!(objects("b", &PAGE[..PAGE.len() - 30]), None);
    }
}
