//! `scar explain`

use serde_json::json;

use crate::error::CliError;
use crate::view::Screen;

// `PAGES`: pairs of code and text, of the files in docs/errors, in the order of their codes.
include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// Show what a mistake means and how to mend it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar explain E302    one page
  scar explain         all codes")]
pub(crate) struct Arguments {
    /// Code of the mistake, for instance E302.
    code: Option<String>,
}

pub(crate) fn explain(arguments: &Arguments, screen: &Screen) -> Result<(), CliError> {
    let Some(code) = &arguments.code else {
        return list(screen);
    };
    let wanted = code.trim_start_matches("scar::").to_uppercase();
    match PAGES.iter().find(|(known, _)| *known == wanted) {
        Some((_, page)) if screen.json => {
            screen.document(&json!({ "code": wanted, "title": title(page, &wanted), "page": page }))
        }
        Some((_, page)) => screen.line(page.trim_end()),
        None => Err(
            CliError::failure(format!("there is no mistake with the code {code}"))
                .hint("`scar explain` lists all codes"),
        ),
    }
}

fn list(screen: &Screen) -> Result<(), CliError> {
    if screen.json {
        let all: Vec<_> = PAGES
            .iter()
            .map(|(code, page)| json!({ "code": code, "title": title(page, code) }))
            .collect();
        return screen.document(&json!({ "codes": all }));
    }
    let lines = PAGES
        .iter()
        .map(|(code, page)| format!("{code}  {}\n", title(page, code)));
    screen.data(&lines.collect::<String>())
}

/// The page's first heading, without the code.
fn title<'a>(page: &'a str, code: &str) -> &'a str {
    let heading = page
        .lines()
        .next()
        .unwrap_or_default()
        .trim_start_matches('#')
        .trim();
    heading
        .strip_prefix(code)
        .unwrap_or(heading)
        .trim_start_matches([':', ' '])
}

#[cfg(test)]
mod tests {
    use super::{PAGES, title};

    #[test]
    fn every_code_has_a_page() {
        for code in scar_manifest::codes() {
            assert!(
                PAGES.iter().any(|(known, _)| known == code),
                "no docs/errors/{code}.md"
            );
        }
    }

    #[test]
    fn titles_do_not_repeat_the_code() {
        assert_eq!(title("# E010: unknown key\ntext", "E010"), "unknown key");
    }
}
