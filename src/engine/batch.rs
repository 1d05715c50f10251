//! Placeholder.
use super::*;
pub(super) struct Batcher;
impl Batcher {
    pub(super) fn new(_: Arc<dyn Store>, _: Settings, _: Box<dyn Outlet>) -> Self {
        Batcher
    }
    pub(super) fn run(self, _: mpsc::Receiver<Job>, _: &AtomicBool) -> Result<(), StoreError> {
        Ok(())
    }
}
