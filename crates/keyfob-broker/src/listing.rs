//! All items of a kind, however many there are: one page of the shelf after the other. Who asks the shelf for "at most so many" themselves forgets the
//! rest, on the day when there are more.

use keyfob::StoreError;
use keyfob::proto::Timestamp;
use keyfob::store::Versioned;
use keyfob_store::Shelf;
use keyfob_store::shelf::{Item, Kind};

/// So many are read at once.
const PAGE: usize = 200;

/// Items of a kind, in the order of their ids.
#[derive(Debug)]
pub(crate) struct Listing<'a> {
    shelf: &'a dyn Shelf,
    kind: Kind,
    owner: Option<&'a str>,
    after: Option<String>,
    is_over: bool,
}

impl<'a> Listing<'a> {
    /// All, or those of an owner.
    pub(crate) fn of(shelf: &'a dyn Shelf, kind: Kind, owner: Option<&'a str>) -> Self {
        Self { shelf, kind, owner, after: None, is_over: false }
    }

    /// The next ones; `None` after the last. What is removed in between takes no other one's place.
    pub(crate) async fn page(&mut self, now: Timestamp) -> Result<Option<Vec<Versioned<Item>>>, StoreError> {
        if self.is_over {
            return Ok(None);
        }
        let page = self.shelf.items(self.kind, self.owner, self.after.as_deref(), PAGE, now).await?;
        self.is_over = page.len() < PAGE;
        self.after = page.last().map(|last| last.value.id.clone());
        Ok((!page.is_empty()).then_some(page))
    }

    /// All that are left.
    pub(crate) async fn all(mut self, now: Timestamp) -> Result<Vec<Versioned<Item>>, StoreError> {
        let mut all = Vec::new();
        while let Some(page) = self.page(now).await? {
            all.extend(page);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use keyfob::store::Expected;
    use keyfob_store::MemoryShelf;

    use super::*;

    #[tokio::test]
    async fn every_item_is_listed_once_however_many_there_are() {
        let (kind, now) = (Kind("thing"), Timestamp::from_unix(0));
        for many in [0, 1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE] {
            let shelf = MemoryShelf::default();
            for number in 0..many {
                let item = Item::new(format!("{number:05}"), *b"{}").owned_by("one");
                shelf.put_item(kind, &item, Expected::Nothing).await.expect("put");
            }
            shelf.put_item(kind, &Item::new("00000x", *b"{}").owned_by("another"), Expected::Nothing).await.expect("put");
            let listed = Listing::of(&shelf, kind, Some("one")).all(now).await.expect("listed");
            let ids: Vec<String> = listed.into_iter().map(|item| item.value.id).collect();
            assert_eq!(ids, (0..many).map(|number| format!("{number:05}")).collect::<Vec<_>>());
            assert_eq!(Listing::of(&shelf, kind, None).all(now).await.expect("listed").len(), many + 1);
        }
    }
}
