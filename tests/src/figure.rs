//! Measured times, told with their spread.

use std::fmt;
use std::time::Duration;

/// Minimum, median and maximum of some times.
#[derive(Debug, Clone)]
pub struct Figure {
    sorted: Vec<Duration>,
}

impl Figure {
    /// Of at least one time.
    #[must_use]
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self { sorted: times }
    }

    /// The time in the middle.
    #[must_use]
    pub fn median(&self) -> Duration {
        self.sorted[self.sorted.len() / 2]
    }

    /// How many times another figure this one is, by their medians.
    #[must_use]
    pub fn ratio(&self, other: &Self) -> f64 {
        self.median().as_secs_f64() / other.median().as_secs_f64().max(1e-6)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
        let (first, last) = (self.sorted[0], self.sorted[self.sorted.len() - 1]);
        write!(
            out,
            "{:9.2} ms median ({:.2} to {:.2}, {} runs)",
            milliseconds(self.median()),
            milliseconds(first),
            milliseconds(last),
            self.sorted.len()
        )
    }
}
