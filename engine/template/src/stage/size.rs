//! How large a stage's function is.

use scar_schemas::construct::Compute;
use scar_workflow::Stage;

/// Memory and disk in MiB and seconds that a function has at most ("Lambda quotas").
const LARGEST: Size = Size {
    memory_mib: 10_240,
    disk_mib: 10_240,
    timeout_s: 900,
};
/// A function that only takes events and submits jobs.
const INTAKE: Size = Size {
    memory_mib: 256,
    disk_mib: 512,
    timeout_s: 60,
};

/// How large a function is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) memory_mib: u32,
    pub(crate) disk_mib: u32,
    pub(crate) timeout_s: u32,
}

impl Size {
    /// What was asked for, or what Lambda has where Batch is there for the rest.
    pub(crate) fn of_function(stage: &Stage) -> Self {
        if stage.compute == Compute::Batch {
            return INTAKE;
        }
        let asked = Self::asked(stage);
        if !stage.fallback {
            return asked;
        }
        Self {
            memory_mib: asked.memory_mib.min(LARGEST.memory_mib),
            disk_mib: asked.disk_mib.min(LARGEST.disk_mib),
            timeout_s: asked.timeout_s.min(LARGEST.timeout_s),
        }
    }

    /// What the manifest asks for.
    pub(crate) fn asked(stage: &Stage) -> Self {
        Self {
            memory_mib: stage.memory_mib,
            disk_mib: stage.disk_mib,
            timeout_s: stage.timeout_s,
        }
    }
}
