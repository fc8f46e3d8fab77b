//! Requests to one registry: tokens, redirects, retries, limits.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;

use crate::error::Error;
use crate::https::{HttpsClient, proxied_client};
use crate::oci::MAX_DOCUMENT_BYTES;
use crate::reference::RegistryReference;
use crate::registry::ask::Ask;
use crate::registry::credentials::Credentials;
use crate::registry::retry::{backoff, chain, escape, retry_wait};
use crate::registry::token::{Challenge, challenge, is_loopback, may_ask};

/// What rustls says of every certificate that it does not accept.
const NOT_TRUSTED: &str = "invalid peer certificate";
const MAX_REDIRECTS: usize = 5;
const MAX_TRIES: u32 = 4;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest silence of a registry, before its answer and between two pieces of it.
pub(crate) const SILENCE: Duration = Duration::from_secs(30);
/// Docker's registry has another host than its name.
const DOCKER_HOST: &str = "registry-1.docker.io";

/// The connection to one repository.
#[derive(Clone)]
pub(crate) struct Http {
    pub(super) client: HttpsClient,
    scheme: &'static str,
    /// Host as the reference names it, for credentials and messages.
    name: String,
    host: String,
    repository: String,
    credentials: Credentials,
    /// The `Authorization` that worked last. It is for this repository only.
    authorization: Arc<Mutex<Option<HeaderValue>>>,
}

#[derive(Deserialize)]
struct Token {
    #[serde(alias = "access_token")]
    token: String,
}

impl Http {
    pub(crate) fn new(
        reference: &RegistryReference,
        credentials: Credentials,
        plain_http: bool,
    ) -> Result<Self, Error> {
        let name = reference.host.clone();
        let refused = |reason: String| Error::Registry {
            host: name.clone(),
            reason,
            retryable: false,
        };
        if plain_http && !is_loopback(&name) {
            return Err(refused(
                "plain HTTP is only used for registries on this machine".into(),
            ));
        }
        // Which scheme is used is decided here and for every redirect, not by the client.
        let client = proxied_client(CONNECT_TIMEOUT)
            .map_err(|error| refused(format!("no trusted certificates: {error}")))?;
        Ok(Self {
            client,
            scheme: if plain_http { "http" } else { "https" },
            host: if name == "docker.io" {
                DOCKER_HOST.into()
            } else {
                name.clone()
            },
            name,
            repository: reference.repository.clone(),
            credentials,
            authorization: Arc::default(),
        })
    }

    /// A document of limited size, with its media type.
    pub(crate) async fn document(
        &self,
        path: &str,
        accept: &str,
    ) -> Result<(Bytes, Option<String>), Error> {
        let response = self.found(&Ask::get(path, accept)).await?;
        let kind = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let kind = kind.map(str::to_owned);
        Ok((self.whole(response).await?, kind))
    }

