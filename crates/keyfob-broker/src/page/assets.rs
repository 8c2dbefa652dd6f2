//! What pages load beside themselves: style, script, the mark. They are part of the program, and nothing comes from anywhere else.
//!
//! A file's address has its hash in it, so that a browser may keep it for good and still has the new one after an upgrade.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// A file.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Where it is: `/assets/style-3f9aXb….css`.
    pub(crate) path: String,
    /// `sha256-…`: what a page expects of it (Subresource Integrity), and its content security policy allows.
    pub(crate) integrity: String,
    pub(crate) media_type: &'static str,
    pub(crate) text: &'static str,
}

/// The style of every page. The chart library's comes first: ours has the last word.
pub(crate) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    let text = concat!(include_str!("../../assets/vendor/uplot/uPlot.min.css"), "\n", include_str!("../../assets/style.css"));
    Asset::new("style", "css", "text/css; charset=utf-8", text)
});

/// What pages can do better with script: every one of them works without.
pub(crate) static SCRIPT: LazyLock<Asset> = LazyLock::new(|| Asset::script("keyfob", include_str!("../../assets/keyfob.js")));

/// Zoom and hover in charts; on pages with charts alone.
pub(crate) static CHARTS: LazyLock<Asset> = LazyLock::new(|| Asset::script("charts", include_str!("../../assets/charts.js")));

/// The chart library, as it was fetched (`assets/vendor/fetch.sh`).
pub(crate) static UPLOT: LazyLock<Asset> =
    LazyLock::new(|| Asset::script("uplot", include_str!("../../assets/vendor/uplot/uPlot.iife.min.js")));

/// The mark.
pub(crate) static MARK: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("mark", "svg", "image/svg+xml", include_str!("../../assets/mark.svg")));

fn all() -> [&'static Asset; 5] {
    [&STYLE, &SCRIPT, &CHARTS, &UPLOT, &MARK]
}

/// The file at a path.
pub(crate) fn at(path: &str) -> Option<&'static Asset> {
    all().into_iter().find(|asset| asset.path == path)
}

/// `script-src`: these very bytes, and nothing else that this origin serves. An answer that is forwarded from an API is at our
/// origin too, so `'self'` would not do.
pub(crate) static SCRIPTS: LazyLock<String> =
    LazyLock::new(|| [&SCRIPT, &CHARTS, &UPLOT].map(|asset: &LazyLock<Asset>| format!("'{}'", asset.integrity)).join(" "));

impl Asset {
    fn script(name: &str, text: &'static str) -> Self {
        Self::new(name, "js", "text/javascript; charset=utf-8", text)
    }

    fn new(name: &str, extension: &str, media_type: &'static str, text: &'static str) -> Self {
        let hash = Sha256::digest(text);
        let path = format!("/assets/{name}-{}.{extension}", URL_SAFE_NO_PAD.encode(&hash[..9]));
        Self { path, integrity: format!("sha256-{}", STANDARD.encode(hash)), media_type, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_has_an_address_of_its_own() {
        for asset in all() {
            assert!(at(&asset.path).is_some_and(|found| std::ptr::eq(found, asset)), "{}", asset.path);
            assert!(!asset.text.contains("</script") && asset.integrity.len() == "sha256-".len() + 44, "{}", asset.path);
        }
        assert!(at("/assets/style.css").is_none() && at("/assets/").is_none());
    }

    #[test]
    fn the_vendored_library_is_the_one_that_was_looked_at() {
        assert_eq!(UPLOT.integrity, "sha256-GcjUxq2Ikpp59K5J1vcWFWbf0Lo9FcxJXpdPeH63jx8=");
    }
}
