//! Who may be connected. When there is no room, a connection that asks for nothing makes some: whoever opens many and sends nothing
//! ("slowloris") or a byte at a time keeps nobody out, because those are the ones that go. Who has just come goes last of them, but goes: a moment in which nobody new may be
//! sent away would be enough to keep everybody out, for whoever opens many in each.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::sync::futures::{Notified, OwnedNotified};

use crate::peer::Peer;

/// All connections.
#[derive(Debug)]
pub(crate) struct Slots {
    most: usize,
    most_per_peer: usize,
    table: Mutex<Table>,
    freed: Arc<Notify>,
    begin: Instant,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    connections: HashMap<u64, (Peer, Arc<Work>)>,
    by_peer: HashMap<Peer, usize>,
}

/// A connection's place; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    number: u64,
    pub(crate) work: Arc<Work>,
}

/// What a connection is doing.
#[derive(Debug)]
pub(crate) struct Work {
    under_way: AtomicU64,
    begun: AtomicU64,
    /// Since when nothing is under way, in milliseconds of the program.
    idle_since: AtomicU64,
    begin: Instant,
    /// Whether something waits to be taken by the other end.
    stalled: AtomicBool,
    /// Told when nothing is under way any more: its place can be had.
    freed: Arc<Notify>,
    /// Told when its place is needed.
    evicted: Arc<Notify>,
    /// Told when its first request is here.
    first: Arc<Notify>,
}

/// A request under way, from its head to the last byte of its answer.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<Work>);

/// What became of somebody who wants to connect.
#[derive(Debug)]
pub(crate) enum Admission {
    In(Slot),
    /// This peer has enough, and all of them are at work.
    Refused,
    /// All are at work: wait.
    Full,
}

impl Slots {
    pub(crate) fn new(most: usize, most_per_peer: usize) -> Arc<Self> {
        Arc::new(Self {
            most: most.max(1),
            most_per_peer: most_per_peer.max(1),
            table: Mutex::default(),
            freed: Arc::default(),
            begin: Instant::now(),
        })
    }

    /// A place for a peer; `trusted` is one that brings the connections of many.
    pub(crate) fn admit(self: &Arc<Self>, peer: Peer, trusted: bool) -> Admission {
        let group = peer.group();
        let mut table = self.held();
        if !trusted && table.by_peer.get(&group).is_some_and(|count| *count >= self.most_per_peer) && !table.evict(|of| of == group) {
            return Admission::Refused;
        }
        if table.connections.len() >= self.most && !table.evict_from_the_greediest() {
            return Admission::Full;
        }
        let number = table.next;
        table.next += 1;
        let work = Arc::new(Work {
            under_way: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            idle_since: AtomicU64::new(millis(self.begin)),
            stalled: AtomicBool::new(false),
            begin: self.begin,
            freed: self.freed.clone(),
            evicted: Arc::default(),
            first: Arc::default(),
        });
        table.connections.insert(number, (group, work.clone()));
        *table.by_peer.entry(group).or_default() += 1;
        Admission::In(Slot { slots: self.clone(), number, work })
    }

    /// Ready when a place may have become free: somebody went, or asks for nothing any more. It has to be enabled before a place is looked for, or what
    /// becomes free in between is told to nobody.
    pub(crate) fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    fn held(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Ends the connection that has been idle for longest among those of some peers; whether there was one.
    fn evict(&mut self, whose: impl Fn(Peer) -> bool) -> bool {
        let idle = self.connections.iter().filter(|(_, (peer, work))| whose(*peer) && work.is_idle());
        let longest = idle.min_by_key(|(number, (_, work))| (work.idle_since.load(Ordering::Relaxed), **number)).map(|(number, _)| *number);
        let Some((_, work)) = longest.and_then(|number| self.remove(number)) else { return false };
        work.evicted.notify_one();
        true
    }

    /// The same, of the peer that has most of those that are idle.
    fn evict_from_the_greediest(&mut self) -> bool {
        let mut idle: HashMap<Peer, usize> = HashMap::new();
        for (peer, _) in self.connections.values().filter(|(_, work)| work.is_idle()) {
            *idle.entry(*peer).or_default() += 1;
        }
        let greediest = idle.into_iter().max_by_key(|(_, count)| *count).map(|(peer, _)| peer);
        greediest.is_some_and(|greediest| self.evict(|peer| peer == greediest))
    }

    fn remove(&mut self, number: u64) -> Option<(Peer, Arc<Work>)> {
        let (peer, work) = self.connections.remove(&number)?;
        if let Some(count) = self.by_peer.get_mut(&peer) {
            *count -= 1;
            if *count == 0 {
                self.by_peer.remove(&peer);
            }
        }
        Some((peer, work))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.held().remove(self.number);
        self.slots.freed.notify_one();
    }
}

impl Work {
    /// A request begins.
    pub(crate) fn begin(self: &Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        if self.begun.fetch_add(1, Ordering::Relaxed) == 0 {
            self.first.notify_one();
        }
        UnderWay(self.clone())
    }

