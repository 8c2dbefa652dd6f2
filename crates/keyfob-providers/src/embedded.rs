//! The files that come with the program, as text. A test compares this list with the folder.

/// Name and text of each file.
macro_rules! embedded {
    ($($file:literal,)*) => { &[$(($file, include_str!(concat!("../data/", $file)))),*] };
}

pub(crate) const EMBEDDED: &[(&str, &str)] =
    embedded!["acme-oidc.toml", "acme.toml", "august.toml", "fitbit-oauth1.toml", "fitbit.toml", "netatmo.toml", "telldus.toml",];
