//! The search and the watch find what there is to be found.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use keyfob_e2e::canary::{Canary, SPELLINGS, Search, Watch};

/// Each spelling, written by other hands than the search's, is found; its neighbours do not hide it.
#[test]
fn the_search_finds_what_is_there() {
    let secret = "s3cret/Value+with|odd=ends";
    let search = Search::new(&[Canary::new("it", secret)].into());
    let python = format!(
        "import base64,json,sys,urllib.parse as u\ns={secret:?}\nfor n in range(3):\n  t='x'*n+s+'tail'\n  print(base64.b64encode(t.encode()).decode(), base64.urlsafe_b64encode(t.encode()).decode())\n\
         print(u.quote(s,safe=''))\nprint(u.quote(u.quote(s,safe=''),safe=''))\nprint(s.encode().hex())\nprint(s.encode().hex().upper())\nprint(s[::-1])\n\
         print(json.dumps(s).replace('/','\\\\/'))\nprint(list(s.encode()))\nprint(''.join('%%%02X'%b for b in s.encode()))\nprint(s)\nsys.stdout.flush()\nsys.stdout.buffer.write(s.encode('utf-16'))"
    );
    let Some(interpreter) = keyfob_interop::tools::python() else { return };
    let output = Command::new(interpreter).args(["-c", &python]).output().expect("python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: BTreeSet<&str> = search.of(&output.stdout).into_iter().map(|(_, spelling)| spelling).collect();
    assert_eq!(found, SPELLINGS.into());
    // One line at a time, so that no spelling stands in for another.
    for line in output.stdout.split(|byte| *byte == b'\n') {
        assert!(!search.of(line).is_empty(), "{}", String::from_utf8_lossy(line));
    }
    assert!(search.of(b"nothing of the kind: s3cret/Value+with|odd=end").is_empty());
}

/// A secret in a command line, in an environment, and in a file that is gone at the end is seen.
#[test]
fn the_watch_sees_what_comes_and_goes() {
    let folder = tempfile::tempdir().expect("a folder");
    let watch = Watch::begin(folder.path());
    let mut shell = Command::new("sh");
    shell.args(["-c", "read line; : planted-in-the-arguments"]).env("PLANTED", "planted-in-the-environment");
    let mut child = shell.stdin(Stdio::piped()).spawn().expect("a shell");
    fs::create_dir(folder.path().join("below")).expect("a folder");
    fs::write(folder.path().join("below/it"), "planted-in-a-file").expect("a file");
    for (kind, planted) in [("cmdline", "the-arguments"), ("environ", "the-environment"), ("file", "a-file")] {
        let search = Search::new(&[Canary::new(kind, format!("planted-in-{planted}"))].into());
        let begun = Instant::now();
        while !watch.seen().iter().any(|seen| seen.kind == kind && !search.of(&seen.bytes).is_empty()) {
            assert!(begun.elapsed() < Duration::from_secs(60), "{kind} is not seen");
            thread::sleep(Duration::from_millis(5));
        }
    }
    fs::remove_file(folder.path().join("below/it")).expect("it is there");
    drop(child.stdin.take());
    child.wait().expect("it ends");
    let kept: BTreeSet<&str> = watch.end().iter().map(|seen| seen.kind).collect();
    assert_eq!(kept, ["cmdline", "environ", "file"].into(), "what is gone by the end is told all the same");
}
