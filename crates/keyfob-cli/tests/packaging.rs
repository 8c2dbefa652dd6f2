//! What packaging/ has for servers: systemd's units, and nginx in front, judged by the programs that read them.
#![cfg(target_os = "linux")]
#![allow(missing_docs)]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use common::{House, try_visit, visit};
use keyfob_testbed::{Why, skip};

fn packaging(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A program that `cargo xtask setup` has found, or that is on the PATH.
fn tool(variable: &str, name: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map(PathBuf::from).or_else(|| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).chain(["/usr/sbin".into()]).map(|folder| folder.join(name)).find(|file| file.is_file())
    });
    found.or_else(|| skip(Why::Missing, &format!("{name} is not installed")))
}

#[track_caller]
fn said(output: &Output) -> String {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}");
    text
}

#[test]
fn the_units_are_read_without_a_complaint_and_leave_little_to_an_attacker() {
    let Some(analyze) = tool("KEYFOB_TEST_SYSTEMD_ANALYZE", "systemd-analyze") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let unit = packaging("systemd/keyfob.service");
    // It is installed elsewhere than it was built.
    let here = unit.replace("/usr/local/bin/keyfob", env!("CARGO_BIN_EXE_keyfob"));
    assert_ne!(unit, here);
    let paths = ["keyfob.service", "keyfob.socket"].map(|name| folder.path().join(name));
    std::fs::write(&paths[0], here).expect("written");
    std::fs::write(&paths[1], packaging("systemd/keyfob.socket")).expect("written");
    let verified = said(&Command::new(&analyze).args(["verify", "--man=no"]).args(&paths).output().expect("it runs"));
    // It looks at the machine's own units, too, and complains of those.
    let ours: Vec<&str> = verified.lines().filter(|line| line.contains("keyfob.")).collect();
    assert!(ours.is_empty(), "{ours:#?}");
    // Of 100 tenths: a service without any protection has 96.
    let judged = Command::new(&analyze).args(["security", "--offline=true", "--no-pager", "--threshold=15"]).arg(&paths[0]).output();
    assert!(said(&judged.expect("it runs")).contains("Overall exposure level"));
}

#[test]
fn the_unit_starts_what_there_is() {
    let unit = packaging("systemd/keyfob.service");
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/keyfob ")).expect("a command");
    assert_eq!(start, "serve --listen systemd --config /etc/keyfob/keyfob.toml");
    for needed in
        ["Type=notify", "DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes", "MemoryDenyWriteExecute=yes", "LimitCORE=0"]
    {
        assert!(unit.lines().any(|line| line == needed), "{needed}");
    }
    // The name under which the vault's key is looked for.
    let credential = keyfob_store::KeySource::CREDENTIAL;
    assert!(unit.lines().any(|line| line == format!("LoadCredential={credential}:/etc/keyfob/vault.key")), "{credential}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_beside_the_unit_are_good_ones() {
    let house = House::new().await;
    let app = house.sandbox.app("august");
    let text = format!("CLIENTID={}\nAPIKEY={}\nAPISEC={}\n", app.client_id, app.fields["api_key"], app.client_secret);
    let file = house.file("august.env", &text);
    let config = house.file("keyfob.toml", &packaging("systemd/keyfob.toml"));
    let said = house.good(&["serve", "--check", "--config", &config, "--env-file", &file, "--listen", "systemd"]).await;
    assert!(
        said.contains("https://home.example/") && said.lines().any(|line| line.starts_with("listens ") && line.ends_with(" systemd")),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_systemd_holds_is_taken_over_at_the_first_visit() {
    let Some(activate) = tool("KEYFOB_TEST_SYSTEMD_ACTIVATE", "systemd-socket-activate") else { return };
    let house = House::new().await;
    let app = house.sandbox.app("august");
    let text = format!("CLIENTID={}\nAPIKEY={}\nAPISEC={}\n", app.client_id, app.fields["api_key"], app.client_secret);
    let (file, port) = (house.file("august.env", &text), keyfob_testbed::port::reserve());
    let (listen, url) = (format!("127.0.0.1:{port}"), format!("http://127.0.0.1:{port}"));
    let keyfob = house.command(&["serve", "--env-file", &file, "--listen", "systemd", "--external-url", &url]);
    let keyfob = keyfob.as_std();
    let mut command = tokio::process::Command::new(activate);
    command.args(["--listen", &listen]);
    for (name, value) in keyfob.get_envs() {
        let value = value.expect("set").to_str().expect("text");
        command.env(name, value).arg(format!("--setenv={}={value}", name.to_str().expect("text")));
    }
    command.arg(keyfob.get_program()).args(keyfob.get_args()).kill_on_drop(true);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut running = command.spawn().expect("it starts");
    // Until the port is held; the first visit starts the web app, and waits in the queue for it.
    let mut page = try_visit(&format!("{url}/")).await;
    for _ in 0..600 {
        if page.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        page = try_visit(&format!("{url}/")).await;
    }
    let page = page.expect("a page");
    assert!(page.status == 200 && page.text.contains("August"), "{}", page.text);
    assert_eq!(visit(&format!("{url}/readyz")).await.status, 200);
    running.start_kill().expect("it runs");
    let _ = running.wait().await;
}

#[test]
fn nginx_reads_its_file() {
    let Some(nginx) = tool("KEYFOB_TEST_NGINX", "nginx") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path().display().to_string();
    let made = rcgen::generate_simple_self_signed(["home.example".to_owned()]).expect("a certificate");
    std::fs::write(folder.path().join("fullchain.pem"), made.cert.pem()).expect("written");
    std::fs::write(folder.path().join("privkey.pem"), made.signing_key.serialize_pem()).expect("written");
    // Files and ports that an ordinary user of this machine has.
    let ours = packaging("nginx/keyfob.conf")
        .replace("/etc/letsencrypt/live/home.example", &here)
        .replace("/var/log/nginx", &here)
        .replace("listen [::]:80;\n", "\n")
        .replace("listen [::]:443 ssl http2;\n", "\n")
        .replace("listen 80;", &format!("listen 127.0.0.1:{};", keyfob_testbed::port::reserve()))
        .replace("listen 443 ", &format!("listen 127.0.0.1:{} ", keyfob_testbed::port::reserve()));
    let text = format!("pid {here}/nginx.pid;\nerror_log {here}/error.log;\nevents {{}}\nhttp {{\naccess_log off;\n{ours}\n}}\n");
    let path = folder.path().join("nginx.conf");
    std::fs::write(&path, text).expect("written");
    let tested = Command::new(nginx).arg("-t").arg("-p").arg(folder.path()).arg("-c").arg(&path).output().expect("it runs");
    assert!(said(&tested).contains("test is successful"));
    // nginx's own formats, and its errors, have the query: a callback's code, a link's token.
    for server in ours.split("\nserver {").skip(1) {
        assert!(server.contains("keyfob.log keyfob;") && server.contains("keyfob-error.log crit;"), "{server}");
    }
}
