//! Plan → file.

use scar_schemas::construct::Architecture;
use scar_schemas::plan as file;
use scar_template::ImageContent;

use crate::file::write::action;
use crate::{
    Assumption, Block, BlockCode, BucketNotifications, Check, CheckOutcome, Cost, CostLine, Place,
    Protection, Push, RuleChange,
};

pub(crate) fn span(place: &Place) -> file::Span {
    file::Span {
        file: place.file.clone(),
        line: place.line,
        col: place.column,
    }
}

pub(crate) fn push(push: &Push) -> file::Push {
    file::Push {
        tag: push.tag.clone(),
        digest: push.digest.to_string(),
        content: match &push.content {
            ImageContent::Supervisor(architecture) => {
                file::PushContent::Supervisor(architecture_name(*architecture).to_owned())
            }
            ImageContent::Stage(stage) => file::PushContent::Stage(stage.clone()),
        },
    }
}

pub(crate) fn notifications(one: &BucketNotifications) -> file::Notifications {
    let rule = |change: &RuleChange| file::Rule {
        action: action(change.action),
        id: change.rule.id.clone(),
        function: change.rule.function.clone(),
        prefix: change.rule.prefix.clone(),
        suffix: change.rule.suffix.clone(),
    };
    file::Notifications {
        bucket: one.bucket.clone(),
        real_name: one.real_name.clone(),
        event_bridge: one.event_bridge.map(action),
        rules: one.rules.iter().map(rule).collect(),
        foreign: one.foreign.clone(),
    }
}

pub(crate) fn protection(protection: &Protection) -> file::Protection {
    file::Protection {
        termination: protection.termination,
        stack_policy: protection.stack_policy.clone(),
        rollback_alarms: protection.rollback_alarms.clone(),
    }
}

pub(crate) fn cost(cost: &Cost) -> file::Cost {
    let assumption = |one: &Assumption| file::Assumption {
        name: one.name.clone(),
        value: one.value.clone(),
        source: one.source.clone(),
    };
    let line = |one: &CostLine| file::CostLine {
        stage: one.stage.clone(),
        detail: one.detail.clone(),
        before_micro: one.before.map(|amount| amount.0),
        after_micro: one.after.map(|amount| amount.0),
    };
    file::Cost {
        currency: "USD".to_owned(),
        prices: cost.prices.clone(),
        assumptions: cost.assumptions.iter().map(assumption).collect(),
        lines: cost.lines.iter().map(line).collect(),
        monthly: file::Monthly {
            before_micro: cost.before.map(|amount| amount.0),
            after_micro: cost.after.0,
            idle_micro: cost.idle.0,
            limit_micro: cost.limit.map(|amount| amount.0),
        },
    }
}

pub(crate) fn check(check: &Check) -> file::Check {
    file::Check {
        code: check.code.clone(),
        outcome: match check.outcome {
            CheckOutcome::Passed => file::Outcome::Passed,
            CheckOutcome::Warning => file::Outcome::Warning,
            CheckOutcome::Failed => file::Outcome::Failed,
        },
        stage: check.stage.clone(),
        summary: check.summary.clone(),
        span: check.place.as_ref().map(span),
    }
}

pub(crate) fn block(block: &Block) -> file::Block {
    file::Block {
        code: match block.code {
            BlockCode::Widen => file::BlockCode::Widen,
            BlockCode::DeleteData => file::BlockCode::DeleteData,
            BlockCode::Protected => file::BlockCode::Protected,
            BlockCode::Cost => file::BlockCode::Cost,
            BlockCode::Account => file::BlockCode::Account,
            BlockCode::Policy => file::BlockCode::Policy,
            BlockCode::Check => file::BlockCode::Check,
        },
        subject: block.subject.clone(),
        reason: block.reason.clone(),
        allow: block.allow.clone(),
    }
}

fn architecture_name(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "x86_64",
        Architecture::Arm64 => "arm64",
    }
}
