//! What happens during `apply` and `destroy`, for whoever shows it.

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The leftover of an earlier creation that failed is removed first.
    CleanUp {
        /// Name of the stack.
        stack: String,
        /// Status in which it was left.
        status: String,
    },
    /// Uploading begins.
    UploadStarted {
        /// Objects to upload.
        objects: usize,
    },
    /// An object of the artifact bucket is there.
    Uploaded {
        /// Key in the artifact bucket.
        key: String,
        /// Its size in bytes.
        size_bytes: u64,
    },
    /// An image begins its way to the environment's registry.
    PushStarted {
        /// Its tag.
        tag: String,
        /// The stage whose image it is made of; `None` if it holds the supervisor alone.
        stage: Option<String>,
    },
    /// A layer of an image is in the environment's registry.
    PushedLayer {
        /// The image's tag.
        tag: String,
        /// Bytes that were sent for it; 0 if the registry had it.
        size_bytes: u64,
    },
    /// An image is in the environment's registry.
    Pushed {
        /// Its tag.
        tag: String,
        /// Bytes that were sent; 0 if it was there.
        size_bytes: u64,
    },
    /// Notifications of a bucket that the workflow did not make are as wanted.
    Notified {
        /// Real name of the bucket.
        bucket: String,
    },
    /// A stack begins to change.
    StackStarted {
        /// Name of the stack.
        stack: String,
        /// What is done to it.
        operation: Operation,
    },
    /// A resource made progress.
    Resource(Progress),
    /// A resource failed, and everything is being put back.
    RollbackStarted {
        /// Name of the stack.
        stack: String,
        /// The resource that failed first, with the cloud's words.
        cause: Option<Progress>,
    },
    /// Everything in the stack is as it was before.
    RolledBack {
        /// Name of the stack.
        stack: String,
    },
    /// A stack is as wanted.
    StackFinished {
        /// Name of the stack.
        stack: String,
        /// What was done to it.
        operation: Operation,
        /// False if the cloud found nothing to change.
        changed: bool,
    },
    /// A bucket was emptied and deleted.
    BucketDeleted {
        /// Real name.
        bucket: String,
        /// Objects that were in it, all versions counted.
        objects: u64,
    },
}

/// What is done to a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Made.
    Create,
    /// Changed.
    Update,
    /// Removed.
    Delete,
}

/// Progress of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Name of the stack.
    pub stack: String,
    /// Stage of the resource, if it belongs to one.
    pub stage: Option<String>,
    /// Logical id.
    pub logical_id: String,
    /// Type, for instance `AWS::Lambda::Function`.
    pub kind: String,
    /// Status, for instance `CREATE_COMPLETE`.
    pub status: String,
    /// The cloud's words, if it has any.
    pub reason: Option<String>,
}