    /// Ready when its place is needed.
    pub(crate) fn evicted(&self) -> OwnedNotified {
        self.evicted.clone().notified_owned()
    }

    /// Ready when its first request is here.
    pub(crate) fn first(&self) -> OwnedNotified {
        self.first.clone().notified_owned()
    }

    /// Whether no request has come yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.begun.load(Ordering::Relaxed) == 0
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.under_way.load(Ordering::Acquire) == 0
    }

    /// The other end takes nothing for the moment, or something again. The last bytes of an answer may wait when its request is under way no more.
    pub(crate) fn stalls(&self, stalls: bool) {
        self.idle_since.store(millis(self.begin), Ordering::Relaxed);
        self.stalled.store(stalls, Ordering::Release);
    }

    /// For how long nothing has been under way, nor waited to be taken.
    pub(crate) fn idle_for(&self) -> Duration {
        // First whether it is idle, then since when: the other way round a request that ends in between would have been none.
        if !self.is_idle() || self.stalled.load(Ordering::Acquire) {
            return Duration::ZERO;
        }
        Duration::from_millis(millis(self.begin).saturating_sub(self.idle_since.load(Ordering::Relaxed)))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.idle_since.store(millis(self.0.begin), Ordering::Relaxed);
        if self.0.under_way.fetch_sub(1, Ordering::Release) == 1 {
            self.0.freed.notify_one();
        }
    }
}

fn millis(begin: Instant) -> u64 {
    u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn peer(number: u8) -> Peer {
        Peer::from(IpAddr::from([192, 0, 2, number]))
    }

    fn admit(slots: &Arc<Slots>, number: u8) -> Option<Slot> {
        match slots.admit(peer(number), false) {
            Admission::In(slot) => Some(slot),
            _ => None,
        }
    }

    fn was_evicted(slot: &Slot) -> bool {
        !slot.slots.held().connections.contains_key(&slot.number)
    }

    #[test]
    fn l15_one_address_cannot_take_all_places() {
        let slots = Slots::new(10, 3);
        let working: Vec<Slot> = (0..3).filter_map(|_| admit(&slots, 1)).collect();
        let _under_way: Vec<UnderWay> = working.iter().map(|slot| slot.work.begin()).collect();
        assert!(matches!(slots.admit(peer(1), false), Admission::Refused));
        let other = admit(&slots, 2).expect("another address has its own");
        assert!(matches!(slots.admit(peer(1), true), Admission::In(_)), "a proxy of ours has no such limit");
        drop(other);
    }

    #[test]
    fn l15_who_asks_for_nothing_makes_room() {
        let slots = Slots::new(4, 3);
        let greedy: Vec<Slot> = (0..3).filter_map(|_| admit(&slots, 1)).collect();
        let modest = admit(&slots, 2).expect("a place");
        // Full: the first of the greedy one's goes, not the modest one.
        let third = admit(&slots, 3).expect("a place is made");
        assert!(was_evicted(&greedy[0]) && !was_evicted(&modest));
        // The greedy one's own next takes the place of one of its own.
        let next = admit(&slots, 1).expect("a place of its own");
        assert!(was_evicted(&greedy[1]) && !was_evicted(&modest) && !was_evicted(&third));
        // Nobody who is served goes.
        let held = [&greedy[2], &modest, &third, &next].map(|slot| slot.work.begin());
        assert!(matches!(slots.admit(peer(4), false), Admission::Full));
        drop(held);
        assert!(admit(&slots, 4).is_some());
    }

    #[test]
    fn places_are_given_back() {
        let slots = Slots::new(2, 2);
        for _ in 0..10 {
            let one = admit(&slots, 1).expect("a place");
            let _under_way = one.work.begin();
            let two = admit(&slots, 1).expect("a place");
            let _too = two.work.begin();
        }
        assert!(slots.held().connections.is_empty() && slots.held().by_peer.is_empty());
    }
}
