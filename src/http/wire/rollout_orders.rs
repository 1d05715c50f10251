//! The JSON of what is asked of a rollout that is there.

use serde::{Deserialize, Serialize};

use super::EndingBody;

/// `PATCH /api/v1/rollouts/{id}`: what is not named stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutPatch {
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What people say about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// `POST .../stop`; an empty body is the default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopBody {
    /// What happens to what is under way.
    #[serde(default)]
    pub ending: EndingBody,
}

/// `POST .../approve` and `.../deny`; an empty body is the default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemarkBody {
    /// What is said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// `POST .../retry`; an empty body is the default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryBody {
    /// Start the new rollout as soon as it is ready and approved of.
    #[serde(default)]
    pub start: bool,
}
