//! What a device says about an action, in hawkBit DDI's words (DDI API, `status.execution` and
//! `status.result.finished`).

use super::ids::Time;

/// The most detail texts in one feedback (hawkBit's quota).
pub const DETAILS_MAX: usize = 50;

/// How a device says that an action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Finished {
    /// It worked.
    Success,
    /// It did not.
    Failure,
    /// The device does not say; DDI counts it as success when the execution is closed.
    None,
}

/// `status.execution`, with the result where it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Word {
    /// The device is working on it.
    Proceeding,
    /// The device will do it later.
    Scheduled,
    /// The device went on after an interruption.
    Resumed,
    /// The device is fetching the image.
    Download,
    /// The device has the image.
    Downloaded,
    /// The device cannot do it now (DDI: a warning, not an end).
    Rejected,
    /// The device confirms a cancel.
    Canceled,
    /// The device is done, with this result.
    Closed(Finished),
}

/// How far the device is, in steps of its own choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Steps done.
    pub done: u32,
    /// All steps; 0 where the device does not know.
    pub of: u32,
}

/// One feedback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    /// What it says.
    pub word: Word,
    /// A code of the device's own.
    pub code: Option<i32>,
    /// How far it is.
    pub progress: Option<Progress>,
    /// Texts for people, at most [`DETAILS_MAX`].
    pub details: Vec<Box<str>>,
    /// When the device says that it happened.
    pub time: Option<Time>,
    /// Whether `rejected` and `canceled` settle a pending cancel: where a device has no other place to answer it (MQTT).
    pub settles_cancel: bool,
    /// A fingerprint of (execution, time) or, without a time, of the whole body: equal for a repeat.
    pub fingerprint: u64,
}
