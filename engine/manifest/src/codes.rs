//! The list of all codes.

/// In order. E208, E3xx and E404 are found by `scar-workflow`, all others here.
const CODES: &[&str] = &[
    "E001", "E002", "E003", "E004", "E005", "E006", "E007", "E010", "E011", "E012", "E013", "E014",
    "E015", "E101", "E102", "E103", "E104", "E105", "E106", "E107", "E108", "E109", "E201", "E202",
    "E203", "E204", "E205", "E206", "E207", "E208", "E209", "E301", "E302", "E303", "E304", "E305",
    "E306", "E307", "E308", "E401", "E402", "E403", "E404", "E501", "E502", "E503", "E504", "E505",
    "E701", "E702", "E703", "E704", "E821", "E822", "E823", "W901", "W902", "W981", "W982",
];

/// Every code that a [`Diagnostic`](crate::Diagnostic) of a manifest or a workflow can have. Each has a
/// page in `docs/errors/`.
#[must_use]
pub fn codes() -> &'static [&'static str] {
    CODES
}
