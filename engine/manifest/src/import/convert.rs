//! A whole old file → the text of a manifest, with what is said about it.

use super::data::{self, Paths};
use super::draft::{self, Draft};
use super::function::Function;
use super::names::{self, Names};
use super::report::{Found, Report};
use super::storage::{self, Buckets, OWN};
use super::{compute, door, value, walk, work};
use crate::format::print;
use crate::tree::{Node, Value};

/// Converts a tree that is an old file. `file` is its name, which becomes that of the workflow.
pub(crate) fn convert(root: &Node, file: &str) -> (String, Report) {
    let mut report = Report::default();
    walk::walk(root, &mut report);
    storage::report_providers(root, &mut report);
    let functions = functions(root, &mut report);
    let providers = storage::providers(root);
    let paths: Vec<Paths<'_>> = functions
        .iter()
        .map(|function| data::read(function, &providers, &mut report))
        .collect();
    let buckets = buckets(&functions, &paths);
    let workflow = names::name(stem(file), "workflow");
    let mut top = Draft::default();
    top.set("scar", draft::plain(1));
    top.set("name", draft::text(&workflow));
    description(&functions, &mut top, &mut report);
    region(root, &functions, &mut top, &mut report);
    set_buckets(&buckets, &paths, &mut top, &mut report);
    let stages = stages(&functions, &paths, &buckets, &workflow, &mut report);
    top.set("stages", stages.block(true));
    let header = [format!(
        "Made by `scar import` of {}, a file of SCAR 4.",
        base_name(file)
    )];
    let mut document = draft::document(&header, top);
    crate::format::sort(&mut document.root);
    report.lines.sort_by_key(|line| line.span.start);
    (print(&document), report)
}

fn functions<'a>(root: &'a Node, report: &mut Report) -> Vec<Function<'a>> {
    let root = Found::root(root);
    let Some(found) = root.get("functions") else {
        return Vec::new();
    };
    let aws = found.get("aws");
    let entries = aws
        .iter()
        .flat_map(value::list)
        .filter(|entry| matches!(entry.node.value, Value::Map(_)));
    let mut taken = Names::default();
    let functions: Vec<Function<'a>> = entries
        .map(|entry| Function::read(entry, &mut taken, report))
        .collect();
    if functions.is_empty() && found.get("oscar").is_none() {
        let help = "functions stand in a list: `functions: {aws: [{lambda: {name: …}}]}`";
        report.wrong(&found, "has no functions for AWS", help);
    }
    functions
}

fn buckets(functions: &[Function<'_>], paths: &[Paths<'_>]) -> Buckets {
    let mut buckets = Buckets::default();
    for (function, paths) in functions.iter().zip(paths) {
        for path in paths.inputs.iter().chain(&paths.outputs) {
            buckets.add(&path.place.bucket);
        }
        buckets.needs_own |= paths.inputs.is_empty() && !has_door(function);
    }
    buckets
}

fn has_door(function: &Function<'_>) -> bool {
    function
        .get("api_gateway.name")
        .is_some_and(|found| value::filled(&found, &mut Report::default()).is_some())
}

