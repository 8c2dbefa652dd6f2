//! What `--print` gives, run or sent: the same body arrives as when it is called.

#![cfg(unix)]
#![allow(missing_docs)]

mod common;

use std::process::Stdio;
use std::sync::{Arc, Mutex};

use common::{House, house_at};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What text is not: line breaks of both kinds, an escape, a bell, NUL, bidirectional and C1 controls, quotes, what printf and shells take for theirs, and
/// bytes that are no UTF-8.
const BODY: &[u8] = b"-a%s\r\n\x1b[31m\x07\0\tit's \\n \"$(x)\" `y` !! \xe2\x80\xae \xc2\x9b \xff\xfe end\n\n";

/// A server that keeps the head and the body of each request.
async fn server() -> (String, Arc<Mutex<Vec<(String, Vec<u8>)>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let all = Arc::new(Mutex::new(Vec::new()));
    let kept = all.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let seen = read(&mut stream).await;
            kept.lock().expect("whole").push(seen);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}").await;
            let _ = stream.shutdown().await;
        }
    });
    (origin, all)
}

async fn read(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a head"));
    }
    let head = String::from_utf8(head).expect("text").to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |length| length.parse().expect("a number"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.expect("all of it");
    (head, body)
}

/// What a command writes to its standard output, which need be no text.
async fn bytes(house: &House, arguments: &[&str]) -> Vec<u8> {
    let ended = house.command(arguments).output().await.expect("it runs");
    assert!(ended.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ended.stderr));
    ended.stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_printed_sends_the_same_bytes() {
    let (origin, seen) = server().await;
    let house = house_at(&origin).await;
    let file = house.file("it's a body", "");
    std::fs::write(&file, BODY).expect("written");
    let (from_file, upload) = (format!("@{file}"), format!("part@{file}"));
    let text = String::from_utf8_lossy(BODY).replace('\0', "");
    // Too long for a word of a command line, and sent without the end of its line.
    let long = house.file("form", &format!("a={}\n", "x".repeat(40_000)));
    let form = format!("@{long}");
    let bodies: [&[&str]; 6] = [
        &["-d", &form],
        &["-d", &from_file, "X-None;"],
        // Two of them are no file any more.
        &["-d", &from_file, "-d", "b"],
        &["-d", &text],
        &["-d", "two\nlines, it's é"],
        &[&upload],
    ];
    for (number, body) in bodies.into_iter().enumerate() {
        let call = [&["post", "hub", "/x"], body].concat();
        let last = || seen.lock().expect("whole").last().cloned().expect("a request");
        house.good(&call).await;
        let (head, sent) = last();
        let is_form = head.contains("multipart/form-data");
        // The boundary of a form, in front and at the end, is drawn anew each time.
        let comparable = |body: Vec<u8>| if is_form { body[36..body.len() - 38].to_vec() } else { body };
        let print = |shape| [&call[..], &["--print", shape, "--show-secrets"]].concat();

        let command = String::from_utf8(bytes(&house, &print("curl")).await).expect("text");
        let is_text = command.chars().all(|c| c == '\n' || !c.is_control() && !('\u{200e}'..='\u{2069}').contains(&c));
        assert!(is_text, "body {number}: {command:?}");
        let mut sh = house.program("sh", &["-s"]);
        sh.env("PATH", house.search_path()).stdin(Stdio::piped());
        let mut sh = sh.spawn().expect("sh");
        sh.stdin.take().expect("a pipe").write_all(command.as_bytes()).await.expect("told");
        let ended = sh.wait_with_output().await.expect("it ends");
        assert!(ended.status.success(), "body {number}: {command}\n{}", String::from_utf8_lossy(&ended.stderr));
        let (curled, same) = last();
        assert_eq!(comparable(same), comparable(sent.clone()), "body {number}: {command}");
        assert!(curled.contains("authorization: bearer example-access-token-not-real\r\n"), "{curled}");
        assert_eq!(curled.contains("\r\nx-none:"), head.contains("\r\nx-none:"), "{curled}");

        let message = bytes(&house, &print("http")).await;
        let kept = house.path("message").display().to_string();
        assert_eq!(bytes(&house, &[&print("http")[..], &["-o", &kept]].concat()).await, b"");
        assert_eq!(std::fs::read(&kept).expect("a file").len(), message.len());
        let mut stream = TcpStream::connect(origin.trim_start_matches("http://")).await.expect("connected");
        stream.write_all(&message).await.expect("sent");
        stream.read_to_end(&mut Vec::new()).await.expect("answered");
        let (spoken, same) = last();
        assert_eq!(comparable(same), comparable(sent.clone()), "body {number}");
        assert!(spoken.starts_with("post /x http/1.1\r\nhost: 127.0.0.1:"), "{spoken}");

        let archive: Value = serde_json::from_slice(&bytes(&house, &print("har")).await).expect("JSON");
        let request = &archive["log"]["entries"][0]["request"];
        let text = request["postData"]["text"].as_str().expect("text");
        let archived = if request["postData"]["_encoding"] == "base64" { unpacked(text) } else { text.as_bytes().to_vec() };
        assert_eq!(request["bodySize"], archived.len());
        assert_eq!(comparable(archived), comparable(sent), "body {number}");
    }
    // From a file it stays there, and the file's secrets with it.
    let command = house.good(&["post", "hub", "/x", "-d", &from_file, "--print", "curl"]).await;
    assert!(command.ends_with("/it'\\''s a body'\n") && command.contains("  --data-binary '@/"), "{command}");
}

/// A secret goes, also where bytes around it are no text.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_printed_is_masked_whatever_is_around_a_secret() {
    let (origin, _) = server().await;
    let house = house_at(&origin).await;
    let file = house.file("body", "");
    std::fs::write(&file, b"\xff\xe2\x82example-access-token-not-real\x1b\xf0").expect("written");
    let call = ["post", "hub", "/x", "-d", &format!("@{file}"), "--print"];
    let masked = b"\xff\xe2\x82<secret>\x1b\xf0";
    let message = bytes(&house, &[&call[..], &["http"]].concat()).await;
    assert!(message.ends_with(masked), "{message:?}");
    assert!(String::from_utf8_lossy(&message).contains("content-length: 13\r\n"), "{message:?}");
    let command = house.good(&[&call[..], &["curl"]].concat()).await;
    assert!(command.starts_with(r"printf '\377\342\202<secret>\033\360' |"), "{command}");
    let archive = house.good(&[&call[..], &["har"]].concat()).await;
    assert!(!archive.contains("example-access-token"), "{archive}");
    let archive: Value = serde_json::from_str(&archive).expect("JSON");
    assert_eq!(unpacked(archive["log"]["entries"][0]["request"]["postData"]["text"].as_str().expect("text")), masked);
}

/// Whoever keeps what lets anybody in keeps it to themselves, whatever the umask.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_secrets_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;

    let (origin, _) = server().await;
    let house = house_at(&origin).await;
    let (new, there) = (house.path("new.sh"), house.path("there.sh"));
    std::fs::write(&there, "old").and_then(|()| std::fs::set_permissions(&there, PermissionsExt::from_mode(0o644))).expect("a file");
    for kept in [new, there] {
        let name = kept.display().to_string();
        house.good(&["get", "hub", "/x", "--print", "curl", "--show-secrets", "-o", &name]).await;
        assert!(std::fs::read_to_string(&kept).expect("a command").contains("example-access-token-not-real"));
        assert_eq!(std::fs::metadata(&kept).expect("it is there").permissions().mode() & 0o777, 0o600, "{}", kept.display());
    }
}

/// What base64 says.
fn unpacked(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).expect("base64")
}
