//! API Gateway of an old function → `http`.

use super::draft::{self, Draft};
use super::function::{Function, Mode};
use super::report::{Found, Report};
use super::value;

/// The door of a function that had one, for the stage of this name; also says what becomes of `asynchronous`.
pub(crate) fn convert(function: &Function<'_>, stage: &str, report: &mut Report) -> Option<Draft> {
    let to = |key: &str| format!("stages.{stage}.http.{key}");
    let asynchronous = function.get("lambda.asynchronous");
    let is_async = asynchronous
        .as_ref()
        .and_then(|found| value::boolean(found, report))
        == Some(true);
    let name = function.get("api_gateway.name");
    let path = name.as_ref().and_then(|found| value::filled(found, report));
    let (Some(name), Some(path)) = (name, path) else {
        if let Some(found) = asynchronous {
            report.dropped(&found, "objects always start their tasks asynchronously");
        }
        if let Some(found) = function.get("api_gateway.method.authorizationType") {
            report.dropped(&found, "without a name there was no door");
        }
        return None;
    };
    if stage == function.stage {
        report.mapped(&name, &to("path"));
    } else {
        let note = "a stage starts by objects or by requests: the door is a stage of its own";
        report.changed(&name, &to("path"), note);
    }
    let mut http = Draft::default();
    http.set("path", draft::text(&format!("/{}", path_of(&path))));
    let mode = mode(function, is_async);
    http.set("mode", draft::text(mode));
    if let Some(found) = asynchronous {
        report.mapped(&found, &to("mode"));
    }
    authorization(function, &name, &to("auth"), &mut http, report);
    Some(http)
}

fn mode(function: &Function<'_>, is_async: bool) -> &'static str {
    if is_async || function.mode == Mode::Batch {
        "async"
    } else {
        "sync"
    }
}

fn path_of(name: &str) -> String {
    let allowed = |c: char| {
        if c.is_ascii_alphanumeric() || "-._~".contains(c) {
            c
        } else {
            '-'
        }
    };
    name.chars().map(allowed).take(100).collect()
}

/// The old default let everybody in; the new door lets in whom AWS knows.
fn authorization(
    function: &Function<'_>,
    name: &Found<'_>,
    to: &str,
    http: &mut Draft,
    report: &mut Report,
) {
    let open = "the old door was open to everybody; this one lets in callers that sign with AWS credentials, \
                `auth: none` opens it again";
    http.set("auth", draft::text("iam"));
    let Some(found) = function.get("api_gateway.method.authorizationType") else {
        return report.changed(name, to, open);
    };
    match value::text(&found, report).as_deref() {
        Some("AWS_IAM") => report.mapped(&found, to),
        Some("NONE") => report.changed(&found, to, open),
        Some(_) => report.changed(&found, to, "write `auth: {jwt: …}` for callers with tokens"),
        None => {}
    }
}