/// That of a single function is the workflow's; several are told above their stages.
fn description(functions: &[Function<'_>], top: &mut Draft, report: &mut Report) {
    if let [function] = functions
        && let Some(found) = function.get("lambda.description")
        && let Some(text) = value::filled(&found, report)
    {
        report.mapped(&found, "description");
        top.set("description", draft::text(&text));
    }
}

/// Blocks with a region of their own.
const REGIONS: &[&str] = &[
    "lambda.region",
    "iam.region",
    "s3.region",
    "api_gateway.region",
    "cloudwatch.region",
    "batch.region",
    "ecr.region",
];

/// A workflow has one region.
fn region(root: &Node, functions: &[Function<'_>], top: &mut Draft, report: &mut Report) {
    let of_functions = functions
        .iter()
        .flat_map(|function| REGIONS.iter().filter_map(|path| function.get(path)));
    let of_providers = storage::providers(root)
        .into_iter()
        .filter(|(name, _)| name.starts_with("s3."))
        .filter_map(|(_, definition)| definition.get("region"));
    let mut first: Option<String> = None;
    for found in of_functions.chain(of_providers) {
        let Some(region) = value::filled(&found, report) else {
            report.dropped(&found, "it is empty");
            continue;
        };
        match &first {
            None => {
                top.set("region", draft::text(&region));
                report.mapped(&found, "region");
                first = Some(region);
            }
            Some(first) if *first == region => report.mapped(&found, "region"),
            Some(first) => {
                let what = format!("is another region than {first}");
                let help = "a workflow has one region: make a file for each";
                report.wrong(&found, &what, help);
            }
        }
    }
}

/// Old files name real buckets; one alone needs no name in paths.
fn set_buckets(buckets: &Buckets, paths: &[Paths<'_>], top: &mut Draft, report: &mut Report) {
    if let Some(real) = buckets.only() {
        top.set("bucket", draft::text(real));
        origin(paths, real, "bucket", report);
        return;
    }
    let mut all = Draft::default();
    for (real, name) in buckets.all() {
        let mut bucket = Draft::default();
        bucket.set("existing", draft::text(real));
        all.set(name, bucket.flow());
        origin(paths, real, &format!("buckets.{name}"), report);
    }
    if buckets.needs_own && !all.is_empty() {
        all.set(OWN, Draft::default().flow());
    }
    if !all.is_empty() {
        top.set("buckets", all.block(false));
    }
}

/// What is wrong with a bucket is shown where it is first used.
fn origin(paths: &[Paths<'_>], real: &str, to: &str, report: &mut Report) {
    let all = paths
        .iter()
        .flat_map(|paths| paths.inputs.iter().chain(&paths.outputs));
    if let Some(path) = all.into_iter().find(|path| path.place.bucket == real) {
        report.origins.insert(to.to_owned(), path.origin());
    }
}

fn stages(
    functions: &[Function<'_>],
    paths: &[Paths<'_>],
    buckets: &Buckets,
    workflow: &str,
    report: &mut Report,
) -> Draft {
    let mut stages = Draft::default();
    for (function, paths) in functions.iter().zip(paths) {
        let mut stage = Draft::default();
        compute::convert(function, &mut stage, report);
        work::convert(function, workflow, &mut stage, report);
        data::outputs(function, paths, buckets, &mut stage, report);
        let name = door_stage(function, functions, paths);
        let door = door::convert(function, &name, report);
        let has_own_door = door.is_some() && name == function.stage;
        if let Some(http) = door {
            add_door(function, &name, stage.clone(), http, &mut stages, report);
        }
        if !has_own_door {
            data::inputs(function, paths, buckets, &mut stage, report);
            stages.set(&function.stage, stage.block(false));
        }
        if functions.len() > 1 {
            comment(function, &mut stages, report);
        }
    }
    stages
}

/// A stage has one kind of start: of a function with inputs the door becomes a stage of its own.
fn door_stage(function: &Function<'_>, functions: &[Function<'_>], paths: &Paths<'_>) -> String {
    if paths.inputs.is_empty() || function.get("api_gateway.name").is_none() {
        return function.stage.clone();
    }
    let mut taken = Names::default();
    for other in functions {
        taken.take(&other.stage);
    }
    taken.take(&names::name(&format!("{}-http", function.stage), "http"))
}

fn add_door(
    function: &Function<'_>,
    name: &str,
    mut stage: Draft,
    http: Draft,
    stages: &mut Draft,
    report: &mut Report,
) {
    stage.set("http", http.flow());
    let item = stages.set(name, stage.block(false));
    if name != function.stage {
        item.before
            .push(draft::comment(&format!("the door of `{}`", function.stage)));
        if let Some(found) = function.get("api_gateway.name") {
            report.origins.insert(format!("stages.{name}"), found.place);
        }
    }
}

/// What the function was for, above its stage.
fn comment(function: &Function<'_>, stages: &mut Draft, report: &mut Report) {
    if let Some(found) = function.get("lambda.description")
        && let Some(text) = value::filled(&found, report)
        && let Some(item) = stages.item(&function.stage)
    {
        report.mapped(&found, "");
        item.before.push(draft::comment(&text));
    }
}

fn base_name(file: &str) -> &str {
    file.rsplit(['/', '\\']).next().unwrap_or(file)
}

fn stem(file: &str) -> &str {
    let name = base_name(file);
    name.split_once('.').map_or(name, |(stem, _)| stem)
}
