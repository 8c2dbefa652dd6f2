//! Where this terminal is: at the end of an SSH connection, in a container, without a display. A browser is then somewhere else, and 127.0.0.1 is not
//! this machine for it.

use std::net::IpAddr;

/// What is around the program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Surroundings {
    ssh: Option<Ssh>,
    container: Option<Container>,
    /// Whether windows can be opened.
    display: bool,
    /// Whether somebody named a browser of their own (`BROWSER`), which may well be text, or a way to the other machine.
    named_browser: bool,
}

/// The other end of the connection, and ours.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ssh {
    /// What was connected to, where that is known: `robin@192.0.2.7`.
    host: String,
    /// Where that is not the usual port.
    port: Option<u16>,
}

/// What the program is shut in, and by what it was known.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Container {
    kind: &'static str,
    sign: &'static str,
}

impl Surroundings {
    /// Of this process.
    pub(crate) fn of_process() -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        let file = |path: &str| std::fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Self::of(std::env::consts::OS, variable, file)
    }

    /// Of a system, with these variables and these files.
    fn of(system: &str, variable: impl Fn(&str) -> Option<String>, file: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).is_some_and(|value| !value.trim().is_empty());
        Self {
            ssh: (set("SSH_CONNECTION") || set("SSH_TTY")).then(|| Ssh::of(&variable)),
            container: Container::of(&variable, &file),
            display: matches!(system, "macos" | "windows") || set("DISPLAY") || set("WAYLAND_DISPLAY"),
            named_browser: set("BROWSER"),
        }
    }

    /// Why no browser opens here; `None` where one may.
    pub(crate) fn no_browser(&self) -> Option<String> {
        match (self.named_browser, &self.ssh, &self.container) {
            (true, ..) => None,
            (_, Some(_), _) => Some("this terminal is on another machine, by SSH".to_owned()),
            (_, None, Some(container)) if !self.display => Some(format!("this is {}, without a display", container.kind)),
            (_, None, _) if !self.display => Some("there is no display".to_owned()),
            _ => None,
        }
    }

    /// What to do so that a browser elsewhere reaches a listener on this port of ours: sentences, and between them a command to type. Nothing where it
    /// is no question.
    pub(crate) fn way_to(&self, port: u16) -> Vec<Advice> {
        let mut advice = Vec::new();
        if let Some(ssh) = &self.ssh {
            advice.push(Advice::Words(
                "This terminal is on another machine, by SSH. A browser at your end gets here after this, typed there:".to_owned(),
            ));
            advice.push(Advice::Command(ssh.tunnel(port)));
        }
        if let Some(Container { kind, sign }) = &self.container {
            advice.push(Advice::Words(format!(
                "This is {kind} ({sign}): a browser outside gets here only where it shares the host's network (--network host)."
            )));
        }
        advice
    }
}

/// A piece of advice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Advice {
    Words(String),
    /// To be typed, and never broken.
    Command(String),
}

impl Ssh {
    /// `SSH_CONNECTION` is "client, its port, server, its port". Whoever sets variables could have somebody type what they like: only an address and a
    /// plain name come into the command.
    fn of(variable: &impl Fn(&str) -> Option<String>) -> Self {
        let said = variable("SSH_CONNECTION").unwrap_or_default();
        let mut words = said.split_whitespace().skip(2);
        let address = words.next().and_then(|word| word.parse::<IpAddr>().ok());
        let port = words.next().and_then(|word| word.parse().ok()).filter(|port| *port != 22);
        let is_name = |name: &String| {
            name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        };
        let user = ["USER", "LOGNAME"].into_iter().find_map(variable).filter(is_name);
        let host = address.map_or_else(|| "HOST".to_owned(), |address| address.to_string());
        Self { host: user.map_or_else(|| host.clone(), |user| format!("{user}@{host}")), port: port.filter(|_| address.is_some()) }
    }

    fn tunnel(&self, port: u16) -> String {
        let at = self.port.map(|port| format!("-p {port} ")).unwrap_or_default();
        format!("ssh {at}-L {port}:127.0.0.1:{port} {}", self.host)
    }
}

