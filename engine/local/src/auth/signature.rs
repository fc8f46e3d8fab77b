//! Signature Version 4, as "Create a signed AWS API request" in the IAM user guide describes it.
//! S3 requests are checked by the S3 protocol layer, whose rules for paths and bodies differ.

use hmac::{Hmac, KeyInit, Mac};
use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::keys::{Identity, Keys};
use crate::clock;

/// Clocks may differ by this much, in milliseconds.
const SKEW_MS: u64 = 15 * 60 * 1000;
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
/// What the signature leaves unescaped.
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Who claims to ask, and which service for: the credential scope of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    /// Access key.
    pub(crate) access_key: String,
    /// Day of the signing key, `20261121`.
    pub(crate) date: String,
    /// Region.
    pub(crate) region: String,
    /// Service, for instance `s3`.
    pub(crate) service: String,
}

/// Why a request was not let in. Codes and messages are those of AWS services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// No signature at all.
    #[error("Missing Authentication Token")]
    Missing,
    /// A signature that cannot be read.
    #[error("Authorization header or parameters are malformed")]
    Malformed,
    /// An unknown key, or a session token that is not its own.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// Too old or from the future.
    #[error("Signature expired: the request's time is too far from the present")]
    Expired,
    /// It was signed with another secret, or changed on its way.
    #[error(
        "The request signature we calculated does not match the signature you provided. \
         Check your AWS Secret Access Key and signing method."
    )]
    Mismatch,
}

impl Refusal {
    /// Error code that SDKs know.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Missing => "MissingAuthenticationToken",
            Self::Malformed => "IncompleteSignature",
            Self::UnknownKey => "UnrecognizedClientException",
            Self::Expired => "RequestExpired",
            Self::Mismatch => "SignatureDoesNotMatch",
        }
    }
}

impl Scope {
    /// Reads the scope from the `Authorization` header or, for presigned requests, the query.
    pub(crate) fn of(parts: &Parts) -> Result<Self, Refusal> {
        if let Some(header) = parts.headers.get(http::header::AUTHORIZATION) {
            let text = header.to_str().map_err(|_| Refusal::Malformed)?;
            let authorization = Authorization::parse(text).ok_or(Refusal::Malformed)?;
            return Ok(authorization.scope);
        }
        if let Some(credential) = query_value(parts, "X-Amz-Credential") {
            return Self::parse(&credential).ok_or(Refusal::Malformed);
        }
        Self::of_version_2(parts).ok_or(Refusal::Missing)
    }

    /// Presigned URLs of version 2, which boto3 still makes for us-east-1. Only S3 ever had them, and
    /// its protocol layer verifies them.
    fn of_version_2(parts: &Parts) -> Option<Self> {
        let access_key = query_value(parts, "AWSAccessKeyId")?;
        query_value(parts, "Signature")?;
        Some(Self {
            access_key,
            date: String::new(),
            region: String::new(),
            service: "s3".to_owned(),
        })
    }

    fn parse(credential: &str) -> Option<Self> {
        let fields: Vec<&str> = credential.split('/').collect();
        let [access_key, date, region, service, "aws4_request"] = fields.as_slice() else {
            return None;
        };
        let [access_key, date, region, service] =
            [access_key, date, region, service].map(|text| (*text).to_owned());
        Some(Self {
            access_key,
            date,
            region,
            service,
        })
    }

    fn text(&self) -> String {
        format!(
            "{}/{}/{}/aws4_request",
            self.date, self.region, self.service
        )
    }
}

/// Whether the session token of a request, if its key has one, is the right one. Applies to all
/// services, S3 included.
pub(crate) fn check_token(keys: &Keys, scope: &Scope, parts: &Parts) -> Result<Identity, Refusal> {
    let (credentials, identity) = keys.find(&scope.access_key).ok_or(Refusal::UnknownKey)?;
    let header = parts
        .headers
        .get("x-amz-security-token")
        .and_then(|value| value.to_str().ok());
    let given = header
        .map(str::to_owned)
        .or_else(|| query_value(parts, "X-Amz-Security-Token"));
    if credentials.session_token == given {
        Ok(identity)
    } else {
        Err(Refusal::UnknownKey)
    }
}

/// Verifies a request with its whole body, signed by header.
pub(crate) fn verify(keys: &Keys, parts: &Parts, body: &[u8]) -> Result<Identity, Refusal> {
    let header = parts
        .headers
        .get(http::header::AUTHORIZATION)
        .ok_or(Refusal::Missing)?;
    let text = header.to_str().map_err(|_| Refusal::Malformed)?;
    let authorization = Authorization::parse(text).ok_or(Refusal::Malformed)?;
    let scope = &authorization.scope;
    let identity = check_token(keys, scope, parts)?;
    let (credentials, _) = keys.find(&scope.access_key).ok_or(Refusal::UnknownKey)?;
    let date = header_text(parts, "x-amz-date").ok_or(Refusal::Malformed)?;
    check_time(scope, &date)?;
    let canonical = canonical_request(
        parts,
        &authorization.signed_headers,
        &payload_hash(parts, body)?,
    );
    let to_sign = format!(
        "{ALGORITHM}\n{date}\n{}\n{}",
        scope.text(),
        hash(canonical.as_bytes())
    );
    let key = signing_key(&credentials.secret_key, scope);
    let signature = decode_hex(&authorization.signature).ok_or(Refusal::Malformed)?;
    // The comparison takes the same time wherever the difference is.
    keyed(&key, to_sign.as_bytes())
        .verify_slice(&signature)
        .map_err(|_| Refusal::Mismatch)?;
    Ok(identity)
}

