//! JSON Web Tokens: RFC 7519 with the signatures RS256 and ES256 of RFC 7518.

use std::time::Duration;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Uri;
use http::request::Parts;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Map, Value};

use crate::clock;
use crate::lambda::Authorizer;

/// Bytes of a document of an issuer.
const DOCUMENT_LIMIT: usize = 256 * 1024;
/// Longest wait for an issuer.
const ISSUER_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a token was refused. Callers are told nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenError {
    /// There is none.
    #[error("the request has no token")]
    Missing,
    /// It cannot be read.
    #[error("the token cannot be read")]
    Malformed,
    /// Its signature is of a kind that is not accepted, `none` for instance.
    #[error("the token has no signature of a kind that is accepted")]
    Algorithm,
    /// The keys of the issuer cannot be had.
    #[error("the keys of the issuer cannot be had")]
    Issuer,
    /// The signature is not that of the issuer.
    #[error("the signature is not that of the issuer")]
    Signature,
    /// A claim does not hold.
    #[error("a claim of the token does not hold")]
    Claim,
}

/// The claims of the token of a request, if its signature and its claims hold.
pub(super) async fn verify(
    authorizer: &Authorizer,
    parts: &Parts,
) -> Result<Map<String, Value>, TokenError> {
    let token = find(authorizer, parts).ok_or(TokenError::Missing)?;
    let pieces: Vec<&str> = token.split('.').collect();
    let [head, claims, signature] = pieces.as_slice() else {
        return Err(TokenError::Malformed);
    };
    let head = document(head)?;
    let algorithm = head.get("alg").and_then(Value::as_str).unwrap_or_default();
    if !["RS256", "ES256"].contains(&algorithm) {
        return Err(TokenError::Algorithm);
    }
    let keys = keys(&authorizer.issuer).await.ok_or(TokenError::Issuer)?;
    let id = head.get("kid");
    let key = keys.iter().find(|key| id.is_none() || key.get("kid") == id);
    let key = key.ok_or(TokenError::Signature)?;
    let signed = token.rsplit_once('.').map_or("", |(signed, _)| signed);
    let signature = decode(signature).ok_or(TokenError::Malformed)?;
    check_signature(key, algorithm, signed.as_bytes(), &signature)?;
    let claims = document(claims)?;
    match holds(&claims, authorizer, clock::now_ms() / 1000) {
        true => Ok(claims),
        false => Err(TokenError::Claim),
    }
}

/// The token where the authorizer looks for it: a header or a value of the query.
fn find(authorizer: &Authorizer, parts: &Parts) -> Option<String> {
    if let Some(name) = authorizer.source.strip_prefix("$request.querystring.") {
        let mut pairs = parts
            .uri
            .query()?
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        return pairs
            .find(|(other, _)| *other == name)
            .map(|(_, value)| value.to_owned());
    }
    let name = authorizer.source.strip_prefix("$request.header.")?;
    let value = parts.headers.get(name)?.to_str().ok()?;
    Some(
        value
            .strip_prefix("Bearer ")
            .unwrap_or(value)
            .trim()
            .to_owned(),
    )
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn document(text: &str) -> Result<Map<String, Value>, TokenError> {
    let bytes = decode(text).ok_or(TokenError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::Malformed)
}

fn check_signature(
    key: &Value,
    algorithm: &str,
    signed: &[u8],
    signature: &[u8],
) -> Result<(), TokenError> {
    let number = |name: &str| key.get(name).and_then(Value::as_str).and_then(decode);
    let kind = key.get("kty").and_then(Value::as_str).unwrap_or_default();
    let checked = match (algorithm, kind) {
        ("RS256", "RSA") => {
            let (n, e) = number("n").zip(number("e")).ok_or(TokenError::Issuer)?;
            let key = RsaPublicKeyComponents { n, e };
            key.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature)
        }
        ("ES256", "EC") => {
            let (x, y) = number("x").zip(number("y")).ok_or(TokenError::Issuer)?;
            // An uncompressed point: SEC 1, section 2.3.3.
            let point = [&[4], x.as_slice(), &y].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature)
        }
        _ => return Err(TokenError::Algorithm),
    };
    checked.map_err(|_| TokenError::Signature)
}

