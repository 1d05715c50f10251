//! The operator's side of the API: finds the server and the token, asks, and says what to do when it is refused.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body, RequestBuilder, SendBody};

use super::args::Common;
use super::folder::{self, Folder};
use crate::http::wire::{ErrorBody, Page};

/// A server on the same machine or across the world answers a connect within this.
const CONNECT: Duration = Duration::from_secs(10);
/// The longest wait for an answer: a deployment of a million devices is one commit after another.
const ANSWER: Duration = Duration::from_secs(120);
/// The largest answer: a page of the largest records is below a megabyte, and this leaves room.
const ANSWER_BYTES: u64 = 64 << 20;
/// How many items a page has; the server may give fewer.
const PAGE: usize = 500;

/// Why a command did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No server is named and none is known.
    #[error(
        "no server is serving the folder {0}. Start one with `updraft serve --data {0}`, or name another with \
         --data DIR or --server URL"
    )]
    NoServer(String),
    /// There is no token to prove who asks.
    #[error("no token for {server}: {advice}")]
    NoToken {
        /// The server.
        server: String,
        /// Where to get one.
        advice: String,
    },
    /// The server does not take the token.
    #[error(
        "the server does not know this token, which came from {0}. Set UPDRAFT_TOKEN to one that it knows"
    )]
    WrongToken(String),
    /// The server refuses.
    #[error("{message}{}", place(.message, .field.as_deref()))]
    Refused {
        /// The stable code.
        code: String,
        /// The server's sentence.
        message: String,
        /// What it is about.
        field: Option<String>,
    },
    /// The server cannot be reached.
    #[error("cannot reach {server}: {cause}. Is it running? `updraft serve` starts one")]
    Unreachable {
        /// The server.
        server: String,
        /// Why.
        cause: ureq::Error,
    },
    /// The server has been away for too long for whoever watched a deployment.
    #[error("{cause}. Deployment {id} goes on without being watched; `updraft watch {id}` watches it again")]
    Lost {
        /// The deployment.
        id: u32,
        /// The last attempt.
        cause: Box<ClientError>,
    },
    /// The server answers something else than its API.
    #[error("{server} does not answer as updraft does: {what}. Check the address")]
    Strange {
        /// The server.
        server: String,
        /// What it answers.
        what: String,
    },
    /// A file of this machine cannot be read.
    #[error("cannot read {path}: {cause}")]
    File {
        /// The file.
        path: String,
        /// Why.
        cause: std::io::Error,
    },
    /// What was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The output has gone.
    #[error("cannot print: {0}")]
    Print(std::io::Error),
}

impl ClientError {
    /// The exit code: 1 refused, 2 usage, 3 cannot be reached.
    pub fn exit_code(&self) -> u8 {
        match self {
            ClientError::NoToken { .. }
            | ClientError::WrongToken(_)
            | ClientError::Refused { .. }
            | ClientError::Print(_) => 1,
            ClientError::File { .. } | ClientError::Usage(_) => 2,
            ClientError::NoServer(_)
            | ClientError::Unreachable { .. }
            | ClientError::Lost { .. }
            | ClientError::Strange { .. } => 3,
        }
    }

    /// Whether the same question may be answered a little later: the server is away, stopping or busy.
    pub fn may_pass(&self) -> bool {
        match self {
            ClientError::Unreachable { .. } => true,
            ClientError::Refused { code, .. } => code == "stopping" || code == "busy",
            ClientError::NoServer(_)
            | ClientError::NoToken { .. }
            | ClientError::WrongToken(_)
            | ClientError::Lost { .. }
            | ClientError::Strange { .. }
            | ClientError::File { .. }
            | ClientError::Usage(_)
            | ClientError::Print(_) => false,
        }
    }

    /// Whether whoever read the output has read enough (`updraft device list | head`).
    pub fn reader_has_gone(&self) -> bool {
        matches!(self, ClientError::Print(cause) if cause.kind() == std::io::ErrorKind::BrokenPipe)
    }
}

/// The field of a refusal whose sentence does not begin its reason with it.
fn place(message: &str, field: Option<&str>) -> String {
    let named = |field: &&str| message.contains(&format!("{field}: "));
    field.filter(|field| !named(field)).map(|field| format!(" ({field})")).unwrap_or_default()
}

/// Which way a list runs, and so which parameter asks for its next page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// From the first.
    Rising,
    /// From the newest.
    Newest,
}

/// A connection to a server.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    server: String,
    token: String,
    token_from: String,
    tenant: Option<String>,
    mqtt: (String, u16),
}

