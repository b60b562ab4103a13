//! Dictionaries: what readers and writers of values know beforehand.
//!
//! A dictionary is a text file, `dictionaries/<number>.txt`: shapes (the field names of a struct, in order), words (text that stands for a whole value
//! or name) and symbols (pieces of text, see `symbols`). Its number stands in the header of every value that was written with it, so a file never
//! changes once a release contains it, and is never taken out while a value may be around that needs it. `scripts/bench dictionary` makes one.
//!
//! A new one must be known before it is used: a release adds the file, and the next one raises [`CURRENT`]. Otherwise the pods of the old release
//! could not read what those of the new one write while both run.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::symbols::Symbols;

/// What new values are written with.
pub(super) const CURRENT: u8 = 1;

/// Every dictionary that values may need. Number 0 is the empty one.
const FILES: &[(u8, &str)] = &[(0, ""), (1, include_str!("../../dictionaries/1.txt"))];

static KNOWN: LazyLock<Vec<(u8, Dictionary)>> =
    LazyLock::new(|| FILES.iter().filter_map(|(number, text)| Some((*number, Dictionary::parse(text)?))).collect());

/// A dictionary.
#[derive(Debug)]
pub struct Dictionary {
    /// Names as MessagePack has them, head and text, so that unpacking copies them.
    shapes: Vec<Vec<Vec<u8>>>,
    /// The shapes that have so many names.
    by_len: HashMap<usize, Vec<usize>>,
    words: Vec<Vec<u8>>,
    /// The words that begin with each byte. There are few, so looking through them is faster than hashing every text.
    by_first: Vec<Vec<u16>>,
    symbols: Symbols,
}

impl Dictionary {
    /// The dictionary with this number.
    pub(super) fn numbered(number: u8) -> Option<&'static Self> {
        KNOWN.iter().find(|(known, _)| *known == number).map(|(_, dictionary)| dictionary)
    }

    /// Reads a dictionary: a line each `shape <name> <name> …`, `word <text>` or `symbol <hexadecimal>`. None if a line is none of these.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (mut shapes, mut words, mut symbols) = (Vec::new(), Vec::new(), Vec::new());
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match line.split_once(' ')? {
                ("shape", names) => shapes.push(names.split(' ').map(as_message_pack).collect::<Option<Vec<_>>>()?),
                ("word", word) => words.push(word),
                ("symbol", digits) => symbols.push(from_hex(digits)?),
                _ => return None,
            }
        }
        let mut by_len: HashMap<usize, Vec<usize>> = HashMap::new();
        for (number, shape) in shapes.iter().enumerate() {
            by_len.entry(shape.len()).or_default().push(number);
        }
        let mut by_first: Vec<Vec<u16>> = vec![Vec::new(); 256];
        for (word, number) in words.iter().zip(0..) {
            by_first.get_mut(usize::from(*word.as_bytes().first()?))?.push(number);
        }
        let words = words.into_iter().map(as_message_pack).collect::<Option<Vec<_>>>()?;
        Some(Self { shapes, by_len, words, by_first, symbols: Symbols::new(&symbols)? })
    }

    /// The number of the shape with these names in this order.
    pub(super) fn shape(&self, names: &[&[u8]]) -> Option<usize> {
        let numbers = self.by_len.get(&names.len())?;
        numbers.iter().copied().find(|number| {
            self.shapes.get(*number).is_some_and(|shape| shape.iter().zip(names).all(|(known, name)| known.get(1..) == Some(name)))
        })
    }

    /// The first shape with so many names of which this is the first.
    pub(super) fn likely_shape(&self, len: usize, first: &[u8]) -> Option<usize> {
        let begins = |number: &usize| self.shapes.get(*number).and_then(|shape| shape.first()?.get(1..)) == Some(first);
        self.by_len.get(&len)?.iter().copied().find(begins)
    }

    pub(super) fn shapes(&self) -> &[Vec<Vec<u8>>] {
        &self.shapes
    }

    /// The number of the word that is all of `text`.
    pub(super) fn word(&self, text: &[u8]) -> Option<u16> {
        let numbers = self.by_first.get(usize::from(*text.first()?))?;
        numbers.iter().copied().find(|number| self.words.get(usize::from(*number)).is_some_and(|word| word.get(1..) == Some(text)))
    }

    pub(super) fn words(&self) -> &[Vec<u8>] {
        &self.words
    }

    pub(super) const fn symbols(&self) -> &Symbols {
        &self.symbols
    }
}

/// The numbers of all dictionaries, and of those that could be read.
#[cfg(test)]
pub(super) fn listed_and_read() -> (Vec<u8>, Vec<u8>) {
    (FILES.iter().map(|(number, _)| *number).collect(), KNOWN.iter().map(|(number, _)| *number).collect())
}

/// Names and words are short: their length fits into the head's one byte.
fn as_message_pack(text: &str) -> Option<Vec<u8>> {
    let len = u8::try_from(text.len()).ok().filter(|len| *len < 32)?;
    Some(std::iter::once(0xa0 | len).chain(text.bytes()).collect())
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?, 16).ok())
        .collect()
}
