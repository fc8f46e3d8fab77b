//! Plans as a comment for a pull request: a table first, warnings, details folded, the exact next step.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use scar_plan::{Action, CheckOutcome, LinkChange, Plan, StackChange, StageChange};
use scar_schemas::digest::Digest;

use super::plan::reason;
use super::text::{clean, count};
use crate::plan_set::{PlanSet, mark};

/// Comments of GitHub hold 65,536 characters; details that would go beyond this are left out.
const LENGTH_MAX: usize = 60_000;

/// The whole comment.
pub(crate) fn comment(set: &PlanSet) -> String {
    let plans: Vec<&Plan> = set.plans.iter().map(|one| &one.plan).collect();
    let changed: Vec<&Plan> = plans
        .iter()
        .copied()
        .filter(|plan| !plan.is_empty())
        .collect();
    let environments: Vec<&str> = environments(&plans);
    let mut out = format!(
        "### scar plan · {}\n\n",
        heading(&environments, &plans, &changed)
    );
    if plans.is_empty() {
        out.push_str("No workflow is touched.\n");
    } else {
        out.push_str(&table(&plans));
    }
    changed
        .iter()
        .for_each(|plan| out.push_str(&warnings(plan)));
    for orphan in &set.orphans {
        let stack = code(&orphan.stack);
        let _ = writeln!(
            out,
            "\n> {stack} has no manifest any more; nothing removes it by itself."
        );
    }
    for plan in &changed {
        let details = details(plan);
        if out.len() + details.len() < LENGTH_MAX {
            out.push_str(&details);
        } else {
            let name = code(&plan.workflow);
            let _ = writeln!(
                out,
                "\nThe details of {name} are too long for a comment; see the plan itself."
            );
        }
    }
    out.push_str(&footer(&environments, &changed));
    out
}

