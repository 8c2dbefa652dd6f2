//! A compiler for the web on a machine that has none and cannot ask rustup: Debian's newest, with Debian's standard library for that target, laid
//! out below the target folder and never installed. It brings its own C library, so it runs on an older Debian, too.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the packages are newer than what this workspace asks of a compiler.
const SUITE: &str = "testing";
/// The compiler, what it compiles build scripts against, and what it compiles the core against. What they need comes with them.
const PACKAGES: [&str; 3] = ["rustc", "libstd-rust-dev", "libstd-rust-dev-wasm32"];
/// Of what they need: a C compiler is on every machine that built this program, and what asks questions at installation is not needed.
const LEFT_OUT: [&str; 6] = ["gcc", "binutils", "libc-dev", "libc6-dev", "debconf", "perl"];
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The compiler; downloaded the first time (200 MB).
pub(super) fn compiler() -> Result<PathBuf, String> {
    let place = Place(crate::target().join("web"));
    let compiler = place.0.join("rustc");
    if runs(&compiler) {
        return Ok(compiler);
    }
    let _ = fs::remove_dir_all(&place.0);
    for folder in ["lists/partial", "cache/archives/partial", "packages", "root"] {
        fs::create_dir_all(place.0.join(folder)).map_err(|problem| format!("cannot make {folder}: {problem}"))?;
    }
    place.fetch()?;
    place.lay_out()?;
    // Last: what was cut off half way is done anew.
    write_program(&compiler, &place.wrapper()).map_err(|problem| format!("cannot write {}: {problem}", compiler.display()))?;
    if runs(&compiler) { Ok(compiler) } else { Err("Debian's compiler does not run here".to_owned()) }
}

struct Place(PathBuf);

impl Place {
    fn fetch(&self) -> Result<(), String> {
        let mirror = mirror().ok_or("this is no Debian, or its package lists name no mirror")?;
        let sources = self.0.join("sources.list");
        fs::write(&sources, format!("deb [signed-by={KEYRING}] {mirror} {SUITE} main\n")).map_err(|problem| problem.to_string())?;
        output(self.apt("apt-get").arg("update"))?;
        let mut packages = PACKAGES.map(str::to_owned).to_vec();
        packages.extend(self.needed()?);
        packages.sort();
        packages.dedup();
        output(self.apt("apt-get").arg("download").args(packages).current_dir(self.0.join("packages"))).map(drop)
    }

    /// What the compiler's own library needs.
    fn needed(&self) -> Result<Vec<String>, String> {
        let only = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"].map(|kind| format!("--no-{kind}"));
        let tree = output(self.apt("apt-cache").args(["depends", "--recurse"]).args(only).arg(PACKAGES[1]))?;
        let names = tree.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_alphanumeric()));
        Ok(names.filter(|name| !LEFT_OUT.iter().any(|left| name.starts_with(left))).map(str::to_owned).collect())
    }

    fn lay_out(&self) -> Result<(), String> {
        let packages = fs::read_dir(self.0.join("packages")).map_err(|problem| problem.to_string())?;
        for package in packages.filter_map(Result::ok) {
            output(Command::new("dpkg-deb").arg("-x").arg(package.path()).arg(self.0.join("root")))?;
        }
        // They are 200 MB that nobody needs any more.
        for folder in ["packages", "lists", "cache"] {
            let _ = fs::remove_dir_all(self.0.join(folder));
        }
        Ok(())
    }

    /// Runs it with the C library that it came with.
    fn wrapper(&self) -> String {
        let root = self.0.join("root/usr");
        let (root, libraries) = (root.display(), format!("{}/lib/x86_64-linux-gnu", root.display()));
        format!(
            "#!/bin/sh\nexec '{libraries}/ld-linux-x86-64.so.2' --argv0 '{root}/bin/rustc' --library-path '{libraries}' '{root}/bin/rustc' --sysroot '{root}' \"$@\"\n"
        )
    }

    /// With lists and a cache of its own: the machine's are neither read nor changed.
    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let folders = [("Dir::Etc::sourcelist", "sources.list"), ("Dir::State::lists", "lists"), ("Dir::Cache", "cache")];
        command.args(folders.iter().flat_map(|(name, folder)| ["-o".to_owned(), format!("{name}={}", self.0.join(folder).display())]));
        command.args(["-o", "Dir::Etc::sourceparts=-", "-o", "APT::Sandbox::User="]);
        command
    }
}

/// The mirror that this machine has its own packages from.
fn mirror() -> Option<String> {
    let lists = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut lists: Vec<PathBuf> = lists.collect();
    lists.sort();
    lists.insert(0, PathBuf::from("/etc/apt/sources.list"));
    lists.iter().filter_map(|list| fs::read_to_string(list).ok()).find_map(|list| mirror_of(&list))
}

/// Both ways to write a list: a line a source, or `URIs:`.
fn mirror_of(list: &str) -> Option<String> {
    let lines = list.lines().map(str::trim).filter(|line| line.starts_with("deb ") || line.starts_with("URIs:"));
    let mut words = lines.flat_map(str::split_whitespace);
    words.find(|word| word.starts_with("http") && word.trim_end_matches('/').ends_with("/debian")).map(str::to_owned)
}

fn runs(compiler: &Path) -> bool {
    Command::new(compiler).arg("-vV").output().is_ok_and(|output| output.status.success())
}

fn write_program(path: &Path, text: &str) -> std::io::Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|problem| format!("cannot run {name}: {problem}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_machines_own() {
        let old = "# main\ndeb [arch=amd64] http://mirror.example/debian/ stable main\n";
        assert_eq!(mirror_of(old).as_deref(), Some("http://mirror.example/debian/"));
        let new = "Types: deb\n# http://other.example/debian\nURIs: http://mirror.example/debian-security\n\nTypes: deb\nURIs: https://mirror.example/debian\n";
        assert_eq!(mirror_of(new).as_deref(), Some("https://mirror.example/debian"));
        assert_eq!(mirror_of("deb https://packages.example/apt stable main"), None);
    }
}
