//! The administrator: whoever can read the data folder. A folder without a token gets one, so that a crash at any
//! point, or a deleted file, leaves a server that its owner can use.

use std::path::Path;

use tokio::runtime::Runtime;

use super::exit::ServeError;
use super::folder::{self, Folder, Listening};
use crate::domain::ids::TenantId;
use crate::engine::Engine;
use crate::engine::access::Identity;
use crate::engine::call::{Call, CallError, Reply, Secret};
use crate::engine::query::{Reader, StoreError};
use crate::store::tables::Role;

/// The administrator's name.
const ADMIN: &str = "admin";

/// A token that nobody has seen yet.
#[derive(Debug)]
pub struct NewToken {
    token: Secret,
    /// Whether the folder holds nothing else yet.
    first: bool,
}

/// Makes sure that there is an administrator whose token is in the folder. The token is returned when it is new;
/// whoever calls this when nothing can fail any more is sure to show it.
///
/// # Errors
/// [`ServeError`] when the engine or the folder refuses.
pub fn ensure_admin(
    runtime: &Runtime,
    engine: &Engine,
    reader: &Reader,
    folder: &Folder,
) -> Result<Option<NewToken>, ServeError> {
    let operators = reader.operators().map_err(ServeError::Store)?;
    let kept = folder.read_token().map_err(|cause| ServeError::Folder { path: folder.token(), cause })?;
    if let Some(token) = kept.filter(|_| !operators.is_empty()) {
        warn_if_unknown(reader, &token, folder)?;
        return Ok(None);
    }
    let first = holds_nothing(reader).map_err(ServeError::Store)?;
    let token = runtime.block_on(renew(engine)).map_err(ServeError::Administrator)?;
    // A crash before this line leaves a folder without a token: the next start makes another.
    let written = folder.write_token(token.reveal());
    written.map_err(|cause| ServeError::Folder { path: folder.token(), cause })?;
    Ok(Some(NewToken { token, first }))
}

/// Whether there is nothing but perhaps an administrator, of a start that was cut off.
fn holds_nothing(reader: &Reader) -> Result<bool, StoreError> {
    Ok(reader.operators()?.iter().all(|operator| *operator.name == *ADMIN)
        && reader.artifacts()?.is_empty()
        && reader.devices(&TenantId::default(), None, 1)?.is_empty())
}

/// Registers the administrator anew; a token that was never written down ends.
async fn renew(engine: &Engine) -> Result<Secret, CallError> {
    let add = || Call::AddOperator { name: ADMIN.into(), tenant: None, role: Role::Admin };
    let reply = match engine.call(Call::RenewOperator { name: ADMIN.into() }).await {
        Err(CallError::NoSuchOperator(_)) => engine.call(add()).await?,
        other => other?,
    };
    match reply {
        Reply::Operator { token, .. } => Ok(token),
        reply => Err(CallError::Corrupt(format!("an operator got a token, and the answer is {reply:?}"))),
    }
}

fn warn_if_unknown(reader: &Reader, token: &str, folder: &Folder) -> Result<(), ServeError> {
    match reader.authenticate(token).map_err(ServeError::Store)? {
        Some(Identity::Operator { .. }) => {}
        Some(Identity::Device(_)) | None => {
            let file = folder.token();
            tracing::warn!(file = %file.display(), "this token belongs to nobody; delete the file for a new one");
        }
    }
    Ok(())
}

/// The new token and, for the person who has just started a server for the first time, what to type next.
pub fn welcome(new: &NewToken, folder: &Folder, listening: &Listening) -> String {
    let NewToken { token, first } = new;
    let file = folder.token();
    let shown = format!("is in {}; it is shown only now:\n\n  {}\n", file.display(), token.reveal());
    if !first {
        return format!("\nThe administrator's token was missing. A new one {shown}");
    }
    let program = program();
    let data = folder.path();
    let named = if data == Path::new(folder::DEFAULT) {
        String::new()
    } else {
        format!(" --data {}", data.display())
    };
    format!(
        "\nThis folder is new. Its administrator's token {shown}\n\
         Try, in another terminal:\n\n  \
         {program} device add lamp-1 --product lamp{named}\n  \
         {program} image push firmware.bin --product lamp --version 1.0.1{named}\n  \
         {program} offer 1{named}\n\n\
         Devices connect to mqtt://{}; the API is at http://{}/api/v1.\n",
        folder::reachable(listening.mqtt),
        folder::reachable(listening.http),
    )
}

/// How this program was called: by path (`target/release/updraft`) or by name.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "updraft".into())
}