impl Client {
    /// Finds the server and the token: what was named, else the server of the data folder.
    ///
    /// # Errors
    /// [`ClientError::NoServer`] and [`ClientError::NoToken`] say what to do.
    pub fn find(common: &Common) -> Result<Client, ClientError> {
        let folder = Folder::at(common.data.as_deref().unwrap_or(folder::DEFAULT.as_ref()));
        let local = folder.read_listening();
        let local_url =
            local.as_ref().map(|listening| format!("http://{}", folder::reachable(listening.http)));
        let server = match common.server.as_ref().filter(|url| !url.is_empty()).or(local_url.as_ref()) {
            Some(url) => checked(url)?.trim_end_matches('/').to_owned(),
            None => return Err(ClientError::NoServer(folder.path().display().to_string())),
        };
        let own = local_url.as_deref() == Some(server.as_str());
        let (token, token_from) = find_token(&folder, &server, own)?;
        check_token(&token, &token_from)?;
        let mqtt = match local.filter(|_| own).map(|listening| folder::reachable(listening.mqtt)) {
            Some(address) => (address.ip().to_string(), address.port()),
            None => (host_of(&server).to_owned(), 1883),
        };
        Ok(Client { agent: agent(own), server, token, token_from, tenant: common.tenant.clone(), mqtt })
    }

    /// Host and port where devices connect, as far as this side knows.
    pub fn mqtt(&self) -> (&str, u16) {
        (&self.mqtt.0, self.mqtt.1)
    }

    /// The tenant that is asked for.
    pub fn tenant(&self) -> &str {
        self.tenant.as_deref().unwrap_or(crate::domain::ids::DEFAULT_TENANT)
    }

    /// `GET`: one thing.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, ClientError> {
        let request = self.prepare(self.agent.get(self.url(path)), query);
        self.read(request.call())
    }

    /// `GET`: a list, page after page, until it ends or has `limit` items (0: until it ends).
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
        order: Order,
        limit: usize,
    ) -> Result<Page<T>, ClientError> {
        let cursor = match order {
            Order::Rising => "after",
            Order::Newest => "before",
        };
        let mut items = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let wanted = if limit == 0 { PAGE } else { PAGE.min(limit - items.len()) };
            let mut query = query.to_vec();
            query.push(("limit", wanted.to_string()));
            query.extend(next.take().map(|at| (cursor, at)));
            let page: Page<T> = self.get(path, &query)?;
            items.extend(page.items);
            next = page.next;
            if next.is_none() || (limit > 0 && items.len() >= limit) {
                return Ok(Page { items, next });
            }
        }
    }

    /// `GET`: a stream of server-sent events. `each` gets the data of every event; returns when the stream ends, which
    /// it does when the server stops or the connection breaks.
    ///
    /// # Errors
    /// [`ClientError`], and those of `each`.
    pub fn follow(
        &self,
        path: &str,
        query: &[(&str, String)],
        each: &mut dyn FnMut(&str) -> Result<(), ClientError>,
    ) -> Result<(), ClientError> {
        let request = self.prepare(self.agent.get(self.url(path)), query);
        let mut response = self.check(request.call())?;
        let mut lines = BufReader::new(response.body_mut().as_reader());
        let mut line = String::new();
        // Every event of this server has one line of data.
        while lines.read_line(&mut line).is_ok_and(|read| read > 0) {
            if let Some(data) = line.trim_end().strip_prefix("data: ") {
                each(data)?;
            }
            line.clear();
        }
        Ok(())
    }

    /// `POST` with a JSON body.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn post<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T, ClientError> {
        let request = self.prepare(self.agent.post(self.url(path)), &[]);
        self.read(request.send_json(body))
    }

    /// `POST` with a body of a known length, streamed.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn upload<T: DeserializeOwned>(
        &self,
        path: &str,
        content_type: &str,
        length: u64,
        body: &mut dyn Read,
    ) -> Result<T, ClientError> {
        let request = self
            .prepare(self.agent.post(self.url(path)), &[])
            .header("content-type", content_type)
            .header("content-length", length.to_string())
            // A refusal then comes before the bytes are on their way.
            .header("expect", "100-continue");
        self.read(request.send(SendBody::from_reader(body)))
    }

    /// `PUT` with a JSON body, where the answer has none.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn put<B: Serialize>(&self, path: &str, body: &B) -> Result<(), ClientError> {
        let request = self.prepare(self.agent.put(self.url(path)), &[]);
        self.check(request.send_json(body)).map(|_| ())
    }

    /// `PATCH` with a JSON body.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn patch<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T, ClientError> {
        let request = self.prepare(self.agent.patch(self.url(path)), &[]);
        self.read(request.send_json(body))
    }

    /// `DELETE`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn delete(&self, path: &str) -> Result<(), ClientError> {
        let request = self.prepare(self.agent.delete(self.url(path)), &[]);
        self.check(request.call()).map(|_| ())
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.server)
    }

    fn prepare<B>(&self, request: RequestBuilder<B>, query: &[(&str, String)]) -> RequestBuilder<B> {
        let mut request = request.header("authorization", format!("Bearer {}", self.token));
        if let Some(tenant) = &self.tenant {
            request = request.query("tenant", tenant);
        }
        for (name, value) in query {
            request = request.query(*name, value);
        }
        request
    }

    fn read<T: DeserializeOwned>(
        &self,
        answer: Result<Response<Body>, ureq::Error>,
    ) -> Result<T, ClientError> {
        let mut response = self.check(answer)?;
        let read = response.body_mut().with_config().limit(ANSWER_BYTES).read_json();
        read.map_err(|cause| self.strange(cause.to_string()))
    }

    /// Turns every answer that is not a success into the error that says what to do.
    fn check(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, ClientError> {
        let mut response =
            answer.map_err(|cause| ClientError::Unreachable { server: self.server.clone(), cause })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        if status == StatusCode::UNAUTHORIZED {
            return Err(ClientError::WrongToken(self.token_from.clone()));
        }
        match response.body_mut().read_json::<ErrorBody>() {
            Ok(ErrorBody { error }) => {
                Err(ClientError::Refused { code: error.code, message: error.message, field: error.field })
            }
            Err(_) => Err(self.strange(format!("status {status}"))),
        }
    }

    fn strange(&self, what: String) -> ClientError {
        ClientError::Strange { server: self.server.clone(), what }
    }
}

