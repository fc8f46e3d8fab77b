//! Variables on both sides of the contract: of functions and jobs, and of containers.

/// Variables that the template sets on a function and the supervisor reads.
pub mod function_variable {
    /// Name of the stage; only for people who look at the function.
    pub const STAGE: &str = "SCAR_STAGE";
    /// Prefix of the variables that hold real bucket names.
    pub const BUCKET: &str = "SCAR_BUCKET_";
    /// Directory for work and image cache; default [`super::DEFAULT_WORK_DIR`].
    pub const WORK_DIR: &str = "SCAR_WORK_DIR";
    /// Directory of the image cache if it is not below the work directory.
    pub const IMAGE_CACHE: &str = "SCAR_IMAGE_CACHE";
    /// Forces a container engine: `namespaces`, `chroot`, `graft`.
    pub const ENGINE: &str = "SCAR_ENGINE";
    /// Key of the stage package in the artifact bucket, where the platform brings none (Batch).
    pub const PACKAGE_KEY: &str = "SCAR_PACKAGE_KEY";
    /// ARN of the Batch queue that the stage's jobs go to.
    pub const BATCH_QUEUE: &str = "SCAR_BATCH_QUEUE";
    /// ARN of the stage's Batch job definition with its revision.
    pub const BATCH_DEFINITION: &str = "SCAR_BATCH_DEFINITION";
    /// Test-only: abort at this named point, `name` or `name:n` for the n-th passage.
    pub const CRASH_AT: &str = "SCAR_CRASH_AT";
}

/// Where the supervisor works when nothing else is said.
pub const DEFAULT_WORK_DIR: &str = "/tmp/scar";

/// Variables that a stage's container sees. The second half are the names that SCAR 4 used.
pub mod container_variable {
    /// Path of the staged input file.
    pub const INPUT: &str = "SCAR_INPUT";
    /// Directory of the staged input.
    pub const INPUT_DIR: &str = "SCAR_INPUT_DIR";
    /// Directory whose files become outputs.
    pub const OUT: &str = "SCAR_OUT";
    /// Base name of the input's key without its last suffix.
    pub const STEM: &str = "SCAR_STEM";
    /// Text of this item of a scatter.
    pub const ITEM: &str = "SCAR_ITEM";
    /// Number of this item of a scatter, from 0.
    pub const INDEX: &str = "SCAR_INDEX";
    /// Number of this computer of a job of several, from 0; 0 is the one whose outputs count.
    pub const NODE: &str = "SCAR_NODE";
    /// How many computers work on the job.
    pub const NODES: &str = "SCAR_NODES";
    /// Address of computer 0, where it is another.
    pub const MAIN_NODE: &str = "SCAR_MAIN_NODE";
    /// Key of the input object, byte for byte.
    pub const KEY: &str = "SCAR_KEY";
    /// Identity of the run: the task that the first input of the chain became.
    pub const RUN: &str = "SCAR_RUN";
    /// Identity of this task.
    pub const TASK: &str = "SCAR_TASK";
    /// SCAR 4: same as [`INPUT`].
    pub const OLD_INPUT_FILE_PATH: &str = "INPUT_FILE_PATH";
    /// SCAR 2 and the paper: same as [`INPUT`].
    pub const OLD_SCAR_INPUT_FILE: &str = "SCAR_INPUT_FILE";
    /// SCAR 4: same as [`INPUT_DIR`].
    pub const OLD_TMP_INPUT_DIR: &str = "TMP_INPUT_DIR";
    /// SCAR 4: same as [`OUT`].
    pub const OLD_TMP_OUTPUT_DIR: &str = "TMP_OUTPUT_DIR";
    /// SCAR 4: same as [`KEY`].
    pub const OLD_STORAGE_OBJECT_KEY: &str = "STORAGE_OBJECT_KEY";
    /// SCAR 4: time of the event, RFC 3339.
    pub const OLD_EVENT_TIME: &str = "EVENT_TIME";
    /// SCAR 4: the event as JSON.
    pub const OLD_EVENT: &str = "EVENT";
    /// SCAR 4: the Lambda request.
    pub const OLD_REQUEST_ID: &str = "REQUEST_ID";
}

/// The function variable that holds the real name of the bucket known as `name` in the manifest.
///
/// Bucket names of manifests are `[a-z][a-z0-9-]*`, so the mapping is injective.
#[must_use]
pub fn bucket_variable(name: &str) -> String {
    format!(
        "{}{}",
        function_variable::BUCKET,
        name.to_uppercase().replace('-', "_")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_buckets() {
        assert_eq!(bucket_variable("data"), "SCAR_BUCKET_DATA");
        assert_eq!(bucket_variable("my-drop"), "SCAR_BUCKET_MY_DROP");
    }
}
