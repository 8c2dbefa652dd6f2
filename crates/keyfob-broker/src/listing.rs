//! All items of a kind, however many there are: one page of the shelf after the other. Who asks the shelf for "at most so many" themselves forgets the
//! rest, on the day when there are more.

use keyfob::StoreError;
use keyfob::proto::Timestamp;
use keyfob::store::Versioned;
use keyfob_store::Shelf;
use keyfob_store::shelf::{Item, Kind};

/// So many are read at once.
const PAGE: usize = 200;

/// Items of a kind, in the order of their ids. One that is damaged is left out, and the log says so: it is of no use to anybody, and the others are.
#[derive(Debug)]
pub(crate) struct Listing<'a> {
    shelf: &'a dyn Shelf,
    kind: Kind,
    owner: Option<&'a str>,
    after: Option<String>,
    is_over: bool,
    /// How many were left out.
    unreadable: usize,
}

/// What can be read of a list.
#[derive(Debug)]
pub struct Readable<T> {
    /// That.
    pub items: Vec<T>,
    /// How many cannot be read, and were left out. The log names them.
    pub unreadable: usize,
}

/// What does not come from the shelf can be read.
impl<T> From<Vec<T>> for Readable<T> {
    fn from(items: Vec<T>) -> Self {
        Self { items, unreadable: 0 }
    }
}

impl<'a> Listing<'a> {
    /// All, or those of an owner.
    pub(crate) fn of(shelf: &'a dyn Shelf, kind: Kind, owner: Option<&'a str>) -> Self {
        Self { shelf, kind, owner, after: None, is_over: false, unreadable: 0 }
    }

    /// The next ones; `None` after the last. What is removed in between takes no other one's place.
    pub(crate) async fn page(&mut self, now: Timestamp) -> Result<Option<Vec<Versioned<Item>>>, StoreError> {
        while !self.is_over {
            let page = match self.shelf.items(self.kind, self.owner, self.after.as_deref(), PAGE, now).await {
                Err(StoreError::Corrupt(_)) => self.one_by_one(now).await?,
                page => {
                    let page = page?;
                    self.is_over = page.len() < PAGE;
                    self.after = page.last().map(|last| last.value.id.clone());
                    page
                }
            };
            if !page.is_empty() {
                return Ok(Some(page));
            }
        }
        Ok(None)
    }

    /// The same where one of them is damaged.
    async fn one_by_one(&mut self, now: Timestamp) -> Result<Vec<Versioned<Item>>, StoreError> {
        let ids = self.shelf.ids(self.kind, self.owner, self.after.as_deref(), PAGE, now).await?;
        self.is_over = ids.len() < PAGE;
        self.after = ids.last().cloned();
        let mut page = Vec::with_capacity(ids.len());
        for id in ids {
            match self.shelf.item(self.kind, &id, now).await {
                Ok(found) => page.extend(found),
                Err(error @ StoreError::Corrupt(_)) => self.leave_out(&id, &error),
                Err(error) => return Err(error),
            }
        }
        Ok(page)
    }

    fn leave_out(&mut self, id: &str, error: &StoreError) {
        self.unreadable += 1;
        tracing::warn!(kind = self.kind.0, id, %error, "left out of a list: it cannot be read");
    }

    /// All that are left and say what `read` understands.
    pub(crate) async fn read<T>(
        mut self,
        read: impl Fn(&Versioned<Item>) -> Result<T, StoreError>,
        now: Timestamp,
    ) -> Result<Readable<T>, StoreError> {
        let mut items = Vec::new();
        while let Some(page) = self.page(now).await? {
            for found in page {
                match read(&found) {
                    Ok(item) => items.push(item),
                    Err(error) => self.leave_out(&found.value.id, &error),
                }
            }
        }
        Ok(Readable { items, unreadable: self.unreadable })
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
