//! Where our files are.

use std::path::PathBuf;

use etcetera::BaseStrategy;
use keyfob_store::Vault;

use crate::card::Card;
use crate::exit::Exit;

/// Where our files are.
pub(super) struct Folders {
    pub(super) config: PathBuf,
    pub(super) data: PathBuf,
}

impl Folders {
    pub(super) fn of_environment() -> Result<Self, Card> {
        // Wherever a program of ours goes from here, they stay where they are: an agent leaves the folder that it was started in.
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let own = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from).map(absolute);
        if let (Some(config), Some(data)) = (own("KEYFOB_CONFIG_DIR"), own("KEYFOB_DATA_DIR")) {
            return Ok(Self { config, data });
        }
        let base = etcetera::choose_base_strategy().map_err(|_| {
            Card::new(
                Exit::Error,
                "cannot tell where files belong",
                "this user has no home folder",
                "set HOME, or KEYFOB_CONFIG_DIR and KEYFOB_DATA_DIR",
            )
        })?;
        Ok(Self {
            config: own("KEYFOB_CONFIG_DIR").unwrap_or_else(|| base.config_dir().join("keyfob")),
            data: own("KEYFOB_DATA_DIR").unwrap_or_else(|| base.data_dir().join("keyfob")),
        })
    }

    pub(super) fn providers(&self) -> PathBuf {
        self.config.join("providers")
    }

    /// The file where no other was named.
    pub(super) fn vault(&self, pretend: bool) -> PathBuf {
        let folder = if pretend { self.data.join("sandbox") } else { self.data.clone() };
        folder.join(Vault::FILE_NAME)
    }
}
