//! What is otherwise than what was deployed, although nobody planned it.

use crate::{Action, Plan};

/// Something that is not as it was deployed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Drift {
    /// What it is about: a logical id, an image, a bucket.
    pub subject: String,
    /// Type of the resource, or `image` or `bucket`.
    pub kind: String,
    /// Stage, if it belongs to one.
    pub stage: Option<String>,
    /// What happened.
    pub change: DriftChange,
}

/// What happened to something that drifted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum DriftChange {
    /// It is gone.
    Deleted,
    /// A property is otherwise.
    Property {
        /// Its path.
        path: String,
        /// As deployed.
        expected: Option<String>,
        /// As it is.
        actual: Option<String>,
    },
    /// The code of a function is not the package that was deployed.
    Code {
        /// SHA-256 of the package in base64, as the service tells it.
        expected: String,
        /// SHA-256 of what is there.
        actual: String,
    },
    /// An image's tag means another image now.
    TagMoved {
        /// What is deployed.
        deployed: String,
        /// What the tag means now.
        now: String,
    },
    /// A notification rule of scar's own is gone or changed.
    Notification {
        /// Its id.
        id: String,
    },
    /// The bucket's events do not go to EventBridge any more.
    EventBridgeOff,
    /// It could not be looked at.
    Unknown {
        /// Why.
        reason: String,
    },
}

/// What CloudFormation does not see: moved tags, and notifications of buckets that are not the stack's.
/// `plan` is one of the manifest that is deployed; of another one, differences are changes and no drift.
#[must_use]
pub fn drift(plan: &Plan) -> Vec<Drift> {
    let mut all: Vec<Drift> = plan.images.iter().filter_map(moved).collect();
    if plan.stack.based_on.is_none() {
        return all;
    }
    for one in &plan.notifications {
        let drifted = |change| Drift {
            subject: one.real_name.clone(),
            kind: "bucket".to_owned(),
            stage: None,
            change,
        };
        if one.event_bridge == Some(Action::Create) {
            all.push(drifted(DriftChange::EventBridgeOff));
        }
        let changed = one.rules.iter();
        let changed = changed.filter(|rule| matches!(rule.action, Action::Create | Action::Update));
        all.extend(changed.map(|rule| {
            drifted(DriftChange::Notification {
                id: rule.rule.id.clone(),
            })
        }));
    }
    all
}

fn moved(image: &crate::ImageChange) -> Option<Drift> {
    let (deployed, now) = match (&image.tag_now, &image.was) {
        (Some(now), _) => (&image.digest, now),
        (None, Some(was)) if image.tag_moved => (was, &image.digest),
        _ => return None,
    };
    Some(Drift {
        subject: image.reference.clone(),
        kind: "image".to_owned(),
        stage: Some(image.stage.clone()),
        change: DriftChange::TagMoved {
            deployed: deployed.to_string(),
            now: now.to_string(),
        },
    })
}
