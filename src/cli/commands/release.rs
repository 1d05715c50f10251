//! `updraft release`: images that are installed together.

use super::{Outcome, Session, print};
use crate::cli::args::Release;
use crate::cli::client::{ClientError, Order};
use crate::cli::output::{self, Grid};
use crate::http::wire::{NewRelease, Page, ReleaseBody};

pub(super) fn run(session: &Session, command: Release) -> Result<Outcome, ClientError> {
    match command {
        Release::Add { name, release_version, images } => {
            let body = NewRelease { name, version: release_version, images };
            let made: ReleaseBody = session.client.post("releases", &body)?;
            session.show(&made, |made| {
                format!("release {} {} {}: images {}\n", made.id, made.name, made.version, images_of(made))
            })?;
        }
        Release::List => list(session)?,
        Release::Show { id } => {
            let release: ReleaseBody = session.client.get(&format!("releases/{id}"), &[])?;
            session.show(&release, describe)?;
        }
        Release::Rm { id } => {
            session.client.delete(&format!("releases/{id}"))?;
            print(&format!("release {id} is removed\n"))?;
        }
    }
    Ok(Outcome::Done)
}

fn list(session: &Session) -> Result<(), ClientError> {
    let page: Page<ReleaseBody> = session.client.list("releases", &[], Order::Rising, 0)?;
    session.show(&page, |page| {
        let mut grid = Grid::new(&["RELEASE", "NAME", "VERSION", "IMAGES", "MADE"]);
        for release in &page.items {
            let ReleaseBody { id, name, version, created, .. } = release;
            let made = output::moment(*created);
            grid.add(vec![id.to_string(), name.clone(), version.clone(), images_of(release), made]);
        }
        grid.render()
    })
}

fn describe(release: &ReleaseBody) -> String {
    Grid::pairs(&[
        ("release", release.id.to_string()),
        ("name", release.name.clone()),
        ("version", release.version.clone()),
        ("images", images_of(release)),
        ("made", output::moment(release.created)),
    ])
    .render()
}

fn images_of(release: &ReleaseBody) -> String {
    release.images.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")
}
