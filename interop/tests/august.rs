//! The seed on August, a Flask app with requests, against our sandbox, in a real browser.

use keyfob_interop::{Browser, World, seeds, tools, transcript};

#[test]
fn august_seed_lists_locks_and_shows_one() {
    let (Some(python), Some(browser)) = (tools::python(), Browser::start()) else { return };
    let world = World::start();
    let (program, origin) = seeds::august(&python, &world);

    browser.open(&origin);
    browser.follow("Connect August");
    browser.arrives(&format!("{}/authorization?", world.origin("august")));
    assert!(browser.text("h1").contains("would like to use your August account"), "{}", browser.text("h1"));
    browser.click("#approve");
    browser.arrives(&origin);

    browser.shows("h1", "Locks of Robin");
    assert_eq!(browser.url(), format!("{origin}/locks"));
    assert_eq!(browser.texts("li"), ["Front Door", "Garden Gate", "Cabin Door"]);
    browser.follow("Front Door");
    // The page before has a heading, too.
    browser.shows("h1", "Front Door");
    assert_eq!(browser.text("#status"), "locked");
    assert_eq!(browser.text("#house"), "Town House");
    assert_eq!(browser.text("#battery"), "0.88");

    transcript::compare("august", &world.lines("august"));
    let debug = std::fs::read_to_string(program.folder().join("augustdebug.txt")).expect("the debug log");
    assert!(debug.contains("got a token for 10367999 seconds"), "{debug}");
    assert!(debug.contains("GET /users/locks/mine: 200"), "{debug}");
}

#[test]
fn august_seed_says_so_when_the_person_says_no() {
    let (Some(python), Some(browser)) = (tools::python(), Browser::start()) else { return };
    let world = World::start();
    let (_program, origin) = seeds::august(&python, &world);
    browser.open(&origin);
    browser.follow("Connect August");
    browser.click("#deny");
    assert_eq!(browser.text("#error"), "access_denied");
    assert!(!world.lines("august").iter().any(|line| line.contains("/access_token")));
}
