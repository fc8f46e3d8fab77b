//! JSON text of any of our formats, always by way of a [`Value`]: with two ways, every format would be
//! compiled twice into the one small file.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Error, Value};

/// Reads a format.
pub(crate) fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    serde_json::from_value(serde_json::from_slice::<Value>(text)?)
}

/// Writes a format. The types that are written have nothing that JSON cannot say.
pub(crate) fn write<T: Serialize>(value: &T) -> Vec<u8> {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.to_string().into_bytes()
}
