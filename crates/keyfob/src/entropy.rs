//! The operating system's randomness.

use keyfob_proto::Entropy;

/// The operating system's randomness: what sessions give the protocol core.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        fill(buffer);
    }
}

/// Fills the buffer. A system that has no randomness is no place for secrets, so that is the end.
fn fill(buffer: &mut [u8]) {
    getrandom::fill(buffer).expect("the operating system gives randomness");
}

/// 128 bits as 32 hexadecimal digits.
pub fn random_hex() -> String {
    let mut bytes = [0; 16];
    fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// About so long: up to a quarter less or more, so that what failed together is not tried again together.
pub(crate) fn about(length: std::time::Duration) -> std::time::Duration {
    let mut bytes = [0; 2];
    fill(&mut bytes);
    // Between 3/4 and 5/4, in steps of 1/131070.
    length.mul_f64(0.75 + f64::from(u16::from_le_bytes(bytes)) / 131_070.0)
}
