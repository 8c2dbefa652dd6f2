//! nginx in front, with the file of `packaging/`: what is written there is what is tested.

use std::fs;
use std::path::Path;

use keyfob_interop::{Program, http, tools};
use keyfob_testbed::port;

/// Starts it, for pages at `address` and web apps behind it at these; it ends when this is dropped. All its files are in `folder`.
pub(crate) fn start(nginx: &Path, folder: &Path, address: &str, behind: &[String]) -> Program {
    let file = tools::here().join("../packaging/nginx/keyfob.conf");
    let ours = fs::read_to_string(&file).expect("the file of packaging");
    let here = folder.display();
    let mut lines = Vec::new();
    for line in ours.lines() {
        let word = line.trim().trim_start_matches('#');
        match word.split(' ').next().unwrap_or_default() {
            // Another machine's, and TLS, which is not what this is about.
            "ssl_certificate" | "ssl_certificate_key" | "ssl_protocols" => {}
            "server" if word.ends_with(';') => {
                let instead = |behind: &String| word.replace("127.0.0.1:5000", behind).replace("192.0.2.11:5000", behind);
                if !line.trim().starts_with('#') {
                    lines.extend(behind.iter().map(instead));
                }
            }
            "listen" if word.contains("[::]") => {}
            "listen" if word.contains("ssl") => lines.push(format!("listen {address};")),
            "listen" => lines.push(format!("listen 127.0.0.1:{};", port::reserve())),
            _ => lines.push(line.replace("/var/log/nginx", &here.to_string())),
        }
    }
    let mut text = format!("pid {here}/nginx.pid;\nerror_log {here}/error.log;\nevents {{ worker_connections 4096; }}\nhttp {{\n");
    for temporary in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        text.push_str(&format!("{temporary}_temp_path {here}/{temporary};\n"));
    }
    text.push_str(&format!("access_log off;\n{}\n}}\n", lines.join("\n")));
    let conf = folder.join("nginx.conf");
    fs::write(&conf, text).expect("written");
    // One process, so that whoever ends it ends all of it.
    let arguments = ["-p", &here.to_string(), "-c", &conf.display().to_string(), "-g", "daemon off; master_process off;"];
    let program = Program::start_in(folder, nginx, &arguments, &[]);
    super::until("nginx answers", || http::send("GET", &format!("http://{address}/healthz"), &[], b"").is_ok());
    program
}
