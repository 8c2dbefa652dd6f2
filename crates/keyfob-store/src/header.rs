//! The header: which vault this is, how it is sealed, and the data key, wrapped by the key from outside.

use keyfob::StoreError;
use rusqlite::{Connection, OptionalExtension};

use crate::sqlite::sql;
use crate::seal::{self, CIPHER, FORMAT, Key, Place, Sealer};

/// Writes the header of a new vault, with a new data key.
pub(crate) fn write(connection: &Connection, key: &Key) -> Result<(), StoreError> {
    let vault = seal::random()?;
    let generation = 1_u64;
    let data_key = seal::seal(key, &vault, &place(&vault, generation), Key::random()?.bytes())?;
    let row = Row { format: FORMAT.into(), vault: vault.to_vec(), cipher: CIPHER.to_owned(), generation: 1, data_key };
    connection
        .execute(
            "INSERT INTO header (only, format, vault, cipher, generation, data_key, checksum) VALUES (1, ?, ?, ?, ?, ?, ?)",
            (row.format, &row.vault, &row.cipher, row.generation, &row.data_key, row.checksum()),
        )
        .map_err(sql)?;
    Ok(())
}

/// Reads the header and unwraps the data key.
pub(crate) fn unwrap(connection: &Connection, key: &Key) -> Result<Sealer, StoreError> {
    let (row, checksum) = connection
        .query_row("SELECT format, vault, cipher, generation, data_key, checksum FROM header", (), |row| {
            let header =
                Row { format: row.get(0)?, vault: row.get(1)?, cipher: row.get(2)?, generation: row.get(3)?, data_key: row.get(4)? };
            Ok((header, row.get::<_, Vec<u8>>(5)?))
        })
        .optional()
        .map_err(sql)?
        .ok_or_else(damaged)?;
    // Without the checksum, damage would look like a wrong key, and the person would look for another key in vain.
    if checksum != row.checksum() || row.format != i64::from(FORMAT) || row.cipher != CIPHER {
        return Err(damaged());
    }
    let vault: [u8; 16] = row.vault.as_slice().try_into().map_err(|_| damaged())?;
    let generation = u64::try_from(row.generation).map_err(|_| damaged())?;
    let data_key = seal::open(key, &vault, &place(&vault, generation), row.data_key)
        .ok_or_else(|| StoreError::WrongKey("the key that was given does not open it".to_owned()))?;
    Sealer::new(Key::from_bytes(&data_key).ok_or_else(damaged)?, vault)
}

struct Row {
    format: i64,
    vault: Vec<u8>,
    cipher: String,
    generation: i64,
    data_key: Vec<u8>,
}

impl Row {
    fn checksum(&self) -> [u8; 32] {
        let (format, generation) = (self.format.to_be_bytes(), self.generation.to_be_bytes());
        seal::checksum(&[&format, &self.vault, self.cipher.as_bytes(), &generation, &self.data_key])
    }
}

fn place(vault: &[u8; 16], generation: u64) -> Place<'_> {
    const REST: &[&[u8]] = &[CIPHER.as_bytes()];
    Place { table: "header", column: "data_key", id: vault, generation, rest: REST }
}

fn damaged() -> StoreError {
    StoreError::Corrupt("its header is not what was written".to_owned())
}
