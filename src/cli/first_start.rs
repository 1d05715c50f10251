//! The administrator: whoever can read the data folder. A folder without a token gets one, so that a crash at any
//! point, or a deleted file, leaves a server that its owner can use.

use std::path::Path;

use tokio::runtime::Runtime;

use super::exit::ServeError;
use super::folder::{self, Folder, Listening};
use crate::engine::Engine;
use crate::engine::access::Identity;
use crate::engine::call::{Call, CallError, Reply, Secret};
use crate::engine::query::Reader;
use crate::store::tables::Role;

/// The administrator's name.
const ADMIN: &str = "admin";

/// Makes sure that there is an administrator whose token is in the folder. The token is returned when it is new.
///
/// # Errors
/// [`ServeError`] when the engine or the folder refuses.
pub fn ensure_admin(
    runtime: &Runtime,
    engine: &Engine,
    reader: &Reader,
    folder: &Folder,
) -> Result<Option<Secret>, ServeError> {
    let operators = reader.operators().map_err(ServeError::Store)?;
    let kept = folder.read_token().map_err(|cause| ServeError::Folder { path: folder.token(), cause })?;
    if let Some(token) = kept.filter(|_| !operators.is_empty()) {
        warn_if_unknown(reader, &token, folder)?;
        return Ok(None);
    }
    let token = runtime.block_on(renew(engine)).map_err(ServeError::Administrator)?;
    // A crash before this line leaves a folder without a token: the next start makes another.
    let written = folder.write_token(token.reveal());
    written.map_err(|cause| ServeError::Folder { path: folder.token(), cause })?;
    Ok(Some(token))
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

/// What to type next, for the person who has just started a server for the first time.
pub fn welcome(token: &Secret, folder: &Folder, listening: &Listening) -> String {
    let program = program();
    let data = folder.path();
    let named = if data == Path::new(folder::DEFAULT) {
        String::new()
    } else {
        format!(" --data {}", data.display())
    };
    format!(
        "\nThis folder is new. Its administrator's token is in {}; it is shown only now:\n\n  {}\n\n\
         Try, in another terminal:\n\n  \
         {program} device add lamp-1 --product lamp{named}\n  \
         {program} image push firmware.bin --product lamp --version 1.0.1{named}\n  \
         {program} offer 1{named}\n\n\
         Devices connect to mqtt://{}; the API is at http://{}/api/v1.\n",
        folder.token().display(),
        token.reveal(),
        folder::reachable(listening.mqtt),
        folder::reachable(listening.http),
    )
}

/// How this program was called: by path (`target/release/updraft`) or by name.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "updraft".into())
}