impl Container {
    fn of(variable: &impl Fn(&str) -> Option<String>, file: &impl Fn(&str) -> Option<String>) -> Option<Self> {
        let found = |kind, sign| Some(Self { kind, sign });
        if file("/run/.containerenv").is_some() {
            return found("a Podman container", "/run/.containerenv");
        }
        if file("/.dockerenv").is_some() {
            return found("a Docker container", "/.dockerenv");
        }
        // What systemd-nspawn, Podman and LXC tell those inside.
        match variable("container").as_deref() {
            None | Some("") => {}
            Some("podman") => return found("a Podman container", "the variable container"),
            Some("docker") => return found("a Docker container", "the variable container"),
            Some(_) => return found("a container", "the variable container"),
        }
        let groups = file("/proc/1/cgroup")?;
        let in_groups = |names: &[&str]| names.iter().any(|name| groups.contains(name));
        match () {
            () if in_groups(&["kubepods"]) => found("a container of Kubernetes", "/proc/1/cgroup"),
            () if in_groups(&["/docker"]) => found("a Docker container", "/proc/1/cgroup"),
            () if in_groups(&["libpod", "/lxc", "containerd"]) => found("a container", "/proc/1/cgroup"),
            () => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(system: &str, variables: &[(&str, &str)], files: &[(&str, &str)]) -> Surroundings {
        let of = |pairs: &[(&str, &str)], name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Surroundings::of(system, |name| of(variables, name), |path| of(files, path))
    }

    const SSH: (&str, &str) = ("SSH_CONNECTION", "192.0.2.9 50122 192.0.2.7 22");

    #[test]
    fn a_browser_opens_where_there_is_a_display_and_nobody_came_from_afar() {
        let why = |system: &str, variables: &[(&str, &str)]| around(system, variables, &[]).no_browser();
        assert_eq!(why("linux", &[("DISPLAY", ":0")]), None);
        assert_eq!(why("linux", &[("WAYLAND_DISPLAY", "wayland-0")]), None);
        assert_eq!(why("macos", &[]), None);
        assert_eq!(why("linux", &[]).as_deref(), Some("there is no display"));
        assert_eq!(why("linux", &[("DISPLAY", "")]).as_deref(), Some("there is no display"));
        for from_afar in [&[SSH][..], &[SSH, ("DISPLAY", "localhost:10.0")], &[("SSH_TTY", "/dev/pts/3")]] {
            for system in ["linux", "macos"] {
                assert_eq!(why(system, from_afar).as_deref(), Some("this terminal is on another machine, by SSH"), "{from_afar:?}");
            }
        }
        assert_eq!(why("linux", &[SSH, ("BROWSER", "w3m")]), None, "one that was named is somebody's will");
    }

    #[test]
    fn the_way_through_ssh_is_a_line_to_type() {
        let line = |variables: &[(&str, &str)]| match &around("linux", variables, &[]).way_to(8912)[..] {
            [Advice::Words(_), Advice::Command(line)] => line.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(line(&[SSH, ("USER", "robin")]), "ssh -L 8912:127.0.0.1:8912 robin@192.0.2.7");
        assert_eq!(line(&[("SSH_CONNECTION", "::1 5 2001:db8::7 2222")]), "ssh -p 2222 -L 8912:127.0.0.1:8912 2001:db8::7");
        assert_eq!(line(&[("SSH_TTY", "/dev/pts/3"), ("LOGNAME", "robin")]), "ssh -L 8912:127.0.0.1:8912 robin@HOST");
        // What would be another command is left out.
        for hostile in ["-oProxyCommand=x", "a;b", "$(x)", "a b", "a\u{1b}[0m", ""] {
            let said = format!("1 2 {hostile} 22");
            assert_eq!(line(&[("SSH_CONNECTION", said.as_str()), ("USER", hostile)]), "ssh -L 8912:127.0.0.1:8912 HOST", "{hostile}");
        }
        assert_eq!(around("linux", &[("DISPLAY", ":0")], &[]).way_to(1), []);
    }

    #[test]
    fn a_container_is_known_by_its_signs_and_named() {
        let words = |variables: &[(&str, &str)], files: &[(&str, &str)]| match &around("linux", variables, files).way_to(1)[..] {
            [] => String::new(),
            [Advice::Words(words)] => words.split(':').next().unwrap_or_default().to_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(words(&[], &[("/.dockerenv", "")]), "This is a Docker container (/.dockerenv)");
        assert_eq!(words(&[], &[("/run/.containerenv", ""), ("/.dockerenv", "")]), "This is a Podman container (/run/.containerenv)");
        assert_eq!(words(&[("container", "podman")], &[]), "This is a Podman container (the variable container)");
        assert_eq!(words(&[("container", "systemd-nspawn")], &[]), "This is a container (the variable container)");
        for (groups, expected) in [
            ("0::/system.slice/docker-0123.scope/docker/0123", "This is a Docker container (/proc/1/cgroup)"),
            ("1:cpu:/kubepods/besteffort/pod1", "This is a container of Kubernetes (/proc/1/cgroup)"),
            ("1:cpu:/lxc/one", "This is a container (/proc/1/cgroup)"),
            ("0::/init.scope", ""),
        ] {
            assert_eq!(words(&[], &[("/proc/1/cgroup", groups)]), expected, "{groups}");
        }
        let inside = around("linux", &[], &[("/.dockerenv", "")]);
        assert_eq!(inside.no_browser().as_deref(), Some("this is a Docker container, without a display"));
    }
}
