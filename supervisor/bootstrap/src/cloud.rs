//! The few calls to services besides the object storage: submitting jobs, fetching secrets, and signed
//! addresses. Plain JSON over our one HTTP client, because each SDK would be a tenth of the file.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use scar_container::{HttpsClient, Trust, https_client};
use serde_json::Value;

use crate::listing;
use crate::setup::Environment;
use crate::store::{Location, path_of};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const REPLY_TIMEOUT: Duration = Duration::from_secs(20);
const TRIES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// A page of a listing has 1,000 keys of 1,024 bytes, each of which may be encoded as three.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// Access to services.
pub(crate) struct Cloud {
    credentials: SharedCredentialsProvider,
    region: String,
    /// Addresses that are not AWS's own, by service; the empty name is for all others.
    endpoints: BTreeMap<&'static str, String>,
    client: OnceLock<HttpsClient>,
}

/// A call that came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CloudError {
    /// The service said no.
    #[error("{service} refused {operation} with {status} {code}: {message}")]
    Refused {
        service: &'static str,
        operation: String,
        status: u16,
        code: String,
        message: String,
    },
    /// The service did not say anything that can be used.
    #[error("{service} had no usable answer to {operation}: {reason}")]
    NoAnswer {
        service: &'static str,
        operation: String,
        reason: String,
    },
}

/// An answer of the object storage.
pub(crate) struct StoreAnswer {
    /// HTTP status.
    pub(crate) status: u16,
    /// Header fields.
    pub(crate) headers: http::HeaderMap,
    /// The body.
    pub(crate) body: Bytes,
}

/// One call.
pub(crate) struct Call<'a> {
    /// Name of the service in addresses and signatures.
    pub(crate) service: &'static str,
    /// Path of the address.
    pub(crate) path: &'a str,
    /// `X-Amz-Target`, where the service wants one.
    pub(crate) target: Option<&'a str>,
    /// What is sent.
    pub(crate) body: Value,
}

impl Cloud {
    /// Access as `credentials` say; no request is made.
    pub(crate) fn new(
        environment: &Environment,
        region: &str,
        credentials: SharedCredentialsProvider,
    ) -> Self {
        let names = [
            ("batch", "AWS_ENDPOINT_URL_BATCH"),
            ("ssm", "AWS_ENDPOINT_URL_SSM"),
            ("secretsmanager", "AWS_ENDPOINT_URL_SECRETS_MANAGER"),
            ("s3", "AWS_ENDPOINT_URL_S3"),
            ("", "AWS_ENDPOINT_URL"),
        ];
        let endpoints = names
            .into_iter()
            .filter_map(|(service, name)| Some((service, environment.optional(&[name])?)))
            .collect();
        Self {
            credentials,
            region: region.to_owned(),
            endpoints,
            client: OnceLock::new(),
        }
    }

    /// Makes a call, again where that may help.
    pub(crate) async fn call(&self, call: &Call<'_>) -> Result<Value, CloudError> {
        let mut pause = FIRST_PAUSE;
        let mut tries = 0;
        loop {
            tries += 1;
            match self.call_once(call).await {
                Err(error) if error.is_passing() && tries < TRIES => {}
                other => return other,
            }
            tokio::time::sleep(crate::random::jittered(pause)).await;
            pause *= 2;
        }
    }

