//! `keyfob completions SHELL`: the few lines by which a shell asks the program what could come next.

use clap::{Args, ValueEnum};
use clap_complete::env::Shells;

use crate::card::Card;
use crate::complete::VARIABLE;
use crate::context::Context;
use crate::exit::Exit;

// Which shell.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

const EXAMPLES: &str = "\
Where it belongs:
  bash         source <(keyfob completions bash)                                in ~/.bashrc
  zsh          source <(keyfob completions zsh)                                 in ~/.zshrc, behind compinit
  fish         keyfob completions fish | source                                 in ~/.config/fish/config.fish
  powershell   keyfob completions powershell | Out-String | Invoke-Expression   in $PROFILE

Names of accounts, providers and actions are those of the moment.";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
    Elvish,
}

pub(crate) fn run(args: &Completions, context: &Context) -> Result<(), Card> {
    let name = args.shell.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let failed = |why: String| {
        Card::new(Exit::Error, format!("there are no completions for {name}"), why, "this is a mistake of keyfob: please report it")
    };
    let shells = Shells::builtins();
    let shell = shells.completer(&name).ok_or_else(|| failed("the shell is not known".to_owned()))?;
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "keyfob", "keyfob", "keyfob", &mut script).map_err(|error| failed(error.to_string()))?;
    context.out.exact(String::from_utf8_lossy(&script).trim_end())
}
