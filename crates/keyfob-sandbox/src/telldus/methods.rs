//! What a device can do, as bits.

pub(crate) const TURN_ON: u32 = 1;
pub(crate) const TURN_OFF: u32 = 2;
pub(crate) const BELL: u32 = 4;
pub(crate) const TOGGLE: u32 = 8;
pub(crate) const DIM: u32 = 16;
pub(crate) const LEARN: u32 = 32;
pub(crate) const EXECUTE: u32 = 64;
pub(crate) const UP: u32 = 128;
pub(crate) const DOWN: u32 = 256;
pub(crate) const STOP: u32 = 512;
pub(crate) const RGB: u32 = 1024;
pub(crate) const THERMOSTAT: u32 = 2048;

const NAMES: [(&str, u32); 12] = [
    ("TURNON", TURN_ON),
    ("TURNOFF", TURN_OFF),
    ("BELL", BELL),
    ("TOGGLE", TOGGLE),
    ("DIM", DIM),
    ("LEARN", LEARN),
    ("EXECUTE", EXECUTE),
    ("UP", UP),
    ("DOWN", DOWN),
    ("STOP", STOP),
    ("RGB", RGB),
    ("THERMOSTAT", THERMOSTAT),
];

/// The documented number, or the names joined by `|` that an example shows. What is neither is 0, and 0 means that
/// every device's `methods` comes back as 0.
pub(crate) fn parse(text: Option<&str>) -> u32 {
    let text = text.unwrap_or_default();
    if let Ok(bits) = text.trim().parse() {
        return bits;
    }
    text.split('|')
        .filter_map(|name| NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.trim())))
        .fold(0, |bits, (_, bit)| bits | bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_mean_the_same() {
        assert_eq!(parse(Some("3")), 3);
        assert_eq!(parse(Some("TURNON|TURNOFF")), 3);
        assert_eq!(parse(Some("dim|Up")), 144);
        assert_eq!(parse(Some("")), 0);
        assert_eq!(parse(Some("99999999999999999999")), 0);
        assert_eq!(parse(None), 0);
    }
}
