//! What the environment says about the key: for servers and containers.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use keyfob::proto::Secret;
use zeroize::Zeroize;

use super::KeySource;

impl KeySource {
    /// The source that the environment names, if it names one: the key itself (`KEYFOB_VAULT_KEY`), a file with it
    /// (`KEYFOB_VAULT_KEY_FILE`), or a systemd credential (`keyfob-vault-key`), in this order. Empty variables say nothing.
    pub fn of_environment() -> Option<Self> {
        Self::of_variables(|name| std::env::var_os(name))
    }

    /// The same, of variables from elsewhere.
    pub fn of_variables(variable: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let named = |name: &str| variable(name).filter(|value| !value.is_empty());
        if let Some(key) = named(Self::VARIABLE) {
            // What is no text is no key, and that is said when it is used.
            let mut text = key.to_string_lossy().into_owned();
            let secret = Secret::new(text.as_str());
            text.zeroize();
            return Some(Self::Text(secret));
        }
        if let Some(path) = named(Self::FILE_VARIABLE) {
            return Some(Self::Provided(PathBuf::from(path)));
        }
        // The folder may hold other credentials alone.
        let credential = Path::new(&named("CREDENTIALS_DIRECTORY")?).join(Self::CREDENTIAL);
        credential.exists().then_some(Self::Provided(credential))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)]) -> String {
        let source =
            KeySource::of_variables(|wanted| variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| OsString::from(value)));
        match source {
            None => "none".to_owned(),
            Some(KeySource::Text(text)) => format!("text {}", text.expose()),
            Some(KeySource::Provided(path)) => format!("file {}", path.display()),
            Some(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_key_goes_before_its_file_and_that_before_a_credential() {
        let folder = tempfile::tempdir().expect("a folder");
        let here = folder.path().to_str().expect("text");
        assert_eq!(found(&[("CREDENTIALS_DIRECTORY", here)]), "none", "a folder with other credentials alone");
        std::fs::write(folder.path().join("keyfob-vault-key"), "k").expect("writes");
        let (key, file, credentials) = ((KeySource::VARIABLE, "k"), (KeySource::FILE_VARIABLE, "/f"), ("CREDENTIALS_DIRECTORY", here));
        assert_eq!(found(&[credentials]), format!("file {here}/keyfob-vault-key"));
        assert_eq!(found(&[credentials, file]), "file /f");
        assert_eq!(found(&[credentials, file, key]), "text k");
        assert_eq!(found(&[(KeySource::VARIABLE, ""), (KeySource::FILE_VARIABLE, "")]), "none");
    }
}
