//! What is sealed of the shelf, and bound to what: the rows of `item` and `act`, whatever database they lie in.

use keyfob::StoreError;
use keyfob::proto::Timestamp;
use keyfob::store::{Expected, Generation, Versioned};

use super::{Act, Item};
use crate::rows::{after, signed};
use crate::seal::{Place, Sealer};

/// A row of `item`.
pub(crate) struct ItemRow {
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) owner: Option<String>,
    pub(crate) expires_at: Option<i64>,
    pub(crate) generation: u64,
    pub(crate) record: Vec<u8>,
}

impl ItemRow {
    pub(crate) fn seal(sealer: &Sealer, kind: &str, item: &Item, generation: u64) -> Result<Self, StoreError> {
        let Item { id, owner, expires_at, content } = item;
        // Every database counts with a sign.
        signed(generation)?;
        let mut row = Self {
            kind: kind.to_owned(),
            id: id.clone(),
            owner: owner.clone(),
            expires_at: expires_at.map(Timestamp::as_unix),
            generation,
            record: Vec::new(),
        };
        row.record = row.at_its_place(|place| sealer.seal_bytes(place, content))?;
        Ok(row)
    }

    pub(crate) fn open(mut self, sealer: &Sealer) -> Result<Versioned<Item>, StoreError> {
        let record = std::mem::take(&mut self.record);
        let content = self.at_its_place(|place| sealer.open_bytes(place, record))?;
        let Self { id, owner, expires_at, generation, .. } = self;
        let value = Item { id, owner, expires_at: expires_at.map(Timestamp::from_unix), content };
        Ok(Versioned { value, generation: Generation(generation) })
    }

    fn at_its_place<T>(&self, work: impl FnOnce(&Place<'_>) -> T) -> T {
        let (owner, expires_at) = (owned(self.owner.as_deref()), self.expires_at.map(i64::to_be_bytes));
        let rest: [&[u8]; 3] = [self.kind.as_bytes(), &owner, expires_at.as_ref().map_or(&[], |at| at)];
        work(&Place { table: "item", column: "record", id: self.id.as_bytes(), generation: self.generation, rest: &rest })
    }
}

/// A row of `act`.
pub(crate) struct ActRow {
    pub(crate) number: u64,
    pub(crate) done_at: i64,
    pub(crate) owner: Option<String>,
    pub(crate) record: Vec<u8>,
}

impl ActRow {
    pub(crate) fn seal(sealer: &Sealer, number: u64, act: &Act) -> Result<Self, StoreError> {
        signed(number)?;
        let mut row = Self { number, done_at: act.at.as_unix(), owner: act.owner.clone(), record: Vec::new() };
        row.record = row.at_its_place(|place| sealer.seal_bytes(place, &act.content))?;
        Ok(row)
    }

    pub(crate) fn open(mut self, sealer: &Sealer) -> Result<Act, StoreError> {
        let record = std::mem::take(&mut self.record);
        let content = self.at_its_place(|place| sealer.open_bytes(place, record))?;
        Ok(Act { at: Timestamp::from_unix(self.done_at), owner: self.owner, content })
    }

    /// Its number among them: a line can be taken out of the book, and neither doubled nor put elsewhere.
    fn at_its_place<T>(&self, work: impl FnOnce(&Place<'_>) -> T) -> T {
        let owner = owned(self.owner.as_deref());
        let rest: [&[u8]; 2] = [&self.done_at.to_be_bytes(), &owner];
        work(&Place { table: "act", column: "record", id: &self.number.to_be_bytes(), generation: 0, rest: &rest })
    }
}

/// The generation that a write makes of what is there; `Conflict` if that is not what it expects.
pub(crate) fn next_generation(there: Option<Generation>, expected: Expected) -> Result<u64, StoreError> {
    let fits = match expected {
        Expected::Nothing => there.is_none(),
        Expected::Generation(generation) => there == Some(generation),
        Expected::Anything => true,
    };
    if !fits {
        return Err(StoreError::Conflict);
    }
    there.map_or(Ok(1), |Generation(there)| after(there))
}

/// Nobody is not somebody without a name.
fn owned(owner: Option<&str>) -> Vec<u8> {
    owner.map_or_else(Vec::new, |owner| [&[1], owner.as_bytes()].concat())
}
