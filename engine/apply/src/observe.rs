//! What is deployed, read only.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use scar_plan::{Snapshot, Stack};
use scar_template::{Rendered, output};

use crate::call::{failed, has_status};
use crate::{Cloud, Error, account, notification, registry, stack};

/// Questions in flight at once.
const PARALLEL: usize = 16;

/// Looks at both stacks and at the wanted assets. Nothing is written, no change set is made.
///
/// # Errors
/// [`Error::Foreign`] if a stack of that name is not ours, [`Error::Template`], [`Error::Call`].
pub async fn observe(cloud: &Cloud, rendered: &Rendered) -> Result<Snapshot, Error> {
    let keys = rendered
        .assets
        .iter()
        .map(|asset| asset.key.as_str())
        .collect::<Vec<_>>();
    let stacks = observe_stacks(cloud, &rendered.base_name, &rendered.stack_name, &keys);
    let (snapshot, limits) = tokio::join!(Box::pin(stacks), Box::pin(account::limits(cloud)));
    let mut snapshot = snapshot?;
    match limits {
        Ok(limits) => snapshot.limits = Some(limits),
        Err(unknown) => snapshot.unknown.push(unknown),
    }
    images(cloud, rendered, &mut snapshot).await?;
    buckets(cloud, rendered, &mut snapshot).await?;
    Ok(snapshot)
}

/// Which of the wanted images the environment's registry has.
async fn images(cloud: &Cloud, rendered: &Rendered, snapshot: &mut Snapshot) -> Result<(), Error> {
    let tags: Vec<&str> = rendered
        .pushes
        .iter()
        .map(|push| push.tag.as_str())
        .collect();
    let base = snapshot.base.as_ref();
    let uri = base.and_then(|base| base.outputs.get(output::REGISTRY));
    if let Some(uri) = uri.filter(|_| !tags.is_empty()) {
        snapshot.images = registry::present(cloud, uri, &tags).await?;
    }
    Ok(())
}

/// What buckets that the workflow did not make tell, and to whom. A bucket that an earlier deployment
/// listened to is looked at too.
async fn buckets(cloud: &Cloud, rendered: &Rendered, snapshot: &mut Snapshot) -> Result<(), Error> {
    let wanted = rendered.notifications.iter().map(|one| one.bucket.clone());
    let stack = snapshot.stack.as_ref();
    let earlier = stack.map(|stack| scar_plan::foreign_buckets(&stack.template));
    let all: BTreeSet<String> = wanted.chain(earlier.unwrap_or_default()).collect();
    for bucket in all {
        let (state, unknown) = notification::observe(cloud, &bucket).await?;
        snapshot.buckets.insert(bucket, state);
        snapshot.unknown.extend(unknown);
    }
    Ok(())
}

/// The same by names, for `destroy` and saved plans.
///
/// # Errors
/// Those of [`observe`].
pub async fn observe_stacks(
    cloud: &Cloud,
    base_name: &str,
    stack_name: &str,
    asset_keys: &[&str],
) -> Result<Snapshot, Error> {
    let (base, stack) = tokio::try_join!(
        stack::observe(cloud, base_name),
        stack::observe(cloud, stack_name)
    )?;
    let assets = match artifact_bucket(base.as_ref()) {
        Some(bucket) => present(cloud, bucket, asset_keys).await?,
        None => BTreeSet::new(),
    };
    let (account, region) = (cloud.account().to_owned(), cloud.region().to_owned());
    Ok(Snapshot {
        account,
        region,
        base,
        stack,
        assets,
        ..Snapshot::default()
    })
}

fn artifact_bucket(base: Option<&Stack>) -> Option<&str> {
    base?
        .outputs
        .get(output::ARTIFACT_BUCKET)
        .map(String::as_str)
}

/// Those of some keys that are in a bucket. Asset keys hold their digest, so being there is enough.
async fn present(cloud: &Cloud, bucket: &str, keys: &[&str]) -> Result<BTreeSet<String>, Error> {
    let distinct: BTreeSet<&str> = keys.iter().copied().collect();
    let questions: Vec<_> = distinct
        .into_iter()
        .map(|key| is_present(cloud, bucket, key))
        .collect();
    let found: Vec<Option<String>> = stream::iter(questions)
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}

async fn is_present(cloud: &Cloud, bucket: &str, key: &str) -> Result<Option<String>, Error> {
    match cloud.s3.head_object().bucket(bucket).key(key).send().await {
        Ok(_) => Ok(Some(key.to_owned())),
        Err(error) if has_status(&error, 404) => Ok(None),
        Err(error) => Err(failed("HeadObject", format!("{bucket}/{key}"))(error)),
    }
}
