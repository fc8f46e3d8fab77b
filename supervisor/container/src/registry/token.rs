//! The challenge of a registry and where its token may be fetched.

use std::net::IpAddr;

/// What `WWW-Authenticate` asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    Basic,
    Bearer {
        realm: String,
        service: Option<String>,
    },
}

/// Reads the header. `None` if it asks for something else or is malformed.
pub(crate) fn challenge(header: &str) -> Option<Challenge> {
    let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let parameters = parameters(rest);
    let find = |name: &str| {
        let mut found = parameters
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.clone())
    };
    Some(Challenge::Bearer {
        realm: find("realm")?,
        service: find("service"),
    })
}

/// `key="value", key=value`
fn parameters(mut text: &str) -> Vec<(String, String)> {
    let mut list = Vec::new();
    while let Some((key, rest)) = text.split_once('=') {
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once(',').unwrap_or((rest, "")),
        };
        list.push((key.trim_matches([' ', ',']).to_owned(), value.to_owned()));
        text = rest;
    }
    list
}

/// Whether a registry may send us, with our password, to this host for a token: itself, a host of the
/// same domain, and for a loopback registry another loopback port.
pub(crate) fn may_ask(registry: &str, realm: &str) -> bool {
    let (registry, realm) = (host_name(registry), host_name(realm));
    if registry == realm || is_loopback(registry) && is_loopback(realm) {
        return true;
    }
    match (domain(registry), domain(realm)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// Whether a host of a reference is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let name = host_name(host);
    name == "localhost"
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// The host without its port.
fn host_name(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    }
}

/// The last two names of a host; addresses have none.
fn domain(host: &str) -> Option<&str> {
    if host.parse::<IpAddr>().is_ok() {
        return None;
    }
    let last = host.rfind('.')?;
    Some(host[..last].rfind('.').map_or(host, |at| &host[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read() {
        let header = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io""#;
        let expected = Challenge::Bearer {
            realm: "https://auth.docker.io/token".into(),
            service: Some("registry.docker.io".into()),
        };
        assert_eq!(challenge(header), Some(expected));
        assert_eq!(challenge("Basic realm=\"x\""), Some(Challenge::Basic));
        for bad in [
            "",
            "Digest x",
            "Bearer",
            "Bearer realm",
            "Bearer =\"",
            "Bearer a=\"b",
        ] {
            assert_eq!(challenge(bad), None, "{bad}");
        }
    }

    #[test]
    fn tokens_come_from_the_registry_and_its_domain() {
        assert!(may_ask("registry-1.docker.io", "auth.docker.io"));
        assert!(may_ask("ghcr.io", "ghcr.io"));
        assert!(may_ask("127.0.0.1:5000", "localhost:5001"));
        assert!(!may_ask("ghcr.io", "evil.io"));
        assert!(!may_ask("ghcr.io", "169.254.169.254"));
        assert!(!may_ask("10.0.0.1:5000", "10.0.0.2"));
        assert!(!may_ask("ghcr.io", "127.0.0.1"));
    }
}
