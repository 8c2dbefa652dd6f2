//! What every shelf must do, as one suite: [`shelf_contract!`] makes a test of each check for one kind of shelf.
//!
//! A kind of shelf is an `async fn() -> Option<Shelves>`: an empty one, or nothing where this machine has none.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use keyfob::StoreError;
use keyfob::proto::Timestamp;
use keyfob::store::{EntryNumber, Expected, Generation};
use keyfob_store::Shelf;
use keyfob_store::shelf::{Act, Change, Changes, Item, Kind, LONGEST_ID};

use super::common::{BEGAN, error};

pub const NOW: Timestamp = Timestamp::from_unix(BEGAN + 1);
pub const KEY: Kind = Kind("key");
pub const PERSON: Kind = Kind("person");

/// An empty shelf, seen by two: as two processes would have it open, or two machines.
pub struct Shelves {
    pub shelf: Arc<dyn Shelf>,
    pub other: Arc<dyn Shelf>,
    /// What they need to live, a folder or a database: dropped after them.
    #[allow(dead_code, reason = "it is there to be dropped")]
    pub keep: Box<dyn Any + Send + Sync>,
}

/// `shelf_contract!(name, fresh)`: a module of that name with a test of each check, on what `fresh` gives.
macro_rules! shelf_contract {
    ($kind:ident, $fresh:path) => {
        $crate::shelf::shelf_checks! { $kind, $fresh:
            items_are_kept_replaced_and_removed => kept;
            a_write_that_expects_something_else_conflicts => compare_and_swap;
            of_many_writers_at_one_generation_one_wins => parallel_writers;
            whatever_bytes_are_in_it_are_given_back => contents;
            items_of_different_kinds_have_nothing_to_do_with_each_other => kinds;
            an_item_that_has_expired_is_not_there => expired;
            an_item_is_handed_out_once => taken_once;
            l22_of_fifty_that_take_an_item_at_once_one_has_it => parallel_takers;
            items_are_listed_in_the_order_of_their_bytes_and_from_a_cursor_on => listed;
            ids_and_owners_that_are_none_are_refused_and_never_found => names;
            the_book_is_read_from_its_end => acts;
            lines_that_belong_together_are_written_together => acts_all_or_none;
            many_that_write_into_the_book_at_once_are_all_answered => parallel_acts;
            a_sweep_removes_what_is_over_and_no_more_than_it_may => swept;
            what_is_changed_here_or_elsewhere_is_told => told;
        }
    };
}

macro_rules! shelf_checks {
    ($kind:ident, $fresh:path: $($name:ident => $check:ident;)*) => {
        mod $kind {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(fresh) = $fresh().await {
                    $crate::shelf::$check(&fresh).await;
                }
            })*
        }
    };
}

pub(crate) use {shelf_checks, shelf_contract};

pub fn item(id: &str) -> Item {
    Item::new(id, format!("canary-content-of-{id}"))
}

pub fn act(number: u32, owner: Option<&str>) -> Act {
    let content = format!("canary-content-of-act-{number}").into_bytes().into();
    Act { at: Timestamp::from_unix(BEGAN + i64::from(number)), owner: owner.map(str::to_owned), content }
}

async fn ids(shelf: &dyn Shelf, owner: Option<&str>, after: Option<&str>, most: usize) -> Vec<String> {
    let found = shelf.items(KEY, owner, after, most, NOW).await.expect("lists");
    let found: Vec<String> = found.into_iter().map(|found| found.value.id).collect();
    assert_eq!(shelf.ids(KEY, owner, after, most, NOW).await.expect("lists"), found);
    found
}

