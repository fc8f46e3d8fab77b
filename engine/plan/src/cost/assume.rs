//! What nobody can know and the user may say: `objects=1000,size=10MiB,duration.resize=30s`.

use std::collections::BTreeMap;

use scar_schemas::construct::Compute;
use scar_workflow::Stage;

use crate::Assumption;

/// Seconds a task is guessed to take on Lambda and in Batch, if its stage allows that much.
const GUESSED_S: (f64, f64) = (30.0, 300.0);

/// What the cost is computed with.
#[derive(Debug, Clone, PartialEq)]
pub struct Assumptions {
    /// Objects that enter the workflow in a month; also calls of each HTTP door.
    pub objects: u64,
    /// Size of each in bytes.
    pub size_bytes: u64,
    /// Size of an image, compressed, in bytes; asked for where the registry keeps it.
    pub image_bytes: u64,
    /// Seconds a task of a stage takes, by stage.
    pub duration_s: BTreeMap<String, f64>,
    /// Names that the user gave.
    given: Vec<&'static str>,
}

/// Why an assumption cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAssumption {
    /// No `name=value`.
    #[error("{0:?} is not NAME=VALUE")]
    Form(String),
    /// Nothing of that name is assumed.
    #[error("nothing is called {0:?}; there are objects, size, image and duration.STAGE")]
    Name(String),
    /// The value cannot be read.
    #[error("{value:?} is no value for {name}; for instance {example}")]
    Value {
        /// The name.
        name: String,
        /// The value.
        value: String,
        /// One that can be read.
        example: &'static str,
    },
}

impl Default for Assumptions {
    fn default() -> Self {
        Self {
            objects: 1_000,
            size_bytes: 10 << 20,
            image_bytes: 500 << 20,
            duration_s: BTreeMap::new(),
            given: Vec::new(),
        }
    }
}

impl Assumptions {
    /// Takes a list such as `objects=1000,size=10MiB,duration.resize=30s`.
    ///
    /// # Errors
    /// The first that cannot be read.
    pub fn set(&mut self, list: &str) -> Result<(), InvalidAssumption> {
        for part in list.split(',').filter(|part| !part.trim().is_empty()) {
            let (name, value) = part
                .split_once('=')
                .ok_or_else(|| InvalidAssumption::Form(part.to_owned()))?;
            self.set_one(name.trim(), value.trim())?;
        }
        Ok(())
    }

    fn set_one(&mut self, name: &str, value: &str) -> Result<(), InvalidAssumption> {
        let invalid = |example| InvalidAssumption::Value {
            name: name.to_owned(),
            value: value.to_owned(),
            example,
        };
        match name {
            "objects" => {
                self.objects = value
                    .replace('_', "")
                    .parse()
                    .map_err(|_| invalid("1000"))?;
                self.given.push("objects");
            }
            "size" => {
                self.size_bytes = size(value).ok_or_else(|| invalid("10MiB"))?;
                self.given.push("size");
            }
            "image" => {
                self.image_bytes = size(value).ok_or_else(|| invalid("500MiB"))?;
                self.given.push("image");
            }
            _ => {
                let stage = name.strip_prefix("duration.").filter(|it| !it.is_empty());
                let stage = stage.ok_or_else(|| InvalidAssumption::Name(name.to_owned()))?;
                let seconds = duration(value).ok_or_else(|| invalid("30s"))?;
                self.duration_s.insert(stage.to_owned(), seconds);
            }
        }
        Ok(())
    }

    /// Seconds that a task of the stage is taken to last.
    pub(super) fn duration(&self, stage: &Stage) -> f64 {
        let guess = match stage.compute {
            Compute::Lambda => GUESSED_S.0,
            Compute::Batch => GUESSED_S.1,
        };
        let guess = guess.min(f64::from(stage.timeout_s));
        self.duration_s.get(&stage.name).copied().unwrap_or(guess)
    }

    /// Those of the workflow as a whole; with that about images if there are any in the registry.
    pub(super) fn general(&self, has_images: bool) -> Vec<Assumption> {
        let one = |name: &'static str, value: String| Assumption {
            name: name.to_owned(),
            value,
            source: source(self.given.contains(&name)),
        };
        let mebibytes = |bytes| format!("{} MiB", super::count64(bytes) / f64::from(1 << 20));
        let mut told = vec![
            one("objects", format!("{} a month", self.objects)),
            one("size", mebibytes(self.size_bytes)),
        ];
        if has_images {
            told.push(one("image", mebibytes(self.image_bytes)));
        }
        told
    }

    pub(super) fn duration_told(&self, stage: &Stage) -> Assumption {
        Assumption {
            name: format!("duration.{}", stage.name),
            value: format!("{} s", self.duration(stage)),
            source: source(self.duration_s.contains_key(&stage.name)),
        }
    }
}

fn source(is_given: bool) -> String {
    (if is_given { "given" } else { "guess" }).to_owned()
}

/// `10MiB`, `2GB`, `512` bytes.
fn size(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 7] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("B", 1),
    ];
    let unit = UNITS.iter().find(|(unit, _)| text.ends_with(unit));
    let (number, factor) = match unit {
        Some((unit, factor)) => (text.strip_suffix(unit)?, *factor),
        None => (text, 1),
    };
    number.trim().parse::<u64>().ok()?.checked_mul(factor)
}

/// `30s`, `5m`, `1.5h`, `250ms`.
fn duration(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 4] = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3_600.0)];
    let (unit, factor) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
    let number: f64 = text.strip_suffix(unit)?.trim().parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        let mut all = Assumptions::default();
        all.set("objects=20_000, size=2GiB,duration.a-b=1.5m")
            .unwrap();
        assert_eq!((all.objects, all.size_bytes), (20_000, 2 << 30));
        assert_eq!(all.duration_s.get("a-b"), Some(&90.0));
        assert_eq!(all.general(false)[0].source, "given");
        assert_eq!(all.general(true)[2].value, "500 MiB");
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let mut all = Assumptions::default();
        for bad in [
            "objects",
            "objects=-1",
            "size=1TB?",
            "duration.=3s",
            "duration.a=3",
            "more=1",
            "size=99999999999999GiB",
            "duration.a=NaNs",
        ] {
            assert!(all.set(bad).is_err(), "{bad}");
        }
    }
}
