//! A plan for people: the graph with its marks, what changes in words of the manifest, permissions, counts.

mod decision;
mod graph;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use scar_plan::{
    Action, Destruction, PermissionChange, PermissionEffect, Plan, PropertyChange, Reason,
    ResourceChange, StackChange, StageChange,
};
use serde_json::Value;

use super::style::Style;
use super::table::table;
use super::text::{bytes, clean, count};

/// The whole plan.
pub(crate) fn human(plan: &Plan, style: Style, verbose: bool) -> String {
    let mut out = header(plan, style);
    if plan.is_empty() {
        let _ = writeln!(
            out,
            "\nNo changes: what is deployed is what the manifest says."
        );
        return out;
    }
    out.push_str(&graph::graph(plan, style));
    out.push_str(&stages(plan, style));
    out.push_str(&foundation(plan, style));
    if verbose {
        out.push_str(&resources(&plan.base, style));
        out.push_str(&resources(&plan.stack, style));
    }
    out.push_str(&permissions(plan, style));
    out.push_str(&decision::cost(plan, style));
    out.push_str(&decision::checks(plan, style));
    out.push_str(&summary(plan, verbose));
    out.push_str(&decision::blocks(plan, style));
    out
}

/// What `destroy` removes and keeps; with `delete_data` its buckets are not kept.
pub(crate) fn destruction(destruction: &Destruction, delete_data: bool, style: Style) -> String {
    let mut out = format!(
        "{} · {} · {} {} · stack {}\n",
        style.bold(&clean(&destruction.workflow)),
        clean(&destruction.environment),
        destruction.account,
        destruction.region,
        clean(&destruction.stack.name),
    );
    let mut stack = destruction.stack.clone();
    for resource in &mut stack.resources {
        resource.retained &= !delete_data;
    }
    out.push_str(&resources(&stack, style));
    let fate = if delete_data { "deleted" } else { "kept" };
    for bucket in &destruction.kept_buckets {
        let name = bucket.name.as_deref().unwrap_or(&bucket.logical_id);
        let _ = writeln!(out, "  {fate}: bucket {} with all its objects", clean(name));
    }
    out
}

/// The mark of an action, which says it without colour.
pub(crate) fn mark(action: Action, style: Style) -> String {
    match action {
        Action::Create => style.green("+"),
        Action::Update => style.yellow("~"),
        Action::Replace => style.red("±"),
        Action::Delete => style.red("-"),
        Action::Keep => " ".to_owned(),
    }
}

fn header(plan: &Plan, style: Style) -> String {
    let against = match &plan.stack.based_on {
        Some(basis) => format!(
            "against what was deployed at {} ({})",
            basis.changed, basis.status
        ),
        None => "against nothing: it is not deployed yet".to_owned(),
    };
    let place = match (plan.account.as_str(), plan.region.as_str()) {
        ("", _) => "no cloud asked".to_owned(),
        (account, region) => format!("{account} {region}"),
    };
    format!(
        "{} · {} · {place} · stack {}\n{}\n",
        style.bold(&clean(&plan.workflow)),
        clean(&plan.environment),
        clean(&plan.stack.name),
        style.dim(&clean(&against)),
    )
}

/// A line per stage: what happens to it and why, in words of the manifest.
fn stages(plan: &Plan, style: Style) -> String {
    let rows: Vec<Vec<String>> = plan
        .stages
        .iter()
        .map(|stage| {
            let name = format!("{} {}", mark(stage.action, style), clean(&stage.name));
            let place = match stage.action {
                Action::Keep => String::new(),
                _ => decision::place(stage.place.as_ref(), style),
            };
            vec![format!("  {name}"), stage_words(plan, stage), place]
        })
        .collect();
    format!("\n{}", table(&rows, &[]))
}

fn stage_words(plan: &Plan, stage: &StageChange) -> String {
    let mut words: Vec<String> = stage
        .settings
        .iter()
        .map(|one| {
            format!(
                "{} {} → {}",
                one.name,
                clean(&one.before),
                clean(&one.after)
            )
        })
        .collect();
    for image in plan.images.iter().filter(|image| image.stage == stage.name) {
        if let Some(was) = &image.was {
            let moved = if image.tag_moved {
                " (the tag moved, the manifest is the same)"
            } else {
                ""
            };
            let (was, now) = (&was.hex()[..12], &image.digest.hex()[..12]);
            words.push(format!(
                "image {}: {was} → {now}{moved}",
                clean(&image.reference)
            ));
        }
    }
    if words.is_empty() {
        reason(&stage.reason)
    } else {
        words.join(", ")
    }
}