/// "JWT authorizers" in the API Gateway developer guide: issuer, audience and times.
fn holds(claims: &Map<String, Value>, authorizer: &Authorizer, now_s: u64) -> bool {
    let time = |name: &str| claims.get(name).and_then(Value::as_f64);
    let now_s = now_s as f64;
    let is_for_us = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        authorizer.audience.iter().any(|audience| audience == text)
    };
    let audience = match claims.get("aud").or_else(|| claims.get("client_id")) {
        Some(Value::Array(all)) => all.iter().any(is_for_us),
        Some(one) => is_for_us(one),
        None => false,
    };
    claims.get("iss").and_then(Value::as_str) == Some(authorizer.issuer.as_str())
        && (audience || authorizer.audience.is_empty())
        && time("exp").is_some_and(|end| end > now_s)
        && time("nbf").is_none_or(|start| start <= now_s)
        && time("iat").is_none_or(|made| made <= now_s)
}

/// The keys of an issuer, by way of its configuration.
async fn keys(issuer: &str) -> Option<Vec<Value>> {
    let issuer = issuer.trim_end_matches('/');
    let configuration = fetch(&format!("{issuer}/.well-known/openid-configuration")).await?;
    let keys = fetch(configuration.get("jwks_uri")?.as_str()?).await?;
    keys.get("keys")?.as_array().cloned()
}

/// A document of an issuer on this machine. Others are not asked: a local cloud stays local.
async fn fetch(address: &str) -> Option<Value> {
    let uri: Uri = address.parse().ok()?;
    let is_local = matches!(uri.host(), Some("127.0.0.1" | "localhost"));
    if uri.scheme_str() != Some("http") || !is_local {
        return None;
    }
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let fetching = async {
        let response = client.get(uri).await.ok()?;
        let body = Limited::new(response.into_body(), DOCUMENT_LIMIT)
            .collect()
            .await
            .ok()?;
        serde_json::from_slice(&body.to_bytes()).ok()
    };
    tokio::time::timeout(ISSUER_TIMEOUT, fetching).await.ok()?
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn claims_must_hold() {
        let authorizer = Authorizer {
            issuer: "http://127.0.0.1:1".to_owned(),
            audience: vec!["app".to_owned()],
            source: "$request.header.Authorization".to_owned(),
        };
        let with = |name: &str, value: Value| {
            let mut claims =
                json!({ "iss": "http://127.0.0.1:1", "aud": ["x", "app"], "exp": 200 });
            claims[name] = value;
            holds(claims.as_object().unwrap(), &authorizer, 100)
        };
        assert!(with("iat", json!(100)));
        assert!(!with("exp", json!(100)));
        assert!(!with("nbf", json!(101)));
        assert!(!with("aud", json!("other")));
        assert!(!with("iss", json!("http://evil")));
    }

    #[test]
    fn only_what_the_key_signed_passes() {
        use aws_lc_rs::rand::SystemRandom;
        use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let [x, y] = [x, y].map(|number| URL_SAFE_NO_PAD.encode(number));
        let key = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y });
        let signature = pair.sign(&SystemRandom::new(), b"head.claims").unwrap();
        let check = |text: &[u8]| check_signature(&key, "ES256", text, signature.as_ref());
        assert_eq!(check(b"head.claims"), Ok(()));
        assert_eq!(check(b"head.claimz"), Err(TokenError::Signature));
    }

    #[test]
    fn a_key_of_another_kind_checks_nothing() {
        let key = json!({ "kty": "oct", "k": "c2VjcmV0" });
        assert_eq!(
            check_signature(&key, "RS256", b"x", b"y"),
            Err(TokenError::Algorithm)
        );
        assert_eq!(
            check_signature(&key, "none", b"x", b""),
            Err(TokenError::Algorithm)
        );
    }
}
