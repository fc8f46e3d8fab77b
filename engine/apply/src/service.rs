//! Services that only a few calls are made to: requests in JSON, signed here, over the SDK's own
//! connections and retries.

use std::time::SystemTime;

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use serde_json::Value;

use crate::Error;

/// A service.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Service {
    /// AWS Batch, by paths.
    Batch,
    /// Amazon ECR, by operations.
    Ecr,
    /// AWS Lambda, by paths.
    Lambda,
    /// AWS Lambda, invocations whose result nobody waits for.
    LambdaEvents,
}

/// One call.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) service: Service,
    /// API operation, for instance `DescribeJobs`.
    pub(crate) operation: &'static str,
    /// What it is about, for people.
    pub(crate) subject: String,
    pub(crate) method: &'static str,
    /// Path with its leading slash, percent-encoded.
    pub(crate) path: String,
    pub(crate) body: Value,
}

/// What signing and sending take.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    pub(crate) credentials: Option<SharedCredentialsProvider>,
    pub(crate) http: Option<SharedHttpClient>,
    pub(crate) region: String,
    /// URL of all services, unless they are AWS' own.
    pub(crate) endpoint: Option<String>,
    pub(crate) retries: RetryConfig,
    pub(crate) timeouts: TimeoutConfig,
}

impl Service {
    /// Name in signatures.
    fn name(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Ecr => "ecr",
            Self::Lambda | Self::LambdaEvents => "lambda",
        }
    }

    /// First part of its host's name ("Service endpoints and quotas", AWS general reference).
    fn host(self) -> &'static str {
        match self {
            Self::Ecr => "api.ecr",
            other => other.name(),
        }
    }

    fn is_by_operation(self) -> bool {
        matches!(self, Self::Ecr)
    }
}

impl Wire {
    /// Makes a call; an empty answer is `null`.
    pub(crate) async fn ask(&self, ask: &Ask) -> Result<Value, Error> {
        let request = self.request(ask).await?;
        let mut operation = Operation::builder()
            .service_name(ask.service.name())
            .operation_name(ask.operation)
            .behavior_version(
                aws_smithy_runtime_api::client::behavior_version::BehaviorVersion::latest(),
            )
            .endpoint_url(&self.address(ask.service))
            .no_auth()
            .standard_retry(&self.retries)
            .retry_classifier(
                aws_smithy_runtime::client::retries::classifiers::HttpStatusCodeClassifier::default(
                ),
            )
            .timeout_config(self.timeouts.clone());
        if let Some(http) = &self.http {
            operation = operation.http_client(http.clone());
        }
        let operation = operation
            .serializer(|request: Signed| request.to_http())
            .deserializer(read)
            .build();
        operation.invoke(request).await.map_err(|error| {
            let refused = error.as_service_error().cloned();
            let (code, message) = refused.map(|it| (it.code, it.message)).unzip();
            let source: Option<Box<dyn std::error::Error + Send + Sync>> = match code {
                Some(_) => None,
                None => Some(Box::new(error)),
            };
            Error::Call {
                operation: ask.operation,
                subject: ask.subject.clone(),
                code,
                message,
                source,
            }
        })
    }

    /// Where a service is.
    fn address(&self, service: Service) -> String {
        let suffix = if self.region.starts_with("cn-") {
            ".cn"
        } else {
            ""
        };
        match &self.endpoint {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => format!(
                "https://{}.{}.amazonaws.com{suffix}",
                service.host(),
                self.region
            ),
        }
    }

    async fn request(&self, ask: &Ask) -> Result<Signed, Error> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Call {
            operation: ask.operation,
            subject: ask.subject.clone(),
            code: None,
            message: None,
            source: Some(source),
        };
        let provider = self
            .credentials
            .as_ref()
            .ok_or_else(|| failed("there are no credentials".into()))?;
        let keys = provider.provide_credentials().await;
        let identity: Identity = keys.map_err(|error| failed(Box::new(error)))?.into();
        self.signed(ask, &identity).map_err(failed)
    }

    fn signed(
        &self,
        ask: &Ask,
        identity: &Identity,
    ) -> Result<Signed, Box<dyn std::error::Error + Send + Sync>> {
        let by_operation = ask.service.is_by_operation();
        let content_type = if by_operation {
            "application/x-amz-json-1.1"
        } else {
            "application/json"
        };
        let mut headers = vec![("content-type".to_owned(), content_type.to_owned())];
        if by_operation {
            let target = format!("AmazonEC2ContainerRegistry_V20150921.{}", ask.operation);
            headers.push(("x-amz-target".to_owned(), target));
        }
        if matches!(ask.service, Service::LambdaEvents) {
            headers.push(("x-amz-invocation-type".to_owned(), "Event".to_owned()));
        }
        let body = match &ask.body {
            Value::Null => Vec::new(),
            body => serde_json::to_vec(body)?,
        };
        let url = format!("{}{}", self.address(ask.service), ask.path);
        let parameters = v4::SigningParams::builder()
            .identity(identity)
            .region(&self.region)
            .name(ask.service.name())
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let pairs = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let signable = SignableRequest::new(ask.method, &url, pairs, SignableBody::Bytes(&body))?;
        let (instructions, _) = sign(signable, &parameters)?.into_parts();
        let added = instructions.headers();
        headers.extend(added.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Ok(Signed {
            method: ask.method,
            path: ask.path.clone(),
            headers,
            body,
        })
    }
}

/// A request with its signature. Its headers are credentials and are not shown.
struct Signed {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl std::fmt::Debug for Signed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {}", self.method, self.path)
    }
}

impl Signed {
    fn to_http(&self) -> Result<HttpRequest, Box<dyn std::error::Error + Send + Sync>> {
        let mut request = HttpRequest::new(SdkBody::from(self.body.clone()));
        request.set_method(self.method)?;
        request.set_uri(self.path.as_str())?;
        for (name, value) in &self.headers {
            request
                .headers_mut()
                .try_insert(name.clone(), value.clone())?;
        }
        Ok(request)
    }
}

/// What a service refused.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{code}: {message}")]
struct Refused {
    code: String,
    message: String,
}

fn read(response: &HttpResponse) -> Result<Value, OrchestratorError<Refused>> {
    let bytes = response.body().bytes().unwrap_or_default();
    let value: Value = match bytes {
        [] => Value::Null,
        bytes => serde_json::from_slice(bytes).unwrap_or_default(),
    };
    if response.status().is_success() {
        return Ok(value);
    }
    let header = response.headers().get("x-amzn-errortype");
    let code = header.or_else(|| value["__type"].as_str());
    let code = code
        .unwrap_or("Unknown")
        .split(':')
        .next()
        .unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or_default().to_owned();
    let words = value["message"]
        .as_str()
        .or_else(|| value["Message"].as_str());
    let message = words.map_or_else(
        || format!("status {}", response.status().as_u16()),
        str::to_owned,
    );
    Err(OrchestratorError::operation(Refused { code, message }))
}
