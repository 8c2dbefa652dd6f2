//! The core needs neither C nor a platform: no crate below it compiles C or binds to a library, and it compiles for the web, where there is no clock,
//! socket or disk to reach for.

mod debian;

use std::process::Command;

/// What a crate is that compiles C, or asks the system for a library.
const NATIVE: [&str; 6] = ["cc", "cmake", "pkg-config", "vcpkg", "bindgen", "nasm-rs"];
const CORE: &str = "keyfob-proto";
/// The target with the least platform.
const TARGET: &str = "wasm32-unknown-unknown";

/// Native crates below the core with its default features.
pub(crate) fn native() -> Result<Vec<String>, String> {
    let mut command = crate::cargo();
    let output = command.args(["tree", "-p", CORE, "--locked", "--edges", "normal,build", "--prefix", "none"]).output();
    let output = output.map_err(|problem| format!("cannot run cargo tree: {problem}"))?;
    if !output.status.success() {
        return Err(format!("cargo tree failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(judge(&String::from_utf8_lossy(&output.stdout)))
}

fn judge(tree: &str) -> Vec<String> {
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    let mut found: Vec<_> = names.filter(|name| name.ends_with("-sys") || NATIVE.contains(name)).map(str::to_owned).collect();
    found.sort();
    found.dedup();
    found
}

/// The check for the web, by the compiler at hand or by one that is fetched; where neither is to be had, why it is left out.
pub(crate) fn check() -> Result<Command, String> {
    let mut command = crate::cargo();
    command.args(["check", "-p", CORE, "--lib", "--target", TARGET]).env("RUSTFLAGS", "-D warnings");
    // Two compilers, or one with other flags, would build each other's work anew.
    command.arg("--target-dir").arg(crate::target().join("web-build"));
    if !is_installed() {
        let compiler = debian::compiler().map_err(|problem| {
            format!("{TARGET}: not installed ({problem}); rustup target add {TARGET}; skips {CORE} compiled for the web")
        })?;
        command.env("RUSTC", compiler);
    }
    Ok(command)
}

fn is_installed() -> bool {
    let installed = Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output();
    installed.is_ok_and(|output| {
        let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success() && std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_needs_no_c() {
        assert_eq!(native(), Ok(Vec::new()));
    }

    #[test]
    fn crates_that_need_c_are_found() {
        let tree = "keyfob-proto v0.1.0 (/here)\naws-lc-sys v0.47.0\ncc v1.2.0\ncc v1.2.0 (*)\ncc-like v1.0.0\nhttp v1.0.0\n\n";
        assert_eq!(judge(tree), ["aws-lc-sys", "cc"]);
    }
}
