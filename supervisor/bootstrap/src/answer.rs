//! What a caller who waits gets: the only file that was made, or what was printed.

use crate::http_request::media_type;
use crate::outputs::Made;

/// Largest body of an answer. Lambda takes 6 MB in all, and bytes that are no text grow by a third.
pub(crate) const MAX_ANSWER_BYTES: usize = 4_500_000;

/// A result for the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answered {
    /// This body of this media type.
    Body(String, Vec<u8>),
    /// The file of this name has so many bytes, more than an answer can have.
    TooLarge(String, u64),
}

/// The answer of a task that made these files and printed this.
pub(crate) fn of_files(files: &[Made], printed: Vec<u8>) -> Answered {
    let [file] = files else {
        return Answered::Body("text/plain; charset=utf-8".to_owned(), printed);
    };
    if file.size > MAX_ANSWER_BYTES as u64 {
        return Answered::TooLarge(file.name.clone(), file.size);
    }
    match std::fs::read(&file.path) {
        Ok(body) => Answered::Body(media_type(&file.name).to_owned(), body),
        Err(_) => Answered::TooLarge(file.name.clone(), file.size),
    }
}