/// Why, in words.
pub(crate) fn reason(reason: &Reason) -> String {
    match reason {
        Reason::New => "new".to_owned(),
        Reason::Manifest => "changed".to_owned(),
        Reason::TagMoved => "the image's tag moved".to_owned(),
        Reason::Supervisor => "another supervisor".to_owned(),
        Reason::Immutable { property } => format!("{} cannot change in place", clean(property)),
        Reason::Follows { logical_id } => format!("follows {}", clean(logical_id)),
        Reason::Removed => "removed".to_owned(),
        Reason::Unchanged => "unchanged".to_owned(),
    }
}

/// The base stack and the uploads.
fn foundation(plan: &Plan, style: Style) -> String {
    let mut out = String::new();
    if plan.base.action != Action::Keep {
        let _ = writeln!(
            out,
            "\n  {} base stack {}: artifact bucket and supervisor layer",
            mark(plan.base.action, style),
            clean(&plan.base.name),
        );
    }
    if !plan.uploads.is_empty() {
        let size = plan
            .uploads
            .iter()
            .filter_map(|asset| asset.size_bytes)
            .sum();
        let objects = count(plan.uploads.len(), "object");
        let _ = writeln!(
            out,
            "  {} upload {objects}, {}",
            style.green("+"),
            bytes(size)
        );
    }
    out.push_str(&decision::outside(plan, style));
    out
}

/// A block per changed resource.
fn resources(stack: &StackChange, style: Style) -> String {
    let changed = stack
        .resources
        .iter()
        .filter(|one| one.action != Action::Keep);
    let blocks: String = changed.map(|one| resource(one, style)).collect();
    if blocks.is_empty() {
        return blocks;
    }
    format!("\n{}\n{blocks}", style.bold(&clean(&stack.name)))
}

fn resource(resource: &ResourceChange, style: Style) -> String {
    let kept = match (resource.retained, resource.action) {
        _ if !resource.consequence.is_empty() => "",
        (true, Action::Delete) => ", but kept in the account",
        (true, Action::Replace) => ", the old one is kept",
        _ => "",
    };
    let consequence = match resource.action {
        Action::Create | Action::Keep => String::new(),
        _ if resource.consequence.is_empty() => String::new(),
        _ => format!(": {}", resource.consequence),
    };
    let mut out = format!(
        "  {} {:<28} {:<30} {}{consequence}{kept}\n",
        mark(resource.action, style),
        clean(&resource.logical_id),
        resource.kind,
        reason(&resource.reason),
    );
    for PropertyChange {
        path,
        before,
        after,
        place,
        ..
    } in &resource.properties
    {
        let place = decision::place(place.as_ref(), style);
        let line = format!(
            "      {}  {} → {}  {place}",
            clean(path),
            value(before),
            value(after)
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

fn value(value: &Option<Value>) -> String {
    const LENGTH_MAX: usize = 60;
    let text = match value {
        None => return "none".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    if text.chars().count() <= LENGTH_MAX {
        return clean(&text).into_owned();
    }
    let start: String = text.chars().take(LENGTH_MAX).collect();
    format!("{}…", clean(&start))
}

fn permissions(plan: &Plan, style: Style) -> String {
    type Key<'a> = (&'a str, PermissionEffect, &'a str, bool);
    let mut groups: BTreeMap<Key<'_>, Vec<&str>> = BTreeMap::new();
    for one in &plan.permissions {
        let PermissionChange {
            stage,
            effect,
            action,
            resource,
            widens,
        } = one;
        groups
            .entry((stage, *effect, resource, *widens))
            .or_default()
            .push(action);
    }
    if groups.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = groups
        .into_iter()
        .map(|((stage, effect, resource, widens), actions)| {
            let mark = match (effect, widens) {
                (PermissionEffect::Added, true) => style.red("!"),
                (PermissionEffect::Added, false) => style.green("+"),
                (PermissionEffect::Removed, _) => style.red("-"),
            };
            let actions = actions.join(" ");
            let remark = if widens { "beyond this workflow" } else { "" };
            let name = format!("  {mark} {}", clean(stage));
            vec![
                name,
                clean(resource).into_owned(),
                actions,
                remark.to_owned(),
            ]
        })
        .collect();
    format!("\n{}\n{}", style.bold("Permissions"), table(&rows, &[]))
}

fn summary(plan: &Plan, verbose: bool) -> String {
    let more = if verbose {
        ""
    } else {
        "-v shows resources and properties.\n"
    };
    format!("\n{}\n{more}", summary_line(plan))
}

/// The counts of a plan in one line.
pub(crate) fn summary_line(plan: &Plan) -> String {
    let summary = &plan.summary;
    let risk = match summary.data_at_risk.as_slice() {
        [] => "none".to_owned(),
        some => clean(&some.join(" ")).into_owned(),
    };
    format!(
        "Plan: {} to add, {} to change, {} to replace, {} to delete. Data at risk: {risk}.",
        summary.create, summary.update, summary.replace, summary.delete,
    )
}
