//! Images that devices must pass through on the way to others, looked up before a decision.

use std::sync::Arc;

use crate::domain::ids::{FirmwareType, TenantId};
use crate::domain::image::Image;
use crate::domain::offer::Rules;
use crate::domain::version::Version;
use crate::store::StoreError;
use crate::store::tables::View;

/// The most images that are looked at as steps: twice as many as a path may have, so that each may come in two kinds.
const STEPS_MAX: usize = 32;

/// The versions that these images, on these further rules, ask devices to pass through.
fn named<'a>(
    images: impl IntoIterator<Item = &'a Image>,
    rules: Option<&'a Rules>,
) -> Vec<(FirmwareType, Version)> {
    let through = |image: &'a Image| {
        let lists = [Some(&image.rules), rules].into_iter().flatten();
        lists.flat_map(|own| &own.through).map(|version| (image.kind, version.clone()))
    };
    images.into_iter().flat_map(through).collect()
}

/// The images that may serve as steps to these, and to each other. Most images name no such version, and cost nothing.
pub(super) fn steps<'a>(
    view: View<'_>,
    tenant: &TenantId,
    images: impl IntoIterator<Item = &'a Image>,
    rules: Option<&'a Rules>,
) -> Result<Vec<Arc<Image>>, StoreError> {
    let mut open = named(images, rules);
    let mut seen = Vec::new();
    let mut found: Vec<Arc<Image>> = Vec::new();
    while let Some((kind, version)) = open.pop() {
        if seen.contains(&(kind, version.clone())) {
            continue;
        }
        for id in view.images_versioned(tenant, kind, &version)? {
            let image = view.image(tenant, id)?;
            // What has no files brings a device nowhere.
            let image = image.filter(|image| !image.deleted && !image.artifacts.is_empty());
            if let Some(image) = image.filter(|_| found.len() < STEPS_MAX) {
                open.extend(named([&image], None));
                found.push(Arc::new(image));
            }
        }
        seen.push((kind, version));
    }
    Ok(found)
}
