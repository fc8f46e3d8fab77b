//! Indented JSON, byte for byte as `serde_json` writes it, with a single write for each new line instead of one
//! for each level.

use std::io::{Result, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

/// What can stand between two values: a comma, the end of the line, and spaces for many levels.
const BETWEEN: &[u8; 66] = b",\n                                                                ";

/// JSON, indented by two spaces.
pub(crate) fn indented(value: &impl Serialize) -> String {
    let mut text = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut text, Indented::default());
    match value.serialize(&mut serializer) {
        Ok(()) => String::from_utf8(text).unwrap_or_default(),
        Err(_) => String::new(),
    }
}

#[derive(Default)]
struct Indented {
    level: usize,
    /// Whether the innermost list or mapping has something.
    is_filled: bool,
}

impl Indented {
    fn begin(&mut self, bracket: u8, writer: &mut (impl Write + ?Sized)) -> Result<()> {
        self.level += 1;
        self.is_filled = false;
        writer.write_all(&[bracket])
    }

    fn end(&mut self, bracket: u8, writer: &mut (impl Write + ?Sized)) -> Result<()> {
        self.level -= 1;
        if self.is_filled {
            self.line(true, writer)?;
        }
        writer.write_all(&[bracket])
    }

    fn line(&self, is_first: bool, writer: &mut (impl Write + ?Sized)) -> Result<()> {
        let start = usize::from(is_first);
        let end = 2 + 2 * self.level;
        writer.write_all(&BETWEEN[start..end.min(BETWEEN.len())])?;
        (BETWEEN.len()..end).try_for_each(|_| writer.write_all(b" "))
    }
}

impl Formatter for Indented {
    fn begin_array<W: Write + ?Sized>(&mut self, writer: &mut W) -> Result<()> {
        self.begin(b'[', writer)
    }

    fn end_array<W: Write + ?Sized>(&mut self, writer: &mut W) -> Result<()> {
        self.end(b']', writer)
    }

    fn begin_array_value<W: Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> Result<()> {
        self.line(first, writer)
    }

    fn end_array_value<W: Write + ?Sized>(&mut self, _: &mut W) -> Result<()> {
        self.is_filled = true;
        Ok(())
    }

    fn begin_object<W: Write + ?Sized>(&mut self, writer: &mut W) -> Result<()> {
        self.begin(b'{', writer)
    }

    fn end_object<W: Write + ?Sized>(&mut self, writer: &mut W) -> Result<()> {
        self.end(b'}', writer)
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> Result<()> {
        self.line(first, writer)
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, writer: &mut W) -> Result<()> {
        writer.write_all(b": ")
    }

    fn end_object_value<W: Write + ?Sized>(&mut self, _: &mut W) -> Result<()> {
        self.is_filled = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn as_serde_json_writes_it() {
        let mut deep = json!({"a": []});
        for _ in 0..60 {
            deep = json!([deep, {"b": {}, "c": [1, {}]}]);
        }
        for value in [
            deep,
            json!({}),
            json!([[], {}]),
            json!("a\n\"é"),
            Value::Null,
        ] {
            let expected = serde_json::to_string_pretty(&value).unwrap();
            assert_eq!(indented(&value), expected);
        }
    }
}
