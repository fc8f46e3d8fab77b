//! The query protocol: form-encoded parameters in, XML out. `CloudFormation` and STS speak it.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response, StatusCode};

use super::{Fault, respond};
use crate::random;

/// The parameters of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// The parameters of a request: its form-encoded body, or its query if it has no body.
    pub(crate) fn of(request: &Request<Bytes>) -> Self {
        match std::str::from_utf8(request.body()) {
            Ok("") => Self::parse(request.uri().query().unwrap_or_default()),
            Ok(body) => Self::parse(body),
            Err(_) => Self::default(),
        }
    }

    /// Reads form-encoded text: the body, or the query of a GET.
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let decode = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((
                scar_schemas::event::decode_key(name)?,
                scar_schemas::event::decode_key(value)?,
            ))
        };
        Self(pairs.filter_map(decode).collect())
    }

    /// The value of a parameter, if it is there and not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The value of a parameter that the operation cannot do without.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Fault> {
        self.text(name)
            .ok_or_else(|| Fault::validation(format!("missing required parameter {name}")))
    }

    /// Whether a parameter is `true`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// The values of `name.member.1`, `name.member.2` and so on.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let value = |index| self.0.get(&format!("{name}.member.{index}")).cloned();
        (1..).map_while(value).collect()
    }

    /// The structures below `name.member.1.`, `name.member.2.` and so on.
    pub(crate) fn structures(&self, name: &str) -> Vec<Self> {
        let fields = |index| {
            Some(self.below(&format!("{name}.member.{index}."))).filter(|one| !one.0.is_empty())
        };
        (1..).map_while(fields).collect()
    }

    fn below(&self, prefix: &str) -> Self {
        let from = self
            .0
            .range(prefix.to_owned()..)
            .take_while(|(name, _)| name.starts_with(prefix));
        Self(
            from.map(|(name, value)| (name[prefix.len()..].to_owned(), value.clone()))
                .collect(),
        )
    }
}

/// Writes elements; all text is escaped.
#[derive(Debug, Default)]
pub(crate) struct Xml(String);

impl Xml {
    /// `<name>value</name>`.
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.element(name, |xml| xml.content(value));
    }

    /// Text within the element that is being written.
    pub(crate) fn content(&mut self, value: &str) {
        self.0.push_str(&escaped(value));
    }

    /// The same, if there is a value.
    pub(crate) fn optional(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// An element with whatever `content` writes.
    pub(crate) fn element(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.0.push_str(&format!("<{name}>"));
        content(self);
        self.0.push_str(&format!("</{name}>"));
    }

    /// A list: an element with one `member` per item.
    pub(crate) fn list<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut content: impl FnMut(&mut Self, T),
    ) {
        self.element(name, |xml| {
            for item in items {
                xml.element("member", |xml| content(xml, item));
            }
        });
    }
}

/// A successful answer.
pub(crate) fn answer(action: &str, namespace: &str, result: Xml) -> Response<Bytes> {
    let body = format!(
        "<?xml version=\"1.0\"?>\n<{action}Response xmlns=\"{namespace}\"><{action}Result>{}</{action}Result>\
         <ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></{action}Response>",
        result.0,
        random::uuid()
    );
    respond(StatusCode::OK, "text/xml", body)
}

/// An error.
pub(crate) fn refusal(namespace: &str, fault: &Fault) -> Response<Bytes> {
    let mut error = Xml::default();
    error.element("Error", |xml| {
        xml.text(
            "Type",
            if fault.status.is_server_error() {
                "Receiver"
            } else {
                "Sender"
            },
        );
        xml.text("Code", &fault.code);
        xml.text("Message", &fault.message);
    });
    let body = format!(
        "<?xml version=\"1.0\"?>\n<ErrorResponse xmlns=\"{namespace}\">{}<RequestId>{}</RequestId></ErrorResponse>",
        error.0,
        random::uuid()
    );
    respond(fault.status, "text/xml", body)
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            // Other control characters have no form at all in XML 1.0.
            other if other < ' ' && !matches!(other, '\n' | '\t') => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read() {
        let read = Parameters::parse(
            "Action=X&Name=a%20b+c&L.member.1=p&L.member.2=q&T.member.1.Key=k&T.member.1.Value=&Bad=%zz",
        );
        assert_eq!(read.text("Name"), Some("a b c"));
        assert_eq!(read.list("L"), ["p", "q"]);
        assert_eq!(read.structures("T").len(), 1);
        assert_eq!(read.structures("T")[0].text("Key"), Some("k"));
        assert_eq!(read.text("Bad"), None);
        assert!(read.required("Missing").is_err());
    }

    #[test]
    fn text_is_escaped() {
        let mut xml = Xml::default();
        xml.text("A", "<&>\u{1}");
        assert_eq!(xml.0, "<A>&lt;&amp;&gt;\u{fffd}</A>");
    }
}
