//! The files that settings name, looked at before anything begins: what is wrong with them is told together with everything else.

use std::path::Path;

use keyfob::proto::Secret;
use keyfob_broker::Tls;

use super::keys::{KEYS, Kind};
use super::{Problem, Settings, Values, path};
use crate::card::Card;
use crate::credentials::variables;
use crate::exit::Exit;
use crate::signal::unless_stopped_reading_file;

/// A token that is shorter can be guessed.
const SHORTEST_TOKEN: usize = 16;

/// Adds what is wrong with them.
pub(super) fn look(settings: &Settings, values: &Values, problems: &mut Vec<Problem>) {
    let mut wrong = |name: &str, message: String, hint: String| {
        let place = values.get(name).map(|value| value.place.clone());
        problems.push(Problem { place, message, hint: Some(hint) });
    };
    let named = KEYS.iter().filter(|key| key.kind == Kind::Path).filter_map(|key| Some((key.name, path(values.get(key.name)?)?)));
    let mut readable = Vec::new();
    for (name, file) in named {
        if name == "debug_log" {
            if let Some(why) = cannot_be_made(&file) {
                wrong(name, format!("cannot write {}, which debug_log names: {why}", file.display()), HINT_LOG.to_owned());
            }
            continue;
        }
        match cannot_be_read(&file) {
            Some(why) => wrong(name, format!("cannot read {}, which {name} names: {why}", file.display()), HINT_FILE.to_owned()),
            None => readable.push((name, file)),
        }
    }
    // Of a pipe whatever is read is gone: only those who need it read it.
    readable.retain(|(_, file)| file.is_file());
    let is_there = |wanted: &str| readable.iter().any(|(name, _)| *name == wanted);
    for (name, file) in &readable {
        let read = match *name {
            "env_file" => variables(file).map(drop),
            "metrics.token_file" => token(file).map(drop),
            "sign_in.client_secret_file" => client_secret(file).map(drop),
            _ => Ok(()),
        };
        if let Err(card) = read {
            wrong(name, format!("{}: {}", card.what(), card.why()), card.next().to_owned());
        }
    }
    if let Some((certificate, key)) = settings.tls.as_ref().filter(|_| is_there("tls.certificate") && is_there("tls.key"))
        && let Err(error) = Tls::load(certificate, key)
    {
        let name = if error.file == *key { "tls.key" } else { "tls.certificate" };
        wrong(name, error.to_string(), "give a certificate and the key that it was made with, both in PEM form".to_owned());
    }
}

/// What whoever asks for figures has to bring.
pub(in crate::verb::serve) fn token(file: &Path) -> Result<Secret, Card> {
    let name = "metrics.token_file";
    let token = secret(name, file)?;
    if token.expose().len() < SHORTEST_TOKEN {
        return Err(Card::usage(named(name, file), "a secret this short can be guessed", "make one: openssl rand -hex 32"));
    }
    Ok(token)
}

/// The issuer has chosen it.
pub(in crate::verb::serve) fn client_secret(file: &Path) -> Result<Secret, Card> {
    secret("sign_in.client_secret_file", file)
}

/// A secret in a file of its own: neither arguments nor the environment are a place for it.
fn secret(name: &str, file: &Path) -> Result<Secret, Card> {
    let read = unless_stopped_reading_file(file, |file| std::fs::read_to_string(file).map(zeroize::Zeroizing::new))?;
    let text = read.map_err(|error| Card::io(named(name, file), &error, HINT_FILE).exiting(Exit::Usage))?;
    match text.trim() {
        "" => Err(Card::usage(named(name, file), "expected a secret in it, found nothing", "write the secret into it, and nothing else")),
        secret => Ok(Secret::new(secret)),
    }
}

fn named(name: &str, file: &Path) -> String {
    format!("cannot use {}, which {name} names", file.display())
}

const HINT_FILE: &str = "check the name and who may read the file";
const HINT_LOG: &str = "check the name, the folder and who may write there";

/// Why there is nothing to read there; nothing is taken from a pipe.
fn cannot_be_read(file: &Path) -> Option<String> {
    match std::fs::metadata(file) {
        Err(error) => Some(error.to_string()),
        Ok(found) if found.is_dir() => Some("it is a folder".to_owned()),
        Ok(found) if found.is_file() => std::fs::File::open(file).err().map(|error| error.to_string()),
        Ok(_) => None,
    }
}

/// Why a log cannot be there. Looking makes no file.
fn cannot_be_made(file: &Path) -> Option<String> {
    match std::fs::symlink_metadata(file) {
        Ok(found) if found.is_file() => std::fs::OpenOptions::new().append(true).open(file).err().map(|error| error.to_string()),
        Ok(_) => Some("expected a regular file, found a folder, a link or a device".to_owned()),
        Err(_) => {
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            (!folder.is_dir()).then(|| format!("there is no folder {}", folder.display()))
        }
    }
}
