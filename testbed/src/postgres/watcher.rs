//! Cleans up after a test that cannot do it any more. It waits at a pipe that this process holds: however this process ends, the pipe
//! closes.

use std::path::Path;
use std::process::{Child, Command, Stdio};

const SCRIPT: &str = r#"
trap '' INT TERM HUP
read -r word
[ "$word" = dismissed ] && exit
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && kill -CONT "$pid" 2>/dev/null && kill -QUIT "$pid" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
done
rm -rf "$1"
"#;

pub(super) struct Watcher(Child);

impl Watcher {
    pub(super) fn start(folder: &Path) -> Self {
        let mut sh = Command::new("/bin/sh");
        sh.args(["-c", SCRIPT, "sh"]).arg(folder).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(sh.spawn().expect("a shell"))
    }

    /// There is nothing left to clean up.
    pub(super) fn dismiss(&mut self) {
        if let Some(mut pipe) = self.0.stdin.take() {
            drop(std::io::Write::write_all(&mut pipe, b"dismissed\n"));
        }
        drop(self.0.wait());
    }
}
