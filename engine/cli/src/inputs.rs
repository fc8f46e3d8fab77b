//! Files of the command line → objects that start tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use md5::{Digest as _, Md5};
use scar_apply::data::{self, Listed, Upload};
use scar_apply::{Cloud, Deployment};
use scar_schemas::digest::hex;
use scar_schemas::record::ObjectVersion;
use scar_workflow::Workflow;

use crate::error::CliError;
use crate::places::{Entry, Place, is_system};
use crate::view::progress::Progress;

/// A file and the object that it becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    /// The file.
    pub(crate) path: PathBuf,
    /// Where it goes.
    pub(crate) place: Place,
}

/// Decides where each file goes: to `destination` if there is one, else to the input that takes it.
pub(crate) fn inputs(
    files: &[PathBuf],
    destination: Option<&Place>,
    entry: &Entry,
    workflow: &Workflow,
) -> Result<Vec<Input>, CliError> {
    let mut inputs = Vec::new();
    let mut taken: BTreeMap<(String, String), &PathBuf> = BTreeMap::new();
    for path in files {
        let name = name_of(path)?;
        let place = match destination {
            Some(place) if place.key.is_empty() || place.key.ends_with('/') || files.len() > 1 => {
                Place {
                    key: format!("{}{name}", place.key),
                    ..place.clone()
                }
            }
            Some(place) => place.clone(),
            None => entry.place(name, workflow)?,
        };
        let object = (place.bucket.clone(), place.key.clone());
        if let Some(other) = taken.insert(object, path) {
            let (a, b) = (other.display(), path.display());
            return Err(CliError::failure(format!(
                "{a} and {b} would both become {}",
                place.key
            )));
        }
        inputs.push(Input {
            path: path.clone(),
            place,
        });
    }
    Ok(inputs)
}

/// The objects that already have exactly the content of their files, by number of the input.
pub(crate) async fn unchanged(
    cloud: &Cloud,
    deployment: &Deployment,
    inputs: &[Input],
) -> Result<BTreeMap<usize, ObjectVersion>, CliError> {
    let mut listed = BTreeMap::new();
    for (bucket, folder) in folders(inputs) {
        let place = Place {
            bucket: bucket.to_owned(),
            key: String::new(),
        };
        for one in data::list(cloud, place.real_bucket(deployment)?, folder).await? {
            listed.insert((bucket.to_owned(), one.object.key.clone()), one.object);
        }
    }
    let mut same = BTreeMap::new();
    for (number, input) in inputs.iter().enumerate() {
        let object = listed.get(&(input.place.bucket.clone(), input.place.key.clone()));
        if let Some(object) = object
            && has_content(object, &input.path).map_err(|error| unreadable(&input.path, &error))?
        {
            same.insert(number, object.clone());
        }
    }
    Ok(same)
}

/// Every object that some stage may take, by real bucket and key.
pub(crate) async fn there(
    cloud: &Cloud,
    workflow: &Workflow,
    deployment: &Deployment,
) -> Result<BTreeMap<(String, String), Listed>, CliError> {
    let mut all = BTreeMap::new();
    for input in workflow.stages.iter().flat_map(|stage| &stage.inputs) {
        let Some(bucket) = deployment.buckets.get(&input.bucket) else {
            continue;
        };
        let prefix = input.pattern.literal_prefix();
        for one in data::list(cloud, bucket, &prefix).await? {
            if !is_system(&one.object.key) && input.pattern.matches(&one.object.key) {
                all.insert((bucket.clone(), one.object.key.clone()), one);
            }
        }
    }
    Ok(all)
}

/// Puts files and tells what they became, in their order.
pub(crate) async fn put(
    cloud: &Cloud,
    deployment: &Deployment,
    inputs: &[&Input],
    progress: &mut Progress<'_>,
) -> Result<Vec<ObjectVersion>, CliError> {
    let mut by_bucket: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (number, input) in inputs.iter().enumerate() {
        by_bucket
            .entry(input.place.real_bucket(deployment)?)
            .or_default()
            .push(number);
    }
    let mut objects = BTreeMap::new();
    for (bucket, numbers) in by_bucket {
        let upload = |number: &usize| Upload {
            path: inputs[*number].path.clone(),
            key: inputs[*number].place.key.clone(),
        };
        let uploads: Vec<Upload> = numbers.iter().map(upload).collect();
        let mut on_transfer = |transfer| progress.transfer(&transfer);
        let made = data::put(cloud, bucket, &uploads, &mut on_transfer).await?;
        objects.extend(numbers.into_iter().zip(made));
    }
    Ok(objects.into_values().collect())
}

fn folders(inputs: &[Input]) -> BTreeSet<(&str, &str)> {
    let folder = |input: &'_ Input| input.place.key.rfind('/').map_or(0, |slash| slash + 1);
    inputs
        .iter()
        .map(|input| {
            (
                input.place.bucket.as_str(),
                &input.place.key[..folder(input)],
            )
        })
        .collect()
}

fn name_of(path: &Path) -> Result<&str, CliError> {
    let metadata = path.metadata().map_err(|error| unreadable(path, &error))?;
    if metadata.is_dir() {
        return Err(
            CliError::failure(format!("{} is a directory", path.display()))
                .hint("give the files in it"),
        );
    }
    path.file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| {
            CliError::failure(format!(
                "the name of {} is not UTF-8, so no object can have it",
                path.display()
            ))
        })
}

fn unreadable(path: &Path, error: &io::Error) -> CliError {
    CliError::caused(format!("cannot read {}", path.display()), error)
}

/// Compares size and `ETag`, which is the MD5 of an object that came in one part and the MD5 of the parts'
/// MD5s otherwise. An `ETag` made in another way differs, and the file is put again, which harms nothing.
fn has_content(object: &ObjectVersion, path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() != object.size {
        return Ok(false);
    }
    let parts: u64 = match object.etag.split_once('-') {
        Some((_, parts)) => match parts.parse() {
            Ok(parts) if parts > 0 => parts,
            _ => return Ok(false),
        },
        None => return Ok(md5_of(&mut file)?.as_slice() == unhex(&object.etag)),
    };
    let part_bytes = data::part_bytes(object.size);
    if object.size.div_ceil(part_bytes) != parts {
        return Ok(false);
    }
    let mut all = Md5::new();
    for _ in 0..parts {
        all.update(md5_of(&mut (&mut file).take(part_bytes))?);
    }
    Ok(format!("{}-{parts}", hex(&all.finalize())) == object.etag)
}

fn md5_of(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut hasher = Md5::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().to_vec()),
            read => hasher.update(&buffer[..read]),
        }
    }
}

/// Bytes of a hexadecimal text; empty if it is none, which equals no digest.
fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| {
        text.get(at..at + 2)
            .and_then(|two| u8::from_str_radix(two, 16).ok())
    };
    let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(digit).collect();
    bytes.unwrap_or_default()
}
