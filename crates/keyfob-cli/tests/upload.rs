//! Large bodies on their way up: read while they are sent, whatever they are made of.

#![cfg(target_os = "linux")]
#![allow(missing_docs)]

mod common;

use std::fs::File;
use std::sync::{Arc, Mutex};

use common::{House, house_at};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Far more than fits into what the command may use.
const LARGE: u64 = 256 << 20;

/// What the command may use, as it is built for tests: 12 MB is its goal, as it is built for people.
const MOST_MEMORY: u64 = 64 << 10;

/// What a server saw of a request.
#[derive(Clone, Debug, Default)]
struct Seen {
    head: String,
    length: u64,
    beginning: Vec<u8>,
    end: Vec<u8>,
}

/// A server that reads requests to the end, and answers the first so many with this status.
async fn server(refused: usize, status: &'static str) -> (String, Arc<Mutex<Vec<Seen>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let all = Arc::new(Mutex::new(Vec::new()));
    let kept = all.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let seen = read(&mut stream).await;
            let answered = {
                let mut kept = kept.lock().expect("whole");
                kept.push(seen);
                kept.len()
            };
            let status = if answered <= refused { status } else { "200 OK" };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}");
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (origin, all)
}

/// Reads a request; of its body, sent whole or in chunks, its length, its beginning and its end.
async fn read(stream: &mut TcpStream) -> Seen {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a head"));
    }
    let head = String::from_utf8(head).expect("text").to_ascii_lowercase();
    let mut seen = Seen { head: head.clone(), ..Seen::default() };
    if let Some(length) = head.lines().find_map(|line| line.strip_prefix("content-length: ")) {
        seen.take(stream, length.trim().parse().expect("a number")).await;
    } else if head.contains("transfer-encoding: chunked") {
        loop {
            let mut line = String::new();
            while !line.ends_with("\r\n") {
                line.push(stream.read_u8().await.expect("a chunk's length") as char);
            }
            let length = u64::from_str_radix(line.trim(), 16).expect("a length");
            seen.take(stream, length).await;
            let mut end = [0; 2];
            stream.read_exact(&mut end).await.expect("the end of a chunk");
            if length == 0 {
                break;
            }
        }
    }
    seen
}

impl Seen {
    async fn take(&mut self, stream: &mut TcpStream, mut left: u64) {
        let mut piece = vec![0; 64 * 1024];
        while left > 0 {
            let most = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let count = stream.read(&mut piece[..most]).await.expect("all of it");
            assert!(count > 0, "{left} bytes are missing");
            left -= count as u64;
            self.length += count as u64;
            let room = 200_usize.saturating_sub(self.beginning.len());
            self.beginning.extend_from_slice(&piece[..count.min(room)]);
            self.end.extend_from_slice(&piece[..count]);
            self.end.drain(..self.end.len().saturating_sub(200));
        }
    }
}

/// A file of that length, which takes no room on the disk.
fn sparse(house: &House, name: &str, length: u64) -> String {
    let name = house.file(name, "");
    File::options().write(true).open(&name).and_then(|file| file.set_len(length)).expect("a length");
    name
}

/// The most memory that a line of bash used, in KiB, which is the command's that it becomes.
fn peak(text: &str) -> u64 {
    text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse().ok()).expect("a peak")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_any_size_goes_up_in_little_memory() {
    let (origin, seen) = server(0, "").await;
    let house = house_at(&origin).await;
    let file = sparse(&house, "large.bin", LARGE);
    let mut running = house.start(&["post", "hub", "/x", "-d", &format!("@{file}"), "-H", "Content-Type: application/octet-stream"]);
    let status = format!("/proc/{}/status", running.child.id().expect("it runs"));
    let mut most = 0;
    while running.child.try_wait().expect("its state").is_none() {
        if let Ok(text) = std::fs::read_to_string(&status)
            && text.contains("VmHWM")
        {
            most = most.max(peak(&text));
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    running.end_listening().await.exits(0);
    assert!(most > 0 && most < MOST_MEMORY, "{most} KiB");
    let seen = seen.lock().expect("whole").clone();
    assert_eq!((seen.len(), seen[0].length), (1, LARGE));
    assert!(seen[0].head.contains(&format!("content-length: {LARGE}")), "{}", seen[0].head);
    assert!(seen[0].head.contains("content-type: application/octet-stream"), "{}", seen[0].head);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_with_a_large_file_and_what_comes_from_a_pipe_are_streams_too() {
    let (origin, seen) = server(0, "").await;
    let house = house_at(&origin).await;
    const LENGTH: u64 = 70 << 20;
    let file = sparse(&house, "large.png", LENGTH);
    house.run(&["post", "hub", "/x", "a=b", &format!("picture@{file}")]).await.exits(0);
    house.run(&["post", "hub", "/x", "-F", &format!("picture=@{file};type=x/y")]).await.exits(0);
    let line = format!("head -c {LENGTH} /dev/zero | keyfob post hub /x -d @- -H 'Content-Type: x/y'");
    house.typed(&line).end().await.exits(0);
    let seen = seen.lock().expect("whole").clone();
    assert_eq!(seen.len(), 3);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for form in &seen[..2] {
        assert!(form.head.contains("content-type: multipart/form-data; boundary=") && form.head.contains("content-length: "), "{form:?}");
        assert!(form.length > LENGTH && text(&form.end).ends_with("--\r\n"), "{}", text(&form.end));
    }
    assert!(text(&seen[0].beginning).contains("name=\"a\"\r\n\r\nb\r\n--"), "{}", text(&seen[0].beginning));
    assert!(text(&seen[1].beginning).contains("filename=\"large.png\"\r\nContent-Type: x/y"), "{}", text(&seen[1].beginning));
    assert!(seen[2].head.contains("transfer-encoding: chunked") && seen[2].length == LENGTH, "{}", seen[2].head);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_sent_again_where_that_is_asked_for_and_a_pipe_is_not() {
    let (origin, seen) = server(1, "503 Busy\r\nRetry-After: 1").await;
    let house = house_at(&origin).await;
    let file = sparse(&house, "large.bin", 2 << 20);
    house.run(&["put", "hub", "/x", "-f", "--retry", "1", "-d", &format!("@{file}")]).await.exits(0);
    let lengths: Vec<u64> = seen.lock().expect("whole").iter().map(|seen| seen.length).collect();
    assert_eq!(lengths, [2 << 20, 2 << 20]);
    let (origin, seen) = server(1, "503 Busy\r\nRetry-After: 1").await;
    let house = house_at(&origin).await;
    house.typed("head -c 2097152 /dev/zero | keyfob put hub /x -f --retry 1 -d @-").end().await.exits(5);
    assert_eq!(seen.lock().expect("whole").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_oauth_1_signs_has_to_fit_and_what_it_does_not_sign_need_not() {
    let house = House::new().await;
    house.log_in("telldus").await;
    let file = sparse(&house, "large.bin", 65 << 20);
    let body = format!("@{file}");
    house
        .run(&["post", "telldus", "/json/x", "-d", &body])
        .await
        .fails(2, ["cannot read", "larger than 64 MiB", "OAuth 1 signs all of it"]);
    house.run(&["post", "telldus", "/json/x", "-d", &body, "--dry-run"]).await.fails(2, ["cannot read", "64 MiB", "only what is sent"]);
}
