//! Every provider of the catalogue, walked with the library: log in, act, let tokens end, be denied, log out.
#![allow(clippy::unwrap_used)]

use keyfob::proto::{Answer, Code, Deviation, Error as ProtoError};
use keyfob::{Error, Health, Login, Redirect, Revoked};
use keyfob_e2e::{Library, library, person};
use keyfob_providers::{Cell, Table};
use keyfob_sandbox::{Consent, Faults};

const SEEDS: [&str; 5] = ["august", "netatmo", "fitbit", "fitbit-oauth1", "telldus"];

fn column<'a>(table: &'a Table, title: &str) -> Vec<&'a Cell> {
    let at = table.columns.iter().position(|column| column.title == title).unwrap_or_else(|| panic!("no column {title}"));
    table.rows.iter().map(|row| &row.cells[at]).collect()
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        other => format!("{other:?}"),
    }
}

async fn goes_to(url: &str) -> String {
    let url = url.to_owned();
    tokio::task::spawn_blocking(move || person::goes_to(&url)).await.unwrap()
}

#[tokio::test]
async fn every_provider_logs_in_and_its_overview_has_rows() {
    let library = Library::start().await;
    for name in SEEDS.into_iter().chain(["acme"]) {
        let logged_in = library.log_in(name).await;
        assert!(!logged_in.replaced, "{name}");
        for action in library.provider(name).overview() {
            let table = library.act(name, &action.name, &[]).await.unwrap_or_else(|error| panic!("{name} {}: {error}", action.name));
            assert!(!table.rows.is_empty(), "{name} {}", action.name);
        }
    }
}

/// What was tolerated is what the provider's file names, no less and no more: a deviation nobody needs any longer goes.
#[tokio::test]
async fn logins_report_what_they_tolerated() {
    let library = Library::start().await;
    for (name, expected) in [
        ("august", vec![Deviation::MissingTokenType]),
        ("netatmo", vec![Deviation::MissingTokenType, Deviation::ScopeArray]),
        ("telldus", vec![Deviation::CallbackConfirmedOtherwise]),
        ("acme", vec![]),
    ] {
        let tolerated: Vec<_> = library.log_in(name).await.tolerated.into_iter().collect();
        assert_eq!(tolerated, expected, "{name}");
    }
}

#[tokio::test]
async fn august_locks_keep_their_state() {
    let library = Library::start().await;
    library.log_in("august").await;
    let locks = library.act("august", "locks", &[]).await.unwrap();
    let owned = column(&locks, "You are").iter().position(|cell| text(cell) == "owner").unwrap();
    let id = text(column(&locks, "ID")[owned]);
    for (action, state) in [("unlock-now", "unlocked"), ("lock-now", "locked"), ("unlock-now", "unlocked")] {
        library.act("august", action, &[("id", &id)]).await.unwrap();
        let status = library.act("august", "status", &[("id", &id)]).await.unwrap();
        assert_eq!(text(column(&status, "State")[0]), state);
        let lock = library.act("august", "lock", &[("id", &id)]).await.unwrap();
        assert_eq!(text(column(&lock, "State")[0]), state);
    }
}

