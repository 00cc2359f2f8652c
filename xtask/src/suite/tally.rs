//! Counting what passed and failed, out of what test runners print.
//!
//! Invariant: only their summary lines count, and only where a number stands before the word.

/// How many tests passed and failed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Tally {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
}

impl Tally {
    /// Adds another's counts.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// Counts a line of `cargo test`, such as `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    pub(crate) fn of_cargo_line(line: &str) -> Option<Self> {
        Some(Self::of_words(line.strip_prefix("test result: ")?))
    }

    /// Counts the last line of pytest, such as `1 failed, 4 passed, 2 errors in 3.21s`.
    pub(crate) fn of_pytest_line(line: &str) -> Option<Self> {
        let line = line.trim_matches(|letter| letter == '=' || letter == ' ');
        let (counts, time) = line.rsplit_once(" in ")?;
        let timed = time.starts_with(|letter: char| letter.is_ascii_digit());
        let counted = counts.starts_with(|letter: char| letter.is_ascii_digit());
        (timed && counted).then(|| Self::of_words(counts))
    }

    fn of_words(line: &str) -> Self {
        let words: Vec<&str> = line.split([' ', ',', ';']).filter(|word| !word.is_empty()).collect();
        let mut tally = Self::default();
        for pair in words.windows(2) {
            let Ok(count) = pair[0].parse::<u32>() else { continue };
            match pair[1] {
                "passed" => tally.passed += count,
                "failed" | "error" | "errors" => tally.failed += count,
                _ => {}
            }
        }
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_counted_by_its_summaries() {
        let line = "test result: FAILED. 12 passed; 2 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(Tally::of_cargo_line(line), Some(Tally { passed: 12, failed: 2 }));
        assert_eq!(Tally::of_cargo_line("test a::b ... ok"), None);
    }

    #[test]
    fn pytest_is_counted_by_its_last_line() {
        let tally = |line| Tally::of_pytest_line(line);
        assert_eq!(tally("4 passed in 0.12s"), Some(Tally { passed: 4, failed: 0 }));
        assert_eq!(
            tally("==== 1 failed, 4 passed, 2 errors in 63.20s (0:01:03) ===="),
            Some(Tally { passed: 4, failed: 3 })
        );
        assert_eq!(tally("3 passed, 1 skipped in 1.00s"), Some(Tally { passed: 3, failed: 0 }));
        assert_eq!(tally("the writer was in time"), None);
    }
}