struct Authorization {
    scope: Scope,
    signed_headers: Vec<String>,
    signature: String,
}

impl Authorization {
    fn parse(text: &str) -> Option<Self> {
        let fields = text.strip_prefix(ALGORITHM)?.trim_start();
        let field = |name: &str| {
            let mut parts = fields.split(',').map(str::trim);
            parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
        };
        Some(Self {
            scope: Scope::parse(field("Credential")?)?,
            signed_headers: field("SignedHeaders")?
                .split(';')
                .map(str::to_owned)
                .collect(),
            signature: field("Signature")?.to_owned(),
        })
    }
}

fn check_time(scope: &Scope, date: &str) -> Result<(), Refusal> {
    let time_ms = clock::parse_basic(date).ok_or(Refusal::Malformed)?;
    let fresh = clock::now_ms().abs_diff(time_ms) <= SKEW_MS;
    if fresh && date.starts_with(&scope.date) {
        Ok(())
    } else {
        Err(Refusal::Expired)
    }
}

fn payload_hash(parts: &Parts, body: &[u8]) -> Result<String, Refusal> {
    let actual = hash(body);
    match header_text(parts, "x-amz-content-sha256") {
        Some(claimed) if claimed == UNSIGNED_PAYLOAD => Ok(claimed),
        Some(claimed) if claimed != actual => Err(Refusal::Mismatch),
        _ => Ok(actual),
    }
}

fn canonical_request(parts: &Parts, signed_headers: &[String], payload_hash: &str) -> String {
    // The path was escaped once to be sent and is escaped once more to be signed.
    let segments = parts.uri.path().split('/').map(escape);
    let path = segments.collect::<Vec<_>>().join("/");
    let mut pairs: Vec<(String, String)> = query_pairs(parts).collect();
    pairs.sort();
    let pairs = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", escape(name), escape(value)));
    let query = pairs.collect::<Vec<_>>().join("&");
    let headers: String = signed_headers
        .iter()
        .map(|name| canonical_header(parts, name))
        .collect();
    let names = signed_headers.join(";");
    format!(
        "{}\n{path}\n{query}\n{headers}\n{names}\n{payload_hash}",
        parts.method
    )
}

fn canonical_header(parts: &Parts, name: &str) -> String {
    let values = parts
        .headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let folded = values.map(|value| value.split_whitespace().collect::<Vec<_>>().join(" "));
    format!("{name}:{}\n", folded.collect::<Vec<_>>().join(","))
}

fn escape(text: &str) -> String {
    utf8_percent_encode(text, &UNRESERVED).to_string()
}

fn query_pairs(parts: &Parts) -> impl Iterator<Item = (String, String)> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let query = parts.uri.query().unwrap_or("");
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(move |pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
}

fn query_value(parts: &Parts, name: &str) -> Option<String> {
    query_pairs(parts)
        .find(|(other, _)| other == name)
        .map(|(_, value)| value)
}

fn header_text(parts: &Parts, name: &str) -> Option<String> {
    parts.headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn hash(bytes: &[u8]) -> String {
    scar_schemas::digest::hex(&Sha256::digest(bytes))
}

fn keyed(key: &[u8], data: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of every length, so the error cannot happen; an empty key would sign nothing valid.
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()));
    mac.update(data);
    mac
}

fn signing_key(secret: &str, scope: &Scope) -> Vec<u8> {
    let first = format!("AWS4{secret}").into_bytes();
    let steps = [
        scope.date.as_str(),
        &scope.region,
        &scope.service,
        "aws4_request",
    ];
    steps.iter().fold(first, |key, step| {
        keyed(&key, step.as_bytes())
            .finalize()
            .into_bytes()
            .to_vec()
    })
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| u8::try_from((byte as char).to_digit(16)?).ok();
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of "Deriving the signing key" in the AWS General Reference.
    #[test]
    fn key_derivation() {
        let scope = Scope {
            access_key: String::new(),
            date: "20150830".into(),
            region: "us-east-1".into(),
            service: "iam".into(),
        };
        let key = signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", &scope);
        let expected = "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9";
        assert_eq!(scar_schemas::digest::hex(&key), expected);
    }

    #[test]
    fn unreadable_authorizations_are_refused() {
        for text in [
            "",
            "Basic x",
            "AWS4-HMAC-SHA256",
            "AWS4-HMAC-SHA256 Credential=a/b, Signature=0",
        ] {
            assert!(Authorization::parse(text).is_none(), "{text}");
        }
        assert_eq!(decode_hex("0g"), None);
        assert_eq!(decode_hex("abc"), None);
    }
}
