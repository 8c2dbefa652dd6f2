//! A call as another program takes it (`--print`): for curl, as it goes over the line, or as HTTP Archive. Nothing is sent, and nothing secret shown
//! unless that is asked for. Whoever runs or sends what is printed sends the same body, byte for byte.

mod curl;
mod har;
mod http;

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use ::http::Method;
use clap::ValueEnum;
use keyfob::Session;

use super::Call;
use crate::between::Ready;
use crate::card::{Card, Doing};
use crate::context::{Context, Opened};
use crate::dry::DryRun;
use crate::output::written;
use crate::request::Carried;

/// What a request is shown as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum As {
    /// A command line for curl
    Curl,
    /// As it goes over the line (HTTP/1.1)
    Http,
    /// HTTP Archive 1.2
    Har,
}

/// A request to be shown.
pub(crate) struct Shown {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
}

impl Shown {
    /// With all that is sent: what has a body by its method says how long it is, also where it has none (RFC 9110 §8.6). Servers refuse it otherwise (411).
    fn with_length(mut self) -> Self {
        if self.body.is_none() && ["POST", "PUT", "PATCH"].contains(&self.method.as_str()) {
            self.headers.push(("content-length".to_owned(), "0".to_owned()));
        }
        self
    }

    /// What the body is, as its header says; empty where none does.
    fn content_type(&self) -> &str {
        self.headers.iter().find(|(name, _)| name == "content-type").map_or("", |(_, value)| value.as_str())
    }
}

pub(super) async fn run(shape: As, method: Method, carried: Carried, args: &Call, opened: &Opened, context: &Context) -> Result<(), Card> {
    let no_json = match shape {
        As::Curl => Some("curl"),
        As::Http => Some("http"),
        As::Har => None,
    };
    if let Some(name) = no_json.filter(|_| context.out.json) {
        let next = "--print har is JSON; so is --dry-run --json, with its secrets masked";
        return Err(Card::usage(format!("--print {name} is no JSON"), "--json asks for that, and for nothing else", next));
    }
    let file = carried.file().map(|(name, bytes)| (name.to_owned(), bytes));
    let call = |session: &Session| carried.call(session, method, &args.path);
    let shown = if args.show_secrets {
        Ready::prepare(opened, context, call).await?.shown()
    } else {
        let what = format!("cannot prepare a call of {}", opened.account.name);
        let dry = DryRun::new(opened.store.clone(), &opened.account.tokens);
        let session = dry.keyfob.session(opened.settings.clone(), opened.app.clone(), &opened.account.name).await.doing(what.as_str())?;
        call(&session).send().await.doing(what)?;
        let Some(kept) = dry.kept() else { return Ok(()) };
        kept.shown(&session.scrubber())
    };
    let shown = shown.with_length();
    // What was masked, or signed in the body, is not what is in the file any more.
    let file = file.filter(|(_, bytes)| shown.body.as_deref() == Some(&bytes[..])).map(|(name, _)| name);
    let out = &context.out;
    let to_terminal = args.output.is_none() && out.to_person;
    let all = match shape {
        As::Curl => line(curl::command(&shown, file.as_deref())),
        As::Http if to_terminal => return http::to_terminal(&shown, out),
        As::Http => http::message(&shown),
        As::Har => line(har::archive(&shown, to_terminal)),
    };
    match &args.output {
        Some(path) if path.as_os_str() != "-" => created(path, args.show_secrets)
            .and_then(|mut file| file.write_all(&all))
            .map_err(|error| Card::io(format!("cannot write {}", path.display()), &error, "check the name, the folder and the disk")),
        // No terminal obeys anything in a command line or an archive: what it would is spelled out there.
        _ => {
            let mut stdout = io::stdout().lock();
            written(stdout.write_all(&all).and_then(|()| stdout.flush()))
        }
    }
}

/// A file with secrets in it is its owner's alone, also one that was there.
fn created(path: &Path, secret: bool) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    if secret {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let file = options.open(path)?;
    #[cfg(unix)]
    if secret && file.metadata()?.is_file() {
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    }
    Ok(file)
}

fn line(text: String) -> Vec<u8> {
    (text + "\n").into_bytes()
}

#[cfg(test)]
fn example(body: &[u8]) -> Shown {
    Shown {
        method: "POST".into(),
        url: "https://a.example/x?q=it's".into(),
        headers: vec![("content-type".into(), "text/plain".into())],
        body: Some(body.to_vec()),
    }
}
