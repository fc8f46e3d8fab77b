//! The S3 client's way to the network: our one HTTP client instead of the SDK's own, which would double
//! TLS and bring HTTP/2 that S3 does not speak.

use std::error::Error;
use std::io;
use std::time::Duration;

use aws_sdk_s3::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use http_body_util::BodyExt;
use scar_container::{HttpsClient, Trust, https_client};

/// A client for the SDK.
///
/// # Errors
/// TLS is needed, and this system trusts no certificate.
pub(super) fn client(plain: bool, connect_timeout: Duration) -> io::Result<SharedHttpClient> {
    let trust = if plain { Trust::Nobody } else { Trust::System };
    let client = https_client(trust, connect_timeout)?;
    Ok(SharedHttpClient::new(Network(client)))
}

#[derive(Debug)]
struct Network(HttpsClient);

#[derive(Debug)]
struct Connector {
    client: HttpsClient,
    /// Longest time from the request to the head of its answer.
    timeout: Option<Duration>,
}

impl HttpClient for Network {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            client: self.0.clone(),
            timeout: settings.read_timeout(),
        })
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (client, timeout) = (self.client.clone(), self.timeout);
        HttpConnectorFuture::new(async move {
            let answer = send(client, request);
            match timeout {
                None => answer.await,
                Some(timeout) => tokio::time::timeout(timeout, answer)
                    .await
                    .unwrap_or_else(|elapsed| Err(ConnectorError::timeout(elapsed.into()))),
            }
        })
    }
}

async fn send(client: HttpsClient, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let request = request
        .try_into_http1x()
        .map_err(|error| ConnectorError::user(error.into()))?;
    let answer = client
        .request(request.map(BodyExt::boxed_unsync))
        .await
        .map_err(sort)?;
    HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
        .map_err(|error| ConnectorError::other(error.into(), None))
}

/// Tells our own mistakes from those of the network, which the SDK repeats.
fn sort(error: hyper_util::client::legacy::Error) -> ConnectorError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(one) = cause {
        if let Some(one) = one.downcast_ref::<hyper::Error>()
            && one.is_user()
        {
            return ConnectorError::user(error.into());
        }
        cause = one.source();
    }
    ConnectorError::io(error.into())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(50);

    async fn call(address: &str) -> Result<HttpResponse, ConnectorError> {
        let client = https_client(Trust::Nobody, Duration::from_secs(1)).unwrap();
        let connector = Connector {
            client,
            timeout: Some(TIMEOUT),
        };
        connector
            .call(HttpRequest::get(format!("http://{address}/")).unwrap())
            .await
    }

    #[tokio::test]
    async fn a_server_that_is_silent_times_out() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        assert!(call(&address).await.unwrap_err().is_timeout());
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_or_hangs_up_is_the_networks_fault() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let hang_up = std::thread::spawn(move || drop(listener.accept()));
        assert!(call(&address).await.unwrap_err().is_io());
        hang_up.join().unwrap();
        assert!(call(&address).await.unwrap_err().is_io());
    }
}
