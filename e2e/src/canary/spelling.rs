//! How a secret might be written by somebody who does not mean to write it.

use keyfob::proto::encode;

/// The names of all spellings.
pub const SPELLINGS: [&str; 12] = [
    "raw",
    "base64",
    "base64url",
    "percent",
    "percent, twice",
    "percent, every byte",
    "hex",
    "HEX",
    "UTF-16",
    "reversed",
    "JSON escapes",
    "numbers",
];

/// The secret in every spelling; some in several forms, since base64 depends on what stands before.
pub fn spellings(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = text.as_bytes();
    let each = |write: &dyn Fn(&u8) -> String| bytes.iter().map(write).collect::<String>();
    let percent = encode::percent(text);
    let mut all: Vec<(&'static str, Vec<u8>)> = vec![
        ("raw", bytes.to_vec()),
        ("percent, twice", encode::percent(&percent).into_bytes()),
        ("percent", percent.into_bytes()),
        ("percent, every byte", each(&|byte| format!("%{byte:02X}")).into_bytes()),
        ("hex", each(&|byte| format!("{byte:02x}")).into_bytes()),
        ("HEX", each(&|byte| format!("{byte:02X}")).into_bytes()),
        ("UTF-16", text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("UTF-16", text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ("reversed", bytes.iter().rev().copied().collect()),
        ("JSON escapes", text.replace('/', "\\/").into_bytes()),
        (
            "JSON escapes",
            text.chars()
                .map(|c| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("\\u{:04x}", c as u32) })
                .collect::<String>()
                .into_bytes(),
        ),
        // As `Debug` writes bytes.
        ("numbers", bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ").into_bytes()),
    ];
    for before in 0..3 {
        let inner = base64_inside(bytes, before);
        all.push(("base64url", inner.replace('+', "-").replace('/', "_").into_bytes()));
        all.push(("base64", inner.into_bytes()));
    }
    all
}

/// What base64 makes of these bytes with so many before them, without the characters that depend on the neighbours.
fn base64_inside(bytes: &[u8], before: usize) -> String {
    let text = encode::base64(&[&vec![0; before][..], bytes].concat());
    let (first, end) = ((before * 8).div_ceil(6), (before + bytes.len()) * 8 / 6);
    text[first..end].to_owned()
}
