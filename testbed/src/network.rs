//! Two machines on cables to this one, as far as the network, names and process numbers go: namespaces of the kernel.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{Why, skip};

/// Two network namespaces, each with a cable to this machine. Nothing of them outlives this process.
pub struct TwoMachines([Machine; 2]);

/// A process that keeps a namespace there, as long as we hold its input.
struct Machine {
    keeper: Child,
    /// The number of the /30 network of its cable.
    network: u32,
}

impl TwoMachines {
    /// Plugs them in; `None` after saying that the test is skipped, where the kernel or the machine does not allow it.
    #[must_use]
    pub fn plug_in() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return skip(Why::Kernel, "network namespaces with cables between them are for root");
        }
        for program in ["ip", "unshare", "nsenter", "hostname"] {
            if Command::new(program).arg("--version").output().is_err() && Command::new(program).arg("-V").output().is_err() {
                return skip(Why::Missing, &format!("no `{program}`; `cargo xtask setup` installs it where it may"));
            }
        }
        match Machine::new().and_then(|one| Ok([one, Machine::new()?])) {
            Ok(machines) => Some(Self(machines)),
            Err(problem) => skip(Why::Kernel, &format!("no network namespaces: {problem}")),
        }
    }

    /// This machine's addresses on the two cables: a server has to listen on both.
    #[must_use]
    pub fn addresses(&self) -> [String; 2] {
        [self.0[0].address(1), self.0[1].address(1)]
    }

    /// A command that runs on one of them, 0 or 1. Killing it kills the program.
    #[must_use]
    pub fn command(&self, machine: usize, program: &Path) -> Command {
        let words = self.words(machine);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg(program);
        command
    }

    /// The words before a program's own that make it run there, for those who start it in a way of their own.
    ///
    /// It has a host name and process numbers of its own: with this machine's it could see whether a process of the other one lives, which no machine can.
    #[must_use]
    pub fn words(&self, machine: usize) -> Vec<String> {
        let alone = ["unshare", "--uts", "--pid", "--fork", "--kill-child", "--", "sh", "-c", "hostname \"$0\" && exec \"$@\""];
        let words = self.0[machine].entering().into_iter().chain(alone.map(str::to_owned));
        words.chain([Self::name(machine)]).collect()
    }

    /// The name that programs on it have from its kernel.
    #[must_use]
    pub fn name(machine: usize) -> String {
        format!("machine-{machine}")
    }

    /// Pulls its cable out: from then on nobody hears from it, and nobody is told.
    ///
    /// # Panics
    /// If the cable is stuck.
    pub fn cut_off(&self, machine: usize) {
        run(self.0[machine].enter().args(["ip", "link", "set", "eth0", "down"])).expect("a cable");
    }
}

impl Machine {
    fn new() -> Result<Self, String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // 198.18.0.0/15 is for measuring devices in a laboratory (RFC 2544): no real network is there.
        let network = (std::process::id().wrapping_mul(2) + NEXT.fetch_add(1, Ordering::Relaxed)) % (1 << 15);
        let mut unshare = Command::new("unshare");
        unshare.args(["--net", "--", "sh", "-c", "echo ready; read -r _"]);
        let mut keeper =
            unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(|problem| problem.to_string())?;
        let mut ready = [0; 6];
        let heard = std::io::Read::read_exact(keeper.stdout.as_mut().expect("a pipe"), &mut ready);
        let machine = Self { keeper, network };
        heard.map_err(|_| "unshare --net is refused".to_owned())?;
        let (cable, pid) = (format!("kf{network}"), machine.keeper.id().to_string());
        run(Command::new("ip").args(["link", "add", &cable, "type", "veth", "peer", "name", "eth0", "netns", &pid]))?;
        run(Command::new("ip").args(["address", "add", &format!("{}/30", machine.address(1)), "dev", &cable]))?;
        run(Command::new("ip").args(["link", "set", &cable, "up"]))?;
        run(machine.enter().args(["ip", "address", "add", &format!("{}/30", machine.address(2)), "dev", "eth0"]))?;
        run(machine.enter().args(["ip", "link", "set", "eth0", "up"]))?;
        run(machine.enter().args(["ip", "link", "set", "lo", "up"]))?;
        Ok(machine)
    }

    fn address(&self, host: u32) -> String {
        let address = (198 << 24) + (18 << 16) + self.network * 4 + host;
        std::net::Ipv4Addr::from_bits(address).to_string()
    }

    fn enter(&self) -> Command {
        let words = self.entering();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command
    }

    fn entering(&self) -> Vec<String> {
        ["nsenter", "--net", "--target", &self.keeper.id().to_string(), "--"].map(str::to_owned).into()
    }
}

/// The kernel takes the cable away with the namespace.
impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        drop(self.keeper.wait());
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let shown = format!("{command:?}");
    let Output { status, stderr, .. } = command.output().map_err(|problem| format!("{shown}: {problem}"))?;
    if status.success() { Ok(()) } else { Err(format!("{shown}: {}", String::from_utf8_lossy(&stderr).trim())) }
}