pub async fn kept(Shelves { shelf, other, .. }: &Shelves) {
    assert!(shelf.item(KEY, "one", NOW).await.expect("reads").is_none());
    let first = item("one").owned_by("owner").until(NOW.plus(60));
    assert_eq!(shelf.put_item(KEY, &first, Expected::Nothing).await.expect("puts"), Generation(1));
    let found = other.item(KEY, "one", NOW).await.expect("reads").expect("it is there");
    assert_eq!((found.value, found.generation), (first, Generation(1)));
    // With another owner, end and content; and with neither owner nor end.
    let second = Item::new("one", "something else").owned_by("another").until(NOW.plus(120));
    let third = Item::new("one", "nobody's");
    for (number, next) in [(1, second), (2, third.clone()), (3, Item { content: b"again".to_vec().into(), ..third })] {
        assert_eq!(other.put_item(KEY, &next, Expected::Generation(Generation(number))).await.expect("puts"), Generation(number + 1));
        let found = shelf.item(KEY, "one", NOW).await.expect("reads").expect("it is there");
        assert_eq!((found.value, found.generation), (next, Generation(number + 1)));
    }
    assert!(other.remove_item(KEY, "one").await.expect("removes"));
    assert!(!shelf.remove_item(KEY, "one").await.expect("there is none"));
    assert!(shelf.item(KEY, "one", NOW).await.expect("reads").is_none());
    assert_eq!(shelf.put_item(KEY, &item("one"), Expected::Nothing).await.expect("puts"), Generation(1));
}

pub async fn compare_and_swap(Shelves { shelf, other, .. }: &Shelves) {
    let put = |shelf: &Arc<dyn Shelf>, expected| {
        let shelf = Arc::clone(shelf);
        async move { shelf.put_item(KEY, &item("one").until(NOW), expected).await }
    };
    let is_conflict = |result| matches!(error::<Generation>(result), StoreError::Conflict);
    assert!(is_conflict(put(shelf, Expected::Generation(Generation(0))).await));
    assert!(is_conflict(put(shelf, Expected::Generation(Generation(1))).await));
    assert_eq!(put(shelf, Expected::Anything).await.expect("puts"), Generation(1));
    // It has expired, and is still there.
    assert!(is_conflict(put(other, Expected::Nothing).await));
    for number in [0, 2, u64::MAX] {
        assert!(is_conflict(put(other, Expected::Generation(Generation(number))).await), "{number}");
    }
    assert_eq!(put(other, Expected::Generation(Generation(1))).await.expect("puts"), Generation(2));
    assert!(is_conflict(put(shelf, Expected::Generation(Generation(1))).await));
    assert_eq!(put(shelf, Expected::Anything).await.expect("puts"), Generation(3));
    assert!(shelf.remove_item(KEY, "one").await.expect("removes"));
    assert!(is_conflict(put(other, Expected::Generation(Generation(3))).await));
}

pub async fn parallel_writers(Shelves { shelf, other, .. }: &Shelves) {
    let first = shelf.put_item(KEY, &item("one"), Expected::Nothing).await.expect("puts");
    let writing: Vec<_> = (0..20)
        .map(|number| {
            let shelf = Arc::clone(if number % 2 == 0 { shelf } else { other });
            tokio::spawn(async move {
                shelf.put_item(KEY, &Item::new("one", format!("writer {number}")), Expected::Generation(first)).await.map(|_| number)
            })
        })
        .collect();
    let mut winners = Vec::new();
    for write in writing {
        match write.await.expect("it ends") {
            Ok(number) => winners.push(number),
            Err(error) => assert!(matches!(error, StoreError::Conflict), "{error:?}"),
        }
    }
    let [winner] = winners.as_slice() else { panic!("{winners:?}") };
    let found = shelf.item(KEY, "one", NOW).await.expect("reads").expect("it is there");
    assert_eq!((found.value, found.generation), (Item::new("one", format!("writer {winner}")), Generation(2)));
}

