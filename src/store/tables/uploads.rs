//! Files that were uploaded before any image has them.

use crate::domain::ids::TenantId;
use crate::domain::image::{KeptUpload, Sha256};
use crate::store::record::upload::UploadRecord;
use crate::store::record::{decode, encode, some};
use crate::store::{StoreError, Table};

use super::view::rising;
use super::{Draft, View, keys};

impl View<'_> {
    /// A file of the tenant that no image may have yet.
    pub fn upload(self, tenant: &TenantId, sha256: &Sha256) -> Result<Option<KeptUpload>, StoreError> {
        let read = |bytes: &[u8]| Ok(decode::<UploadRecord>(bytes)?.upload(tenant.clone(), *sha256));
        self.row(Table::Uploads, &keys::upload(tenant, sha256), read)
    }

    /// Such files of all tenants. They are few: each is wanted for a day, or has its image soon.
    pub fn uploads(self) -> Result<Vec<KeptUpload>, StoreError> {
        self.page(rising(Table::Uploads, &[], None, usize::MAX), |key, bytes| {
            let (tenant, sha256) = some(keys::read_upload(key), "an upload's key")?;
            Ok(decode::<UploadRecord>(bytes)?.upload(tenant, sha256))
        })
    }
}

impl Draft<'_> {
    /// Keeps a file that no image has yet.
    pub fn put_upload(&mut self, upload: &KeptUpload) -> Result<(), StoreError> {
        let key = keys::upload(&upload.tenant, &upload.sha256);
        self.0.put(Table::Uploads, &key, &encode(&UploadRecord::of(upload)))
    }

    /// Forgets such a file.
    pub fn remove_upload(&mut self, tenant: &TenantId, sha256: &Sha256) -> Result<(), StoreError> {
        self.0.remove(Table::Uploads, &keys::upload(tenant, sha256))
    }
}
