//! wrk, which asks as fast as it is answered.

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::process::{Core, held};

/// A target, and with which key: in a file, for what is in an argument everybody can read.
pub(crate) struct Load {
    folder: TempDir,
    /// With which of the targets the next run begins: where the last one ended, or the last of many would never be asked.
    from: Cell<u64>,
}

/// What wrk saw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) requests: f64,
    pub(crate) seconds: f64,
    /// Answers other than 2xx and 3xx, and connections that broke.
    pub(crate) failed: f64,
    /// In milliseconds.
    pub(crate) p99: f64,
}

/// Requests at once.
pub(crate) const AT_ONCE: usize = 64;

/// In seconds. wrk counts as failed what it has waited for longer, though it is answered: two seconds if nothing is said, and on a busy machine an
/// answer takes that. Nobody waits longer than this for the web app.
const PATIENCE: usize = 150;

impl Load {
    /// GETs of these targets in turn, with their keys.
    pub(crate) fn of(requests: &[(String, Option<String>)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let line = |(target, key): &(String, Option<String>)| match key {
            Some(key) => format!("{target} {key}\n"),
            None => format!("{target}\n"),
        };
        std::fs::write(folder.path().join("requests"), requests.iter().map(line).collect::<String>()).expect("written");
        let script = SCRIPT.replace("@FILE@", &folder.path().join("requests").to_string_lossy());
        std::fs::write(folder.path().join("script.lua"), script).expect("written");
        Self { folder, from: Cell::new(0) }
    }

    pub(crate) fn run(&self, address: SocketAddr, seconds: usize) -> Seen {
        let script: PathBuf = self.folder.path().join("script.lua");
        let output = held(Core::Others, "wrk")
            .args(["--threads", "1", "--connections", &AT_ONCE.to_string(), "--duration", &format!("{seconds}s")])
            .args(["--timeout", &format!("{PATIENCE}s")])
            .args([Path::new("--script"), &script])
            .args([&format!("http://{address}"), "--", &self.from.get().to_string()])
            .output()
            .expect("wrk runs");
        let text = String::from_utf8_lossy(&output.stdout);
        let figures = text.lines().find_map(|line| line.strip_prefix("seen ")).unwrap_or_else(|| panic!("no figures: {text}"));
        let numbers: Vec<f64> = figures.split(' ').map(|number| number.parse().expect("a number")).collect();
        let [requests, micros, statuses, broken, p99] = numbers[..] else { panic!("five figures: {figures}") };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        self.from.set(self.from.get() + requests as u64);
        Seen { requests, seconds: micros / 1e6, failed: statuses + broken, p99: p99 / 1e3 }
    }
}

const SCRIPT: &str = r#"
local requests, at = {}, 0
function init(args)
    at = tonumber(args[1])
    for line in io.lines("@FILE@") do
        local target, key = line:match("^(%S+) ?(%S*)$")
        local headers = {}
        if key ~= "" then headers["Authorization"] = "Bearer " .. key end
        requests[#requests + 1] = wrk.format("GET", target, headers)
    end
end
function request()
    at = at % #requests + 1
    return requests[at]
end
function done(summary, latency)
    local broken = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
    io.write(string.format("seen %d %d %d %d %d\n", summary.requests, summary.duration, summary.errors.status, broken,
        latency:percentile(99)))
end
"#;
