//! What devices said at other doors, written as devices of MQTT say it: an observer sees one fleet.

use serde_json::{Map, Value, json};

use crate::domain::event::Event;
use crate::domain::feedback::{Feedback, Finished, Word};
use crate::domain::ids::{ActionId, FirmwareType};
use crate::domain::version::Running;
use crate::mqtt::topic::Leaf;

/// The messages that say the same, each with its leaf; JSON. Empty for what no device says over MQTT.
pub fn overheard(event: &Event) -> Vec<(Leaf, Vec<u8>)> {
    match event {
        Event::Report(report) => versions(report.versions.iter()).into_iter().collect(),
        Event::Configure(new) => {
            let attributes = new.numbered.iter().filter_map(|(id, value)| Some((id, value.as_ref()?)));
            let attributes = attributes.map(|(id, value)| (Leaf::Attr(*id), value.as_bytes().to_vec()));
            versions(new.versions.iter()).into_iter().chain(attributes).collect()
        }
        Event::Attribute { id, value } => vec![(Leaf::Attr(*id), value.as_bytes().to_vec())],
        Event::Feedback { action, feedback } => vec![(Leaf::Fb(*action), said(*action, feedback))],
        Event::Hello(_)
        | Event::Unreadable { .. }
        | Event::CancelAnswer { .. }
        | Event::Poll
        | Event::Retrieved { .. }
        | Event::Confirm { .. }
        | Event::AutoConfirm(_)
        | Event::Fetching { .. }
        | Event::Runs { .. }
        | Event::Force { .. }
        | Event::Get
        | Event::Presence { .. }
        | Event::Assign { .. }
        | Event::Offered { .. }
        | Event::Cancel { .. }
        | Event::Opened { .. }
        | Event::CancelExpired { .. }
        | Event::Overdue { .. } => Vec::new(),
    }
}

fn versions<'a>(versions: impl Iterator<Item = (&'a FirmwareType, &'a Running)>) -> Option<(Leaf, Vec<u8>)> {
    let text = |running: &Running| match (&running.version, running.number) {
        (Some(version), _) => version.to_string(),
        (None, Some(number)) => number.to_string(),
        (None, None) => String::new(),
    };
    let values: Map<String, Value> =
        versions.map(|(kind, running)| (kind.to_string(), text(running).into())).collect();
    (!values.is_empty()).then(|| (Leaf::Report, json!({ "v": values }).to_string().into_bytes()))
}

fn said(action: ActionId, feedback: &Feedback) -> Vec<u8> {
    let (execution, finished) = match feedback.word {
        Word::Proceeding => ("proceeding", "none"),
        Word::Scheduled => ("scheduled", "none"),
        Word::Resumed => ("resumed", "none"),
        Word::Download => ("download", "none"),
        Word::Downloaded => ("downloaded", "none"),
        Word::Rejected => ("rejected", "none"),
        Word::Canceled => ("canceled", "none"),
        Word::Closed(Finished::Success) => ("closed", "success"),
        Word::Closed(Finished::Failure) => ("closed", "failure"),
        Word::Closed(Finished::None) => ("closed", "none"),
    };
    let mut result = json!({ "finished": finished });
    if let Some(progress) = feedback.progress {
        result["progress"] = json!({ "cnt": progress.done, "of": progress.of });
    }
    let mut status = json!({ "execution": execution, "result": result, "details": feedback.details });
    if let Some(code) = feedback.code {
        status["code"] = code.into();
    }
    json!({ "id": action.to_string(), "status": status }).to_string().into_bytes()
}