#[tokio::test]
async fn august_says_no_bridge_and_busy_with_its_own_numbers() {
    let library = Library::start().await;
    library.log_in("august").await;
    let locks = library.act("august", "locks", &[]).await.unwrap();
    let mut statuses = Vec::new();
    for id in column(&locks, "ID") {
        match library.act("august", "status", &[("id", &text(id))]).await {
            Ok(_) => {}
            Err(Error::Api(error)) => statuses.push((error.status.as_u16(), error.message.unwrap())),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(statuses, [(409, "no bridge or incompatible bridge type".to_owned())]);

    let owned = column(&locks, "You are").iter().position(|cell| text(cell) == "owner").unwrap();
    let id = text(column(&locks, "ID")[owned]);
    library.sandbox.faults("august").set(Faults { lock_busy: true, ..Faults::default() });
    let error = library.act("august", "unlock-now", &[("id", &id)]).await.unwrap_err();
    assert!(matches!(&error, Error::Api(error) if error.status.as_u16() == 460), "{error}");
}

#[tokio::test]
async fn netatmo_measures_come_in_both_shapes_and_over_many_pages() {
    let library = Library::start().await;
    library.log_in("netatmo").await;
    let stations = library.act("netatmo", "stations", &[]).await.unwrap();
    let device = text(column(&stations, "Station")[0]);
    let from = "2020-01-01T00:00:00Z";
    let ask = async |optimize: &str, scale: &str, to: &str| {
        let arguments = [
            ("device", device.as_str()),
            ("types", "temperature,co2"),
            ("scale", scale),
            ("from", from),
            ("to", to),
            ("optimize", optimize),
        ];
        library.act("netatmo", "measure", &arguments).await.unwrap()
    };
    let (by_time, by_run) = (ask("false", "1hour", "2020-01-03T00:00:00Z").await, ask("true", "1hour", "2020-01-03T00:00:00Z").await);
    assert_eq!(by_time.rows.len(), by_run.rows.len());
    assert!(by_time.rows.len() >= 48, "{}", by_time.rows.len());
    assert_eq!(column(&by_time, "Time"), column(&by_run, "Time"));

    let month = ask("false", "30min", "2020-02-28T00:00:00Z").await;
    assert!(month.rows.len() > 2048, "58 days of half hours are three pages: {}", month.rows.len());
    let times: Vec<i64> =
        column(&month, "Time").iter().map(|cell| if let Cell::Time(time) = cell { *time } else { panic!("{cell:?}") }).collect();
    assert!(times.is_sorted_by(|a, b| a < b), "no row twice, all in order");
}

#[tokio::test]
async fn telldus_devices_switch_and_errors_at_200_are_errors() {
    let library = Library::start().await;
    library.log_in("telldus").await;
    let devices = library.act("telldus", "devices", &[]).await.unwrap();
    let id = text(column(&devices, "ID")[0]);
    for (action, state) in [("on", "on"), ("off", "off")] {
        library.act("telldus", action, &[("id", &id)]).await.unwrap();
        let devices = library.act("telldus", "devices", &[]).await.unwrap();
        assert_eq!(text(column(&devices, "State")[0]), state);
    }
    let error = library.act("telldus", "on", &[("id", "1")]).await.unwrap_err();
    assert!(matches!(&error, Error::Api(error) if error.status.as_u16() == 200 && error.message.is_some()), "{error}");
}

#[tokio::test]
async fn an_ended_access_token_is_refreshed_by_the_providers_own_signal() {
    let library = Library::start().await;
    for name in ["august", "netatmo", "fitbit", "acme"] {
        library.log_in(name).await;
        let session = library.session(name).await;
        let before = session.account();
        library.sandbox.faults(library::service(name)).expire_access_tokens();
        let action = library.provider(name).overview().next().unwrap().name.clone();
        library.act(name, &action, &[]).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let after = session.account();
        let changed = |account: &keyfob::Account| account.tokens.refresh_token().unwrap().fingerprint();
        assert_ne!(changed(&before), changed(&after), "{name} rotates its refresh token");
        assert_eq!(before.id, after.id);
    }
}

#[tokio::test]
async fn a_refresh_token_that_somebody_else_spent_needs_a_new_login_and_loses_nothing() {
    let library = Library::start().await;
    // Fitbit answers a spent token with the same pair for two minutes; here it does not.
    library.sandbox.faults("fitbit").set(Faults { refresh_grace: Some(0), ..Faults::default() });
    for name in ["august", "netatmo", "fitbit", "acme"] {
        library.log_in(name).await;
        let stale = library.keyfob.store().account(name).await.unwrap().unwrap().value;
        library.session(name).await.refresh().await.unwrap();
        // Another program's copy of the account, made before the refresh.
        library.keyfob.store().put_account(&stale, keyfob::store::Expected::Anything, None).await.unwrap();
        let session = library.session(name).await;
        let error = session.refresh().await.unwrap_err();
        assert!(matches!(&error, Error::NeedsLogin { account, .. } if account == name), "{name}: {error}");
        let spent = stale.tokens.refresh_token().unwrap().expose();
        assert!(!error.to_string().contains(spent), "{name} echoed the token: {error}");
        let kept = library.keyfob.store().account(name).await.unwrap().unwrap().value;
        assert!(matches!(kept.health, Health::NeedsLogin { .. }));
        assert!(kept.tokens.refresh_token().unwrap().same_as(spent));
        drop(session);

        let again = library.log_in(name).await;
        assert!(again.replaced);
        assert_eq!((again.account.id, again.account.health), (kept.id, Health::Ok), "{name}: the same account goes on");
        let action = library.provider(name).overview().next().unwrap().name.clone();
        library.act(name, &action, &[]).await.unwrap();
    }
}

#[tokio::test]
async fn a_denial_ends_the_login_and_stores_nothing() {
    let library = Library::start().await;
    for name in SEEDS {
        library.sandbox.consent(library::service(name), Consent::Deny);
        let login = library.begin(name).await;
        let back = goes_to(login.url()).await;
        let error = login.verify(Answer::Url(&back)).unwrap_err();
        assert!(matches!(&error, ProtoError::Refused(refused) if refused.code == Code::AccessDenied), "{name}: {error}");
        assert!(error.ends_login(), "{name}");
        assert!(library.keyfob.store().account(name).await.unwrap().is_none());
        library.sandbox.consent(library::service(name), Consent::Approve);
    }
}

#[tokio::test]
async fn a_wrong_state_and_somebody_elses_denial_leave_the_login_alive() {
    let library = Library::start().await;
    for name in SEEDS {
        let (login, other) = (library.begin(name).await, library.begin(name).await);
        let foreign = goes_to(other.url()).await;
        let error = login.verify(Answer::Url(&foreign)).unwrap_err();
        assert!(!error.ends_login(), "{name}: {error}");

        library.sandbox.consent(library::service(name), Consent::Deny);
        let denied = goes_to(library.begin(name).await.url()).await;
        library.sandbox.consent(library::service(name), Consent::Approve);
        let error = login.verify(Answer::Url(&denied)).unwrap_err();
        assert!(!error.ends_login(), "{name}: {error}");

        let back = goes_to(login.url()).await;
        let verified = login.verify(Answer::Url(&back)).unwrap();
        login.finish(verified).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[tokio::test]
async fn a_code_is_good_for_one_exchange() {
    let library = Library::start().await;
    for name in SEEDS {
        let login = library.begin(name).await;
        let again = Login::resume(&library.keyfob, &library.settings(name), &library.app(name), login.stored()).expect("the same provider");
        let back = goes_to(login.url()).await;
        let (first, second) = (login.verify(Answer::Url(&back)).unwrap(), again.verify(Answer::Url(&back)).unwrap());
        login.finish(first).await.unwrap();
        let error = again.finish(second).await.unwrap_err();
        assert!(matches!(error, Error::Protocol(ProtoError::Refused(_))), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_pin_is_the_answer_where_there_is_no_callback() {
    let library = Library::start().await;
    for name in ["telldus", "fitbit-oauth1"] {
        let (settings, app) = (library.settings(name), library.app(name));
        let login = Login::begin(&library.keyfob, &settings, &app, name, Redirect::OutOfBand, vec![]).await.unwrap();
        let url = login.url().to_owned();
        let pin = tokio::task::spawn_blocking(move || person::reads_pin(&url)).await.unwrap();
        let verified = login.verify(Answer::read(&format!("  {pin}\n"))).unwrap();
        login.finish(verified).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        library.act(name, &library.provider(name).overview().next().unwrap().name, &[]).await.unwrap();
    }
}

#[tokio::test]
async fn logout_forgets_here_and_revokes_where_that_can_be_asked() {
    let library = Library::start().await;
    for (name, can_revoke) in [("august", false), ("telldus", false), ("fitbit", true), ("acme", true)] {
        let account = library.log_in(name).await.account;
        let done = keyfob::logout(&library.keyfob, &library.settings(name), &library.app(name), name, true).await.unwrap();
        match (&done.revoked, can_revoke) {
            (Revoked::Yes, true) | (Revoked::NoEndpoint, false) => {}
            (other, _) => panic!("{name}: {other:?}"),
        }
        assert!(library.keyfob.store().account(name).await.unwrap().is_none());
        if can_revoke {
            // Somebody kept a copy: it is worth nothing now.
            library.keyfob.store().put_account(&account, keyfob::store::Expected::Nothing, None).await.unwrap();
            let error = library.session(name).await.refresh().await.unwrap_err();
            assert!(matches!(error, Error::NeedsLogin { .. }), "{name}: {error}");
        }
    }
}

#[tokio::test]
async fn a_retired_provider_says_so() {
    let library = Library::start().await;
    library.log_in("fitbit").await;
    library.sandbox.faults("fitbit").set(Faults { retired: true, ..Faults::default() });
    let error = library.act("fitbit", "profile", &[]).await.unwrap_err();
    assert!(matches!(&error, Error::Api(error) if error.status.as_u16() == 410), "{error}");
    let hint = error.hint().expect("a hint");
    assert!(hint.contains("2026-11-02") && hint.contains("Google Health"), "{hint}");
}

#[tokio::test]
async fn too_many_requests_are_waited_for_as_told() {
    let library = Library::start().await;
    library.log_in("fitbit").await;
    library.sandbox.faults("fitbit").set(Faults { too_many_requests: 1, retry_after: 1, ..Faults::default() });
    library.act("fitbit", "profile", &[]).await.unwrap();
}

#[tokio::test]
async fn sandbox_tokens_stay_in_the_sandbox() {
    let library = Library::start().await;
    library.log_in("telldus").await;
    // The same account under the catalogue's own file, which names the real host.
    let real = keyfob_providers::Catalogue::embedded().get("telldus").unwrap().settings(&|_| None).unwrap();
    let session = library.keyfob.session(real, library.app("telldus"), "telldus").await.unwrap();
    let error = session.get("/json/devices/list").send().await.unwrap_err();
    assert!(matches!(error, Error::Unbound { .. }), "{error}");
}
