//! Colours, which only ever repeat what the text says.

/// Whether and how one stream is coloured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    coloured: bool,
}

impl Style {
    /// With or without colour.
    pub(crate) fn new(coloured: bool) -> Self {
        Self { coloured }
    }

    /// Whether colour is used at all.
    pub(crate) fn is_coloured(self) -> bool {
        self.coloured
    }

    /// Good, new.
    pub(crate) fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// Bad, removed.
    pub(crate) fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// Changed.
    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// Important.
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Less important.
    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.coloured {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}