    /// A successful answer to a question, after tokens, retries and redirects.
    pub(crate) async fn found(&self, ask: &Ask) -> Result<Response<Incoming>, Error> {
        let response = self.ask(ask, &[StatusCode::NOT_FOUND]).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Err(Error::NotFound {
                what: format!("{}{}", self.name, ask.target),
            });
        }
        Ok(response)
    }

    /// An answer that is a success or has one of the statuses `expected`, after tokens, retries and
    /// redirects.
    pub(crate) async fn ask(
        &self,
        ask: &Ask,
        expected: &[StatusCode],
    ) -> Result<Response<Incoming>, Error> {
        let uri = self.uri_of(&ask.target)?;
        let mut may_authenticate = true;
        let mut tries = 0;
        loop {
            let answer = self.follow(uri.clone(), ask, self.remembered()).await;
            tries += 1;
            let wait = match &answer {
                Ok(response)
                    if response.status().is_success() || expected.contains(&response.status()) =>
                {
                    return answer;
                }
                Ok(response)
                    if response.status() == StatusCode::UNAUTHORIZED && may_authenticate =>
                {
                    may_authenticate = false;
                    self.authenticate(response, &ask.method).await?;
                    continue;
                }
                Ok(response) => retry_wait(response, tries),
                Err(Error::Registry {
                    retryable: true, ..
                }) => Some(backoff(tries)),
                Err(_) => None,
            };
            match wait {
                Some(wait) if tries < MAX_TRIES => tokio::time::sleep(wait).await,
                _ => {
                    return Err(
                        answer.map_or_else(|error| error, |response| self.status(&response))
                    );
                }
            }
        }
    }

    /// A path of the registry, or an address that it gave, which must be as safe as a redirect.
    pub(super) fn uri_of(&self, target: &str) -> Result<Uri, Error> {
        let own = self.uri(&format!("{}://{}/", self.scheme, self.host))?;
        self.target(&own, target)
    }

    /// Follows redirects of questions. Only the registry itself gets our authorization, and HTTPS stays
    /// HTTPS.
    async fn follow(
        &self,
        mut uri: Uri,
        ask: &Ask,
        mut authorization: Option<HeaderValue>,
    ) -> Result<Response<Incoming>, Error> {
        let own = self.uri_of("/")?;
        for _ in 0..=MAX_REDIRECTS {
            if uri.authority() != own.authority() {
                authorization = None;
            }
            let response = self.send(ask, &uri, authorization.clone()).await?;
            if !response.status().is_redirection() || !ask.method.is_safe() {
                return Ok(response);
            }
            let location = response
                .headers()
                .get(LOCATION)
                .and_then(|value| value.to_str().ok());
            uri = self.target(&uri, location.unwrap_or(""))?;
        }
        Err(self.refused("it redirects too often"))
    }

    fn target(&self, from: &Uri, location: &str) -> Result<Uri, Error> {
        let text = match location.strip_prefix('/') {
            Some(_) => format!(
                "{}://{}{location}",
                self.scheme,
                from.authority().map_or("", |a| a.as_str())
            ),
            None => location.to_owned(),
        };
        let uri = self.uri(&text)?;
        let plain_loopback =
            self.scheme == "http" && is_loopback(uri.authority().map_or("", |a| a.as_str()));
        match uri.scheme_str() {
            Some("https") => Ok(uri),
            Some("http") if plain_loopback => Ok(uri),
            _ => Err(self.refused("it redirects to an address without TLS")),
        }
    }

    async fn send(
        &self,
        ask: &Ask,
        uri: &Uri,
        authorization: Option<HeaderValue>,
    ) -> Result<Response<Incoming>, Error> {
        let request = ask
            .request(uri, authorization)
            .map_err(|error| self.refused(error))?;
        match tokio::time::timeout(SILENCE, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(self.unanswered(chain(&error))),
            Err(_) => Err(self.unavailable("it does not answer")),
        }
    }

    async fn authenticate(
        &self,
        response: &Response<Incoming>,
        method: &Method,
    ) -> Result<(), Error> {
        let actions = if method.is_safe() {
            "pull"
        } else {
            "pull,push"
        };
        let scope = format!("repository:{}:{actions}", self.repository);
        let header = response
            .headers()
            .get(WWW_AUTHENTICATE)
            .and_then(|value| value.to_str().ok());
        let basic = self.login().await;
        let value = match challenge(header.unwrap_or("")) {
            Some(Challenge::Basic) => basic.ok_or_else(|| {
                self.refused("it asks for a password; log in with `docker login` or the like")
            })?,
            Some(Challenge::Bearer { realm, service }) => {
                format!(
                    "Bearer {}",
                    self.token(&realm, service.as_deref(), &scope, basic)
                        .await?
                )
            }
            None => return Err(self.refused("it asks for an authentication that is not known")),
        };
        let mut value = HeaderValue::from_str(&value).map_err(|error| self.refused(error))?;
        value.set_sensitive(true);
        *self
            .authorization
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(value);
        Ok(())
    }

    /// The stored password; a helper program may have to be asked, which takes its time.
    async fn login(&self) -> Option<String> {
        let (credentials, name) = (self.credentials.clone(), self.name.clone());
        tokio::task::spawn_blocking(move || credentials.basic(&name))
            .await
            .ok()
            .flatten()
    }

    async fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        scope: &str,
        basic: Option<String>,
    ) -> Result<String, Error> {
        let separator = if realm.contains('?') { '&' } else { '?' };
        let service = service.map_or_else(String::new, |name| format!("service={}&", escape(name)));
        let query = format!("{service}scope={}", escape(scope));
        let uri = self.uri(&format!("{realm}{separator}{query}"))?;
        let host = uri.authority().map_or("", |authority| authority.as_str());
        let is_safe =
            uri.scheme_str() == Some("https") || self.scheme == "http" && is_loopback(host);
        if !is_safe || !may_ask(&self.host, host) || host.contains('@') {
            return Err(self.refused(format!(
                "it sends us to {host:?} for a token, which is not its own"
            )));
        }
        let basic = basic.and_then(|text| HeaderValue::from_str(&text).ok());
        let ask = Ask::get(&uri.to_string(), "application/json");
        let response = self.send(&ask, &uri, basic).await?;
        if !response.status().is_success() {
            return Err(self.refused(format!("no token for {scope}: {}", response.status())));
        }
        let bytes = self.whole(response).await?;
        let token: Result<Token, _> = serde_json::from_slice(&bytes);
        Ok(token
            .map_err(|_| self.refused("its token is not valid"))?
            .token)
    }

    async fn whole(&self, response: Response<Incoming>) -> Result<Bytes, Error> {
        let limit = usize::try_from(MAX_DOCUMENT_BYTES).unwrap_or(usize::MAX);
        let body = http_body_util::Limited::new(response.into_body(), limit).collect();
        match tokio::time::timeout(SILENCE, body).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Error::Limit {
                what: "bytes of one document",
                limit: MAX_DOCUMENT_BYTES,
            }),
            Ok(Err(error)) => Err(self.unavailable(error)),
            Err(_) => Err(self.unavailable("it stopped sending")),
        }
    }

    pub(super) fn remembered(&self) -> Option<HeaderValue> {
        self.authorization
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn uri(&self, text: &str) -> Result<Uri, Error> {
        text.parse()
            .map_err(|_| self.refused(format!("{text:?} is not an address")))
    }

    pub(super) fn status(&self, response: &Response<Incoming>) -> Error {
        let status = response.status();
        let hint = match status {
            StatusCode::TOO_MANY_REQUESTS => "; copy the image to a registry of your own",
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                "; the login is missing or not enough"
            }
            _ => "",
        };
        let retryable = retry_wait(response, 0).is_some();
        Error::Registry {
            host: self.name.clone(),
            reason: format!("{status}{hint}"),
            retryable,
        }
    }

    /// A certificate that is not trusted will not be trusted in the next second either.
    fn unanswered(&self, reason: String) -> Error {
        match reason.contains(NOT_TRUSTED) {
            true => self.refused(reason),
            false => self.unavailable(reason),
        }
    }

    pub(crate) fn refused(&self, reason: impl ToString) -> Error {
        Error::Registry {
            host: self.name.clone(),
            reason: reason.to_string(),
            retryable: false,
        }
    }

    pub(crate) fn unavailable(&self, reason: impl ToString) -> Error {
        Error::Registry {
            host: self.name.clone(),
            reason: reason.to_string(),
            retryable: true,
        }
    }
}
