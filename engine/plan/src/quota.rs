//! What the account lets its functions have, as far as it was asked.

use scar_cfn::Document;
use scar_template::Content;
use serde_json::Value;

use crate::{AccountLimits, Check, CheckOutcome, Plan, Snapshot, check, diff};

/// Tasks at once that stay for functions that reserve none ("Lambda quotas").
const UNRESERVED: u64 = 100;
/// Share of the room for code, in percent, from which on a plan warns.
const NEARLY_FULL_PERCENT: u64 = 90;
/// Tasks at once of an account that nobody has asked more for; new accounts may have as few.
const FEW: u64 = 100;

/// Whether the account's limits leave room for the plan. Without an account nothing was asked.
pub(crate) fn checks(plan: &Plan, snapshot: &Snapshot) -> Vec<Check> {
    let Some(limits) = &snapshot.limits else {
        let asked = snapshot.unknown.iter().any(|one| one.subject == SUBJECT);
        let summary = "limits of the account: not asked";
        return match asked {
            true => Vec::new(),
            false => vec![check::judged("account-limits", None, summary)],
        };
    };
    vec![concurrency(plan, snapshot, limits), code(plan, limits)]
}

/// What could not be looked at, where the account's limits could not.
pub const SUBJECT: &str = "limits of the account";

fn concurrency(plan: &Plan, snapshot: &Snapshot, limits: &AccountLimits) -> Check {
    let before = diff::present(snapshot.stack.as_ref()).map(|stack| &stack.template);
    let held = before.map_or(0, |template| reserved(template));
    let wanted = reserved(&plan.stack.template);
    let free = limits
        .unreserved
        .saturating_add(held)
        .saturating_sub(UNRESERVED);
    let problem = (wanted > held && wanted > free).then(|| {
        format!(
            "stages reserve {wanted} tasks at once, the account has {free} left that can be reserved: ask AWS for a \
             higher limit of concurrent executions, or lower `concurrency`"
        )
    });
    let good = format!(
        "{wanted} tasks at once are reserved, {} of {} of the account stay free",
        limits
            .unreserved
            .saturating_add(held)
            .saturating_sub(wanted),
        limits.concurrency
    );
    let mut check = check::judged("account-concurrency", problem, &good);
    if check.outcome == CheckOutcome::Passed && limits.concurrency < FEW {
        check.outcome = CheckOutcome::Warning;
        check.summary = format!(
            "the account runs {} functions at once; ask AWS for more before many objects come",
            limits.concurrency
        );
    }
    check
}

/// All functions of the template that reserve concurrency.
fn reserved(template: &Document) -> u64 {
    let functions = template
        .resources
        .values()
        .filter(|resource| resource.kind == "AWS::Lambda::Function");
    functions
        .filter_map(|one| one.properties.get("ReservedConcurrentExecutions"))
        .filter_map(Value::as_u64)
        .sum()
}

fn code(plan: &Plan, limits: &AccountLimits) -> Check {
    let zips = plan.uploads.iter().filter(|asset| {
        matches!(
            asset.content,
            Content::Bytes(_) | Content::SupervisorLayer(_)
        )
    });
    let more: u64 = zips.filter_map(|asset| asset.size_bytes).sum();
    let after = limits.code_bytes.saturating_add(more);
    let percent = u128::from(after) * 100 / u128::from(limits.code_limit_bytes.max(1));
    let text = format!("code of functions and layers takes {percent} % of the account's room");
    let problem = (after > limits.code_limit_bytes)
        .then(|| format!("{text}: delete old functions and layer versions"));
    let mut check = check::judged("account-code", problem, &text);
    if check.outcome == CheckOutcome::Passed && percent >= u128::from(NEARLY_FULL_PERCENT) {
        check.outcome = CheckOutcome::Warning;
    }
    check
}
