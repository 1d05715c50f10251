//! `updraft offer`: the standing offer of each product and firmware type.

use super::{Outcome, Session, print, rules};
use crate::cli::args::{Offer, OfferCommand, OfferSet};
use crate::cli::client::{ClientError, segment};
use crate::cli::output::{self, Grid};
use crate::http::wire::{NewOffer, OfferBody, Page};

pub(super) fn run(session: &Session, command: Offer) -> Result<Outcome, ClientError> {
    let Offer { command, image, rules, allow_downgrade } = command;
    match (command, image) {
        (Some(OfferCommand::Set(new)), _) => set(session, new)?,
        (Some(OfferCommand::List { product }), _) => list(session, product)?,
        (Some(OfferCommand::Rm { product, kind }), _) => {
            session.client.delete(&format!("offers/{}/{kind}", segment(&product)))?;
            print(&format!("nothing is offered for product {product} and type {kind} any more\n"))?;
        }
        (None, Some(image)) => set(session, OfferSet { image, rules, allow_downgrade })?,
        (None, None) => {
            return Err(ClientError::Usage("offer which image? See `updraft offer --help`".into()));
        }
    }
    Ok(Outcome::Done)
}

fn set(session: &Session, new: OfferSet) -> Result<(), ClientError> {
    let body =
        NewOffer { image: new.image, rules: rules::body(new.rules), allow_downgrade: new.allow_downgrade };
    let offer: OfferBody = session.client.post("offers", &body)?;
    session.show(&offer, |offer| {
        let OfferBody { image, product, kind, .. } = offer;
        format!(
            "image {image} is offered to product {product}, type {kind}; conditions: {}\n",
            rules::text(&offer.rules)
        )
    })
}

fn list(session: &Session, product: Option<String>) -> Result<(), ClientError> {
    let query: Vec<_> = product.map(|product| ("product", product)).into_iter().collect();
    let page: Page<OfferBody> = session.client.get("offers", &query)?;
    session.show(&page, |page| {
        let mut grid = Grid::new(&["PRODUCT", "TYPE", "IMAGE", "CONDITIONS", "DOWNGRADE", "SINCE"]);
        for offer in &page.items {
            grid.add(vec![
                offer.product.clone(),
                offer.kind.to_string(),
                offer.image.to_string(),
                rules::text(&offer.rules),
                if offer.allow_downgrade { "allowed" } else { "no" }.into(),
                output::moment(offer.created),
            ]);
        }
        grid.render()
    })
}
