//! A home with two accounts at the stub, and the programs that the command is held against.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use keyfob::Store;
use keyfob_store::{KeySource, Vault};
use rusqlite::{Connection, OpenFlags};

/// What is signed with. Everything here is made up.
const KEYS: [(&str, &str); 4] = [
    ("client_id", "example-consumer-key"),
    ("client_secret", "example-consumer-secret"),
    ("token", "example-token"),
    ("token_secret", "example-token-secret"),
];

pub(crate) struct House {
    folder: tempfile::TempDir,
    program: PathBuf,
    origin: String,
}

impl House {
    pub(crate) fn new(program: &Path, origin: &str) -> Self {
        let house = Self { folder: tempfile::tempdir().expect("a folder"), program: program.to_path_buf(), origin: origin.to_owned() };
        let providers = house.path("config/providers");
        std::fs::create_dir_all(&providers).expect("a folder");
        for (name, kind, endpoints, flow) in [
            (
                "hub",
                "oauth1",
                "request_token = \"{origin}/r\"\nauthorize = \"{origin}/a\"\ntoken = \"{origin}/t\"",
                "[oauth1]\nsignature = \"HMAC-SHA1\"\nplacement = \"header\"\ntoken_method = \"POST\"\ncallback = \"request-token\"",
            ),
            ("bearer", "oauth2", "authorize = \"{origin}/a\"\ntoken = \"{origin}/t\"", "[oauth2]\nclient_auth = \"post\""),
        ] {
            let attach = if kind == "oauth2" { "attach = \"bearer\"" } else { "" };
            let file = format!(
                "name = \"{name}\"\ntitle = \"{name}\"\nkind = \"{kind}\"\nstatus = \"live\"\nabout = \"A stub.\"\n\
                 sources = [{{ url = \"https://example.com\", checked = 2026-11-26, confidence = \"assumed\", about = \"everything\" }}]\n\
                 [endpoints]\n{endpoints}\n[client]\nfields = [{{ name = \"client_id\", label = \"ID\" }}, {{ name = \"client_secret\", label = \"Secret\", secret = true }}]\n\
                 redirect = {{ suggested = [\"http://127.0.0.1/callback\"], any_port = true }}\n{flow}\n[api]\nbase_url = \"{{origin}}\"\n{attach}\n"
            );
            std::fs::write(providers.join(format!("{name}.toml")), file.replace("{origin}", origin)).expect("a file");
        }
        let oauth1: serde_json::Map<String, serde_json::Value> =
            KEYS.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        house.import("hub", &serde_json::Value::Object(oauth1));
        house.import(
            "bearer",
            &serde_json::json!({"client_id": "example-id", "client_secret": "example-secret", "access_token": "example-access-token", "expires_in": 86400}),
        );
        house
    }

    fn import(&self, name: &str, tokens: &serde_json::Value) {
        let mut child = self.keyfob(&["import", name, "--stdin"]).stdin(Stdio::piped()).spawn().expect("it starts");
        child.stdin.take().expect("a pipe").write_all(tokens.to_string().as_bytes()).expect("it reads");
        assert!(child.wait().expect("it ends").success(), "{name} is imported");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command.
    pub(crate) fn keyfob(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).env("KEYFOB_CONFIG_DIR", self.path("config")).env("KEYFOB_DATA_DIR", self.path("data"));
        command.env_remove("KEYFOB_SANDBOX").env_remove("KEYFOB_VAULT").env_remove("KEYFOB_LOG");
        command
    }

    /// The same under callgrind, which writes down what it runs.
    pub(crate) fn watched(&self, written: &Path, arguments: &[&str]) -> Command {
        let plain = self.keyfob(arguments);
        let mut command = Command::new("valgrind");
        command.args(["--quiet", "--tool=callgrind", "--demangle=no"]).arg(format!("--callgrind-out-file={}", written.display()));
        command.arg(plain.get_program()).args(plain.get_args());
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// What cannot be left out of a call, or of printing a token.
    pub(crate) fn floor(&self, way: &str) -> Command {
        let mut command = Command::new(crate::sibling("command"));
        command.args(["floor", way]).arg(self.path("data/vault.db")).arg(&self.origin);
        command
    }

    /// A header as the command makes it.
    pub(crate) fn ready_header(&self) -> String {
        let output = self.keyfob(&["header", "GET", &format!("{}/things", self.origin), "--account", "hub"]).output().expect("it runs");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

/// What a process that is started as the floor does.
pub(crate) fn floor(words: &[String]) {
    match words {
        [way, vault, origin] if way == "call" => {
            let path = PathBuf::from(vault);
            let vault = Vault::open_existing(&path, KeySource::beside(&path)).expect("the vault opens");
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            assert!(runtime.block_on(vault.account("hub")).expect("it reads").is_some());
            let host = origin.trim_start_matches("http://");
            let mut stream = TcpStream::connect(host).expect("the stub");
            write!(stream, "GET /things HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").expect("sent");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("an answer");
            println!("{}", answer.split("\r\n\r\n").nth(1).expect("a body"));
        }
        [way, vault, _] if way == "select" => {
            let connection = Connection::open_with_flags(vault, OpenFlags::SQLITE_OPEN_READ_WRITE).expect("SQLite opens it");
            let record: Vec<u8> = connection.query_row("SELECT record FROM account LIMIT 1", (), |row| row.get(0)).expect("it reads");
            assert!(!record.is_empty());
        }
        other => panic!("{other:?}"),
    }
}

/// The same call by the package that people use for it, if it can be had.
pub(crate) fn requests_oauthlib(url: &str) -> Option<Command> {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench/peers/python");
    let (python, ready) = (venv.join("bin/python"), venv.join("requests-oauthlib.ready"));
    if !ready.exists() {
        let run = |command: &mut Command| command.stdout(Stdio::null()).status().ok().filter(std::process::ExitStatus::success);
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "requests-oauthlib==2.0.0"]))?;
        std::fs::write(ready, "").ok()?;
    }
    let keys: Vec<String> = KEYS.iter().map(|(_, value)| format!("{value:?}")).collect();
    let script = format!("from requests_oauthlib import OAuth1Session; print(OAuth1Session({}).get({url:?}).text)", keys.join(", "));
    let mut command = Command::new(python);
    command.args(["-c", &script]);
    Some(command)
}
