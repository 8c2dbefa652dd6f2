//! Logins under way: what they wait for, until when, and whose browser they are of.

use keyfob::{Store, StoreError};

use crate::common::{oauth2_pending, wait};
use crate::knife::{NOW, assert_corrupt, cut, edit, filled, swap};

/// Whoever is refused does not take it: at the end it is still there to be handed out.
#[test]
fn j8_every_bit_and_length_of_a_login_counts() {
    let (_home, vault, sql) = filled();
    cut(&sql, "pending", "generation", &1, || wait(vault.take_pending("state-one", "browser", NOW)).map(|found| found.is_some()));
}

#[test]
fn j8_pending_logins_cannot_be_changed_and_stay_when_refused() {
    for change in ["expires_at = expires_at + 1000000", "generation = generation + 10", "record = x'01'"] {
        let (_home, vault, sql) = filled();
        edit(&sql, &format!("UPDATE pending SET {change}"));
        for _ in 0..2 {
            assert_corrupt(wait(vault.take_pending("state-one", "browser", NOW)), change);
        }
        assert_eq!(sql.query_row("SELECT count(*) FROM pending", (), |row| row.get::<_, i64>(0)).expect("reads"), 2, "{change}");
    }
}

#[test]
fn j8_records_swapped_between_pending_logins_are_refused() {
    for column in ["record", "generation", "binding"] {
        let (_home, vault, sql) = filled();
        match column {
            "generation" => edit(&sql, "UPDATE pending SET generation = 3 - generation"),
            _ => swap(&sql, "pending", column),
        }
        // A swapped binding is not found at all.
        match wait(vault.take_pending("state-one", "browser", NOW)) {
            Ok(None) => assert_eq!(column, "binding"),
            Ok(Some(_)) => panic!("{column}"),
            Err(error) => assert!(matches!(error, StoreError::Corrupt(_)), "{error}"),
        }
    }
}

/// A login that somebody else began, made to look like the victim's browser's (A3, A13): the binding is part of what is sealed.
#[test]
fn j8_a_pending_login_cannot_be_given_another_browser() {
    let (_home, vault, sql) = filled();
    wait(vault.put_pending(&oauth2_pending("state-one"), "attacker")).expect("puts");
    let of = |generation: i64| -> Vec<u8> {
        sql.query_row("SELECT binding FROM pending WHERE generation = ?", (generation,), |row| row.get(0)).expect("reads")
    };
    let (victim, attacker) = (of(1), of(3));
    assert_ne!(victim, attacker);
    edit(&sql, "DELETE FROM pending WHERE generation = 1");
    assert_eq!(sql.execute("UPDATE pending SET binding = ? WHERE binding = ?", (victim, attacker)).expect("edits"), 1);
    assert_corrupt(wait(vault.take_pending("state-one", "browser", NOW)), "moved");
}

#[test]
fn bindings_of_one_browser_do_not_show_that_they_are_one() {
    let (_home, _vault, sql) = filled();
    let bindings: i64 = sql.query_row("SELECT count(DISTINCT binding) FROM pending", (), |row| row.get(0)).expect("reads");
    assert_eq!(bindings, 2);
}
