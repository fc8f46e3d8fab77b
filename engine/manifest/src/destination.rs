//! What a manifest is read for.

/// What a manifest is read for: an environment, and the place that it will be in, as far as that is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Destination<'a> {
    /// Name of the environment; without one it is `dev`, or the only one that the manifest has.
    pub environment: Option<&'a str>,
    /// Value of `{{ region }}`; without one it is what the manifest says.
    pub region: Option<&'a str>,
    /// Value of `{{ account }}`, twelve digits; without one it is what the environment says.
    pub account: Option<&'a str>,
}

impl<'a> From<Option<&'a str>> for Destination<'a> {
    fn from(environment: Option<&'a str>) -> Self {
        Self {
            environment,
            ..Self::default()
        }
    }
}
