//! A place of the shelf that is to be written, by whoever judges first what is there.

use keyfob::StoreError;
use keyfob::proto::Timestamp;
use keyfob::store::{Expected, Versioned};
use keyfob_store::Shelf;
use keyfob_store::shelf::{Item, Kind};

/// What is there, unless it has ended; and what a write has to expect, so that it goes over nothing that came meanwhile. What has ended is in the way until it
/// is swept, and is what is written over.
pub(crate) async fn look(
    shelf: &dyn Shelf,
    kind: Kind,
    id: &str,
    now: Timestamp,
) -> Result<(Option<Versioned<Item>>, Expected), StoreError> {
    // At no moment anything has ended.
    let found = shelf.item(kind, id, Timestamp::from_unix(i64::MIN)).await?;
    let expected = found.as_ref().map_or(Expected::Nothing, |found| Expected::Generation(found.generation));
    Ok((found.filter(|found| found.value.expires_at.is_none_or(|end| end > now)), expected))
}
