//! Front door two: the operator's API and the files that devices fetch, over HTTP/1.1.
//!
//! Nothing here decides anything: a request becomes a `Call` or a question to the `Reader`, the answer becomes
//! bytes. Artifact bytes never pass the engine.

pub mod wire;
