//! Counts of tests, out of what `cargo test` prints and what skipped tests left behind.

use std::fs;
use std::path::Path;

/// How many tests did what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

/// A test that went home early, as it wrote it down: kind, name, reason.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Skip {
    /// Not for want of a tool, but because the kernel forbids it: no failure even in CI.
    pub(crate) kernel: bool,
    pub(crate) test: String,
    pub(crate) reason: String,
}

impl Counts {
    /// Sums up the lines `test result: ok. 12 passed; 0 failed; 1 ignored; …`. What was ignored is told test by test: see [`ignored`].
    pub(crate) fn read(output: &str) -> Self {
        let mut counts = Self::default();
        for line in output.lines().filter_map(|line| line.trim_start().strip_prefix("test result: ")) {
            for part in line.split(['.', ';']) {
                let mut words = part.split_whitespace();
                let (Some(Ok(number)), Some(what)) = (words.next().map(str::parse::<usize>), words.next()) else { continue };
                match what {
                    "passed" => counts.passed += number,
                    "failed" => counts.failed += number,
                    _ => {}
                }
            }
        }
        counts
    }

    /// What another run did.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// An ignored test counts as skipped, and in CI as failed, as one for which something is missing.
    pub(crate) fn add_ignored(&mut self, ignored: usize, ci: bool) {
        if ci { self.failed += ignored } else { self.skipped += ignored }
    }

    /// A skipped test ended early without failing, so the harness took it for passed. In CI it did fail.
    pub(crate) fn take_out(&mut self, skips: &[Skip], ci: bool) {
        let quiet = skips.iter().filter(|skip| skip.kernel || !ci).count().min(self.passed);
        self.passed -= quiet;
        self.skipped += quiet;
    }
}

/// Reads the file in which skipped tests say so: `kind<TAB>test<TAB>reason` on each line.
pub(crate) fn skips(file: &Path) -> Vec<Skip> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let skip = |line: &str| {
        let mut parts = line.splitn(3, '\t');
        let (kind, test, reason) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Skip { kernel: kind == "kernel", test: test.into(), reason: reason.into() })
    };
    text.lines().filter_map(skip).collect()
}

/// Tests that are never run, out of the lines `test NAME ... ignored, REASON`; without those that other tests run as a process of
/// their own, and say so.
pub(crate) fn ignored(output: &str) -> Vec<Skip> {
    let read = |line: &str| {
        let (test, rest) = line.strip_prefix("test ")?.split_once(" ... ignored")?;
        let reason = rest.trim_start_matches([',', ' ']);
        (!reason.starts_with("run by ")).then(|| Skip { kernel: false, test: test.into(), reason: format!("ignored: {reason}") })
    };
    output.lines().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_all_binaries_are_summed_up() {
        let output = "\
running 3 tests
test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.10s
noise 7 passed; 7 failed
test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s
";
        assert_eq!(Counts::read(output), Counts { passed: 14, failed: 1, skipped: 0 });
        assert_eq!(Counts::read("error: could not compile"), Counts::default());
    }

    #[test]
    fn ignored_tests_are_told_and_helpers_are_none() {
        let output = "test a ... ok\ntest child ... ignored, run by the other tests\ntest b ... ignored\ntest c::d ... ignored, too slow\n";
        let found: Vec<_> = ignored(output).into_iter().map(|skip| format!("{} {}", skip.test, skip.reason)).collect();
        assert_eq!(found, ["b ignored: ", "c::d ignored: too slow"]);
        let mut counts = Counts::default();
        counts.add_ignored(2, false);
        counts.add_ignored(3, true);
        assert_eq!(counts, Counts { passed: 0, failed: 3, skipped: 2 });
    }

    #[test]
    fn skipped_tests_are_not_passed_tests() {
        let skip = |kernel| Skip { kernel, test: "t".into(), reason: "r".into() };
        let mut counts = Counts { passed: 5, failed: 1, skipped: 0 };
        counts.take_out(&[skip(false), skip(true)], false);
        assert_eq!(counts, Counts { passed: 3, failed: 1, skipped: 2 });
        let mut counts = Counts { passed: 5, failed: 1, skipped: 0 };
        counts.take_out(&[skip(false), skip(true)], true);
        assert_eq!(counts, Counts { passed: 4, failed: 1, skipped: 1 });
    }
}
