//! A fresh token from a warm session: no store, no allocation.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "custody/house.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the tests of custody")]
mod house;
#[path = "custody/provider.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the tests of custody")]
mod provider;
#[path = "custody/watched.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the tests of custody")]
mod watched;

mod common;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use house::House;

#[tokio::test]
async fn a_fresh_token_costs_neither_a_look_into_the_store_nor_an_allocation() {
    let house = House::fresh().await;
    let session = house.session().await;
    let before = house.logged();
    let allocations = allocation_counter::measure(|| {
        for _ in 0..1000 {
            let future = pin!(session.token(60));
            // It has nothing to wait for.
            let Poll::Ready(token) = future.poll(&mut Context::from_waker(Waker::noop())) else { panic!("it waits") };
            assert_eq!(token.unwrap().expose().len(), "access-1".len());
        }
    });
    assert_eq!((allocations.count_total, allocations.count_max), (0, 0));
    assert_eq!(house.logged(), before, "the store was asked");
    // The counter counts.
    assert!(allocation_counter::measure(|| drop(session.account())).count_total > 0);
}
