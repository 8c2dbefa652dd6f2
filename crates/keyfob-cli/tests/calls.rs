//! Calls of a server of our own: pages, retries, and what is made of answers.

#![allow(missing_docs)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::house_at;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server that answers each request, by its number and its target, with status, headers and body.
async fn serve(answer: impl Fn(usize, &str) -> (u16, String, String) + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    serve_heads(move |number, head| answer(number, head.split(' ').nth(1).unwrap_or_default())).await
}

/// The same, by all of its head.
async fn serve_heads(answer: impl Fn(usize, &str) -> (u16, String, String) + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let count = Arc::new(AtomicUsize::new(0));
    let (counted, answer) = (count.clone(), Arc::new(answer));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (counted, answer) = (counted.clone(), answer.clone());
            tokio::spawn(async move {
                let mut head = vec![0; 8192];
                let read = stream.read(&mut head).await.unwrap_or(0);
                let text = String::from_utf8_lossy(&head[..read]).into_owned();
                let (status, headers, body) = answer(counted.fetch_add(1, Ordering::SeqCst), &text);
                let said = format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
                let _ = stream.write_all(said.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    (origin, count)
}

/// What was asked for may have been done, and must not be done again unseen.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_stopped_in_a_call_is_told_what_that_leaves_open() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let house = house_at(&format!("http://{}", listener.local_addr().expect("an address"))).await;
    for (words, next) in
        [(["post", "hub", "/x"], "may have been done: look before"), (["get", "hub", "/x"], "nothing was lost; run it again")]
    {
        let call = house.start(&words);
        let (mut stream, _) = listener.accept().await.expect("it calls");
        assert!(stream.read(&mut [0; 8192]).await.expect("a request") > 0);
        call.interrupt();
        call.end().await.fails(130, ["interrupted", "", next]);
    }
}

/// A program that picks something out, or asks for a table of it, wants what the API said: a mark of direction in a name is part of it, and so is a line break. Nobody's
/// terminal is in the way. JSON says such a character by its number, which is the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_picks_out_is_what_the_api_said() {
    const BODY: &str = "\u{feff}{\"rows\":[{\"id\":1,\"name\":\"\u{200f}\u{202b}a\u{202c}\u{9b}\\u001b[1m\\r\\nb\"}]}";
    let (origin, _) = serve(|_, _| (200, "Content-Type: application/json\r\n".to_owned(), BODY.to_owned())).await;
    let house = house_at(&origin).await;
    let name = "\u{200f}\u{202b}a\u{202c}\u{9b}\u{1b}[1m\r\nb";
    assert_eq!(house.good(&["get", "hub", "/x", "--jq", ".rows[].name"]).await, format!("{name}\n"));
    assert_eq!(house.good(&["get", "hub", "/x", "--format", "csv"]).await, format!("id,name\r\n1,\"{name}\"\n"));
    for words in [&["--jq", ".rows[]"][..], &["--format", "ndjson"], &["--json", "--jq", ".rows[0]"]] {
        let said = house.good(&[&["get", "hub", "/x"][..], words].concat()).await;
        assert!(said.contains(r"\u200f\u202ba\u202c\u009b\u001b[1m\r\nb"), "{words:?}: {said}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&said).expect("JSON")["name"], name, "{words:?}");
    }
    // A line is a row there.
    assert_eq!(house.good(&["get", "hub", "/x", "--table"]).await, "id\tname\n1\ta[1m b\n");
}

/// As streams and exports have it: a value on each line.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_lines_is_the_list_of_them() {
    const LINES: &str = "{\"id\":1,\"tags\":[\"a\"]}\n{\"id\":2}\n";
    let (origin, _) = serve(|_, target| {
        let body = if target == "/broken" { "{\"id\":1}\n{\"id\"" } else { LINES };
        (200, "Content-Type: application/x-ndjson; charset=utf-8\r\n".to_owned(), body.to_owned())
    })
    .await;
    let house = house_at(&origin).await;
    assert_eq!(house.good(&["get", "hub", "/x"]).await, LINES);
    assert_eq!(house.good(&["get", "hub", "/x", "--jq", ".[].id"]).await, "1\n2\n");
    assert_eq!(house.good(&["get", "hub", "/x", "--table"]).await, "id\ttags\n1\t[\"a\"]\n2\t\n");
    assert_eq!(house.good(&["get", "hub", "/x", "--format", "ndjson"]).await, LINES);
    let ended = house.run(&["get", "hub", "/broken", "--jq", ".[].id"]).await;
    ended.fails(1, ["cannot read the answer of hub", "the answer is no JSON", "as it came"]);
}

/// A page without the header of the first could be of another version, or another customer's.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_call_says_in_its_head_is_said_for_every_page() {
    let (origin, count) = serve_heads(|_, head| {
        let said = head.to_lowercase().contains("x-version: 7") && head.contains("key-of-mine");
        let more = if head.starts_with("GET /a ") { "Link: </b>; rel=next\r\n" } else { "" };
        if said { (200, more.into(), "[1]".into()) } else { (400, String::new(), r#"{"error":"which version?"}"#.into()) }
    })
    .await;
    let house = house_at(&origin).await;
    assert_eq!(house.good(&["get", "hub", "/a", "--paginate", "X-Version:7", "-H", "X-Key: key-of-mine", "--jq", "length"]).await, "2\n");
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

/// Also in a shape: whoever reads the data would take it for it.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_is_said_with_status_200_is_no_data() {
    let (origin, _) = serve(|_, _| (200, String::new(), r#"{"error":"Device not found"}"#.into())).await;
    let house = house_at(&origin).await;
    for shape in [&["--jq", ".status"][..], &["--format", "csv"], &["--table"], &["--paginate"], &["--fail", "--jq", ".status"]] {
        let ended = house.run(&[&["get", "hub", "/x"], shape].concat()).await;
        assert_eq!(ended.stdout, "", "{shape:?}");
        ended.fails(5, ["cannot call hub", "Device not found", ""]);
    }
    assert!(house.good(&["get", "hub", "/x"]).await.contains("Device not found"), "as it came");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_followed_to_the_last() {
    let (origin, _) = serve(|_, target| match target {
        "/things?page=1" => (200, "Link: </things?page=2>; rel=\"next\"\r\n".into(), r#"[{"name":"a, \"b\"","id":1}]"#.into()),
        "/things?page=2" => (200, "Link: <?page=3>; rel=next\r\n".into(), r#"[{"name":"c","id":2}]"#.into()),
        "/things?page=3" => (200, "Link: </things?page=1>; rel=first\r\n".into(), r#"[{"name":"d","id":3,"more":[1]}]"#.into()),
        "/circle" => (200, "Link: </circle>; rel=next\r\n".into(), "[]".into()),
        "/deep/a" => (200, "Link: <b?u=https://elsewhere.example/>; rel=next\r\n".into(), "[1]".into()),
        "/deep/b?u=https://elsewhere.example/" => (200, "Link: </deep/c?u=https://elsewhere.example/>; rel=next\r\n".into(), "[2]".into()),
        "/deep/c?u=https://elsewhere.example/" => (200, String::new(), "[3]".into()),
        "/nowhere" => (200, "Link: <mailto:a@a.example>; rel=next\r\n".into(), "[]".into()),
        "/away" => (200, "Link: <https://elsewhere.example/x>; rel=next\r\n".into(), "[]".into()),
        _ => (404, String::new(), r#"{"error":"no such page"}"#.into()),
    })
    .await;
    let house = house_at(&origin).await;
    let all = house.json(&["get", "hub", "/things?page=1", "--paginate"]).await;
    assert_eq!(all.as_array().map(Vec::len), Some(3));
    assert_eq!(house.good(&["get", "hub", "/things?page=1", "--paginate", "--jq", ".[] | .name"]).await, "a, \"b\"\nc\nd\n");
    let csv = house.good(&["get", "hub", "/things?page=1", "--paginate", "--format", "csv"]).await;
    assert_eq!(csv, "id,name,more\r\n1,\"a, \"\"b\"\"\",\r\n2,c,\r\n3,d,[1]\n");
    assert_eq!(house.good(&["get", "hub", "/things?page=2", "--format", "ndjson"]).await, "{\"id\":2,\"name\":\"c\"}\n");
    assert_eq!(house.good(&["get", "hub", "/things?page=2", "--table"]).await, "id\tname\n2\tc\n");
    let two = house.run(&["get", "hub", "/things?page=1", "--paginate", "--pages", "2", "--jq", "length"]).await.exits(0);
    assert!(two.stdout == "2\n" && two.stderr.contains("only 2 pages"), "{two:#?}");
    house.run(&["get", "hub", "/circle", "--paginate"]).await.fails(1, ["cannot call hub", "read already", "--pages"]);
    assert_eq!(house.good(&["get", "hub", "/deep/a", "--paginate", "--jq", ".[]"]).await, "1\n2\n3\n");
    house.run(&["get", "hub", "/nowhere", "--paginate"]).await.fails(1, ["cannot call hub", "no URL over HTTP", "--paginate"]);
    // A page elsewhere gets no token.
    house
        .run(&["get", "hub", "/away", "--paginate"])
        .await
        .fails(2, ["cannot call hub", "may not be sent to https://elsewhere.example", ""]);
    // What is not the data that was asked for is not taken for it.
    for shape in [&["--jq", "."][..], &["--format", "csv"], &["--table"], &["--paginate"]] {
        let ended = house.run(&[&["get", "hub", "/things?page=9"], shape].concat()).await;
        assert_eq!(ended.stdout, "", "{shape:?}");
        ended.fails(5, ["cannot call hub", "HTTP 404", ""]);
    }
    assert_eq!(house.good(&["get", "hub", "/things?page=9"]).await, r#"{"error":"no such page"}"#);
    house.run(&["get", "hub", "/things?page=2", "--jq", "def f: f; f"]).await.exits(2);
    house.run(&["get", "hub", "/things?page=2", "--jq", ".name"]).await.fails(1, ["does not fit the answer", "", "--jq"]);
}

/// Of 250 repositories a hundred look like all of them.
#[tokio::test(flavor = "multi_thread")]
async fn an_action_reads_the_pages_that_its_answer_names() {
    let (origin, count) = serve(|_, target| match target {
        "/things" => (200, "Link: </things?page=2>; rel=\"next\"\r\n".into(), r#"[{"name":"a","id":1}]"#.into()),
        "/things?page=2" => (200, "Link: <?page=3>; rel=next\r\n".into(), r#"[{"name":"b","id":2}]"#.into()),
        "/things?page=3" => (200, String::new(), r#"[{"name":"c","id":3}]"#.into()),
        _ => (404, String::new(), "[]".into()),
    })
    .await;
    let house = house_at(&origin).await;
    let all = house.run(&["hub", "things"]).await.exits(0);
    assert_eq!((all.stdout.as_str(), all.stderr.as_str()), ("Name\tID\na\t1\nb\t2\nc\t3\n", ""));
    let first = house.run(&["hub", "things", "--pages", "1"]).await.exits(0);
    assert!(first.stdout == "Name\tID\na\t1\n" && first.stderr.contains("there is more: only 1 page was read"), "{first:#?}");
    count.store(0, Ordering::SeqCst);
    house.run(&["status", "hub", "--check"]).await.exits(0);
    assert_eq!(count.load(Ordering::SeqCst), 1, "to see whether it answers, one page does");
}

/// Nobody asked for more than the first page: what is there is shown, and that there is more.
#[tokio::test(flavor = "multi_thread")]
async fn a_next_page_that_cannot_be_had_costs_no_first_one() {
    let (origin, _) = serve(|_, target| match target {
        "/things" => (200, "Link: </gone>; rel=\"next\"\r\n".into(), r#"[{"name":"a","id":1}]"#.into()),
        _ => (429, String::new(), "[]".into()),
    })
    .await;
    let house = house_at(&origin).await;
    let first = house.run(&["hub", "things"]).await.exits(0);
    assert_eq!(first.stdout, "Name\tID\na\t1\n");
    assert!(first.stderr.contains("only 1 page was read: the next page could not be read"), "{first:#?}");
    assert!(!first.stderr.contains("--pages"), "more pages would not help: {first:#?}");
    house.run(&["hub", "things", "--pages", "2"]).await.exits(5);
}

/// Whoever reads that it failed opens the door once more.
#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_acted_is_done_whatever_its_answer_is_written_in() {
    let (origin, _) = serve(|_, _| (200, String::new(), "accepted".into())).await;
    let house = house_at(&origin).await;
    let file = std::fs::read_to_string(house.path("config/providers/hub.toml")).expect("its file");
    let set = "[actions.set]\nabout = \"Sets it\"\nmethod = \"PUT\"\npath = \"/set\"\nacts = true\n";
    house.file("config/providers/hub.toml", &(file + set));
    let done = house.run(&["hub", "set", "--yes"]).await.exits(0);
    assert!(done.stderr.contains("it was done; what the answer says cannot be read"), "{done:#?}");
}

/// As the provider's file says it, where it is not in the head.
#[tokio::test(flavor = "multi_thread")]
async fn an_action_reads_the_pages_that_its_file_tells_of() {
    let (origin, _) = serve(|_, target| match target {
        "/things" => (200, String::new(), r#"{"things":[{"name":"a","id":1}],"next":"n2"}"#.into()),
        "/things?after=n2" => (200, String::new(), r#"{"things":[{"name":"b","id":2}],"next":""}"#.into()),
        "/round" => (200, String::new(), r#"{"things":[],"next":"n2"}"#.into()),
        "/round?after=n2" => (200, String::new(), r#"{"things":[],"next":"n2"}"#.into()),
        _ => (404, String::new(), "[]".into()),
    })
    .await;
    let house = house_at(&origin).await;
    let file = std::fs::read_to_string(house.path("config/providers/hub.toml")).expect("its file");
    let file = file.replace("[actions.things]", "pages = { cursor = \"/next\", parameter = \"after\" }\n[actions.things]");
    let round = "[actions.round]\nabout = \"Round\"\npath = \"/round\"\nrows = \".things[]\"\n";
    house.file("config/providers/hub.toml", &(file.replace("rows = \".[]\"", "rows = \".things[]\"") + round));
    assert_eq!(house.good(&["hub", "things"]).await, "Name\tID\na\t1\nb\t2\n");
    house.run(&["hub", "round"]).await.fails(1, ["cannot do round with hub", "read already", "--pages"]);
}

/// Items that are counted where an answer has none look like the last page.
#[tokio::test(flavor = "multi_thread")]
async fn who_counts_items_where_there_are_none_hears_that_there_may_be_more() {
    let (origin, count) = serve(|_, target| match target {
        "/things" => (200, String::new(), r#"{"things":[{"name":"a","id":1}]}"#.into()),
        "/me" => (200, String::new(), r#"{"name":"me","tags":["x"]}"#.into()),
        _ => (200, String::new(), r#"{"things":[]}"#.into()),
    })
    .await;
    let house = house_at(&origin).await;
    let file = std::fs::read_to_string(house.path("config/providers/hub.toml")).expect("its file");
    let file = file.replace("rows = \".[]\"", "rows = \".things[]\"");
    let counted = |items: &str| {
        file.replace("[actions.things]", &format!("pages = {{ counts = \"pages\", parameter = \"page\"{items} }}\n[actions.things]"))
    };
    for (items, why) in
        [("", "has no items, and the answer is not a list itself"), (", items = \"/all\"", "is \"/all\", where the answer has no list")]
    {
        house.file("config/providers/hub.toml", &counted(items));
        for words in [&["hub", "things"][..], &["get", "hub", "/things", "--paginate"]] {
            let told = house.run(words).await.exits(0).stderr;
            assert!(told.contains("this may not be all") && told.contains(why) && told.contains("lists at /things"), "{words:?}: {told}");
        }
        assert_eq!(house.run(&["get", "hub", "/me", "--paginate"]).await.exits(0).stderr, "", "what has no list has no pages");
    }
    let before = count.load(Ordering::SeqCst);
    house.file("config/providers/hub.toml", &counted(", items = \"/things\""));
    assert_eq!(house.run(&["hub", "things"]).await.exits(0).stderr, "");
    assert_eq!(count.load(Ordering::SeqCst), before + 2, "until a page has none");
}

/// The one page that was wanted is not all, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_one_page_hears_that_there_are_more() {
    let (origin, _) = serve(|_, _| (200, "Link: </b>; rel=next\r\n".into(), "[1]".into())).await;
    let house = house_at(&origin).await;
    let one = house.run(&["get", "hub", "/a", "--paginate", "--pages", "1"]).await.exits(0);
    assert!(one.stdout == "[1]\n" && one.stderr.contains("there is more: only 1 page was read (--pages N reads more)"), "{one:#?}");
    assert_eq!(house.run(&["get", "hub", "/a", "--jq", "."]).await.exits(0).stderr, "", "nobody asked for pages");
}

/// Bytes that a header should not have lead on all the same: what is left away behind them would look like all.
#[tokio::test(flavor = "multi_thread")]
async fn addresses_with_letters_of_any_language_are_followed() {
    let (origin, _) = serve(|_, target| match target {
        "/a" => (200, "Link: </b?q=café>; rel=\"next\"\r\n".into(), "[1]".into()),
        "/b?q=caf%C3%A9" => (200, "Link: </c>; rel=\"next\"; title=\"Nächste\"\r\n".into(), "[2]".into()),
        "/c" => (200, String::new(), "[3]".into()),
        "/moved" => (302, "Location: /café\r\n".into(), String::new()),
        "/caf%C3%A9" => (200, String::new(), "here".into()),
        "/lost" => (302, String::new(), String::new()),
        _ => (404, String::new(), String::new()),
    })
    .await;
    let house = house_at(&origin).await;
    assert_eq!(house.good(&["get", "hub", "/a", "--paginate"]).await, "[1,2,3]\n");
    assert_eq!(house.good(&["get", "hub", "/moved", "-L"]).await, "here");
    let told = house.run(&["get", "hub", "/moved"]).await.exits(0);
    assert!(told.stderr.contains("→ /caf%C3%A9 (-L follows it"), "{}", told.stderr);
    house.run(&["get", "hub", "/lost", "-L"]).await.fails(1, ["cannot call hub", "without a Location", "-i"]);
    assert!(house.run(&["get", "hub", "/lost"]).await.exits(0).stderr.contains("HTTP 302"));
}

/// With curl, too, a redirect is no error. What is to be made of the data is made of nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_no_error_and_no_data() {
    let (origin, _) = serve(|_, target| match target {
        "/moved" => (302, "Location: /data?signature=abc\r\n".into(), "<p>moved".into()),
        "/data?signature=abc" => (200, String::new(), r#"{"a":1}"#.into()),
        "/same" => (304, String::new(), String::new()),
        "/choices" => (300, String::new(), r#"{"a":2}"#.into()),
        _ => (404, String::new(), String::new()),
    })
    .await;
    let house = house_at(&origin).await;
    assert_eq!(house.good(&["get", "hub", "/moved", "-f"]).await, "<p>moved");
    assert_eq!(house.json(&["get", "hub", "/moved", "-f", "-i"]).await["status"], 302);
    assert_eq!(house.good(&["get", "hub", "/same", "-f", "If-None-Match:\"x\""]).await, "");
    house.run(&["get", "hub", "/none", "-f"]).await.exits(5);
    for (shape, next) in
        [(&["--jq", ".a"][..], "-L follows it"), (&["--format", "csv"], "-L"), (&["--table"], "-L"), (&["--paginate"], "call it there")]
    {
        let ended = house.run(&[&["get", "hub", "/moved"], shape].concat()).await;
        assert!(ended.stdout.is_empty() && !ended.stderr.contains("signature"), "{shape:?} {ended:#?}");
        ended.fails(5, ["cannot call hub", "HTTP 302 Found → /data", next]);
        house.run(&[&["get", "hub", "/choices"], shape].concat()).await.fails(5, ["cannot call hub", "HTTP 300", "-i"]);
        assert_eq!(house.good(&[&["get", "hub", "/same"], shape].concat()).await, "", "{shape:?}");
    }
    assert_eq!(house.good(&["get", "hub", "/moved", "-L", "--jq", ".a"]).await, "1\n");
    // What was called is not told as if it had not been, nor to be called again.
    let ended = house.run(&["post", "hub", "/moved", "a=b", "--jq", ".a"]).await;
    assert!(!ended.stderr.contains("-L"), "{ended:#?}");
    ended.fails(5, ["cannot read the answer of hub", "it was called, and may have been done", "what is there now"]);
}

/// Who asks for an object gets one, wherever the body goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_head_is_an_object_also_where_the_body_goes_to_a_file() {
    let (origin, _) = serve(|_, _| (200, "X-Seen: yes\r\n".into(), r#"{"a":1}"#.into())).await;
    let house = house_at(&origin).await;
    let file = house.path("answer.json").display().to_string();
    let told = house.json(&["get", "hub", "/x", "-i", "-o", &file]).await;
    assert_eq!((&told["status"], &told["headers"]["x-seen"]), (&200.into(), &"yes".into()));
    assert!(told["body"].is_null(), "{told}");
    assert_eq!(std::fs::read_to_string(&file).expect("the body"), r#"{"a":1}"#);
}

/// Each may have commas in it (RFC 9110 §5.3).
#[tokio::test(flavor = "multi_thread")]
async fn cookies_are_told_one_by_one() {
    let (origin, _) = serve(|_, _| {
        let head = "Set-Cookie: a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT\r\nSet-Cookie: b=2\r\nVary: a\r\nVary: b\r\n";
        (200, head.into(), "{}".into())
    })
    .await;
    let headers = house_at(&origin).await.json(&["get", "hub", "/x", "-i"]).await["headers"].clone();
    assert_eq!(headers["set-cookie"], serde_json::json!(["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "b=2"]));
    assert_eq!(headers["vary"], "a, b");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_pass_is_tried_again_as_long_as_the_server_says() {
    let (origin, count) = serve(|number, target| match (target, number) {
        ("/busy", 0 | 1) | ("/page", 1 | 2) => (503, "Retry-After: 0\r\n".into(), "busy".into()),
        ("/long", _) => (503, "Retry-After: 86400\r\n".into(), "busy".into()),
        ("/list", _) => (200, "Link: </page>; rel=\"next\"\r\n".into(), "[1]".into()),
        ("/page", _) => (200, String::new(), "[2]".into()),
        _ => (200, String::new(), "done".into()),
    })
    .await;
    let house = house_at(&origin).await;
    let ended = house.run(&["get", "hub", "/busy", "--retry", "2"]).await.exits(0);
    assert!(ended.stdout == "done" && ended.stderr.contains("trying again in 0 s, 2 times more"), "{ended:#?}");
    assert!(ended.stderr.contains("trying again in 0 s, 1 times more"), "each pause is told: {ended:#?}");
    assert_eq!(count.swap(0, Ordering::SeqCst), 3, "the number that was said is all that counts");
    let ended = house.run(&["get", "hub", "/list", "--paginate", "--retry", "2"]).await.exits(0);
    assert_eq!(ended.stdout.split_whitespace().collect::<String>(), "[1,2]", "{ended:#?}");
    assert_eq!(count.swap(0, Ordering::SeqCst), 4, "also with each page");
    let ended = house.run(&["get", "hub", "/busy"]).await.exits(0);
    assert!(ended.stdout == "busy" && ended.stderr.contains("--retry N"), "{ended:#?}");
    assert_eq!(count.load(Ordering::SeqCst), 1, "once, where nothing was said");
    let ended = house.run(&["get", "hub", "/long", "--retry", "5"]).await.exits(0);
    assert!(ended.stdout == "busy" && ended.stderr.contains("HTTP 503"), "{ended:#?}");
    count.store(0, Ordering::SeqCst);
    let ended = house.run(&["post", "hub", "/busy", "a=b", "--retry", "5"]).await.exits(0);
    assert!(ended.stdout == "busy" && count.load(Ordering::SeqCst) == 1, "a POST is sent once: {ended:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_file_said_in_a_header_is_masked_where_the_server_repeats_it() {
    let (origin, _) = serve(|_, _| (200, "X-Seen: site=example-site-secret-not-real\r\n".into(), "ok".into())).await;
    let house = house_at(&origin).await;
    let file = house.file("headers.txt", "X-Site: example-site-secret-not-real\n");
    let ended = house.run(&["get", "hub", "/x", "-v", "-H", &format!("@{file}")]).await.exits(0);
    assert!(ended.stderr.contains("> x-site: <secret>") && ended.stderr.contains("< x-seen: site=<secret>"), "{}", ended.stderr);
}

/// A server like [`serve`], which keeps the heads and bodies of what it was asked.
async fn listening(answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> (String, Arc<std::sync::Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (kept, answer) = (asked.clone(), Arc::new(answer));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (kept, answer) = (kept.clone(), answer.clone());
            tokio::spawn(async move {
                let mut head = vec![0; 8192];
                let read = stream.read(&mut head).await.unwrap_or(0);
                let text = String::from_utf8_lossy(&head[..read]).into_owned();
                let (status, headers) = answer(text.split(' ').nth(1).unwrap_or_default());
                kept.lock().expect("nobody panicked").push(text);
                let said = format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: 2\r\nConnection: close\r\n\r\nok");
                let _ = stream.write_all(said.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    (origin, asked)
}

/// Whoever reads that nothing was called does it again.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_called_and_cannot_be_read_is_said_so() {
    let (origin, _) = listening(|target| match target {
        // "ok" is neither a chunk nor JSON.
        "/broken" => (200, "Transfer-Encoding: chunked\r\n".to_owned()),
        _ => (200, String::new()),
    })
    .await;
    let house = house_at(&origin).await;
    house.run(&["post", "hub", "/x", "a=b", "--jq", "."]).await.fails(1, ["cannot read the answer of hub", "no JSON", "--jq"]);
    house.run(&["get", "hub", "/broken", "--jq", "."]).await.fails(6, ["cannot call hub", "", ""]);
}

/// 204, and 200 with nothing in it: it worked, and there is nothing to make something of.
#[tokio::test(flavor = "multi_thread")]
async fn of_an_empty_answer_no_data_is_made() {
    let (origin, _) = serve(|_, target| (if target == "/204" { 204 } else { 200 }, String::new(), String::new())).await;
    let house = house_at(&origin).await;
    for shape in [&["--jq", ".id"][..], &["--format", "csv"], &["--table"], &["--paginate"]] {
        // A person is told that a table has no row.
        let note = if shape == ["--table"] { "nothing there\n" } else { "" };
        for path in ["/204", "/200"] {
            let ended = house.run(&[&["get", "hub", path], shape].concat()).await.exits(0);
            assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", note), "{shape:?} of {path}");
        }
    }
}

/// The answer does not come, or does not end.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_given_up_when_its_time_is_over() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 8192];
            let read = stream.read(&mut head).await.unwrap_or(0);
            if String::from_utf8_lossy(&head[..read]).contains(" /slow ") {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nslow").await;
            }
            open.push(stream);
        }
    });
    let house = house_at(&origin).await;
    for path in ["/never", "/slow"] {
        let ended = house.run(&["get", "hub", path, "-m", "1"]).await;
        ended.fails(6, ["cannot call hub", "not over within 1 s (--max-time)", "with more time"]);
    }
    let ended = house.run(&["post", "hub", "/never", "a=b", "--max-time", "1s"]).await;
    ended.fails(6, ["cannot call hub", "not over within 1 s", "look whether it was done"]);
    house.run(&["get", "hub", "/never", "-m", "soon"]).await.exits(2);
    // A part of an answer is under nobody's name, and takes nothing's place.
    for before in [None, Some("before")] {
        before.inspect(|text| drop(house.file("answer.txt", text)));
        let ended = house.run(&["get", "hub", "/slow", "-m", "0.5", "-o", "answer.txt"]).await;
        ended.fails(6, ["cannot call hub", "not over within 0.5 s (--max-time)", "with more time"]);
        assert_eq!(std::fs::read_to_string(house.path("answer.txt")).ok().as_deref(), before);
    }
    let left =
        std::fs::read_dir(house.path("")).expect("a folder").flatten().filter(|entry| entry.path().extension() == Some("part".as_ref()));
    assert_eq!(left.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn c18_i9_redirects_are_followed_when_that_is_asked_for_and_lose_the_credentials_with_the_origin() {
    let back = Arc::new(std::sync::Mutex::new(String::new()));
    let to = back.clone();
    let (elsewhere, asked_there) = listening(move |target| match target {
        "/back" => (302, format!("Location: {}/here\r\n", to.lock().expect("nobody panicked"))),
        _ => (200, String::new()),
    })
    .await;
    let away = elsewhere.clone();
    let (origin, asked_here) = listening(move |target| match target.split('?').next().unwrap_or_default() {
        "/near" => (302, "Location: here?a=b\r\n".to_owned()),
        "/look" => (303, "Location: /here\r\n".to_owned()),
        "/same" => (307, "Location: /here\r\n".to_owned()),
        "/circle" => (301, "Location: /circle\r\n".to_owned()),
        "/steps/0" => (200, String::new()),
        steps if steps.starts_with("/steps/") => {
            (302, format!("Location: /steps/{}\r\n", steps["/steps/".len()..].parse::<u32>().expect("a number") - 1))
        }
        "/away" => (302, format!("Location: {away}/there\r\n")),
        "/away-same" => (307, format!("Location: {away}/there\r\n")),
        "/away-and-back" => (302, format!("Location: {away}/back\r\n")),
        "/telling" => (302, format!("Location: {away}/there?t=example-access-token-not-real\r\n")),
        "/out" => (302, "Location: mailto:a@a.example\r\n".to_owned()),
        "/inside" => (302, "Location: https://10.0.0.1/x\r\n".to_owned()),
        _ => (200, String::new()),
    })
    .await;
    back.lock().expect("nobody panicked").push_str(&origin);
    let house = house_at(&origin).await;
    let heard = |asked: &Arc<std::sync::Mutex<Vec<String>>>| std::mem::take(&mut *asked.lock().expect("nobody panicked"));
    let with_token = |text: &String| text.contains("Bearer example-access-token-not-real");

    // Unless asked for, nothing is followed.
    assert!(house.good(&["get", "hub", "/near", "-i"]).await.contains("HTTP 302"));
    assert_eq!(heard(&asked_here).len(), 1);
    let told = house.run(&["get", "hub", "/near"]).await.exits(0);
    assert!(told.stderr.contains("HTTP 302") && told.stderr.contains("→ here (-L follows it"), "{}", told.stderr);
    let told = house.run(&["get", "hub", "/telling"]).await.exits(0);
    assert!(told.stderr.contains("/there (-L follows it") && !told.stderr.contains("t="), "a query may be a key: {}", told.stderr);
    heard(&asked_here);

    assert_eq!(house.good(&["get", "hub", "/near", "q==1", "-L"]).await, "ok");
    let asked = heard(&asked_here);
    assert!(asked.len() == 2 && asked.iter().all(with_token), "{asked:?}");
    assert!(asked[1].starts_with("GET /here?a=b HTTP"), "{asked:?}");

    // RFC 9110 §15.4: whether it is asked for again as it was.
    for (path, method, body) in [("/near", "GET", false), ("/look", "GET", false), ("/same", "POST", true)] {
        assert_eq!(house.good(&["post", "hub", path, "a=b", "-L"]).await, "ok");
        let asked = heard(&asked_here);
        assert!(asked[1].starts_with(&format!("{method} /here")) && asked[1].contains("content-length") == body, "{path}: {asked:?}");
    }

    // Twenty are followed; the one after them is not asked for, rather than asked for and thrown away.
    assert_eq!(house.good(&["get", "hub", "/steps/20", "-L"]).await, "ok");
    assert_eq!(heard(&asked_here).len(), 21);
    house.run(&["get", "hub", "/steps/21", "-L"]).await.fails(1, ["cannot call hub", "20 redirects were followed", "-i"]);
    let asked = heard(&asked_here);
    assert!(asked.len() == 21 && asked[20].starts_with("GET /steps/1 "), "{asked:?}");

    // Elsewhere one comes as a stranger, with no header that tells who it is.
    let said = ["-L", "-H", "X-Mine: private", "-H", "Accept: text/csv"];
    let away = house.run(&[&["get", "hub", "/away"][..], &said].concat()).await.exits(0);
    assert_eq!(away.stdout, "ok");
    assert!(away.stderr.contains(&format!("following to {elsewhere}, without credentials")), "{}", away.stderr);
    let there = heard(&asked_there);
    assert!(there.len() == 1 && there[0].contains("accept: text/csv"), "{there:?}");
    assert!(!there[0].contains("example-access-token") && !there[0].contains("private"), "{there:?}");

    // Who was sent back is still a stranger: somebody else wrote where to.
    heard(&asked_here);
    house.good(&["get", "hub", "/away-and-back", "-L"]).await;
    let here = heard(&asked_here);
    assert!(here.len() == 2 && with_token(&here[0]) && !with_token(&here[1]), "{here:?}");
    heard(&asked_there);

    for (arguments, why) in [
        (&["get", "hub", "/circle", "-L"][..], "on and on"),
        (&["post", "hub", "/away-same", "a=b", "-L"], "for the API alone"),
        (&["get", "hub", "/telling", "-L"], "with a secret of yours"),
        (&["get", "hub", "/out", "-L"], "no URL over HTTP"),
    ] {
        let ended = house.run(arguments).await.exits(1);
        assert!(ended.stderr.contains(why), "{arguments:?}: {}", ended.stderr);
        assert!(!ended.stderr.contains("example-access-token"), "{}", ended.stderr);
    }
    house.run(&["get", "hub", "/inside", "-L"]).await.exits(6);
    assert_eq!(heard(&asked_there), [""; 0], "nobody there was asked");
}

/// Nothing of the answer says that another token was not even asked for.
#[tokio::test(flavor = "multi_thread")]
async fn d8_a_token_that_is_refused_just_after_its_refresh_is_told_of() {
    let (origin, count) = serve(|_, target| match target {
        "/token" => {
            let tokens = r#"{"access_token":"example-next-not-real","token_type":"Bearer","refresh_token":"example-refresh-next","expires_in":3600}"#;
            (200, "Content-Type: application/json\r\n".to_owned(), tokens.to_owned())
        }
        _ => (401, String::new(), String::new()),
    })
    .await;
    let house = house_at(&origin).await;
    let tokens = r#"{"access_token":"example-access-not-real","refresh_token":"example-refresh-not-real","expires_in":3600}"#;
    house.run_with(&["import", "hub", "--stdin", "--replace"], tokens).await.exits(0);
    // Refused, refreshed, refused.
    let first = house.run(&["get", "hub", "/x"]).await.exits(0);
    assert!(first.stderr.contains("HTTP 401"), "{first:#?}");
    let asked = count.load(Ordering::SeqCst);
    assert_eq!(asked, 3);
    let again = house.run(&["get", "hub", "/x"]).await.exits(0);
    assert_eq!(count.load(Ordering::SeqCst), asked + 1, "it was not refreshed again");
    for ended in [&first, &again, &house.run(&["get", "hub", "/x", "--fail"]).await.exits(5), &house.run(&["hub", "things"]).await.exits(5)]
    {
        assert!(
            ended.stderr.contains("was not refreshed again: that is done once in 60 s at most; at once by keyfob refresh hub"),
            "{ended:#?}"
        );
    }
}

/// Some say errors with 200: of an answer that is one of theirs, and good, nobody is told anything; one that goes on blaming the token is an error.
#[tokio::test(flavor = "multi_thread")]
async fn d8_only_an_answer_that_blames_the_token_is_told_of() {
    let (origin, _) = serve(|_, target| {
        let said = match target {
            "/token" => {
                r#"{"access_token":"example-next-not-real","token_type":"Bearer","refresh_token":"example-refresh-next","expires_in":3600}"#
            }
            "/good" => r#"{"code":"FINE","things":[]}"#,
            _ => r#"{"code":"EXPIRED","error":"the token is over"}"#,
        };
        (200, "Content-Type: application/json\r\n".to_owned(), said.to_owned())
    })
    .await;
    let house = house_at(&origin).await;
    let file = house.path("config/providers/hub.toml");
    let text = std::fs::read_to_string(&file).expect("the file");
    let signal = "expired = [{ status = [200], pointer = \"/code\", values = [\"EXPIRED\"] }]";
    // Nothing else says that it is an error.
    let failed = "failed = [{ status = [200], pointer = \"/error\" }]";
    assert!(text.contains(failed), "{text}");
    std::fs::write(&file, text.replace(failed, signal)).expect("written");
    let tokens = r#"{"access_token":"example-access-not-real","refresh_token":"example-refresh-not-real","expires_in":3600}"#;
    house.run_with(&["import", "hub", "--stdin", "--replace"], tokens).await.exits(0);
    house.run(&["refresh", "hub"]).await.exits(0);
    let good = house.run(&["get", "hub", "/good"]).await.exits(0);
    assert!(!good.stderr.contains("not refreshed again"), "{good:#?}");
    for asked in [&["get", "hub", "/x", "--fail"][..], &["get", "hub", "/x", "--jq", ".code"], &["hub", "things"]] {
        let ended = house.run(asked).await.exits(5);
        assert!(ended.stderr.contains("the token is over") && ended.stderr.contains("not refreshed again"), "{asked:?}: {ended:#?}");
    }
}

/// The file that says how it is spoken to is no part of the vault, and may be left behind.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_whose_provider_file_is_gone_is_told_as_that() {
    let (origin, _) = serve(|_, _| (200, String::new(), "{}".to_owned())).await;
    let house = house_at(&origin).await;
    let file = house.path("config/providers/hub.toml");
    std::fs::rename(&file, house.path("hub.toml")).expect("moved away");
    let why = "the provider file of hub is not here";
    for asked in [&["status", "hub"][..], &["get", "hub", "/x"], &["token", "hub"]] {
        house.run(asked).await.fails(1, ["cannot use hub", why, "put hub.toml back into "]);
    }
    let all = house.run(&["status"]).await.exits(0);
    assert!(all.stderr.contains("unusable hub: put hub.toml back into "), "{all:#?}");
    std::fs::rename(house.path("hub.toml"), &file).expect("put back");
    house.good(&["get", "hub", "/x"]).await;
    house.good(&["app", "rm", "hub"]).await;
    for asked in [&["status", "hub"][..], &["get", "hub", "/x"]] {
        house.run(asked).await.fails(4, ["cannot use hub", "is no longer in the vault", "put it back: keyfob app add hub"]);
    }
}

/// Neither the refresh token nor the app is blamed: no login is said to help, so the account is healthy, and its token has ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_fails_is_told_in_the_list() {
    let refused = r#"{"error":"invalid_request"}"#;
    let (origin, _) = serve(move |_, _| (401, "Content-Type: application/json\r\n".to_owned(), refused.to_owned())).await;
    let house = house_at(&origin).await;
    let tokens = r#"{"access_token":"example-access-not-real","refresh_token":"example-refresh-not-real","expires_in":0}"#;
    house.run_with(&["import", "hub", "--stdin", "--replace"], tokens).await.exits(0);
    assert!(!house.run(&["status"]).await.exits(0).stderr.contains("not renewed"));
    house.run(&["refresh", "hub"]).await.fails(1, ["cannot refresh hub", "invalid_request", ""]);
    let listed = house.run(&["status"]).await.exits(0);
    assert!(
        listed.stderr.contains("not renewed hub: the last refresh failed, ") && listed.stderr.contains("invalid_request"),
        "{listed:#?}"
    );
}

/// Who blames tokens by it, says by it also that somebody may not do something.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_forbidden_is_no_want_of_a_login() {
    let (origin, _) = serve(|_, target| match target {
        "/things" => (403, String::new(), r#"{"message":"only an owner may do this"}"#.to_owned()),
        _ => (200, String::new(), r#"{"error":"The client is offline"}"#.to_owned()),
    })
    .await;
    let house = house_at(&origin).await;
    let file = house.path("config/providers/hub.toml");
    let text = std::fs::read_to_string(&file).expect("the file");
    std::fs::write(&file, text.replace("attach = \"bearer\"", "attach = \"bearer\"\nexpired = [{ status = [401, 403] }]"))
        .expect("written");
    house.run(&["hub", "things"]).await.fails(5, ["cannot do things", "403", "this account, or the app, may not do that"]);
    house.run(&["get", "hub", "/x", "--fail"]).await.fails(5, ["cannot call hub", "The client is offline", "the provider's own word"]);
}
