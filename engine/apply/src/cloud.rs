//! The way to a cloud: AWS, or something that speaks its protocols at an endpoint.

use std::fmt;

use crate::Error;

/// Which cloud.
#[derive(Debug, Clone)]
pub enum Target {
    /// AWS, with the credentials that the AWS tools would use.
    Aws {
        /// Named profile; `None` is the environment's or the default one.
        profile: Option<String>,
        /// Region; `None` is the environment's or the profile's.
        region: Option<String>,
    },
    /// All services at one URL.
    Endpoint {
        /// For instance `http://127.0.0.1:4566`.
        url: String,
        /// Region.
        region: String,
        /// Keys; `None` is what the AWS tools would use.
        credentials: Option<Credentials>,
    },
}

/// A pair of keys. It is never shown.
#[derive(Clone)]
pub struct Credentials {
    /// Public part.
    pub access_key: String,
    /// Secret part.
    pub secret_key: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Credentials(..)")
    }
}

/// A cloud that answered and told whose it is.
#[derive(Debug, Clone)]
pub struct Cloud {
    account: String,
    region: String,
}

impl Cloud {
    /// Connects, and asks for the account.
    ///
    /// # Errors
    /// [`Error::NoRegion`]; [`Error::Call`] if there are no credentials or the cloud does not answer.
    pub async fn connect(target: &Target) -> Result<Self, Error> {
        let _ = target;
        todo!()
    }

    /// Account number.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }
}

/// Whether the AWS tools would find both a region and credentials, told from environment and files alone.
pub async fn aws_is_configured(profile: Option<&str>, region: Option<&str>) -> bool {
    let _ = (profile, region);
    todo!()
}
