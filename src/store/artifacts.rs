//! Artifact files, named by their SHA-256 sum.
