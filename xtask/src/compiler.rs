//! What the compiler says of itself.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::tools::succeeds;

/// Counts are read by a tool of the same LLVM only.
pub(crate) struct Compiler {
    /// What it runs on, and builds for where nothing is said.
    pub(crate) host: String,
    llvm: String,
    tools: PathBuf,
}

impl Compiler {
    pub(crate) fn ask() -> Result<Self, String> {
        let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let said = |words: &[&str]| {
            let output = Command::new(&rustc).args(words).stderr(Stdio::inherit()).output();
            let output = output.map_err(|problem| format!("cannot run {}: {problem}", rustc.display()))?;
            String::from_utf8(output.stdout).map_err(|_| format!("{} answers what is no text", rustc.display()))
        };
        let version = said(&["-vV"])?;
        let line = |name: &str| version.lines().find_map(|line| line.strip_prefix(name)).map(|said| said.trim().to_owned());
        let (Some(host), Some(llvm)) = (line("host:"), line("LLVM version:")) else {
            return Err(format!("{} does not say which LLVM it has", rustc.display()));
        };
        let sysroot = said(&["--print", "sysroot"])?;
        let tools = Path::new(sysroot.trim()).join("lib/rustlib").join(&host).join("bin");
        let llvm = llvm.split('.').next().unwrap_or_default().to_owned();
        Ok(Self { host, llvm, tools })
    }

    /// The tool that reads what programs have counted.
    pub(crate) fn profdata(&self) -> Result<PathBuf, String> {
        let of_debian = format!("llvm-profdata-{}", self.llvm);
        let found = [self.tools.join("llvm-profdata"), PathBuf::from(of_debian)].into_iter().find(|path| succeeds(path, &["--version"]));
        found.ok_or_else(|| {
            format!(
                "llvm-profdata of LLVM {} is not here: rustup component add llvm-tools, or on Debian: apt-get install llvm-{}. Without it there is cargo build --profile dist.",
                self.llvm, self.llvm
            )
        })
    }
}
