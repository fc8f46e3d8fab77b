//! Alarms ("`PutMetricAlarm`" of the CloudWatch API reference).

use super::super::finding::Findings;
use super::super::item::Item;

const STATISTICS: &[&str] = &["Average", "Maximum", "Minimum", "SampleCount", "Sum"];
const MISSING_DATA: &[&str] = &["breaching", "ignore", "missing", "notBreaching"];
const MAX_ACTIONS: usize = 5;
/// Seconds that an alarm can look back, and with periods of an hour or more.
const MAX_SPAN_S: (f64, f64) = (86_400.0, 604_800.0);

/// Checks an alarm.
pub(super) fn check(item: &Item<'_>, findings: &mut Findings) {
    if item.has("MetricName") {
        check_metric(item, findings);
    }
    one_of_values(item, "Statistic", STATISTICS, findings);
    one_of_values(item, "TreatMissingData", MISSING_DATA, findings);
    check_period(item, findings);
    for key in ["AlarmActions", "OKActions", "InsufficientDataActions"] {
        let count = item.list(key).len();
        if count > MAX_ACTIONS {
            findings.error(
                item.place(key),
                format!("{count} actions, at most {MAX_ACTIONS} are allowed"),
            );
        }
    }
    let (needed, looked) = (
        item.number("DatapointsToAlarm"),
        item.number("EvaluationPeriods"),
    );
    if let (Some(needed), Some(looked)) = (needed, looked)
        && needed > looked
    {
        findings.error(
            item.place("DatapointsToAlarm"),
            format!("{needed} of {looked} periods can never be"),
        );
    }
    if looked.is_some_and(|looked| looked < 1.0) {
        findings.error(
            item.place("EvaluationPeriods"),
            "at least one period is needed",
        );
    }
}

fn check_metric(item: &Item<'_>, findings: &mut Findings) {
    for key in [
        "Namespace",
        "Period",
        "EvaluationPeriods",
        "ComparisonOperator",
    ] {
        if !item.has(key) {
            findings.error(item.place(""), format!("an alarm on a metric needs {key}"));
        }
    }
    if !item.has("Statistic") && !item.has("ExtendedStatistic") {
        findings.error(
            item.place(""),
            "an alarm on a metric needs Statistic or ExtendedStatistic",
        );
    }
    if !item.has("Threshold") && !item.has("ThresholdMetricId") {
        findings.error(item.place(""), "an alarm on a metric needs Threshold");
    }
}

fn one_of_values(item: &Item<'_>, key: &str, values: &[&str], findings: &mut Findings) {
    if let Some(value) = item
        .text(key)
        .filter(|value| !values.contains(&value.as_str()))
    {
        findings
            .error(
                item.place(key),
                format!("{value:?} is not one of its values"),
            )
            .fix(format!("use {}", values.join(", ")));
    }
}

fn check_period(item: &Item<'_>, findings: &mut Findings) {
    let Some(period) = item.number("Period") else {
        return;
    };
    let is_period = matches!(period, 10.0 | 20.0 | 30.0) || (period > 0.0 && period % 60.0 == 0.0);
    if !is_period {
        findings
            .error(item.place("Period"), format!("{period} s is no period"))
            .fix("use 10, 20, 30 or a multiple of 60");
    }
    let most = if period >= 3600.0 {
        MAX_SPAN_S.1
    } else {
        MAX_SPAN_S.0
    };
    if let Some(span) = item
        .number("EvaluationPeriods")
        .map(|count| count * period)
        .filter(|span| *span > most)
    {
        findings.error(
            item.place("EvaluationPeriods"),
            format!("the alarm would look back {span} s, at most {most} s are possible"),
        );
    }
}
