//! Why a value has no meaning.

/// Why a value has no meaning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    /// A parameter that has neither a value nor a default.
    #[error("parameters: [{name}] must have values")]
    MissingParameter {
        /// Its name.
        name: String,
    },
    /// A value for a parameter that the template does not have.
    #[error("parameters: [{name}] do not exist in the template")]
    UnknownParameter {
        /// Its name.
        name: String,
    },
    /// A value that the parameter's own rules forbid.
    #[error("parameter {name} {problem}")]
    InvalidParameter {
        /// Its name.
        name: String,
        /// For instance `must be a number`.
        problem: String,
    },
    /// Something that is referred to is not there.
    #[error("unresolved reference {name}")]
    Unresolved {
        /// `Name` or `Name.Attribute`.
        name: String,
    },
    /// A function with arguments it cannot use.
    #[error("template error: {function} {problem}")]
    Function {
        /// For instance `Fn::Select`.
        function: String,
        /// For instance `index 3 is out of range`.
        problem: String,
    },
    /// Conditions that need each other.
    #[error("circular condition {name}")]
    CircularCondition {
        /// One of them.
        name: String,
    },
}
