//! File → plan.

use scar_schemas::construct::Architecture;
use scar_schemas::plan as file;
use scar_template::ImageContent;

use crate::file::FileError;
use crate::file::read::{action, digest};
use crate::{
    Assumption, Block, BlockCode, BucketNotifications, Check, CheckOutcome, Cost, CostLine,
    MicroDollars, NotificationRule, Place, Protection, Push, RuleChange,
};

pub(crate) fn place(span: file::Span) -> Place {
    Place {
        file: span.file,
        line: span.line,
        column: span.col,
    }
}

pub(crate) fn push(push: file::Push) -> Result<Push, FileError> {
    Ok(Push {
        tag: push.tag,
        digest: digest(&push.digest, "digest of an image to push")?,
        content: match push.content {
            file::PushContent::Supervisor(name) => ImageContent::Supervisor(architecture(&name)?),
            file::PushContent::Stage(stage) => ImageContent::Stage(stage),
        },
    })
}

pub(crate) fn notifications(one: file::Notifications) -> BucketNotifications {
    let rule = |rule: file::Rule| RuleChange {
        action: action(rule.action),
        rule: NotificationRule {
            id: rule.id,
            function: rule.function,
            prefix: rule.prefix,
            suffix: rule.suffix,
        },
    };
    BucketNotifications {
        bucket: one.bucket,
        real_name: one.real_name,
        event_bridge: one.event_bridge.map(action),
        rules: one.rules.into_iter().map(rule).collect(),
        foreign: one.foreign,
    }
}

pub(crate) fn protection(protection: file::Protection) -> Protection {
    Protection {
        termination: protection.termination,
        stack_policy: protection.stack_policy,
        rollback_alarms: protection.rollback_alarms,
    }
}

pub(crate) fn cost(cost: file::Cost) -> Cost {
    let assumption = |one: file::Assumption| Assumption {
        name: one.name,
        value: one.value,
        source: one.source,
    };
    let line = |one: file::CostLine| CostLine {
        stage: one.stage,
        detail: one.detail,
        before: one.before_micro.map(MicroDollars),
        after: one.after_micro.map(MicroDollars),
    };
    Cost {
        prices: cost.prices,
        assumptions: cost.assumptions.into_iter().map(assumption).collect(),
        lines: cost.lines.into_iter().map(line).collect(),
        before: cost.monthly.before_micro.map(MicroDollars),
        after: MicroDollars(cost.monthly.after_micro),
        idle: MicroDollars(cost.monthly.idle_micro),
        limit: cost.monthly.limit_micro.map(MicroDollars),
    }
}

pub(crate) fn check(check: file::Check) -> Check {
    Check {
        code: check.code,
        outcome: match check.outcome {
            file::Outcome::Passed => CheckOutcome::Passed,
            file::Outcome::Warning => CheckOutcome::Warning,
            file::Outcome::Failed => CheckOutcome::Failed,
        },
        stage: check.stage,
        summary: check.summary,
        place: check.span.map(place),
    }
}

pub(crate) fn block(block: file::Block) -> Block {
    Block {
        code: match block.code {
            file::BlockCode::Widen => BlockCode::Widen,
            file::BlockCode::DeleteData => BlockCode::DeleteData,
            file::BlockCode::Protected => BlockCode::Protected,
            file::BlockCode::Cost => BlockCode::Cost,
            file::BlockCode::Account => BlockCode::Account,
            file::BlockCode::Policy => BlockCode::Policy,
            file::BlockCode::Check => BlockCode::Check,
        },
        subject: block.subject,
        reason: block.reason,
        allow: block.allow,
    }
}

fn architecture(name: &str) -> Result<Architecture, FileError> {
    match name {
        "x86_64" => Ok(Architecture::X86_64),
        "arm64" => Ok(Architecture::Arm64),
        _ => Err(FileError::Invalid {
            what: "architecture of an image to push",
        }),
    }
}
