//! Records of files that were uploaded before any image has them.

use crate::domain::ids::{TenantId, Time};
use crate::domain::image::{KeptUpload, Sha256};

use super::{Sum, record};

record! {
    /// A file that no image has yet; tenant and SHA-256 sum are the key.
    UploadRecord {
        size: u64,
        sha1: Sum<20>,
        md5: Sum<16>,
        moved: bool,
        at: u64,
    }
}

impl UploadRecord {
    /// The record of an upload.
    pub(in crate::store) fn of(upload: &KeptUpload) -> Self {
        UploadRecord {
            size: upload.size,
            sha1: Sum(upload.sha1),
            md5: Sum(upload.md5),
            moved: upload.moved,
            at: upload.at.0,
        }
    }

    /// The upload under that key.
    pub(in crate::store) fn upload(self, tenant: TenantId, sha256: Sha256) -> KeptUpload {
        KeptUpload {
            tenant,
            sha256,
            size: self.size,
            sha1: self.sha1.0,
            md5: self.md5.0,
            moved: self.moved,
            at: Time(self.at),
        }
    }
}
