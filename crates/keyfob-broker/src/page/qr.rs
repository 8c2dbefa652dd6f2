//! An address as a picture for the camera of another device: a QR code (ISO/IEC 18004), as SVG.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

/// Light around it, in modules (§6.3.8).
const QUIET: usize = 4;

/// The picture of an address, as markup. None of what no browser would open: a server says what is in it, and people hold their phones to it.
pub(crate) fn picture(address: &str) -> Option<String> {
    url::Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())?;
    // Nothing covers a screen, so the least correction will do, and makes the largest modules.
    let code = QrCode::with_error_correction_level(address, EcLevel::L).ok()?;
    let (modules, width) = (code.width(), code.width() + 2 * QUIET);
    // A line of dark modules is one rectangle.
    let mut path = String::new();
    for y in 0..modules {
        let mut x = 0;
        while x < modules {
            let dark = (x..modules).take_while(|x| code[(*x, y)] == Color::Dark).count();
            if dark > 0 {
                let _ = write!(path, "M{} {}h{dark}v1h-{dark}z", x + QUIET, y + QUIET);
            }
            x += dark.max(1);
        }
    }
    // Dark on light in any theme: cameras expect that.
    Some(format!(
        r#"<svg class="qr" viewBox="0 0 {width} {width}" width="200" height="200" role="img" aria-label="QR code of this address" shape-rendering="crispEdges"><rect width="{width}" height="{width}" fill="white"/><path d="{path}" fill="black"/></svg>"#
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_corners_are_what_a_camera_looks_for() {
        let drawn = picture("https://a.example/device?user_code=WDJB-MJHT").expect("it fits");
        assert!(drawn.contains("viewBox=\"0 0 37 37\""), "29 modules and light around: {drawn}");
        // Seven dark modules, then one at each end; left, and right.
        for finder in ["M4 4h7v1h-7z", "M26 4h7v1h-7z", "M4 5h1v1h-1z", "M10 5h1v1h-1z", "M4 26h7v1h-7z"] {
            assert!(drawn.contains(finder), "{finder}: {drawn}");
        }
    }

    #[test]
    fn what_no_browser_opens_has_no_picture() {
        for address in ["tel:+4512345678", "javascript:alert(1)", "data:text/html,x", "not an address", ""] {
            assert!(picture(address).is_none(), "{address}");
        }
        assert!(picture(&format!("https://a.example/{}", "a".repeat(4000))).is_none(), "more than a code holds");
    }
}