fn environments<'a>(plans: &[&'a Plan]) -> Vec<&'a str> {
    let mut all: Vec<&str> = plans.iter().map(|plan| plan.environment.as_str()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn heading(environments: &[&str], plans: &[&Plan], changed: &[&Plan]) -> String {
    let change = match (changed.len(), plans.len()) {
        (0, _) => "nothing changes".to_owned(),
        (some, all) => format!("{some} of {} changes", count(all, "workflow")),
    };
    match environments {
        [] => change,
        some => format!("{} · {change}", plain(&some.join(", "))),
    }
}

fn table(plans: &[&Plan]) -> String {
    let mut out = String::from(
        "| workflow | stages | add | change | replace | delete | permissions | $/month |\n|---|---|--:|--:|--:|--:|---|--:|\n",
    );
    for plan in plans {
        let name = plain(&plan.workflow);
        if plan.is_empty() {
            let _ = writeln!(out, "| {name} | no change | | | | | | |");
            continue;
        }
        let summary = &plan.summary;
        let widens = match summary.widens {
            0 => String::new(),
            some => format!("⚠ widens {some}"),
        };
        let _ = writeln!(
            out,
            "| **{name}** | {} | {} | {} | {} | {} | {widens} | {} |",
            stages(plan),
            summary.create,
            summary.update,
            summary.replace,
            summary.delete,
            money(plan),
        );
    }
    out
}

fn stages(plan: &Plan) -> String {
    let changed = plan
        .stages
        .iter()
        .filter(|stage| stage.action != Action::Keep);
    let each = |stage: &StageChange| code(&format!("{}{}", mark(stage.action), stage.name));
    changed.map(each).collect::<Vec<_>>().join(" ")
}

fn money(plan: &Plan) -> String {
    let after = plan.cost.after.dollars();
    match plan.cost.before {
        Some(before) => format!("{:.2} → {after:.2}", before.dollars()),
        None => format!("{after:.2}"),
    }
}

/// What a reviewer has to know before anything else.
fn warnings(plan: &Plan) -> String {
    let mut out = String::new();
    for block in &plan.blocks {
        let allow = match &block.allow {
            Some(word) => format!(" Needs {}.", code(&format!("--allow {word}"))),
            None => " Nothing allows it.".to_owned(),
        };
        let _ = writeln!(
            out,
            "\n> ⚠ {}: {}.{allow}",
            plain(&plan.workflow),
            plain(&block.reason)
        );
    }
    for check in plan
        .checks
        .iter()
        .filter(|one| one.outcome == CheckOutcome::Warning)
    {
        let _ = writeln!(
            out,
            "\n> {}: {}",
            plain(&plan.workflow),
            plain(&check.summary)
        );
    }
    for image in plan.images.iter().filter(|image| image.tag_moved) {
        let name = code(&image.reference);
        let _ = writeln!(
            out,
            "\n> The tag {name} moved in its registry; the manifest is the same."
        );
    }
    for bucket in &plan.summary.data_at_risk {
        let _ = writeln!(out, "\n> ⚠ Data at risk: {}", code(bucket));
    }
    out
}

fn details(plan: &Plan) -> String {
    let resources = resources(&plan.base) + &resources(&plan.stack);
    let number = resources.lines().count();
    let name = plain(&plan.workflow);
    format!(
        "\n<details><summary>{name}: graph</summary>\n\n```mermaid\n{}```\n\n</details>\n\n<details><summary>{name}: {}</summary>\n\n````diff\n{resources}````\n\n</details>\n",
        mermaid(plan),
        count(number, "resource"),
    )
}

fn resources(stack: &StackChange) -> String {
    let mut out = String::new();
    for one in stack
        .resources
        .iter()
        .filter(|one| one.action != Action::Keep)
    {
        let mark = match one.action {
            Action::Create => "+",
            Action::Delete => "-",
            _ => "!",
        };
        let _ = writeln!(
            out,
            "{mark} {} {} {}",
            one.logical_id,
            one.kind,
            reason(&one.reason)
        );
    }
    out
}

/// The graph with the changes in colour and as signs.
pub(crate) fn mermaid(plan: &Plan) -> String {
    let mut out = String::from("graph LR\n");
    let numbers: BTreeMap<&str, usize> = plan
        .stages
        .iter()
        .enumerate()
        .map(|(number, stage)| (stage.name.as_str(), number))
        .collect();
    for (number, stage) in plan.stages.iter().enumerate() {
        let label = quoted(&format!("{}{}", mark(stage.action), stage.name));
        let _ = writeln!(out, "  s{number}[\"{label}\"]{}", class(stage.action));
    }
    for LinkChange {
        from,
        to,
        via,
        action,
    } in &plan.links
    {
        if let (Some(from), Some(to)) = (numbers.get(from.as_str()), numbers.get(to.as_str())) {
            let via = quoted(&format!("{}{via}", mark(*action)));
            let _ = writeln!(out, "  s{from} -->|\"{via}\"| s{to}");
        }
    }
    out.push_str("  classDef new stroke:#1a7f37,stroke-width:3px\n  classDef changed stroke:#9a6700,stroke-width:3px\n  classDef gone stroke:#cf222e,stroke-dasharray:4\n");
    out
}

fn class(action: Action) -> &'static str {
    match action {
        Action::Create => ":::new",
        Action::Update | Action::Replace => ":::changed",
        Action::Delete => ":::gone",
        Action::Keep => "",
    }
}

fn quoted(text: &str) -> String {
    clean(text)
        .replace('#', "#35;")
        .replace('"', "#quot;")
        .replace('`', "#96;")
}

fn footer(environments: &[&str], changed: &[&Plan]) -> String {
    let content: Vec<String> = changed
        .iter()
        .map(|plan| {
            let based_on = plan.stack.based_on.as_ref();
            let basis = based_on.map_or_else(String::new, |one| one.fingerprint.to_string());
            format!("{} {} {basis}", plan.stack.name, plan.manifest)
        })
        .collect();
    let digest = Digest::of(content.join("\n").as_bytes());
    let short = &digest.hex()[..12];
    let next = match changed {
        [] => "nothing to do",
        _ => {
            "merge, then `scar apply` of the saved plans; they are valid while the stacks stay as they are"
        }
    };
    let environments = plain(&environments.join(","));
    format!("\nplan `{short}` · {next}\n<!-- scar:plan env={environments} sha={short} -->\n")
}

/// Text that Markdown shows as it is.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for character in clean(text).chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '@' => {
                out.push('\\');
                out.push(character);
            }
            other => out.push(other),
        }
    }
    out
}

/// Text as code. A code span has no escapes, so what would end it is replaced.
fn code(text: &str) -> String {
    format!("`{}`", clean(text).replace('`', "'").replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use super::{code, plain, quoted};

    #[test]
    fn names_cannot_leave_their_place() {
        assert_eq!(plain("a|b<i>@c"), "a\\|b&lt;i&gt;\\@c");
        assert_eq!(code("a`b|c"), "`a'b\\|c`");
        assert_eq!(quoted("a\"]\n#"), "a#quot;]\\n#35;");
    }
}
