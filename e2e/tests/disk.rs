//! What `keyfob serve` leaves on the disk of the machine it runs on: its vault, and nothing else. So an instance can be thrown away, and another one put beside it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use keyfob_e2e::person;
use keyfob_interop::{Program, World, http, tools};
use keyfob_sandbox::Consent;
use keyfob_testbed::{Cluster, port};

/// Folders that a program writes to where it finds them, by the variable that names each.
const FOLDERS: [&str; 7] = ["HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"];

/// A machine with these folders, a working folder, and nothing in any of them.
struct Machine {
    root: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self { root: tempfile::tempdir().expect("a folder") };
        for name in FOLDERS.iter().chain(&["work", "vault"]) {
            fs::create_dir(machine.folder(name)).expect("a folder");
            fs::set_permissions(machine.folder(name), fs::Permissions::from_mode(0o700)).expect("a mode");
        }
        machine
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// All that is there, but for what is the vault's.
    fn listing(&self) -> BTreeSet<PathBuf> {
        let mut all = BTreeSet::new();
        let mut folders = vec![self.root.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
                if entry.is_dir() {
                    folders.push(entry.clone());
                }
                all.insert(entry);
            }
        }
        all.retain(|path| !self.is_the_vaults(path));
        all
    }

    fn is_the_vaults(&self, path: &Path) -> bool {
        path.parent() == Some(&self.folder("vault")) && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vault.db"))
    }

    /// The person's own file of the provider, which leads to the pretend one. (The sandbox has a vault of its own, which is not the one that is looked at here.)
    fn knows(&self, world: &World) {
        let catalogue = tools::here().join("../crates/keyfob-providers/data/netatmo.toml");
        let text = fs::read_to_string(catalogue).expect("the file").replace("https://api.netatmo.com", &world.origin("netatmo"));
        let folder = self.folder("XDG_CONFIG_HOME").join("keyfob/providers");
        fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join("netatmo.toml"), text)).expect("a provider file");
    }

    fn start(&self, vault: &str, listen: &str) -> Program {
        let folders = FOLDERS.map(|name| (name, self.folder(name).display().to_string()));
        let key = "5e".repeat(32);
        let ours = [("KEYFOB_VAULT", vault), ("KEYFOB_VAULT_KEY", &key), ("KEYFOB_LOOPBACK_ONLY", "1")];
        let environment: Vec<_> = folders.iter().map(|(name, path)| (*name, path.as_str())).chain(ours).collect();
        Program::start_in(&self.folder("work"), &tools::keyfob(), &["serve", "--listen", listen], &environment)
    }

    /// Files that the program has open, but for devices, and for what is the vault's. One that is deleted while it is open is on the disk, too.
    fn open_files(&self, program: &Program) -> BTreeSet<PathBuf> {
        let open = fs::read_dir(format!("/proc/{}/fd", program.id())).into_iter().flatten().flatten();
        let files = open.filter_map(|file| fs::read_link(file.path()).ok()).filter(|path| path.is_absolute());
        files.filter(|path| !path.starts_with("/dev") && !path.starts_with("/proc") && !self.is_the_vaults(path)).collect()
    }
}

/// A browser without a screen.
struct Browser {
    origin: String,
    cookie: String,
}

impl Browser {
    fn send(&mut self, method: &str, path: &str, form: &str) -> http::Answer {
        let (cookie, origin) = (self.cookie.clone(), self.origin.clone());
        let mut headers = vec![("Cookie", cookie.as_str())];
        if method == "POST" {
            headers.extend([("Content-Type", "application/x-www-form-urlencoded"), ("Origin", origin.as_str())]);
        }
        let answer = http::send(method, &format!("{}{path}", self.origin), &headers, form.as_bytes()).expect("the web app answers");
        for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            self.cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        }
        answer
    }

    /// Sends a form with what the page at `from` has hidden in its forms.
    fn post(&mut self, from: &str, path: &str, form: &str) -> http::Answer {
        let page = self.send("GET", from, "").text();
        let (_, behind) = page.split_once("name=\"form_token\" value=\"").unwrap_or_else(|| panic!("no form: {page}"));
        self.send("POST", path, &format!("form_token={}&{form}", &behind[..64]))
    }
}

/// A start, the owner's way in, a login, a key, a call that is forwarded, and an end.
fn live(machine: &Machine, vault: &str) {
    let world = World::start();
    world.consent("netatmo", Consent::Approve);
    let listen = format!("127.0.0.1:{}", port::reserve());
    let origin = format!("http://{listen}");
    machine.knows(&world);
    let before = machine.listing();
    let mut program = machine.start(vault, &listen);
    let link = program.wait_for_note(&format!("{origin}/"));
    let mut browser = Browser { origin: origin.clone(), cookie: String::new() };
    let token = http::parameter(&link, "token").expect("a token");
    let entered = browser.post(link.strip_prefix(&origin).expect("our own"), "/first-run", &format!("token={token}"));
    assert_eq!(entered.status, 303, "{entered:?}");
    let app = world.app("netatmo");
    let (id, secret) = (http::encode(&app.client_id), http::encode(&app.client_secret));
    let entered = browser.post("/providers/netatmo", "/providers/netatmo/app", &format!("client_id={id}&client_secret={secret}"));
    assert_eq!(entered.status, 303, "{entered:?}");
    let away = browser.post("/providers/netatmo", "/connect/netatmo", "");
    let back = person::goes_to(away.location());
    assert_eq!(browser.send("GET", back.strip_prefix(&origin).expect("back at the web app"), "").status, 303);
    let made = browser.post("/keys", "/keys", "account=netatmo&allow=GET+%2F**").text();
    let key: String = made[made.find("kfk_").unwrap_or_else(|| panic!("no key: {made}"))..]
        .chars()
        .take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
        .collect();
    let bearer = format!("Bearer {key}");
    let called = http::send("GET", &format!("{origin}/api/netatmo/api/getstationsdata"), &[("Authorization", &bearer)], b"");
    let called = called.expect("an answer");
    assert!(called.status == 200 && called.text().contains("devices"), "{called:?}");
    assert_eq!(machine.listing(), before, "while it runs");
    assert_eq!(machine.open_files(&program), BTreeSet::new(), "open");
    assert!(Command::new("kill").args(["-TERM", &program.id().to_string()]).status().expect("kill").success());
    let ended = program.finish();
    assert!(ended.success, "{ended:#?}");
    assert_eq!(machine.listing(), before, "after it has ended");
}

#[test]
fn a_web_app_leaves_nothing_on_the_disk_but_its_vault() {
    let machine = Machine::new();
    let vault = machine.folder("vault").join("vault.db");
    live(&machine, &vault.display().to_string());
    assert!(vault.exists(), "it is there");
}

#[test]
fn a_web_app_on_postgresql_leaves_nothing_on_the_disk_at_all() {
    let Some(cluster) = Cluster::shared() else { return };
    let (machine, database) = (Machine::new(), cluster.database());
    live(&machine, &database.url());
    assert_eq!(fs::read_dir(machine.folder("vault")).expect("a folder").count(), 0);
}