pub async fn contents(Shelves { shelf, other, .. }: &Shelves) {
    for content in [Vec::new(), vec![0; 3], (0..=255).collect(), vec![7; 1_000_000]] {
        let item = Item::new("one", content);
        shelf.put_item(KEY, &item, Expected::Anything).await.expect("puts");
        assert!(other.item(KEY, "one", NOW).await.expect("reads").expect("it is there").value == item);
    }
    // The longest id, and every character that one may have.
    let longest: String = ('!'..='~').cycle().take(LONGEST_ID).collect();
    let item = item(&longest).owned_by(longest.as_str());
    shelf.put_item(KEY, &item, Expected::Nothing).await.expect("puts");
    assert!(other.item(KEY, &longest, NOW).await.expect("reads").expect("it is there").value == item);
    assert!(other.take_item(KEY, &longest, NOW).await.expect("takes").expect("it is there") == item);
}

pub async fn kinds(Shelves { shelf, other, .. }: &Shelves) {
    shelf.put_item(KEY, &Item::new("one", "a key"), Expected::Nothing).await.expect("puts");
    shelf.put_item(PERSON, &Item::new("one", "a person"), Expected::Nothing).await.expect("puts");
    assert_eq!(other.items(PERSON, None, None, 10, NOW).await.expect("lists").len(), 1);
    assert!(other.remove_item(KEY, "one").await.expect("removes"));
    assert!(other.take_item(KEY, "one", NOW).await.expect("asks").is_none());
    assert_eq!(*shelf.item(PERSON, "one", NOW).await.expect("reads").expect("it is there").value.content, b"a person");
}

pub async fn expired(Shelves { shelf, other, .. }: &Shelves) {
    for (expires_at, there) in [(NOW.plus(1), true), (NOW, false), (NOW.plus(-1), false)] {
        shelf.put_item(KEY, &item("one").owned_by("owner").until(expires_at), Expected::Anything).await.expect("puts");
        assert_eq!(other.item(KEY, "one", NOW).await.expect("reads").is_some(), there);
        assert_eq!(ids(&**other, None, None, 10).await.len(), usize::from(there));
        assert_eq!(ids(&**other, Some("owner"), None, 10).await.len(), usize::from(there));
        assert_eq!(other.take_item(KEY, "one", NOW).await.expect("takes").is_some(), there);
    }
}

pub async fn taken_once(Shelves { shelf, other, .. }: &Shelves) {
    assert!(shelf.take_item(KEY, "one", NOW).await.expect("asks").is_none());
    let item = item("one").owned_by("owner").until(NOW.plus(60));
    shelf.put_item(KEY, &item, Expected::Nothing).await.expect("puts");
    assert!(other.take_item(PERSON, "one", NOW).await.expect("asks").is_none(), "of another kind");
    assert_eq!(other.take_item(KEY, "one", NOW).await.expect("takes"), Some(item));
    for shelf in [shelf, other] {
        assert!(shelf.take_item(KEY, "one", NOW).await.expect("asks").is_none());
        assert!(shelf.item(KEY, "one", NOW).await.expect("reads").is_none());
    }
}

pub async fn parallel_takers(Shelves { shelf, other, .. }: &Shelves) {
    for round in 0..3 {
        shelf.put_item(KEY, &item("one"), Expected::Nothing).await.expect("puts");
        let taking: Vec<_> = (0..50)
            .map(|number| {
                let shelf = Arc::clone(if number % 2 == 0 { shelf } else { other });
                tokio::spawn(async move { shelf.take_item(KEY, "one", NOW).await.expect("takes").is_some() })
            })
            .collect();
        let mut had = 0;
        for take in taking {
            had += usize::from(take.await.expect("it ends"));
        }
        assert_eq!(had, 1, "round {round}");
    }
}

