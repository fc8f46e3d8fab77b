//! Sizes, durations and days against their limits.

use crate::diagnostic::Diagnostic;
use crate::keys::Shape;
use crate::limits;
use crate::place::Span;
use crate::units::{DAY_S, duration_s, show_mib, show_seconds, size_mib};

/// A diagnostic whose place is not known yet.
pub(crate) struct Unplaced {
    diagnostic: Diagnostic,
    label: String,
}

impl Unplaced {
    pub(crate) fn at(self, span: Span) -> Diagnostic {
        self.diagnostic.label(span, self.label)
    }
}

/// Whether the text is a quantity of this shape within its limits.
pub(crate) fn check(text: &str, shape: &Shape, key: &str, owner: &str) -> Result<(), Unplaced> {
    let unit = |advice: String| Unplaced {
        diagnostic: Diagnostic::error(
            "E103",
            format!("`{key}` of {owner} needs a number and a unit"),
        ),
        label: advice,
    };
    match shape {
        Shape::Size(least, most, code) => {
            let mib = size_mib(text).map_err(unit)?;
            let range = format!("{} to {}", show_mib(*least), show_mib(*most));
            within(mib, *least, *most, code, key, owner, text, &range)
        }
        Shape::Duration(least, most, code) => {
            let seconds = duration_s(text).map_err(unit)?;
            let range = format!("{} to {}", show_seconds(*least), show_seconds(*most));
            if key == "every" && !seconds.is_multiple_of(60) {
                return Err(Unplaced {
                    diagnostic: Diagnostic::error(
                        code,
                        format!("`every` of {owner} is {text}, schedules know whole minutes"),
                    )
                    .help("choose a whole number of minutes"),
                    label: format!("the nearest is `{}m`", seconds.div_ceil(60)),
                });
            }
            within(seconds, *least, *most, code, key, owner, text, &range)
        }
        _ => log_days(duration_s(text).map_err(unit)?, key, owner),
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "one sentence is made of all of them"
)]
fn within(
    value: u64,
    least: u64,
    most: u64,
    code: &'static str,
    key: &str,
    owner: &str,
    text: &str,
    range: &str,
) -> Result<(), Unplaced> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let help = match key {
        "timeout" if value > most => {
            "split the work: one stage cuts the input into parts, each part is a task"
        }
        "disk" if value < least => "leave `disk` out: 512MiB is the least",
        _ => "choose a value in this range",
    };
    Err(Unplaced {
        diagnostic: Diagnostic::error(
            code,
            format!("`{key}` of {owner} is {text}, possible is {range}"),
        )
        .help(help),
        label: format!("{range} is possible"),
    })
}

fn log_days(seconds: u64, key: &str, owner: &str) -> Result<(), Unplaced> {
    let days = seconds / DAY_S;
    if seconds.is_multiple_of(DAY_S) && limits::LOG_DAYS.contains(&days) {
        return Ok(());
    }
    let near = limits::LOG_DAYS
        .iter()
        .min_by_key(|known| known.abs_diff(days))
        .copied()
        .unwrap_or(30);
    let all: Vec<String> = limits::LOG_DAYS
        .iter()
        .map(|days| format!("{days}d"))
        .collect();
    let summary = format!("`{key}` of {owner} is no time that CloudWatch Logs has");
    Err(Unplaced {
        diagnostic: Diagnostic::error("E205", summary)
            .help(format!("possible: {}", all.join(", "))),
        label: format!("the nearest is `{near}d`"),
    })
}
