//! `keyfob env ACCOUNT`: an account's credentials as a shell reads them, for `eval`.

use clap::{Args, ValueEnum};
use keyfob::proto::Secret;
use serde_json::{Map, Value};

use crate::card::Card;
use crate::context::Context;
use crate::variables::variables;
use crate::verb::token::seconds;

// Whose credentials, and for which shell.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Env {
    /// The account
    #[arg(add = clap_complete::engine::ArgValueCandidates::new(crate::complete::accounts))]
    name: String,
    /// Which shell reads it
    #[arg(long, value_enum, default_value_t = Format::Sh)]
    format: Format,
    /// What the variable with the token is called, instead of KEYFOB_TOKEN and what the provider's own programs know
    #[arg(long = "as", value_name = "NAME")]
    named: Option<String>,
    /// Refresh first if the token ends within this time: 90s, 10m, 2h
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = seconds)]
    min_valid: i64,
    /// Show them on a terminal, too
    #[arg(long)]
    show_secrets: bool,
}

const EXAMPLES: &str = "\
Examples:
  eval \"$(keyfob env github)\"
  keyfob env github --format fish | source
  keyfob env github --format powershell | Out-String | Invoke-Expression

What is exported is there for every program that the shell starts afterwards: keyfob exec gives it to one.";

/// A shell's way to set a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// sh, bash, zsh
    Sh,
    /// fish
    Fish,
    /// PowerShell
    Powershell,
    /// A JSON object
    Json,
}

pub(crate) async fn run(args: Env, context: &Context) -> Result<(), Card> {
    if context.out.to_person && !args.show_secrets {
        return Err(Card::usage(
            "secrets are not shown on a terminal",
            "who looks over your shoulder, or scrolls back, would read them",
            format!("let the shell read them: eval \"$(keyfob env {})\"; or, to see them: --show-secrets", args.name),
        ));
    }
    let opened = context.open_account(&args.name).await?;
    let variables = variables(&opened, args.named.as_deref(), args.min_valid).await?;
    if args.format == Format::Json || context.out.json {
        let members = variables.iter().map(|(name, value)| (name.clone(), Value::from(value.expose())));
        return context.out.json(&Value::Object(members.collect::<Map<_, _>>()));
    }
    let lines: Vec<String> = variables.iter().map(|(name, value)| line(args.format, name, value)).collect();
    context.out.exact(&lines.join("\n"))
}

/// A line that sets a variable to exactly this value: what a server chose for a token must not be read as a command (CWE-78).
fn line(format: Format, name: &str, value: &Secret) -> String {
    let value = value.expose();
    match format {
        Format::Fish => format!("set -gx {name} '{}'", value.replace('\\', r"\\").replace('\'', r"\'")),
        // PowerShell takes typographic quotes for quotes, too.
        Format::Powershell => {
            let doubled = |c: char| if matches!(c, '\'' | '\u{2018}'..='\u{201b}') { format!("{c}{c}") } else { c.to_string() };
            format!("$env:{name} = '{}'", value.chars().map(doubled).collect::<String>())
        }
        Format::Sh | Format::Json => format!("export {name}='{}'", value.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_a_value_in_every_shell() {
        let hostile = Secret::new("a'$(id)`id`\\'; x \u{2019}");
        assert_eq!(line(Format::Sh, "T", &hostile), "export T='a'\\''$(id)`id`\\'\\''; x \u{2019}'");
        assert_eq!(line(Format::Fish, "T", &hostile), "set -gx T 'a\\'$(id)`id`\\\\\\'; x \u{2019}'");
        assert_eq!(line(Format::Powershell, "T", &hostile), "$env:T = 'a''$(id)`id`\\''; x \u{2019}\u{2019}'");
    }

    #[test]
    #[cfg(unix)]
    fn a_shell_reads_what_was_written() {
        for value in ["plain", "it's", "a'$(echo no)`echo no`\\'\"; echo no #", "line\nbreak", "*?[]~{a,b}!!"] {
            let script = format!("{}\nprintf %s \"$T\"", line(Format::Sh, "T", &Secret::new(value)));
            let read = std::process::Command::new("sh").args(["-c", &script]).output().expect("a shell");
            assert_eq!(String::from_utf8_lossy(&read.stdout), value);
        }
    }
}
