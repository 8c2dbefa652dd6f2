//! HTTP messages as bytes, right and wrong.

use std::io::Read;
use std::net::TcpStream;

/// An answer with everything that belongs to it. `more`: further header lines, without line ends.
pub(super) fn answer(status: &str, media_type: &str, body: &[u8], more: &[&str]) -> Vec<u8> {
    let more: String = more.iter().map(|line| format!("{line}\r\n")).collect();
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\ncache-control: no-store\r\nconnection: close\r\n{more}\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// The same without saying how long it is, or with another thing said about it.
pub(super) fn framed(media_type: &str, framing: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\n{framing}connection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// A chunk for each byte.
pub(super) fn chunked(body: &[u8]) -> Vec<u8> {
    body.iter().flat_map(|&byte| [&b"1\r\n"[..], &[byte], b"\r\n"].concat()).chain(*b"0\r\n\r\n").collect()
}

/// Reads a request to its end, and says for what.
pub(super) fn read_request(stream: &mut TcpStream) -> Option<String> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => bytes.extend_from_slice(&buffer[..read]),
            _ => return None,
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok()).unwrap_or(0);
    while bytes.len() < head + 4 + length {
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => bytes.extend_from_slice(&buffer[..read]),
            _ => return None,
        }
    }
    String::from_utf8_lossy(&bytes).split(' ').nth(1).map(str::to_owned)
}

/// How much there is behind [`bomb`].
pub(super) const BOMB: usize = 32 << 20;

/// [`BOMB`] spaces in a thousandth of the room (gzip, RFC 1952): one block of fixed codes (RFC 1951 §3.2.6), in which nearly everything is "the same again".
pub(super) fn bomb() -> Vec<u8> {
    let mut bits = Bits::default();
    // The last block, with fixed codes; then one space.
    bits.put(0b1, 1);
    bits.put(0b01, 2);
    bits.put_code(0x30 + u16::from(b' '), 8);
    // 258 bytes from one byte back: length code 285 (0b11000101), distance code 0.
    for _ in 0..(BOMB - 1) / 258 {
        bits.put_code(0b1100_0101, 8);
        bits.put_code(0, 5);
    }
    for _ in 0..(BOMB - 1) % 258 {
        bits.put_code(0x30 + u16::from(b' '), 8);
    }
    bits.put_code(0, 7);
    let mut file = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    file.extend(bits.bytes);
    file.extend(checksum_of_spaces(BOMB).to_le_bytes());
    file.extend(u32::try_from(BOMB).expect("a few millions").to_le_bytes());
    file
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    fn put(&mut self, value: u16, count: u32) {
        for at in 0..count {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().expect("just pushed") |= u8::from(value >> at & 1 == 1) << (self.used % 8);
            self.used += 1;
        }
    }

    /// Huffman codes stand the other way round (RFC 1951 §3.1.1).
    fn put_code(&mut self, code: u16, count: u32) {
        self.put(code.reverse_bits() >> (16 - count), count);
    }
}

/// CRC-32 (RFC 1952 §8).
fn checksum_of_spaces(count: usize) -> u32 {
    let step = |mut crc: u32| {
        for _ in 0..8 {
            crc = if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
        }
        crc
    };
    let table: Vec<u32> = (0..256).map(step).collect();
    !(0..count).fold(u32::MAX, |crc, _| table[((crc ^ u32::from(b' ')) & 0xff) as usize] ^ (crc >> 8))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    /// Others' eyes: the program everybody has.
    #[test]
    fn the_bomb_is_one() {
        let bomb = bomb();
        assert!(bomb.len() < 1 << 20, "{} bytes: a cap on what is sent must not be what stops it", bomb.len());
        let Ok(mut gzip) = Command::new("gzip").arg("-dc").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() else { return };
        let mut input = gzip.stdin.take().expect("piped");
        let writer = std::thread::spawn(move || input.write_all(&bomb));
        let output = gzip.wait_with_output().expect("it ends");
        writer.join().expect("no panic").expect("it reads");
        assert!(output.status.success());
        assert_eq!(output.stdout.len(), BOMB);
        assert!(output.stdout.iter().all(|&byte| byte == b' '));
    }
}