/// A proxy is for servers elsewhere, never for the one on this machine.
fn agent(own: bool) -> Agent {
    let builder = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(ANSWER))
        .user_agent(concat!("updraft/", env!("CARGO_PKG_VERSION")));
    if own { builder.proxy(None).build().into() } else { builder.build().into() }
}

fn checked(url: &str) -> Result<&str, ClientError> {
    if url.starts_with("http://") || url.starts_with("https://") {
        return Ok(url);
    }
    Err(ClientError::Usage(format!(
        "the server {url} needs http:// or https:// in front, such as http://{url}"
    )))
}

/// A token travels in a header, which takes no control characters (RFC 9110, 5.5); tokens have none.
fn check_token(token: &str, from: &str) -> Result<(), ClientError> {
    if token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(ClientError::Usage(format!(
        "the token from {from} has blanks, control or other characters that no token has; was it copied whole?"
    )))
}

/// The token of the environment, else the folder's. The folder's goes to the folder's own server only: a local
/// administrator's token is not for another machine.
fn find_token(folder: &Folder, server: &str, own: bool) -> Result<(String, String), ClientError> {
    if let Some(token) = std::env::var("UPDRAFT_TOKEN").ok().filter(|token| !token.is_empty()) {
        return Ok((token, "UPDRAFT_TOKEN".into()));
    }
    let no_token = |advice: String| ClientError::NoToken { server: server.into(), advice };
    if !own {
        return Err(no_token("set UPDRAFT_TOKEN to the token of an operator of that server".into()));
    }
    let path = folder.token().display().to_string();
    match folder.read_token() {
        Ok(Some(token)) => Ok((token, path)),
        Ok(None) => {
            Err(no_token(format!("{path} is missing; set UPDRAFT_TOKEN, or restart the server to make one")))
        }
        Err(cause) => {
            Err(no_token(format!("{path} cannot be read ({cause}); ask its owner, or set UPDRAFT_TOKEN")))
        }
    }
}

/// A name as one segment of a path: what is not in the grammar of names is percent-encoded (RFC 3986, 2.1), so that
/// the server refuses the name instead of misreading the path.
pub fn segment(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"._:-".contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("writing to a String cannot fail");
        }
    }
    text
}

/// The host of a URL.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        Some(_) | None => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_leaves_its_segment() {
        assert_eq!(segment("lamp:1.a_b-c"), "lamp:1.a_b-c");
        assert_eq!(segment("a/../b?c=d#%é"), "a%2F..%2Fb%3Fc%3Dd%23%25%C3%A9");
    }

    #[test]
    fn the_host_of_a_url_is_without_scheme_port_and_path() {
        let table = [
            ("https://updates.example.com", "updates.example.com"),
            ("http://127.0.0.1:8080/x", "127.0.0.1"),
            ("http://[::1]:80", "[::1]"),
            ("http://[::1]", "[::1]"),
            ("localhost", "localhost"),
        ];
        for (url, host) in table {
            assert_eq!(host_of(url), host, "{url}");
        }
    }
}