pub async fn listed(Shelves { shelf, other, .. }: &Shelves) {
    // A database's own order would put "a" before "B", and pass over punctuation.
    let order = ["!", "-b", "1", "10", "9", "A", "B", "_", "a", "a!", "a-1", "a1", "b", "~"];
    for (place, id) in order.iter().enumerate().rev() {
        let one = if place % 2 == 0 { item(id).owned_by("even") } else { item(id).owned_by("odd") };
        shelf.put_item(KEY, &one, Expected::Nothing).await.expect("puts");
    }
    shelf.put_item(KEY, &item("a0"), Expected::Nothing).await.expect("puts");
    shelf.remove_item(KEY, "a0").await.expect("removes");
    shelf.put_item(KEY, &item("5").owned_by("even").until(NOW), Expected::Nothing).await.expect("puts");
    assert_eq!(ids(&**other, None, None, 100).await, order);
    let even: Vec<_> = order.iter().copied().step_by(2).collect();
    assert_eq!(ids(&**other, Some("even"), None, usize::MAX).await, even);
    assert!(ids(&**other, Some("nobody"), None, 100).await.is_empty());
    assert!(ids(&**other, None, None, 0).await.is_empty());
    // What has expired takes nobody's place.
    assert_eq!(ids(&**other, None, Some("10"), 2).await, ["9", "A"]);
    for (owner, expected) in [(None, order.to_vec()), (Some("even"), even)] {
        let (mut after, mut seen) = (None::<String>, Vec::new());
        loop {
            let some = ids(&**other, owner, after.as_deref(), 3).await;
            let Some(last) = some.last() else { break };
            after = Some(last.clone());
            seen.extend(some);
        }
        assert_eq!(seen, expected);
    }
    // A cursor need be no id.
    assert_eq!(ids(&**other, None, Some(""), 1).await, ["!"]);
    assert_eq!(ids(&**other, None, Some("a\0x"), 1).await, ["a!"]);
    assert_eq!(ids(&**other, None, Some("aé"), 1).await, ["b"]);
}

pub async fn names(Shelves { shelf, other, .. }: &Shelves) {
    let long = "x".repeat(LONGEST_ID + 1);
    for none in ["", " ", "a b", "a\nb", "a\0b", "\u{7f}", "é", long.as_str()] {
        for item in [item(none), item("one").owned_by(none)] {
            let refused = error(shelf.put_item(KEY, &item, Expected::Anything).await);
            assert!(matches!(&refused, StoreError::Io(_, why) if why.kind() == std::io::ErrorKind::InvalidInput), "{none:?}: {refused:?}");
        }
        assert!(shelf.record(vec![act(1, None), act(2, Some(none))]).await.is_err(), "{none:?}");
        assert!(other.item(KEY, none, NOW).await.expect("looks").is_none());
        assert!(other.take_item(KEY, none, NOW).await.expect("looks").is_none());
        assert!(!other.remove_item(KEY, none).await.expect("looks"));
        assert!(ids(&**other, Some(none), None, 10).await.is_empty());
        assert!(other.acts(Some(none), None, 10).await.expect("reads").is_empty());
    }
    assert!(ids(&**other, None, None, 10).await.is_empty());
    assert!(other.acts(None, None, 10).await.expect("reads").is_empty(), "all or none");
}

pub async fn acts(Shelves { shelf, other, .. }: &Shelves) {
    assert!(shelf.acts(None, None, 10).await.expect("reads").is_empty());
    shelf.record(Vec::new()).await.expect("writes nothing");
    let lines: Vec<_> = (0..10).map(|number| act(number, [None, Some("one"), Some("two")][number as usize % 3])).collect();
    shelf.record(lines[..4].to_vec()).await.expect("writes");
    for line in &lines[4..] {
        other.record(vec![line.clone()]).await.expect("writes");
    }
    let all = shelf.acts(None, None, usize::MAX).await.expect("reads");
    let newest_first: Vec<_> = lines.iter().rev().cloned().collect();
    assert_eq!(all.iter().map(|(_, act)| act.clone()).collect::<Vec<_>>(), newest_first);
    assert!(all.windows(2).all(|pair| pair[0].0 > pair[1].0), "numbers go down");
    for (owner, expected) in [(None, newest_first.clone()), (Some("two"), vec![lines[8].clone(), lines[5].clone(), lines[2].clone()])] {
        let (mut before, mut seen) = (None::<EntryNumber>, Vec::new());
        loop {
            let some = other.acts(owner, before, 2).await.expect("reads");
            let numbers: Vec<EntryNumber> = some.iter().map(|(number, _)| *number).collect();
            assert_eq!(other.numbers(owner, before, 2).await.expect("reads"), numbers);
            let Some((last, _)) = some.last() else { break };
            before = Some(*last);
            seen.extend(some.into_iter().map(|(_, act)| act));
        }
        assert_eq!(seen, expected);
    }
    assert_eq!(other.acts(None, Some(EntryNumber(u64::MAX)), 1).await.expect("reads")[0].1, lines[9]);
    assert!(other.acts(None, Some(EntryNumber(0)), 10).await.expect("reads").is_empty());
}

