//! What a plan decides besides its resources: cost, checks, what stands in its way, what no template
//! reaches.

use std::fmt::Write as _;

use scar_plan::{Action, BlockCode, CheckOutcome, CostLine, MicroDollars, Place, Plan, RuleChange};
use scar_template::ImageContent;

use super::mark;
use crate::images;
use crate::view::style::Style;
use crate::view::table::table;
use crate::view::text::clean;

/// `workflow.yaml:29`, or nothing.
pub(super) fn place(place: Option<&Place>, style: Style) -> String {
    let text = place.map(|place| format!("{}:{}", clean(&place.file), place.line));
    text.map(|text| style.dim(&text)).unwrap_or_default()
}

/// What happens outside of both stacks.
pub(super) fn outside(plan: &Plan, style: Style) -> String {
    let mut out = String::new();
    for push in &plan.pushes {
        let of = match &push.content {
            ImageContent::Supervisor(_) => String::new(),
            ImageContent::Stage(stage) => format!(" of stage {} with the supervisor", clean(stage)),
        };
        let plus = style.green("+");
        let _ = if push.digest == images::unknown() {
            let known = "its digest is known when its own registry is asked";
            writeln!(
                out,
                "  {plus} push an image{of} to the environment's registry; {known}"
            )
        } else {
            let tag: String = push.digest.hex().chars().take(12).collect();
            writeln!(
                out,
                "  {plus} push image {tag}{of} to the environment's registry"
            )
        };
    }
    for one in &plan.notifications {
        let name = clean(&one.real_name);
        if one.event_bridge == Some(Action::Create) {
            let _ = writeln!(
                out,
                "  {} bucket {name} sends its events to EventBridge from now on",
                style.yellow("~")
            );
        }
        let changed = one.rules.iter().filter(|rule| rule.action != Action::Keep);
        for RuleChange { action, rule } in changed {
            let _ = writeln!(
                out,
                "  {} notification of bucket {name}: {}*{}",
                mark(*action, style),
                clean(&rule.prefix),
                clean(&rule.suffix),
            );
        }
        if !one.foreign.is_empty() {
            let _ = writeln!(
                out,
                "    {} notifications of others in bucket {name} stay as they are",
                one.foreign.len()
            );
        }
    }
    out
}

/// The cost table. Figures are estimates, and what they rest on is told.
pub(super) fn cost(plan: &Plan, style: Style) -> String {
    let cost = &plan.cost;
    let objects = cost.assumptions.iter().find(|one| one.name == "objects");
    let objects = objects.map(|one| one.value.replace(" a month", ""));
    let title = format!("Cost per month at {} objects", objects.unwrap_or_default());
    let row = |line: &CostLine| {
        let stage = line.stage.as_deref().unwrap_or("all stages");
        vec![
            format!("  {}", clean(stage)),
            clean(&line.detail).into_owned(),
            amount(line.before),
            amount(line.after),
        ]
    };
    let mut rows: Vec<Vec<String>> = cost.lines.iter().map(row).collect();
    let total = |name: &str, before, after| vec![format!("  {name}"), String::new(), before, after];
    rows.push(total(
        "total",
        amount(cost.before),
        amount(Some(cost.after)),
    ));
    rows.push(total(
        "without files",
        String::new(),
        amount(Some(cost.idle)),
    ));
    let limit = cost
        .limit
        .map_or_else(|| "none".to_owned(), |limit| amount(Some(limit)));
    let note = format!(
        "  {}; times are guesses unless given with --assume; storage of objects and transfer not counted; limit: {limit}",
        clean(&cost.prices)
    );
    format!(
        "\n{}\n{}{}\n",
        style.bold(&title),
        table(&rows, &[2, 3]),
        style.dim(&note),
    )
}

fn amount(amount: Option<MicroDollars>) -> String {
    match amount {
        None => "-".to_owned(),
        Some(amount) if amount.0 > 0 && amount.0 < 10_000 => "<$0.01".to_owned(),
        Some(amount) => format!("${:.2}", amount.dollars()),
    }
}

/// What was looked at; only what is not as it should be in words.
pub(super) fn checks(plan: &Plan, style: Style) -> String {
    let count = |outcome| {
        plan.checks
            .iter()
            .filter(|one| one.outcome == outcome)
            .count()
    };
    let warnings = match count(CheckOutcome::Warning) {
        1 => "1 warning".to_owned(),
        count => format!("{count} warnings"),
    };
    let mut out = format!(
        "\n{}  {} passed, {} failed, {warnings}\n",
        style.bold("Checks"),
        count(CheckOutcome::Passed),
        count(CheckOutcome::Failed),
    );
    for check in &plan.checks {
        let mark = match check.outcome {
            CheckOutcome::Passed => continue,
            CheckOutcome::Warning => style.yellow("!"),
            CheckOutcome::Failed => style.red("×"),
        };
        let stage = check.stage.as_deref().map(clean);
        let stage = stage.map(|stage| format!("{stage}: ")).unwrap_or_default();
        let place = place(check.place.as_ref(), style);
        let line = format!("  {mark} {stage}{}  {place}", clean(&check.summary));
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

/// What must be allowed, and by which words.
pub(super) fn blocks(plan: &Plan, style: Style) -> String {
    let mut out = String::new();
    // What a failed check says was told with the checks.
    let told = [BlockCode::Check, BlockCode::Account];
    for block in plan.blocks.iter().filter(|one| !told.contains(&one.code)) {
        let way = match &block.allow {
            Some(word) => format!("needs --allow {}", clean(word)),
            None => "nothing allows it".to_owned(),
        };
        let _ = writeln!(out, "{} {}; {way}.", style.red("!"), clean(&block.reason));
    }
    out
}
