//! Multipart uploads: what is kept of them until they are completed or aborted.

use std::collections::BTreeMap;

use s3s::dto::CompletedPart;
use s3s::{S3Result, s3_error};
use serde::{Deserialize, Serialize};

use super::checksum::{self, Algorithm, Checksums, checksums_of};
use super::fault::no_such_upload;
use super::object::{Headers, Object, Piece};
use crate::Error;
use crate::store::{Blob, Table, Transaction};

/// "Amazon S3 multipart upload limits": parts but the last have at least 5 MiB.
const PART_MINIMUM: u64 = 5 * 1024 * 1024;
/// "Amazon S3 multipart upload limits".
pub(super) const PART_COUNT: i32 = 10_000;

/// An open upload, in `Table::Uploads` under [`row`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Upload {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) started_ms: u64,
    pub(super) headers: Headers,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) tags: Vec<(String, String)>,
    /// Checksum algorithm of the parts, if one was chosen.
    pub(super) algorithm: Option<Algorithm>,
    /// Whether the object's checksum is to be that of its whole bytes.
    pub(super) is_full: bool,
}

/// An uploaded part, in `Table::Parts` under `<upload>/<number>`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) number: i32,
    pub(super) size: u64,
    pub(super) etag: String,
    pub(super) modified_ms: u64,
    pub(super) blob: Blob,
    pub(super) checksums: Checksums,
}

/// The key of an upload: uploads of one bucket are in order of key, then id. An id has a fixed form
/// without NUL, so the key needs no escaping.
pub(super) fn row(bucket: &str, key: &str, id: &str) -> String {
    format!("{bucket}/{key}\0{id}")
}

pub(super) fn part_row(id: &str, number: i32) -> String {
    format!("{}{number:05}", parts_prefix(id))
}

pub(super) fn parts_prefix(id: &str) -> String {
    format!("{id}/")
}

/// Removes an upload and all its parts; those in `used` live on in an object.
pub(super) fn remove(
    transaction: &mut Transaction<'_>,
    bucket: &str,
    upload: &Upload,
    used: &[Piece],
) -> Result<(), Error> {
    let used: std::collections::HashSet<&Blob> = used.iter().map(|piece| &piece.blob).collect();
    for (row, part) in transaction.list::<Part>(Table::Parts, &parts_prefix(&upload.id))? {
        if !used.contains(&part.blob) {
            transaction.release(&part.blob);
        }
        transaction.delete(Table::Parts, &row);
    }
    transaction.delete(Table::Uploads, &row(bucket, &upload.key, &upload.id));
    Ok(())
}

/// The object that an upload becomes with these parts.
pub(super) fn assemble(
    transaction: &Transaction<'_>,
    upload: &Upload,
    wanted: &[CompletedPart],
) -> S3Result<Object> {
    let parts = choose(transaction, upload, wanted)?;
    let short = parts
        .iter()
        .rev()
        .skip(1)
        .any(|part| part.size < PART_MINIMUM);
    if short {
        return Err(s3_error!(
            EntityTooSmall,
            "Your proposed upload is smaller than the minimum allowed object size."
        ));
    }
    let pieces = parts
        .iter()
        .map(|part| Piece {
            blob: part.blob.clone(),
            size: part.size,
        })
        .collect();
    Ok(Object {
        size: parts.iter().map(|part| part.size).sum(),
        etag: combined_etag(&parts)?,
        pieces,
        is_multipart: true,
        headers: upload.headers.clone(),
        metadata: upload.metadata.clone(),
        tags: upload.tags.clone(),
        checksums: combined_checksums(upload, &parts),
        has_full_checksums: upload.is_full,
        ..Object::empty()
    })
}

fn choose(
    transaction: &Transaction<'_>,
    upload: &Upload,
    wanted: &[CompletedPart],
) -> S3Result<Vec<Part>> {
    if wanted.is_empty() {
        return Err(s3_error!(
            MalformedXML,
            "You must specify at least one part"
        ));
    }
    let mut parts: Vec<Part> = Vec::with_capacity(wanted.len());
    for one in wanted {
        let number = one.part_number.unwrap_or(0);
        if parts.last().is_some_and(|last| last.number >= number) {
            return Err(s3_error!(
                InvalidPartOrder,
                "The list of parts was not in ascending order."
            ));
        }
        let stored = transaction.get::<Part>(Table::Parts, &part_row(&upload.id, number))?;
        let same = |part: &Part| {
            one.e_tag
                .as_ref()
                .is_none_or(|etag| etag.value() == part.etag)
        };
        let Some(part) = stored.filter(same) else {
            return Err(s3_error!(
                InvalidPart,
                "One or more of the specified parts could not be found."
            ));
        };
        checksum::compare(&checksums_of!(one), &part.checksums).map_err(|_| {
            s3_error!(
                InvalidPart,
                "A part's checksum is not the one that was uploaded."
            )
        })?;
        parts.push(part);
    }
    Ok(parts)
}

/// MD5 over the parts' MD5, and their number.
fn combined_etag(parts: &[Part]) -> S3Result<String> {
    let mut hasher = checksum::Hasher::new([]);
    for part in parts {
        let digits = part.etag.as_bytes().chunks(2);
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes: Option<Vec<u8>> = digits.map(byte).collect();
        hasher.update(&bytes.ok_or_else(no_such_upload)?);
    }
    let (md5, _) = hasher.finish();
    Ok(format!(
        "{}-{}",
        scar_schemas::digest::hex(&md5),
        parts.len()
    ))
}

fn combined_checksums(upload: &Upload, parts: &[Part]) -> Checksums {
    let algorithm = upload.algorithm.unwrap_or(Algorithm::Crc64Nvme);
    let sized: Vec<(&Checksums, u64)> = parts
        .iter()
        .map(|part| (&part.checksums, part.size))
        .collect();
    let combined = checksum::combine(algorithm, upload.is_full, &sized);
    combined.map(|text| (algorithm, text)).into_iter().collect()
}