pub async fn acts_all_or_none(Shelves { shelf, other, .. }: &Shelves) {
    let writing: Vec<_> = (0..30_u32)
        .map(|writer| {
            let shelf = Arc::clone(if writer % 2 == 0 { shelf } else { other });
            let owner = (writer % 3 == 0).then_some("no owner");
            tokio::spawn(async move { shelf.record((0..5).map(|line| act(10 * writer + line, owner)).collect()).await.is_ok() })
        })
        .collect();
    let mut good = 0;
    for write in writing {
        good += usize::from(write.await.expect("it ends"));
    }
    assert_eq!(good, 20);
    let found = shelf.acts(None, None, usize::MAX).await.expect("reads");
    assert_eq!(found.len(), 100);
    assert!(found.iter().all(|(_, act)| (act.at.as_unix() - BEGAN) / 10 % 3 != 0));
}

pub async fn parallel_acts(Shelves { shelf, other, .. }: &Shelves) {
    let writing: Vec<_> = (0..300_u32)
        .map(|number| {
            let shelf = Arc::clone(if number % 3 == 0 { other } else { shelf });
            tokio::spawn(async move { shelf.record(vec![act(number, Some("owner"))]).await })
        })
        .collect();
    for write in writing {
        write.await.expect("it ends").expect("writes");
    }
    let found = other.acts(Some("owner"), None, usize::MAX).await.expect("reads");
    let numbers: BTreeSet<_> = found.iter().map(|(number, _)| *number).collect();
    let lines: BTreeSet<_> = found.iter().map(|(_, act)| act.at.as_unix()).collect();
    assert_eq!((found.len(), numbers.len(), lines.len()), (300, 300, 300));
}

pub async fn swept(Shelves { shelf, other, .. }: &Shelves) {
    for number in 0..5 {
        shelf.put_item(KEY, &item(&format!("over-{number}")).until(NOW.plus(-number)), Expected::Nothing).await.expect("puts");
    }
    shelf.put_item(KEY, &item("later").until(NOW.plus(1)), Expected::Nothing).await.expect("puts");
    shelf.put_item(KEY, &item("never"), Expected::Nothing).await.expect("puts");
    // One of before among those of after: the clock was put back.
    let times = [10, 11, 12, 100, 13];
    shelf.record(times.iter().map(|at| act(*at, None)).collect()).await.expect("writes");
    let before = Timestamp::from_unix(BEGAN + 50);
    let mut removed = Vec::new();
    loop {
        match other.sweep(NOW, before, 2).await.expect("sweeps") {
            0 => break,
            swept => removed.push(swept),
        }
    }
    assert_eq!(removed, [4, 3, 1], "two of each at most; and not the newest line");
    assert_eq!(ids(&**shelf, None, None, 10).await, ["later", "never"]);
    assert_eq!(shelf.put_item(KEY, &item("over-0"), Expected::Nothing).await.expect("it is gone"), Generation(1));
    let left = shelf.acts(None, None, 10).await.expect("reads");
    assert_eq!(left.iter().map(|(_, act)| act.at.as_unix() - BEGAN).collect::<Vec<_>>(), [13, 100]);
    // No number is given again.
    shelf.record(vec![act(101, None)]).await.expect("writes");
    assert_eq!(other.sweep(NOW, Timestamp::from_unix(BEGAN + 1000), 10).await.expect("sweeps"), 2);
    shelf.record(vec![act(102, None)]).await.expect("writes");
    let now: Vec<_> = shelf.acts(None, None, 10).await.expect("reads").iter().map(|(number, _)| *number).collect();
    assert!(now.len() == 2 && now[0] > now[1] && now[1] > left[0].0, "{now:?}");
}

