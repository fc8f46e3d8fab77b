//! The price list.

use serde_json::Value;

/// Prices of one region in US dollars, by the names of `data/prices.json`.
pub(super) struct Prices {
    /// Date and region, for people.
    pub(super) name: String,
    pub(super) lambda_gb_s: f64,
    pub(super) lambda_arm_gb_s: f64,
    pub(super) lambda_request_million: f64,
    pub(super) lambda_disk_gb_s: f64,
    pub(super) event_bridge_event_million: f64,
    pub(super) sqs_request_million: f64,
    pub(super) scheduler_million: f64,
    pub(super) http_api_million: f64,
    pub(super) alarm_month: f64,
    pub(super) public_address_hour: f64,
    pub(super) spot_share: f64,
    pub(super) fargate_vcpu_hour: f64,
    pub(super) fargate_gb_hour: f64,
    pub(super) fargate_disk_gb_hour: f64,
    pub(super) ec2_vcpu_hour: f64,
    pub(super) gpu_hour: f64,
    pub(super) s3_put_million: f64,
    pub(super) s3_get_million: f64,
    pub(super) log_gb: f64,
    pub(super) registry_gb_month: f64,
}

impl Prices {
    /// Prices of a region, or of the one that stands for all that are not listed.
    pub(super) fn of(region: &str) -> Self {
        // The file is part of the program, and a test reads every price of it.
        let list: Value =
            serde_json::from_str(include_str!("../../data/prices.json")).unwrap_or_default();
        let fallback = list["fallback"].as_str().unwrap_or_default();
        let listed = list["regions"].get(region).is_some();
        let name = if listed { region } else { fallback };
        let date = list["date"].as_str().unwrap_or_default();
        let of = |key: &str| {
            let value = list["regions"][name].get(key);
            let value = value.or_else(|| list["everywhere"].get(key));
            value.and_then(Value::as_f64).unwrap_or_default()
        };
        let note = match listed || region.is_empty() {
            true => String::new(),
            false => format!(" (none listed for {region})"),
        };
        Self {
            name: format!("list prices of {date}, {name}{note}"),
            lambda_gb_s: of("lambda_gb_s"),
            lambda_arm_gb_s: of("lambda_arm_gb_s"),
            lambda_request_million: of("lambda_request_million"),
            lambda_disk_gb_s: of("lambda_disk_gb_s"),
            event_bridge_event_million: of("event_bridge_event_million"),
            sqs_request_million: of("sqs_request_million"),
            scheduler_million: of("scheduler_million"),
            http_api_million: of("http_api_million"),
            alarm_month: of("alarm_month"),
            public_address_hour: of("public_address_hour"),
            spot_share: of("spot_share"),
            fargate_vcpu_hour: of("fargate_vcpu_hour"),
            fargate_gb_hour: of("fargate_gb_hour"),
            fargate_disk_gb_hour: of("fargate_disk_gb_hour"),
            ec2_vcpu_hour: of("ec2_vcpu_hour"),
            gpu_hour: of("gpu_hour"),
            s3_put_million: of("s3_put_million"),
            s3_get_million: of("s3_get_million"),
            log_gb: of("log_gb"),
            registry_gb_month: of("registry_gb_month"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_price_of_every_region_is_there() {
        for region in [
            "us-east-1",
            "us-east-2",
            "us-west-2",
            "eu-west-1",
            "eu-central-1",
            "ap-northeast-1",
        ] {
            let prices = Prices::of(region);
            assert!(prices.name.ends_with(region), "{}", prices.name);
            let all = [
                prices.lambda_gb_s,
                prices.lambda_arm_gb_s,
                prices.lambda_request_million,
                prices.lambda_disk_gb_s,
                prices.event_bridge_event_million,
                prices.sqs_request_million,
                prices.scheduler_million,
                prices.http_api_million,
                prices.alarm_month,
                prices.public_address_hour,
                prices.spot_share,
                prices.fargate_vcpu_hour,
                prices.fargate_gb_hour,
                prices.fargate_disk_gb_hour,
                prices.ec2_vcpu_hour,
                prices.gpu_hour,
                prices.s3_put_million,
                prices.s3_get_million,
                prices.log_gb,
                prices.registry_gb_month,
            ];
            assert!(all.iter().all(|price| *price > 0.0), "{region}");
        }
        assert!(Prices::of("xx-1").name.contains("none listed for xx-1"));
    }

    #[test]
    fn every_price_has_a_source_or_is_said_to_have_none() {
        let list: Value = serde_json::from_str(include_str!("../../data/prices.json")).unwrap();
        let regions = list["regions"].as_object().unwrap().iter();
        let everywhere = (&"everywhere".to_owned(), &list["everywhere"]);
        for (place, prices) in regions.chain([everywhere]) {
            for name in prices.as_object().unwrap().keys() {
                let source = list["confirmed"][place].get(name).is_some();
                let names = list["unconfirmed"][place].as_array();
                let none = names.into_iter().flatten().any(|one| one == name);
                assert!(source != none, "{place}: {name}");
            }
        }
    }
}
