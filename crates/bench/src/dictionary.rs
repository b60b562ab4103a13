//! `bench dictionary`: makes the text of a dictionary for `cache::codec` from `corpus/`, the same in every run.
//!
//! A dictionary that a release contains is never changed. To make the next one: the new shapes and words at the end of `corpus/shapes.txt`,
//! `scripts/bench dictionary > crates/cache/dictionaries/<number>.txt`, its line in `codec/dictionary.rs`; the release after that may write with it.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::Context;
use cache::codec::Dictionary;

use crate::memory::corpus::{Corpus, TRAINING};
use crate::train::train;

const SHAPES: &str = include_str!("../corpus/shapes.txt");
const ABOUT: &str =
    "# Made by `scripts/bench dictionary`. Values in Redis refer to these lines by their number: never change them once they are released.";

pub(crate) fn run() -> anyhow::Result<()> {
    let text = text();
    Dictionary::parse(&text).context("the dictionary that was made can't be read")?;
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn text() -> String {
    let rows = SHAPES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned);
    let corpus = Corpus::parse(TRAINING);
    // Twice, with other numbers and topics in the gaps.
    let texts: Vec<String> = [1, 2].into_iter().flat_map(|seed| corpus.phrases(seed)).collect();
    let symbols = train(&texts).into_iter().map(|symbol| {
        symbol.iter().fold("symbol ".to_owned(), |mut line, byte| {
            // Writing to a string can't fail.
            let _ = write!(line, "{byte:02x}");
            line
        })
    });
    std::iter::once(ABOUT.to_owned()).chain(rows).chain(symbols).map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_dictionary_is_what_the_command_makes() {
        let committed = include_str!("../../cache/dictionaries/1.txt");
        assert_eq!(committed, text(), "a released dictionary stays as it is: make one with the next number instead");
    }

    #[test]
    fn nothing_that_is_measured_stands_in_what_the_dictionary_is_made_from() {
        let phrases = |text: &'static str| {
            text.lines()
                .filter(|line| !line.starts_with('#') && !line.starts_with("subject"))
                .filter_map(|line| line.split_once(' '))
                .map(|(_, phrase)| phrase)
                .collect::<std::collections::HashSet<_>>()
        };
        let both: Vec<_> = phrases(TRAINING).intersection(&phrases(crate::memory::corpus::MEASURED)).copied().collect();
        assert_eq!(both, Vec::<&str>::new());
    }
}
