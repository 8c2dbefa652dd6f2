//! `torture [NAME…] [--short]`: runs the tortures and prints their table; `torture child …` is what they are done to.

use std::process::ExitCode;

use keyfob_torture::tally::{Outcome, Tally};
use keyfob_torture::{Rig, TORTURES, Torture, child};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("child", rest)) = words.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return child::run(rest);
    }
    let (options, names): (Vec<&str>, Vec<&str>) = words.iter().map(String::as_str).partition(|word| word.starts_with('-'));
    let known = |name: &&str| TORTURES.iter().any(|torture| torture.name == *name);
    if options.iter().any(|option| *option != "--short") || !names.iter().all(known) {
        eprintln!("usage: torture [NAME…] [--short]");
        for Torture { name, about, .. } in TORTURES {
            eprintln!("  {name:<23} {about}");
        }
        return ExitCode::from(2);
    }
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => {
            eprintln!("where is this program? {error}");
            return ExitCode::FAILURE;
        }
    };
    let rig = Rig { program, long: !options.contains(&"--short") };
    println!("{:<23} {:>7} {:>8} {:>18} {:>6} {:>8}  notes", "torture", "rounds", "corrupt", "acknowledged lost", "wrong", "seconds");
    let mut good = true;
    for torture in TORTURES.iter().filter(|torture| names.is_empty() || names.contains(&torture.name)) {
        good &= run(torture, &rig);
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one and prints its line; says whether nothing was lost.
fn run(torture: &Torture, rig: &Rig) -> bool {
    let name = torture.name;
    match (torture.run)(rig) {
        Ok(Outcome::Done(tally)) => {
            let Tally { rounds, corrupt, lost, wrong, notes, took, .. } = &tally;
            let (corrupt, lost, wrong, seconds) = (corrupt.len(), lost.len(), wrong.len(), took.as_secs_f32());
            println!("{name:<23} {rounds:>7} {corrupt:>8} {lost:>18} {wrong:>6} {seconds:>8.1}  {}", notes.join("; "));
            tally.is_good()
        }
        Ok(Outcome::Skipped(skip)) => {
            println!("{name:<23} skipped: {}{}", skip.reason, if skip.kernel { " (the kernel forbids it)" } else { "" });
            true
        }
        Err(problem) => {
            println!("{name:<23} could not run: {problem}");
            false
        }
    }
}
