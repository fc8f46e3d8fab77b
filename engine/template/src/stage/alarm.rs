//! Alarms of the stage: something failed for good, or waits for too long.

use serde_json::{Value, json};

use super::{Named, Part};
use crate::{Error, name};

/// An event that waits for longer than this is told of.
const WAITS_S: u32 = 3_600;

impl Part<'_> {
    pub(super) fn alarms(&self) -> Result<Vec<Named>, Error> {
        let Some(topic) = &self.context.workflow.alarm else {
            return Ok(Vec::new());
        };
        let topic = topic_arn(topic);
        let alarms = [self.failed_alarm(), self.age_alarm()];
        let mut resources = Vec::new();
        for (index, mut values) in alarms.into_iter().enumerate() {
            values["topic"] = topic.clone();
            let alarm = self.render("alarm", values)?;
            resources.push((name::alarm_id(self.id(), index), alarm));
        }
        Ok(resources)
    }

    fn failed_alarm(&self) -> Value {
        json!({
            "description": format!("{}: events that failed for good", self.describe()),
            "namespace": "AWS/SQS",
            "metric": "ApproximateNumberOfMessagesVisible",
            "dimension": "QueueName",
            "value": {"Fn::GetAtt": [name::queue_id(self.id()), "QueueName"]},
            "threshold": 0,
        })
    }

    fn age_alarm(&self) -> Value {
        let description = format!("{}: events wait for more than an hour", self.describe());
        if self.has_inbox() {
            return json!({
                "description": description,
                "namespace": "AWS/SQS",
                "metric": "ApproximateAgeOfOldestMessage",
                "dimension": "QueueName",
                "value": {"Fn::GetAtt": [name::inbox_id(self.id()), "QueueName"]},
                "threshold": WAITS_S,
            });
        }
        json!({
            "description": description,
            "namespace": "AWS/Lambda",
            "metric": "AsyncEventAge",
            "dimension": "FunctionName",
            "value": {"Ref": name::function_id(self.id())},
            // Milliseconds, unlike the age of messages.
            "threshold": WAITS_S * 1_000,
        })
    }
}

fn topic_arn(topic: &str) -> Value {
    if topic.starts_with("arn:") {
        return json!(topic);
    }
    let account = "arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}";
    json!({ "Fn::Sub": format!("{account}:{topic}") })
}
