//! The stage's HTTP door: an address of its function, or an HTTP API where tokens are looked at.

use scar_schemas::construct::{Http, HttpAuth};
use serde_json::{Value, json};

use super::{Named, Part};
use crate::{Error, access, name};

/// What a door answers to: bodies come with the first two, `GET` asks how a task stands.
const METHODS: [&str; 3] = ["POST", "PUT", "GET"];

impl Part<'_> {
    pub(super) fn door(&self) -> Result<Vec<Named>, Error> {
        match &self.stage.http {
            None => Ok(Vec::new()),
            Some(http) => match &http.auth {
                HttpAuth::Iam => self.url("AWS_IAM"),
                HttpAuth::None => self.public_url(),
                HttpAuth::Jwt { issuer, audiences } => self.api(http, issuer, audiences),
            },
        }
    }

    /// The output with the door's address, if there is a door.
    pub(crate) fn door_output(&self) -> Option<(String, Value)> {
        let http = self.stage.http.as_ref()?;
        let value = if matches!(http.auth, HttpAuth::Jwt { .. }) {
            let api = name::api_id(self.id());
            json!({ "Fn::Sub": format!("${{{api}.ApiEndpoint}}{}", http.path) })
        } else {
            json!({ "Fn::GetAtt": [name::url_id(self.id()), "FunctionUrl"] })
        };
        Some((name::url_output(self.id()), json!({ "Value": value })))
    }

    fn url(&self, auth: &str) -> Result<Vec<Named>, Error> {
        let values = json!({"auth": auth, "function": name::function_id(self.id())});
        Ok(vec![(name::url_id(self.id()), self.render("url", values)?)])
    }

    fn public_url(&self) -> Result<Vec<Named>, Error> {
        let mut resources = self.url("NONE")?;
        for (index, address) in [true, false].into_iter().enumerate() {
            let function = name::function_id(self.id());
            let values = json!({"address": address, "function": function});
            resources.push((
                name::caller_id(self.id(), index),
                self.render("public_permission", values)?,
            ));
        }
        Ok(resources)
    }

    fn api(&self, http: &Http, issuer: &str, audiences: &[String]) -> Result<Vec<Named>, Error> {
        let path = access::literal(self.stage, &http.path)?;
        let (api, function) = (name::api_id(self.id()), name::function_id(self.id()));
        let (integration, authorizer) = (
            name::integration_id(self.id()),
            name::authorizer_id(self.id()),
        );
        let stage = &self.stage.name;
        let one = |id: String, fragment, values| -> Result<Named, Error> {
            Ok((id, self.render(fragment, values)?))
        };
        let log_group = name::log_group_id(self.id());
        let mut resources = vec![
            one(
                name::front_id(self.id()),
                "front",
                json!({"api": api, "log_group": log_group}),
            )?,
            one(
                name::caller_id(self.id(), 0),
                "api_permission",
                json!({"api": api, "function": function, "path": path}),
            )?,
        ];
        for (index, method) in METHODS.into_iter().enumerate() {
            let values = json!({
                "api": api, "authorizer": authorizer, "integration": integration,
                "method": method, "path": path,
            });
            resources.push(one(name::route_id(self.id(), index), "route", values)?);
        }
        let values = json!({"api": api, "issuer": issuer, "audiences": audiences, "name": stage});
        resources.push(one(authorizer, "authorizer", values)?);
        let values = json!({"api": api, "function": function});
        resources.push(one(integration, "integration", values)?);
        let values = json!({"name": stage, "description": self.describe()});
        resources.push(one(api, "api", values)?);
        Ok(resources)
    }
}
