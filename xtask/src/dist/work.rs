//! What people do with the program, for it to be counted: commands that are started again and again, and a server under load.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Counts;
use super::load;

/// How often each command is run, and each request made on each connection.
const RUNS: usize = 5;
const REQUESTS: usize = 2000;

/// So that a run of a command counts like some thousand requests.
const OF_A_COMMAND: u32 = 1000;

/// Where the counting program writes, as LLVM has it: a file for each process.
const COUNTS: &str = "LLVM_PROFILE_FILE";

/// Two accounts at a provider that is played here: one that signs, and one with a token.
const PROVIDERS: [(&str, &str); 2] = [
    (
        "hub",
        r#"kind = "oauth1"
[endpoints]
request_token = "{origin}/r"
authorize = "{origin}/a"
token = "{origin}/t"
[oauth1]
signature = "HMAC-SHA1"
placement = "header"
token_method = "POST"
callback = "request-token"
[api]
base_url = "{origin}"
"#,
    ),
    (
        "bearer",
        r#"kind = "oauth2"
[endpoints]
authorize = "{origin}/a"
token = "{origin}/t"
[oauth2]
client_auth = "post"
[api]
base_url = "{origin}"
attach = "bearer"
"#,
    ),
];

/// What each of them has. Everything here is made up.
const TOKENS: [(&str, &str); 2] = [
    (
        "hub",
        r#"{"client_id": "example-consumer-key", "client_secret": "example-consumer-secret", "token": "example-token", "token_secret": "example-token-secret"}"#,
    ),
    (
        "bearer",
        r#"{"client_id": "example-id", "client_secret": "example-secret", "access_token": "example-access-token", "expires_in": 86400}"#,
    ),
];

/// The command: what a call, a token, a header and the lists run, and then the web app under load.
pub(super) fn keyfob(program: &Path, folder: &Path) -> Result<Vec<Counts>, String> {
    let house = House::new(program, folder)?;
    let url = format!("{}/things", house.origin);
    let commands: &[&[&str]] = &[
        &["--version"],
        &["--help"],
        &["token", "bearer"],
        &["get", "hub", "/things"],
        &["get", "bearer", "/things", "--jq", ".device[].name"],
        &["header", "GET", &url, "--account", "hub"],
        &["status"],
        &["provider", "list"],
    ];
    let commanded = folder.join("commands");
    for _ in 0..RUNS {
        for words in commands {
            house.run(words, &commanded)?;
        }
    }
    let address = load::free_port()?;
    let (hub, bearer) = (house.key(&["--account", "hub", "--allow", "GET /**"])?, house.key(&["--account", "bearer", "--token"])?);
    let served = folder.join("server");
    let mut server = house.command(&["serve", "--listen", &address.to_string()], &served);
    let server = server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let server = server.map_err(|problem| format!("cannot run {}: {problem}", program.display()))?;
    let asked = asked(address, [("/api/hub/things", &hub), ("/token/bearer", &bearer)]);
    let ended = end(server);
    asked.and(ended)?;
    Ok(vec![Counts { folder: commanded, weight: OF_A_COMMAND }, Counts { folder: served, weight: 1 }])
}

/// The bench's web app under the same load. It ends with its input.
pub(super) fn broker(program: &Path, folder: &Path) -> Result<Vec<Counts>, String> {
    let origin = format!("http://{}", load::provider()?);
    let (keys, served) = (folder.join("keys"), folder.join("server"));
    let mut server = Command::new(program);
    server
        .args(["child", "serve", "memory", &origin])
        .arg(&keys)
        .env(COUNTS, served.join("%p"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut server = server.spawn().map_err(|problem| format!("cannot run {}: {problem}", program.display()))?;
    let mut line = String::new();
    let told = server.stdout.take().is_some_and(|output| BufReader::new(output).read_line(&mut line).is_ok());
    let address = line.trim().parse().map_err(|_| format!("where it listens is not told: {told}, {line:?}"))?;
    let text = fs::read_to_string(&keys).map_err(|problem| format!("cannot read {}: {problem}", keys.display()))?;
    let key = |account: &str| text.lines().find_map(|line| line.strip_prefix(account)?.strip_prefix(' ')).unwrap_or_default().to_owned();
    let asked = asked(address, [("/api/telldus/json/devices/list", &key("telldus")), ("/token/bench", &key("bench"))]);
    drop(server.stdin.take());
    let ended = is_over(server);
    asked.and(ended)?;
    Ok(vec![Counts { folder: served, weight: 1 }])
}

fn asked(address: SocketAddr, all: [(&str, &String); 2]) -> Result<(), String> {
    load::listens(address)?;
    all.into_iter().try_for_each(|(path, key)| load::ask(address, path, key, REQUESTS))
}

/// Politely: a process that is killed writes nothing down.
fn end(server: Child) -> Result<(), String> {
    let asked = Command::new("kill").args(["-TERM", &server.id().to_string()]).status();
    asked.map_err(|problem| format!("cannot end the server: {problem}"))?;
    is_over(server)
}

fn is_over(mut server: Child) -> Result<(), String> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(60) {
        match server.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("the server failed: {status}")),
            Ok(None) => std::thread::sleep(Duration::from_millis(20)),
            Err(problem) => return Err(format!("the server is lost: {problem}")),
        }
    }
    let _ = server.kill();
    Err("the server does not end".to_owned())
}

