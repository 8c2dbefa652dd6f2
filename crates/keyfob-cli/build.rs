//! How the program is linked where it is built to be kept. What it does depends on none of this.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=order.ld");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|is| is == value);
    let here = "x86_64-unknown-linux-gnu";
    if is("PROFILE", "release") && is("HOST", here) && is("TARGET", here) && !is_linked_otherwise() {
        put_together();
        unwind_by_itself();
    }
}

/// Whether whoever builds this chose a linker, or told it something: it may read no script.
fn is_linked_otherwise() -> bool {
    let is_of_linker = |flag: &str| flag.trim_start_matches("-C").starts_with("link");
    env::var_os("RUSTC_LINKER").is_some() || env::var("CARGO_ENCODED_RUSTFLAGS").is_ok_and(|flags| flags.split('\u{1f}').any(is_of_linker))
}

/// The kernel maps sixteen pages around each that is used, and what one call runs, an eighth of the code, would be strewn over all of it: `order.ld` puts
/// that first. How it is written stands in it.
fn put_together() {
    let script = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("order.ld");
    println!("cargo::rustc-link-arg-bins=-T");
    println!("cargo::rustc-link-arg-bins={}", script.display());
}

/// The unwinder of a panic, from the archive in place of the shared library: that one would be one more to look for and to map at each start, and asks the
/// processor for all its features, which a virtual machine answers in microseconds each.
fn unwind_by_itself() {
    let asked = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output();
    let Ok(archive) = asked.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())) else { return };
    // One that is not there is said by its bare name.
    if let Some(folder) = archive.parent().filter(|_| archive.is_absolute() && archive.is_file()) {
        println!("cargo::rustc-link-search=native={}", folder.display());
        println!("cargo::rustc-link-lib=static=gcc_eh");
    }
}
