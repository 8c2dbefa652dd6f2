//! An address as a picture for the camera of another device: a QR code, two modules a character.

use qrcode::{Color, EcLevel, QrCode};

use crate::output::Paint;

/// Light around it, in modules. ISO/IEC 18004 asks for four; cameras find it with two, and rows are scarce.
const QUIET: usize = 2;

/// A picture, line by line.
pub(super) struct Picture {
    /// How many columns each line has.
    pub(super) width: usize,
    pub(super) lines: Vec<String>,
}

/// The picture of an address. None of what no browser would open: a server says what is in it, and people hold their phones to it.
pub(super) fn of(address: &str, paint: Paint) -> Option<Picture> {
    url::Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())?;
    // Nothing covers a screen, so the least correction will do, and makes the smallest picture.
    let code = QrCode::with_error_correction_level(address, EcLevel::L).ok()?;
    let (modules, width) = (code.width(), code.width() + 2 * QUIET);
    let dark = |x: usize, y: usize| {
        let inside = |at: usize| at.checked_sub(QUIET).filter(|&at| at < modules);
        inside(x).zip(inside(y)).is_some_and(|at| code[at] == Color::Dark)
    };
    let line = |y: usize| {
        let characters = (0..width).map(|x| match (dark(x, y), dark(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        });
        paint.paper(&characters.collect::<String>())
    };
    Some(Picture { width, lines: (0..width).step_by(2).map(line).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_wide_as_its_modules_and_half_as_high() {
        let picture = of("https://a.example/device?user_code=WDJB-MJHT", Paint::plain()).expect("it fits");
        assert_eq!((picture.width, picture.lines.len()), (29 + 4, 17));
        assert!(picture.lines.iter().all(|line| line.chars().count() == picture.width));
        // The finder in the corner: a row of seven dark modules above one that is hollow.
        assert_eq!(picture.lines[1].chars().take(10).collect::<String>(), "  █▀▀▀▀▀█ ");
    }

    #[test]
    fn what_no_browser_opens_has_no_picture() {
        for address in ["tel:+4512345678", "WIFI:T:WPA;S:x;P:y;;", "data:text/html,x", "not an address", ""] {
            assert!(of(address, Paint::plain()).is_none(), "{address}");
        }
        assert!(of(&format!("https://a.example/{}", "a".repeat(4000)), Paint::plain()).is_none(), "more than a code holds");
    }
}
