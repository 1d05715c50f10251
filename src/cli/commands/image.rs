//! `updraft image`: what can be installed. A push streams its files from disk.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};

use super::{Outcome, Session, print, rules};
use crate::cli::args::Image;
use crate::cli::client::{ClientError, Order};
use crate::cli::output::{self, Grid};
use crate::engine::access;
use crate::http::wire::{ImageBody, Page, RulesBody, StatusBody};

pub(super) fn run(session: &Session, command: Image) -> Result<Outcome, ClientError> {
    match command {
        Image::Push { files, product, kind, image_version, rules } => {
            push(session, &files, &fields(&product, kind, &image_version, &rules::body(rules)))
        }
        Image::List => list(session),
        Image::Show { id } => {
            let image: ImageBody = session.client.get(&format!("images/{id}"), &[])?;
            session.show(&image, describe)?;
            Ok(Outcome::Done)
        }
        Image::Rm { id } => {
            session.client.delete(&format!("images/{id}"))?;
            print(&format!("image {id} is removed\n"))?;
            Ok(Outcome::Done)
        }
    }
}

/// The form's fields before its files, in the order in which the server needs them.
fn fields(product: &str, kind: u8, version: &str, rules: &RulesBody) -> Vec<(&'static str, String)> {
    let mut fields =
        vec![("product", product.to_owned()), ("type", kind.to_string()), ("version", version.to_owned())];
    if *rules != RulesBody::default() {
        fields.push(("rules", output::json(rules)));
    }
    fields
}

fn push(session: &Session, files: &[PathBuf], fields: &[(&str, String)]) -> Result<Outcome, ClientError> {
    let form = Form::open(fields, files)?;
    // Asked first, because a server that refuses in the middle of a body can only break the connection off.
    let limit = session.client.get::<StatusBody>("status", &[])?.upload_max_bytes;
    if form.length > limit {
        let text =
            format!("{} is more than the server takes, {limit} bytes (upload_bytes in [http])", form.length);
        return Err(ClientError::Usage(text));
    }
    let bar = ProgressBar::new(form.length).with_style(style());
    let mut body = bar.wrap_read(form.body);
    let content_type = format!("multipart/form-data; boundary={}", form.boundary);
    let image: ImageBody = session.client.upload("images", &content_type, form.length, &mut body)?;
    bar.finish_and_clear();
    session.show(&image, |image| {
        let bytes: u64 = image.artifacts.iter().map(|file| file.size).sum();
        let mut text = format!(
            "image {} of product {}: type {}, version {}, number {}, {}\n",
            image.id,
            image.product,
            image.kind,
            image.version,
            image.number,
            output::size(bytes)
        );
        text.extend(
            image
                .artifacts
                .iter()
                .map(|file| format!("sha256 {}  {}\n", file.sha256, output::printable(&file.name))),
        );
        text
    })?;
    Ok(Outcome::Done)
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template(
        "{wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}",
    )
    .expect("the template is a constant that a test draws")
}

/// A multipart form (RFC 7578) whose length is known before it is sent and whose files are read while it is sent.
struct Form {
    boundary: String,
    length: u64,
    body: Box<dyn Read>,
}

impl Form {
    fn open(fields: &[(&str, String)], files: &[PathBuf]) -> Result<Form, ClientError> {
        let token =
            access::new_token().map_err(|cause| ClientError::Usage(format!("no randomness: {cause}")))?;
        let mut form = Form {
            boundary: format!("updraft-{}", token.reveal()),
            length: 0,
            body: Box::new(std::io::empty()),
        };
        for (name, value) in fields {
            form.text(format!(
                "--{}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n",
                form.boundary
            ));
        }
        for path in files {
            form.file(path)?;
        }
        form.text(format!("--{}--\r\n", form.boundary));
        Ok(form)
    }

    fn text(&mut self, text: String) {
        self.chain(text.len() as u64, Cursor::new(text.into_bytes()));
    }

    fn file(&mut self, path: &PathBuf) -> Result<(), ClientError> {
        let failed = |cause| ClientError::File { path: path.display().to_string(), cause };
        let file = File::open(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if !about.is_file() {
            return Err(ClientError::Usage(format!("{} is not a file", path.display())));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        self.text(format!(
            "--{}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n",
            self.boundary,
            quoted(&name)
        ));
        // A file that grows meanwhile is sent as long as it was; one that shrinks breaks the upload off.
        self.chain(about.len(), file.take(about.len()));
        self.text("\r\n".into());
        Ok(())
    }

    fn chain(&mut self, length: u64, part: impl Read + 'static) {
        let before = std::mem::replace(&mut self.body, Box::new(std::io::empty()));
        self.body = Box::new(before.chain(part));
        self.length += length;
    }
}

/// A file name in quotes: what would end them is written as browsers do (WHATWG HTML, multipart/form-data).
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

fn list(session: &Session) -> Result<Outcome, ClientError> {
    let page: Page<ImageBody> = session.client.list("images", &[], Order::Rising, 0)?;
    session.show(&page, |page| {
        let mut grid =
            Grid::new(&["IMAGE", "PRODUCT", "TYPE", "VERSION", "NUMBER", "SIZE", "CONDITIONS", "UPLOADED"]);
        for image in &page.items {
            grid.add(vec![
                image.id.to_string(),
                image.product.clone(),
                image.kind.to_string(),
                image.version.clone(),
                image.number.clone(),
                output::size(image.artifacts.iter().map(|file| file.size).sum()),
                rules::text(&image.rules),
                output::moment(image.created),
            ]);
        }
        grid.render()
    })?;
    Ok(Outcome::Done)
}

fn describe(image: &ImageBody) -> String {
    let mut text = Grid::pairs(&[
        ("image", image.id.to_string()),
        ("product", image.product.clone()),
        ("type", image.kind.to_string()),
        ("version", image.version.clone()),
        ("number", image.number.clone()),
        ("conditions", rules::text(&image.rules)),
        ("uploaded", output::moment(image.created)),
    ])
    .render();
    let mut files = Grid::new(&["FILE", "NAME", "BYTES", "SHA256"]);
    for file in &image.artifacts {
        files.add(vec![file.id.to_string(), file.name.clone(), file.size.to_string(), file.sha256.clone()]);
    }
    text.push('\n');
    text.push_str(&files.render());
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_as_long_as_it_says_and_has_its_parts_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a\"b.bin");
        std::fs::write(&path, [0u8, 255, 13, 10]).unwrap();
        let mut form = Form::open(&fields("lamp", 3, "1.0.1", &RulesBody::default()), &[path]).unwrap();
        let mut bytes = Vec::new();
        form.body.read_to_end(&mut bytes).unwrap();
        let text: String = bytes.iter().map(|b| char::from(*b)).collect();
        let expected = "--B\r\nContent-Disposition: form-data; name=\"product\"\r\n\r\nlamp\r\n\
            --B\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\n3\r\n\
            --B\r\nContent-Disposition: form-data; name=\"version\"\r\n\r\n1.0.1\r\n\
            --B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a%22b.bin\"\r\n\
            Content-Type: application/octet-stream\r\n\r\n\0\u{ff}\r\n\r\n--B--\r\n";
        assert_eq!(text.replace(&form.boundary, "B"), expected);
        assert_eq!(form.length, bytes.len() as u64);
    }

    #[test]
    fn the_bar_can_be_drawn() {
        style();
    }
}
