//! `cargo xtask dist`: the program as it is kept. It is built twice: the first one counts what it runs while it does what people do with it, and the second is laid
//! out by these counts (profile-guided optimisation). A forwarded call runs some 340 KB of code, none of it often: what it waits for is code, and with the counts
//! what is run lies together.

mod load;
mod work;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::compiler::Compiler;
use crate::{cargo, target};

/// What can be built so.
pub(crate) struct Program {
    name: &'static str,
    package: &'static str,
    work: fn(&Path, &Path) -> Result<Vec<Counts>, String>,
}

/// Counts that were written into a folder, and how often each of them counts.
struct Counts {
    folder: PathBuf,
    weight: u32,
}

/// What ships.
pub(crate) const KEYFOB: Program = Program { name: "keyfob", package: "keyfob-cli", work: work::keyfob };
/// The bench's web app, so that figures can be taken of what is built so.
pub(crate) const BROKER: Program = Program { name: "broker", package: "keyfob-bench", work: work::broker };

/// Builds it; true if it is there.
pub(crate) fn run(program: &Program) -> bool {
    match build(program) {
        Ok(path) => {
            println!("built: {}", path.display());
            true
        }
        Err(problem) => {
            println!("{problem}");
            false
        }
    }
}

fn build(program: &Program) -> Result<PathBuf, String> {
    let compiler = Compiler::ask()?;
    let merge = compiler.profdata()?;
    let folder = target().join("pgo").join(program.name);
    // Counts of another tree would be merged with this one's.
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|problem| format!("cannot empty {}: {problem}", folder.display()))?;
    }
    fs::create_dir_all(&folder).map_err(|problem| format!("cannot make {}: {problem}", folder.display()))?;

    println!("building {} so that it counts: some ten minutes on two cores", program.name);
    let counting = folder.join("counting");
    let built = compile(program, &compiler.host, &flag("-Cprofile-generate=", &folder.join("elsewhere")))?;
    fs::copy(&built, &counting).map_err(|problem| format!("cannot copy {}: {problem}", built.display()))?;

    println!("it works, and counts");
    let counts = (program.work)(&counting, &folder)?;
    let profile = folder.join("profdata");
    merged(&merge, &counts, &profile)?;

    println!("building it by what it counted");
    let built = compile(program, &compiler.host, &flag("-Cprofile-use=", &profile))?;
    // Where a plain build puts it.
    let kept = target().join("dist").join(program.name);
    fs::create_dir_all(target().join("dist")).map_err(|problem| format!("cannot make {}: {problem}", kept.display()))?;
    fs::copy(&built, &kept).map_err(|problem| format!("cannot copy {}: {problem}", built.display()))?;
    Ok(kept)
}

fn flag(name: &str, path: &Path) -> OsString {
    let mut flag = OsString::from(name);
    flag.push(path);
    flag
}

/// Builds it with one more flag for the compiler.
fn compile(program: &Program, host: &str, flag: &OsString) -> Result<PathBuf, String> {
    let mut build = cargo();
    // The target is named, so that build scripts and macros neither count nor are laid out.
    build.args(["build", "--profile", "dist", "--locked", "--target", host, "-p", program.package, "--bin", program.name]);
    build.env("CARGO_ENCODED_RUSTFLAGS", flags(env::var_os("CARGO_ENCODED_RUSTFLAGS"), env::var_os("RUSTFLAGS"), flag));
    match build.status() {
        Ok(status) if status.success() => Ok(target().join(host).join("dist").join(program.name)),
        Ok(_) => Err(format!("{} does not build", program.name)),
        Err(problem) => Err(format!("cannot run cargo: {problem}")),
    }
}

/// Whoever builds may have flags of their own. What cargo has encoded counts before what is plain, as in cargo itself.
fn flags(encoded: Option<OsString>, plain: Option<OsString>, ours: &OsString) -> OsString {
    let own = encoded.or_else(|| {
        let words = plain?.into_string().ok()?;
        Some(words.split_whitespace().collect::<Vec<_>>().join("\u{1f}").into())
    });
    let mut all = own.unwrap_or_default();
    if !all.is_empty() {
        all.push("\u{1f}");
    }
    all.push(ours);
    all
}

/// What commands count is a few runs of each, and what the server counts are thousands: without a weight all that a command does would be laid out as what is never run.
fn merged(merge: &Path, counts: &[Counts], profile: &Path) -> Result<(), String> {
    let mut command = Command::new(merge);
    command.arg("merge").arg("--output").arg(profile);
    for Counts { folder, weight } in counts {
        let files = fs::read_dir(folder).map_err(|problem| format!("nothing was counted: {}: {problem}", folder.display()))?;
        for file in files.flatten() {
            let mut input = OsString::from(format!("{weight},"));
            input.push(file.path());
            command.arg("--weighted-input").arg(input);
        }
    }
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{} does not read what was counted ({status})", merge.display())),
        Err(problem) => Err(format!("cannot run {}: {problem}", merge.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebodys_own_flags_are_kept_before_ours() {
        let (encoded, plain) = (|| Some("-Ctarget-cpu=native".into()), || Some(" -C  opt-level=3 ".into()));
        let ours = OsString::from("-Cprofile-use=/a b");
        assert_eq!(flags(None, None, &ours), "-Cprofile-use=/a b");
        assert_eq!(flags(None, plain(), &ours), "-C\u{1f}opt-level=3\u{1f}-Cprofile-use=/a b");
        assert_eq!(flags(encoded(), plain(), &ours), "-Ctarget-cpu=native\u{1f}-Cprofile-use=/a b");
    }
}