/// Until that item is told of, or that anything may have changed. Another process's changes may be told as the latter.
pub async fn hear(changes: &mut dyn Changes, id: &str) {
    let heard = async {
        loop {
            match changes.next().await {
                Change::Item { kind, id: found } if kind == "key" && found == id => return,
                Change::Anything => return,
                Change::Item { .. } | Change::Lost => {}
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), heard).await.unwrap_or_else(|_| panic!("{id}: nothing was told"));
}

pub async fn told(Shelves { shelf, other, .. }: &Shelves) {
    let mut all =
        [shelf.changes().await.expect("listens"), shelf.changes().await.expect("listens"), other.changes().await.expect("listens")];
    shelf.put_item(KEY, &item("one"), Expected::Nothing).await.expect("puts");
    for changes in &mut all {
        hear(&mut **changes, "one").await;
    }
    other.put_item(KEY, &item("two"), Expected::Anything).await.expect("puts");
    for changes in &mut all {
        hear(&mut **changes, "two").await;
    }
    assert!(shelf.remove_item(KEY, "two").await.expect("removes"));
    for changes in &mut all {
        hear(&mut **changes, "two").await;
    }
    assert!(other.take_item(KEY, "one", NOW).await.expect("takes").is_some());
    for changes in &mut all {
        hear(&mut **changes, "one").await;
    }
    // Once more, after nobody has listened for a while.
    drop(all);
    let mut again = shelf.changes().await.expect("listens");
    other.put_item(KEY, &item("three"), Expected::Nothing).await.expect("puts");
    hear(&mut *again, "three").await;
}

/// More than are sealed anew, moved or read at a time.
#[allow(dead_code, reason = "for what is moved and sealed anew")]
pub const MANY: u32 = 1100;

/// Items of two kinds with the same ids, of which every second is somebody's and has an end; and as many lines.
#[allow(dead_code, reason = "for what is moved and sealed anew")]
pub async fn fill(shelf: &dyn Shelf, count: u32) {
    for number in 0..count {
        let id = format!("id-{number:05}");
        let one = if number % 2 == 0 { item(&id).owned_by("owner").until(NOW.plus(60)) } else { item(&id) };
        shelf.put_item(KEY, &one, Expected::Nothing).await.expect("puts");
        if number % 100 == 0 {
            shelf.put_item(KEY, &one, Expected::Generation(Generation(1))).await.expect("puts");
        }
    }
    shelf.put_item(PERSON, &item("id-00000"), Expected::Nothing).await.expect("puts");
    for lines in (0..count).collect::<Vec<_>>().chunks(100) {
        shelf.record(lines.iter().map(|number| act(*number, (number % 2 == 0).then_some("owner"))).collect()).await.expect("writes");
    }
}

/// What is on it, generations and all; lines in their order, whatever their numbers are.
#[allow(dead_code, reason = "for what is moved and sealed anew")]
pub async fn everything(shelf: &dyn Shelf) -> (Vec<(Generation, Item)>, Vec<Act>) {
    let mut items = Vec::new();
    for kind in [KEY, PERSON] {
        items.extend(shelf.items(kind, None, None, usize::MAX, NOW).await.expect("lists"));
    }
    let acts = shelf.acts(None, None, usize::MAX).await.expect("reads");
    (items.into_iter().map(|item| (item.generation, item.value)).collect(), acts.into_iter().map(|(_, act)| act).collect())
}
