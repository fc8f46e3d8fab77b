//! One request to a registry, which can be sent again.

use bytes::Bytes;
use http::header::{ACCEPT, HeaderName};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full};

use crate::https::RequestBody;

/// A request before it is known where exactly it goes.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    /// Path on the registry, or a whole address that the registry gave.
    pub(crate) target: String,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
}

impl Ask {
    pub(crate) fn new(method: Method, target: &str) -> Self {
        Self {
            method,
            target: target.to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    pub(crate) fn get(target: &str, accept: &str) -> Self {
        Self::new(Method::GET, target).header(ACCEPT, accept)
    }

    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn body(self, body: Vec<u8>) -> Self {
        let body = body.into();
        Self { body, ..self }
    }

    /// The request for one address.
    pub(crate) fn request(
        &self,
        uri: &Uri,
        authorization: Option<HeaderValue>,
    ) -> Result<Request<RequestBody>, http::Error> {
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(uri.clone())
            .header("user-agent", concat!("scar/", env!("CARGO_PKG_VERSION")));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(authorization) = authorization {
            request = request.header(http::header::AUTHORIZATION, authorization);
        }
        let body = Full::new(self.body.clone()).map_err(|never| match never {});
        request.body(RequestBody::new(body))
    }
}
