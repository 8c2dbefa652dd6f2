//! A large body costs no memory, whichever way it goes. It is a program of its own, since what is measured is a process's memory: other tests would have theirs in it.
#![allow(missing_docs)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use support::gate::Bare;
use support::raw::{head, house};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LARGE: usize = 64 << 20;
const PIECE: usize = 64 << 10;

/// What a body of that size may cost: buffers of sockets and pieces on their way, at four ends in this one process.
const FLAT: usize = 24 << 20;

/// One test for both ways, one after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_body_costs_no_memory_either_way() {
    let received = Arc::new(AtomicUsize::new(0));
    let counted = received.clone();
    let bare = Bare::start(move |mut came| {
        let counted = counted.clone();
        Box::pin(async move {
            if came.line().starts_with("GET") {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\nConnection: close\r\n\r\n");
                came.stream.write_all(head.as_bytes()).await.expect("sent");
                let piece = vec![b'x'; PIECE];
                for _ in 0..LARGE / PIECE {
                    if came.stream.write_all(&piece).await.is_err() {
                        return;
                    }
                }
                return;
            }
            if came.line().starts_with("HEAD") {
                return came.answer("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").await;
            }
            counted.fetch_add(came.early.len(), Ordering::SeqCst);
            let mut buffer = vec![0; PIECE];
            while counted.load(Ordering::SeqCst) < LARGE {
                match came.stream.read(&mut buffer).await {
                    Ok(read) if read > 0 => drop(counted.fetch_add(read, Ordering::SeqCst)),
                    _ => return,
                }
            }
            came.answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
        })
    })
    .await;
    let (_, instance, key) = house(&bare).await;
    // Once for what is made once.
    instance.ask(&key, "HEAD", "/api/bare/x").await;

    let up = growth(async {
        let mut stream = TcpStream::connect(instance.address).await.expect("a connection");
        let head = head(&instance, &key, "POST", &format!("Content-Length: {LARGE}\r\nContent-Type: application/octet-stream\r\n"));
        stream.write_all(head.as_bytes()).await.expect("sent");
        let piece = vec![b'x'; PIECE];
        for _ in 0..LARGE / PIECE {
            stream.write_all(&piece).await.expect("sent");
        }
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 200");
    })
    .await;
    assert_eq!(received.load(Ordering::SeqCst), LARGE, "not a byte more or less");
    assert!(up < FLAT, "{up} bytes more");

    let down = growth(async {
        let mut stream = TcpStream::connect(instance.address).await.expect("a connection");
        stream.write_all(head(&instance, &key, "GET", "").as_bytes()).await.expect("sent");
        assert!(read_to_end(&mut stream).await > LARGE);
    })
    .await;
    assert!(down < FLAT, "{down} bytes more");
}

/// Resident memory, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the resident set");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}

/// How much more memory there was at the most while something was done.
async fn growth(work: impl Future<Output = ()>) -> usize {
    let (before, over) = (resident(), Arc::new(AtomicBool::new(false)));
    let watched = over.clone();
    let watcher = std::thread::spawn(move || {
        let mut most = 0;
        while !watched.load(Ordering::Relaxed) {
            most = most.max(resident());
            std::thread::sleep(Duration::from_millis(2));
        }
        most
    });
    work.await;
    over.store(true, Ordering::Relaxed);
    watcher.join().expect("no panic").saturating_sub(before)
}

async fn read_to_end(stream: &mut TcpStream) -> usize {
    let (mut whole, mut buffer) = (0, vec![0; PIECE]);
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return whole,
            Ok(read) => whole += read,
        }
    }
}
