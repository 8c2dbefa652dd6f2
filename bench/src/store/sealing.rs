//! Sealing and opening a kilobyte.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use keyfob_store::measure::Sealing;

use super::fixture::RECORD;
use crate::measure::{beside, median, timed};
use crate::table::{Goal, Row, Table};

const TIMES: u32 = 200;

pub(crate) fn measure(table: &mut Table) {
    let sealing = Sealing::new().expect("a key");
    let ours = || {
        per(timed(|| {
            for _ in 0..TIMES {
                let sealed = sealing.seal(&[0x5A; RECORD]).expect("seals");
                sealing.open(sealed).expect("opens");
            }
        }))
    };
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).expect("a key"));
    let mut buffer = vec![0x5A; RECORD + 16];
    let limit = || {
        per(timed(|| {
            for number in 0..TIMES {
                let mut nonce = [0; 12];
                nonce[..4].copy_from_slice(&number.to_be_bytes());
                buffer.truncate(RECORD);
                key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut buffer).expect("seals");
                key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut buffer).expect("opens");
            }
        }))
    };
    let (ours, limit) = beside(3000, ours, limit);
    table.add(Row {
        work: "seal and open 1 KB, bound to its place".to_owned(),
        limit_is: "AES-256-GCM of aws-lc-rs, one key, a counter as nonce".to_owned(),
        ours,
        limit: Some(limit),
        unit: "µs",
        goal: Goal::Ratio(2.0),
    });
    let other = XChaCha20Poly1305::new(&[7; 32].into());
    let mut buffer = vec![0x5A; RECORD];
    let rounds: Vec<f64> = (0..200)
        .map(|_| {
            per(timed(|| {
                for number in 0..TIMES {
                    let mut nonce = [0; 24];
                    nonce[..4].copy_from_slice(&number.to_be_bytes());
                    let tag = other.encrypt_in_place_detached(XNonce::from_slice(&nonce), b"", &mut buffer).expect("seals");
                    other.decrypt_in_place_detached(XNonce::from_slice(&nonce), b"", &mut buffer, &tag).expect("opens");
                }
            }))
        })
        .collect();
    table.add(Row {
        work: "the same".to_owned(),
        limit_is: "XChaCha20-Poly1305 of RustCrypto".to_owned(),
        ours,
        limit: Some(median(&rounds)),
        unit: "µs",
        goal: Goal::Told,
    });
}

fn per<T>((time, _): (f64, T)) -> f64 {
    time / f64::from(TIMES)
}