    /// Asks the object storage; `query` is encoded. Again where that may help. Every status that says
    /// something about the object is an answer.
    pub(crate) async fn ask_store(
        &self,
        method: &'static str,
        at: &Location,
        query: &str,
        headers: &[(&'static str, String)],
    ) -> Result<StoreAnswer, CloudError> {
        let mut address = self.object_address(at);
        if !query.is_empty() {
            address = format!("{address}?{query}");
        }
        let mut pause = FIRST_PAUSE;
        let mut tries = 0;
        loop {
            tries += 1;
            match self.ask_store_once(method, &address, headers).await {
                Err(error) if error.is_passing() && tries < TRIES => {}
                other => return other,
            }
            tokio::time::sleep(crate::random::jittered(pause)).await;
            pause *= 2;
        }
    }

    async fn ask_store_once(
        &self,
        method: &'static str,
        address: &str,
        headers: &[(&'static str, String)],
    ) -> Result<StoreAnswer, CloudError> {
        let mut request = http::Request::builder().method(method).uri(address);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(Bytes::new()));
        let request = request.map_err(|error| no_answer("s3", method, &error))?;
        let mut settings = of_the_store();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let body = SignableBody::Bytes(b"");
        let request = self.signed("s3", request, body, settings).await?;
        let (head, body) = self.send("s3", method, request).await?;
        match head.status.as_u16() {
            status @ (200..=299 | 404 | 405 | 409 | 412) => Ok(StoreAnswer {
                status,
                headers: head.headers,
                body,
            }),
            status => {
                let text = String::from_utf8_lossy(&body);
                let tag = |name| listing::tag(&text, name).unwrap_or_default().to_owned();
                Err(CloudError::Refused {
                    service: "s3",
                    operation: method.to_owned(),
                    status,
                    code: tag("Code"),
                    message: tag("Message"),
                })
            }
        }
    }

    /// An address at which anybody can write this object for a while.
    pub(crate) async fn writable(
        &self,
        at: &Location,
        valid: Duration,
    ) -> Result<String, CloudError> {
        self.presigned("PUT", at, valid).await
    }

    /// An address at which anybody can read this object for a while.
    pub(crate) async fn readable(
        &self,
        at: &Location,
        valid: Duration,
    ) -> Result<String, CloudError> {
        self.presigned("GET", at, valid).await
    }

    async fn presigned(
        &self,
        method: &'static str,
        at: &Location,
        valid: Duration,
    ) -> Result<String, CloudError> {
        let mut settings = of_the_store();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(valid);
        let address = self.object_address(at);
        let request = http::Request::builder().method(method).uri(address);
        let request = request
            .body(())
            .map_err(|error| no_answer("s3", method, &error))?;
        let body = SignableBody::UnsignedPayload;
        let signed = self.signed("s3", request, body, settings).await?;
        Ok(signed.uri().to_string())
    }

    fn object_address(&self, at: &Location) -> String {
        let path = path_of(&at.key);
        match self.endpoint("s3") {
            Some(endpoint) => format!("{}/{}/{path}", endpoint.trim_end_matches('/'), at.bucket),
            None => format!("https://{}.s3.{}/{path}", at.bucket, self.domain()),
        }
    }

    async fn call_once(&self, call: &Call<'_>) -> Result<Value, CloudError> {
        let operation = call.target.unwrap_or(call.path);
        let failed = |error: &dyn std::fmt::Display| no_answer(call.service, operation, error);
        let text = call.body.to_string();
        let kind = match call.target {
            Some(_) => "application/x-amz-json-1.1",
            None => "application/json",
        };
        let mut request = http::Request::post(self.address(call))
            .header("content-type", kind)
            .body(Full::new(Bytes::from(text.clone())))
            .map_err(|error| failed(&error))?;
        if let Some(target) = call.target {
            let target = target.parse().map_err(|error| failed(&error))?;
            request.headers_mut().insert("x-amz-target", target);
        }
        let body = SignableBody::Bytes(text.as_bytes());
        let settings = SigningSettings::default();
        let request = self.signed(call.service, request, body, settings).await?;
        let (head, body) = self.send(call.service, operation, request).await?;
        let status = head.status.as_u16();
        let document: Value = serde_json::from_slice(&body).unwrap_or_default();
        match status {
            200..=299 => Ok(document),
            _ => Err(refused(call.service, operation, status, &document)),
        }
    }

    /// Sends a signed request and reads the whole answer.
    async fn send(
        &self,
        service: &'static str,
        operation: &str,
        request: http::Request<Full<Bytes>>,
    ) -> Result<(http::response::Parts, Bytes), CloudError> {
        let failed = |error: &dyn std::fmt::Display| no_answer(service, operation, error);
        let request = request.map(|body| body.map_err(|never| match never {}).boxed_unsync());
        let client = self.client().map_err(|error| failed(&error))?;
        let answer = tokio::time::timeout(REPLY_TIMEOUT, client.request(request));
        let answer = answer.await.map_err(|error| failed(&error))?;
        let answer = answer.map_err(|error| failed(&error))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect();
        let body = tokio::time::timeout(REPLY_TIMEOUT, body).await;
        let body = body.map_err(|error| failed(&error))?;
        let body = body.map_err(|error| failed(&error))?;
        Ok((head, body.to_bytes()))
    }

    async fn signed<B>(
        &self,
        service: &'static str,
        mut request: http::Request<B>,
        body: SignableBody<'_>,
        settings: SigningSettings,
    ) -> Result<http::Request<B>, CloudError> {
        let failed = |error: &dyn std::fmt::Display| no_answer(service, "sign", error);
        let credentials = self.credentials.provide_credentials().await;
        let identity: Identity = credentials.map_err(|error| failed(&error))?.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .map_err(|error| failed(&error))?
            .into();
        let uri = request.uri().to_string();
        let headers = request.headers().iter();
        let headers =
            headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let signable = SignableRequest::new(request.method().as_str(), uri, headers, body)
            .map_err(|error| failed(&error))?;
        let signed = sign(signable, &parameters).map_err(|error| failed(&error))?;
        let (instructions, _) = signed.into_parts();
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }

    fn client(&self) -> std::io::Result<&HttpsClient> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let mut endpoints = self.endpoints.values();
        let is_plain =
            !self.endpoints.is_empty() && endpoints.all(|one| one.starts_with("http://"));
        let trust = if is_plain {
            Trust::Nobody
        } else {
            Trust::System
        };
        let client = https_client(trust, CONNECT_TIMEOUT)?;
        Ok(self.client.get_or_init(|| client))
    }

    fn address(&self, call: &Call<'_>) -> String {
        match self.endpoint(call.service) {
            Some(endpoint) => format!("{}{}", endpoint.trim_end_matches('/'), call.path),
            None => format!("https://{}.{}{}", call.service, self.domain(), call.path),
        }
    }

    fn endpoint(&self, service: &str) -> Option<&String> {
        self.endpoints
            .get(service)
            .or_else(|| self.endpoints.get(""))
    }

    fn domain(&self) -> String {
        let end = match self.region.starts_with("cn-") {
            true => "amazonaws.com.cn",
            false => "amazonaws.com",
        };
        format!("{}.{end}", self.region)
    }
}

impl CloudError {
    /// Whether the same call may well succeed soon.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::NoAnswer { .. } => true,
            Self::Refused { status, code, .. } => {
                *status >= 500
                    || *status == 429
                    || code.contains("Throttl")
                    || code.contains("TooMany")
                    || code.contains("Expired")
            }
        }
    }
}

/// What the object storage has otherwise than all other services.
fn of_the_store() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings
}

fn no_answer(service: &'static str, operation: &str, reason: &dyn std::fmt::Display) -> CloudError {
    CloudError::NoAnswer {
        service,
        operation: operation.to_owned(),
        reason: reason.to_string(),
    }
}

fn refused(service: &'static str, operation: &str, status: u16, document: &Value) -> CloudError {
    let text = |names: [&str; 2]| {
        let found = names.iter().find_map(|name| document.get(name)?.as_str());
        found.unwrap_or_default().to_owned()
    };
    let code = text(["__type", "code"]);
    CloudError::Refused {
        service,
        operation: operation.to_owned(),
        status,
        code: code.rsplit('#').next().unwrap_or_default().to_owned(),
        message: text(["message", "Message"]),
    }
}
