//! The way to AWS' servers: through the proxy that the environment names, trusting whom the user trusts.

use std::error::Error as StdError;
use std::path::PathBuf;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};

use crate::Error;

/// Names a file of further authorities, as for the AWS command line.
const AUTHORITIES: &str = "AWS_CA_BUNDLE";
/// What rustls says of every certificate that it does not accept.
const NOT_TRUSTED: &str = "invalid peer certificate";

/// A client that goes through the proxies of `HTTPS_PROXY`, `HTTP_PROXY` and `ALL_PROXY` except for the hosts
/// of `NO_PROXY`, and trusts the system's authorities and those of `AWS_CA_BUNDLE`. `is_loopback`: this
/// machine itself, which no proxy reaches.
///
/// # Errors
/// [`Error::File`] if the file of `AWS_CA_BUNDLE` cannot be read.
pub(crate) fn client(is_loopback: bool) -> Result<SharedHttpClient, Error> {
    let trusted = TlsContext::builder().with_trust_store(authorities()?);
    let trusted = trusted
        .build()
        .map_err(|error| unusable(bundle().unwrap_or_default(), std::io::Error::other(error)))?;
    let connector = move |settings: Option<&_>, components: Option<&_>| {
        let proxies = match is_loopback {
            true => ProxyConfig::disabled(),
            false => ProxyConfig::from_env(),
        };
        let mut builder = Connector::builder().proxy_config(proxies);
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(sleeper));
        builder
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(trusted.clone())
            .build()
    };
    Ok(Builder::new().build_with_connector_fn(connector))
}

fn sleeper(
    components: &aws_smithy_runtime_api::client::runtime_components::RuntimeComponents,
) -> Option<aws_smithy_async::rt::sleep::SharedAsyncSleep> {
    components.sleep_impl()
}

fn bundle() -> Option<PathBuf> {
    let named = std::env::var_os(AUTHORITIES).filter(|name| !name.is_empty());
    named.map(PathBuf::from)
}

fn authorities() -> Result<TrustStore, Error> {
    let store = TrustStore::default();
    let Some(path) = bundle() else {
        return Ok(store);
    };
    match std::fs::read(&path) {
        Ok(bytes) => Ok(store.with_pem_certificate(bytes)),
        Err(source) => Err(unusable(path, source)),
    }
}

fn unusable(path: PathBuf, source: std::io::Error) -> Error {
    Error::File {
        path,
        action: "read",
        source,
    }
}

/// A certificate that is not trusted will not be trusted in the next second either.
#[derive(Debug)]
pub(crate) struct TrustDoesNotCome;

impl ClassifyRetry for TrustDoesNotCome {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let failed = context.output_or_error().and_then(Result::err);
        let error = failed.and_then(|error| error.as_connector_error());
        match error.is_some_and(|error| says(error, NOT_TRUSTED)) {
            true => RetryAction::RetryForbidden,
            false => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "certificate that is not trusted"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

fn says(error: &(dyn StdError + 'static), words: &str) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.to_string().contains(words) {
            return true;
        }
        next = error.source();
    }
    false
}