/// A home of the program's own.
struct House {
    program: PathBuf,
    folder: PathBuf,
    origin: String,
}

impl House {
    fn new(program: &Path, folder: &Path) -> Result<Self, String> {
        let origin = format!("http://{}", load::provider()?);
        let house = Self { program: program.to_path_buf(), folder: folder.to_path_buf(), origin };
        let providers = house.folder.join("config/providers");
        fs::create_dir_all(&providers).map_err(|problem| format!("cannot make {}: {problem}", providers.display()))?;
        for (name, rest) in PROVIDERS {
            let path = providers.join(format!("{name}.toml"));
            fs::write(&path, house.file(name, rest)).map_err(|problem| format!("cannot write {}: {problem}", path.display()))?;
        }
        for (name, tokens) in TOKENS {
            house.import(name, tokens)?;
        }
        Ok(house)
    }

    fn file(&self, name: &str, rest: &str) -> String {
        let (kind, rest) = rest.split_once('\n').unwrap_or((rest, ""));
        let fields = r#"{ name = "client_id", label = "ID" }, { name = "client_secret", label = "Secret", secret = true }"#;
        format!(
            "name = \"{name}\"\ntitle = \"{name}\"\n{kind}\nstatus = \"live\"\nabout = \"A provider that is played.\"\n\
             sources = [{{ url = \"https://example.com\", checked = 2026-11-30, confidence = \"assumed\", about = \"everything\" }}]\n\
             [client]\nfields = [{fields}]\nredirect = {{ suggested = [\"http://127.0.0.1/callback\"], any_port = true }}\n{rest}"
        )
        .replace("{origin}", &self.origin)
    }

    fn command(&self, words: &[&str], counts: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(words).env(COUNTS, counts.join("%p"));
        command.env("KEYFOB_CONFIG_DIR", self.folder.join("config")).env("KEYFOB_DATA_DIR", self.folder.join("data"));
        for name in ["KEYFOB_SANDBOX", "KEYFOB_VAULT", "KEYFOB_LOG"] {
            command.env_remove(name);
        }
        command
    }

    fn import(&self, name: &str, tokens: &str) -> Result<(), String> {
        let mut command = self.command(&["import", name, "--stdin"], &self.folder.join("elsewhere"));
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut child = child.map_err(|problem| format!("cannot run {}: {problem}", self.program.display()))?;
        let written = child.stdin.take().is_some_and(|mut input| input.write_all(tokens.as_bytes()).is_ok());
        match child.wait() {
            Ok(status) if written && status.success() => Ok(()),
            ended => Err(format!("{name} is not imported: {ended:?}")),
        }
    }

    /// What it prints.
    fn run(&self, words: &[&str], counts: &Path) -> Result<String, String> {
        let output = self.command(words, counts).stdin(Stdio::null()).output();
        let output = output.map_err(|problem| format!("cannot run {}: {problem}", self.program.display()))?;
        if !output.status.success() {
            return Err(format!("{words:?} failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr).trim()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// A valet key.
    fn key(&self, of: &[&str]) -> Result<String, String> {
        let said = self.run(&[&["--json", "key", "create"], of].concat(), &self.folder.join("elsewhere"))?;
        let said: serde_json::Value = serde_json::from_str(&said).map_err(|problem| format!("no key is made: {problem}"))?;
        said["key"].as_str().map(str::to_owned).ok_or_else(|| "no key is made".to_owned())
    }
}
