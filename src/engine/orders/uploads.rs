//! Files that come before the image that is to have them: kept for a while, moved into the repository, given up.

use std::collections::BTreeSet;

use super::Failed;
use crate::domain::ids::TenantId;
use crate::domain::image::{KeptUpload, Sha256};
use crate::engine::apply::Batch;
use crate::engine::call::{CallError, NewArtifact, Reply};

impl Batch<'_> {
    /// The same file again starts its time anew, and stays where it is.
    pub(super) fn keep_upload(&mut self, tenant: TenantId, file: NewArtifact) -> Result<Reply, Failed> {
        let NewArtifact { name: _, size, sha256, sha1, md5 } = file;
        let known = self.draft.view().upload(&tenant, &sha256)?;
        let moved = known.is_some_and(|upload| upload.moved && !upload.has_expired(self.now));
        let upload = KeptUpload { tenant, sha256, size, sha1, md5, moved, at: self.now };
        self.draft.put_upload(&upload)?;
        Ok(Reply::Upload(upload))
    }

    /// A second move changes nothing.
    pub(super) fn move_upload(&mut self, tenant: &TenantId, sha256: Sha256) -> Result<Reply, Failed> {
        let known = self.draft.view().upload(tenant, &sha256)?;
        let known = known.filter(|upload| !upload.has_expired(self.now));
        let upload = known.ok_or(CallError::NoSuchUpload(sha256))?;
        if upload.moved {
            return Ok(Reply::Upload(upload));
        }
        let moved = KeptUpload { moved: true, at: self.now, ..upload };
        self.draft.put_upload(&moved)?;
        Ok(Reply::Upload(moved))
    }

    /// Gives up what nobody came for, and what an image of the tenant has taken over.
    pub(super) fn sweep_uploads(&mut self) -> Result<Reply, Failed> {
        let uploads = self.draft.view().uploads()?;
        if uploads.is_empty() {
            return Ok(Reply::Removed { files: Vec::new() });
        }
        let mut given_up = BTreeSet::new();
        for upload in uploads {
            let taken = self.draft.view().has_artifact(&upload.tenant, &upload.sha256)?;
            if upload.has_expired(self.now) || (upload.moved && taken) {
                self.draft.remove_upload(&upload.tenant, &upload.sha256)?;
                given_up.insert(upload.sha256);
            }
        }
        let kept = self.draft.view().all_artifacts()?;
        Ok(Reply::Removed { files: given_up.difference(&kept).copied().collect() })
    }
}

#[cfg(test)]
#[path = "uploads_tests.rs"]
mod tests;
