//! nginx, with one worker, as the fastest that does the same without looking at it.

use std::net::SocketAddr;

use keyfob_testbed::port;
use tempfile::TempDir;

use crate::process::{Core, Process};
use crate::tools;

pub(crate) struct Nginx {
    pub(crate) process: Process,
    _folder: TempDir,
}

impl Nginx {
    /// Answers everything with this.
    pub(crate) fn answering(core: Core, body: &str) -> Self {
        Self::start(core, &format!("location / {{ default_type application/json; return 200 '{body}'; }}"), "")
    }

    /// Sends everything on to there, on connections that stay open.
    pub(crate) fn passing_to(core: Core, upstream: SocketAddr) -> Self {
        let there = format!("upstream there {{ server {upstream}; keepalive 256; keepalive_requests 1000000000; }}");
        let pass = "location / { proxy_pass http://there; proxy_http_version 1.1; proxy_set_header Connection ''; }";
        Self::start(core, pass, &there)
    }

    fn start(core: Core, location: &str, upstream: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (port, path) = (port::reserve(), folder.path().display());
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let temporary =
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("{kind}_temp_path {path}/{kind};")).concat();
        // One process is one worker. Errors only, for nothing else is worth a write.
        let text = format!(
            "daemon off; master_process off; worker_processes 1; pid {path}/pid; error_log {path}/errors crit;
             events {{ worker_connections 2048; }}
             http {{ access_log off; {temporary} keepalive_requests 1000000000; keepalive_timeout 600; {upstream}
             server {{ listen {address}; {location} }} }}"
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, text).expect("written");
        let program = tools::find("nginx").expect("it was installed");
        let file = file.to_string_lossy();
        let process = Process::other(core, &program.to_string_lossy(), &["-c", &file, "-e", &format!("{path}/errors")], address);
        Self { process, _folder: folder }
    }
}
