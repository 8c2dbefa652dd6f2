//! This process's memory, which holds keys and tokens: out of core dumps, and out of other processes' reach.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// No core dump, and no debugger of an ordinary user: neither writes the secrets in memory down, nor reads them out. Programs that
/// this one starts may have core dumps again if they ask for them. For programs, at their very start.
pub fn keep_memory_private() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Core);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
