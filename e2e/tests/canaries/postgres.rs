//! A vault in PostgreSQL, whose address holds a password.

use std::fs;

use keyfob::proto::encode;
use keyfob_e2e::canary::{Canary, Seen};
use keyfob_interop::http;
use keyfob_testbed::{Cluster, Options};

use crate::run::{Run, usually_meant};

/// With every character that has a meaning in an address.
const PASSWORD: &str = "Quay/7:heron@91+lantern?#e";
const WRONG: &str = "Quay/7:heron@91+lantern?#f";

#[test]
fn j10_j11_j12_the_password_of_a_database_is_nowhere() {
    let Some(cluster) = Cluster::start(&Options { no_fsync: true, ..Options::default() }) else { return };
    cluster.sql("postgres", &format!("CREATE ROLE canary SUPERUSER LOGIN PASSWORD '{PASSWORD}'"));
    let database = cluster.database();
    let of = |password: &str| database.url_of("canary", &encode::percent(password), "127.0.0.1");
    let (address, bad) = (of(PASSWORD), of(WRONG));
    let key = "5c".repeat(31) + "d7";

    let mut run = Run::begin();
    run.more.extend([Canary::new("database password", PASSWORD), Canary::new("database password", WRONG), Canary::new("given key", &*key)]);
    run.log_in("acme");
    run.house.set("KEYFOB_VAULT_KEY", &key);
    run.house.set("ELSEWHERE", &address);
    // The key that is given is the other vault's.
    assert!(!run.run(&["vault", "move", "--to-variable", "ELSEWHERE"]).success);
    let exported = run.house.path().join("backup.keyfob").display().to_string();
    run.house.unset("KEYFOB_VAULT_KEY");
    assert!(run.run_with(&["vault", "export", &exported, "--stdin"], "a passphrase of no account").success);

    // From here on without the sandbox, which has a vault of its own.
    run.house.unset("KEYFOB_SANDBOX");
    run.house.set("KEYFOB_VAULT_KEY", &key);
    run.house.set("KEYFOB_VAULT", &address);
    let end = run.run_with(&["vault", "import", &exported, "--stdin"], "a passphrase of no account");
    assert!(end.success, "{end:#?}");
    let lives: [(&[&str], bool); 11] = [
        (&["status"], true),
        (&["vault", "status"], true),
        (&["vault", "status", "--json"], true),
        (&["vault", "check"], true),
        (&["account", "list"], true),
        // The app is the sandbox's.
        (&["status", "acme", "--json"], false),
        (&["token", "acme"], false),
        (&["refresh", "acme"], false),
        (&["vault", "rekey"], true),
        (&["unlock"], false),
        (&["vault", "set-aside"], false),
    ];
    for (arguments, works) in lives {
        let end = run.run(arguments);
        assert_eq!(end.success, works, "{arguments:?}: {end:#?}");
    }
    serve(&mut run);

    // Addresses that lead nowhere, and that are none.
    let file = run.house.path().join("address.txt");
    fs::write(&file, &address).expect("writes");
    let port = format!(":{}/", cluster.port());
    let wrong = [
        bad,
        address.replace(database.name(), "no_such_database"),
        address.replace(&port, ":1/"),
        address.replace(&port, ":99999/"),
        address.replace(&port, ":port/"),
        format!("{address}?sslmode=verify-full&sslrootcert=/nowhere"),
        format!("{address}?nonsense=1"),
        format!("postgres://canary:{PASSWORD}@127.0.0.1{port}{}", database.name()),
        format!("postgres://127.0.0.1{port}{}?user=canary&password={PASSWORD}", database.name()),
        address.replace("postgres://", "postgre://"),
        address.replace("postgres://", "POSTGRES://"),
        address.replace("postgres://", "postgres:"),
    ];
    for address in &wrong {
        run.house.set("KEYFOB_VAULT", address);
        for arguments in [&["status"][..], &["vault", "status"], &["vault", "status", "--json"], &["vault", "check"], &["login", "acme"]] {
            let end = run.run(arguments);
            assert!(!end.success, "{arguments:?} at {address}: {end:#?}");
        }
    }
    run.house.unset("KEYFOB_VAULT");
    run.house.set("KEYFOB_VAULT_FILE", file.to_str().expect("UTF-8"));
    assert!(run.run(&["status"]).success);
    cluster.stop();
    for arguments in [&["status"][..], &["vault", "status"]] {
        assert!(!run.run(arguments).success, "{arguments:?}");
    }
    run.said.push(Seen { kind: "said", of: "the server's log".to_owned(), bytes: cluster.log().into_bytes() });
    run.end(|seen, what| {
        usually_meant(seen, what)
            || seen.kind == "environ"
                && ["keyfob", "canaries"].contains(&seen.of.as_str())
                && ["given key", "database password"].contains(&what)
            || seen.kind == "file" && seen.of.ends_with("/address.txt") && what == "database password"
            || seen.kind == "file" && seen.of.ends_with("/app.env") && ["client_secret", "api_key"].contains(&what)
    });
}

/// The web app on that vault, until its first page has been read out of it.
fn serve(run: &mut Run) {
    let port = keyfob_testbed::port::reserve();
    let (listen, origin) = (format!("127.0.0.1:{port}"), format!("http://127.0.0.1:{port}"));
    let log = run.house.path().join("debug.txt").display().to_string();
    let (august, app) = (run.house.world.app("august"), run.house.path().join("app.env"));
    let (id, secret, api_key) = (&august.client_id, &august.client_secret, &august.fields["api_key"]);
    fs::write(&app, format!("CLIENTID={id}\nAPISEC={secret}\nAPIKEY={api_key}\nAUTHCALL={origin}/callback\n")).expect("an env-file");
    let app = app.display().to_string();
    let mut program = run.house.start(&["serve", "--env-file", &app, "--listen", &listen, "--debug-log", &log]);
    program.wait_for_note("Connect");
    for path in ["/", "/readyz", "/accounts/acme"] {
        let answer = http::send("GET", &format!("{origin}{path}"), &[], b"").expect("the web app answers");
        run.said.push(Seen { kind: "page", of: path.to_owned(), bytes: answer.text().into_bytes() });
    }
    run.said.push(Seen { kind: "said", of: "serve".to_owned(), bytes: program.errors().into_bytes() });
}
