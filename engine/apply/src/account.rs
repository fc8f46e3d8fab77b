//! What the account lets its functions have.

use scar_plan::{AccountLimits, Unknown, quota};
use serde_json::Value;

use crate::Cloud;
use crate::service::{Ask, Service};

/// Asks Lambda. A cloud that does not tell is planned for without it.
pub(crate) async fn limits(cloud: &Cloud) -> Result<AccountLimits, Unknown> {
    let ask = Ask {
        service: Service::Lambda,
        operation: "GetAccountSettings",
        subject: quota::SUBJECT.to_owned(),
        method: "GET",
        path: "/2016-08-19/account-settings/".to_owned(),
        body: Value::Null,
    };
    let answer = cloud.wire.ask(&ask).await.unwrap_or_default();
    let number = |section: &str, name: &str| answer[section][name].as_u64();
    let read = || {
        Some(AccountLimits {
            concurrency: number("AccountLimit", "ConcurrentExecutions")?,
            unreserved: number("AccountLimit", "UnreservedConcurrentExecutions")?,
            code_limit_bytes: number("AccountLimit", "TotalCodeSize")?,
            code_bytes: number("AccountUsage", "TotalCodeSize")?,
        })
    };
    read().ok_or_else(|| Unknown {
        permission: "lambda:GetAccountSettings".to_owned(),
        subject: quota::SUBJECT.to_owned(),
    })
}
