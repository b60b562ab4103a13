//! Text squeezed with a static table of symbols, after FSST (Boncz, Neumann and Leis, "FSST: Fast Random Access String Compression", VLDB 2020).
//!
//! Up to 255 symbols of one to eight bytes stand for a byte each; byte 255 says that the next one is meant literally. There is no window and no
//! entropy coder to set up, so that twenty bytes shrink as well as two thousand, and expanding is copying.

use super::error::Damage;

/// The code before a byte that no symbol covers.
const LITERAL: u8 = 255;
/// No symbol is longer.
pub(super) const LONGEST: usize = 8;
/// No table has more symbols.
pub(super) const MOST: usize = 255;

/// Symbols are looked up by a hash of their first two bytes.
const BUCKETS: usize = 2048;

/// A symbol as it is looked for: its bytes, little-endian in a word, and which bits of the word they fill.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    word: u64,
    mask: u64,
    len: usize,
    code: u8,
}

/// A table of symbols.
#[derive(Debug)]
pub(super) struct Symbols {
    /// Each symbol, filled up to eight bytes, and how many of them count.
    by_code: Vec<([u8; LONGEST], usize)>,
    /// The code of the symbol that is this one byte.
    single: Vec<Option<u8>>,
    /// Longer symbols, those with the same hash one after the other and the longest of them first.
    longer: Vec<Candidate>,
    /// Where in `longer` a hash begins and ends.
    buckets: Vec<(u16, u16)>,
}

impl Symbols {
    /// A table whose symbols have their position as code. None if there are too many, or one is empty or too long.
    pub(super) fn new(symbols: &[Vec<u8>]) -> Option<Self> {
        if symbols.len() > MOST {
            return None;
        }
        let (mut by_code, mut single, mut hashed) = (Vec::new(), vec![None; 256], Vec::new());
        for (code, symbol) in symbols.iter().enumerate() {
            let code = u8::try_from(code).ok()?;
            let mut filled = [0; LONGEST];
            filled.get_mut(..symbol.len())?.copy_from_slice(symbol);
            by_code.push((filled, symbol.len()));
            let word = u64::from_le_bytes(filled);
            match symbol.as_slice() {
                [] => return None,
                [byte] => *single.get_mut(usize::from(*byte))? = Some(code),
                _ => {
                    let mask = u64::MAX >> (8 * (LONGEST - symbol.len()));
                    hashed.push((bucket(word), Candidate { word, mask, len: symbol.len(), code }));
                }
            }
        }
        hashed.sort_by_key(|(bucket, candidate)| (*bucket, std::cmp::Reverse(candidate.len)));
        let first = |from: usize| u16::try_from(hashed.partition_point(|(bucket, _)| *bucket < from)).ok();
        let buckets = (0..BUCKETS).map(|hash| Some((first(hash)?, first(hash + 1)?))).collect::<Option<_>>()?;
        Some(Self { by_code, single, longer: hashed.into_iter().map(|(_, candidate)| candidate).collect(), buckets })
    }

    /// Appends `text`, squeezed; false, with nothing appended, if that is no shorter.
    pub(super) fn squeeze(&self, text: &[u8], squeezed: &mut Vec<u8>) -> bool {
        let start = squeezed.len();
        let mut rest = text;
        while let Some(byte) = rest.first() {
            if squeezed.len() - start >= text.len() {
                break;
            }
            let ahead = word(rest);
            let (from, to) = self.buckets.get(bucket(ahead)).copied().unwrap_or_default();
            let fitting = self.longer.get(usize::from(from)..usize::from(to)).unwrap_or_default().iter();
            let longest = fitting.copied().find(|candidate| ahead & candidate.mask == candidate.word && candidate.len <= rest.len());
            let len = if let Some(candidate) = longest {
                squeezed.push(candidate.code);
                candidate.len
            } else {
                match self.single.get(usize::from(*byte)) {
                    Some(Some(code)) => squeezed.push(*code),
                    _ => squeezed.extend([LITERAL, *byte]),
                }
                1
            };
            rest = rest.get(len..).unwrap_or_default();
        }
        let shorter = squeezed.len() - start < text.len();
        if !shorter {
            squeezed.truncate(start);
        }
        shorter
    }

    /// Appends to `text` what `squeezed` stands for, unless `text` would grow beyond `limit`.
    pub(super) fn expand(&self, squeezed: &[u8], limit: usize, text: &mut Vec<u8>) -> Result<(), Damage> {
        let mut codes = squeezed.iter();
        while let Some(code) = codes.next() {
            match self.by_code.get(usize::from(*code)) {
                // Eight bytes at once, and back to those that count: faster than as many as it takes.
                Some((symbol, len)) => {
                    let end = text.len() + len;
                    text.extend_from_slice(symbol);
                    text.truncate(end);
                }
                None if *code == LITERAL => text.push(*codes.next().ok_or(Damage::Cut)?),
                None => return Err(Damage::Symbol(*code)),
            }
            if text.len() > limit {
                return Err(Damage::Longer);
            }
        }
        Ok(())
    }
}

/// The next eight bytes, little-endian; zero after the end.
fn word(rest: &[u8]) -> u64 {
    if let Some(eight) = rest.first_chunk() {
        return u64::from_le_bytes(*eight);
    }
    rest.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte))
}

/// A hash of the first two bytes of a word.
fn bucket(word: u64) -> usize {
    let pair = u32::try_from(word & 0xffff).unwrap_or_default();
    usize::try_from(pair.wrapping_mul(0x9e37_79b1) >> 21).unwrap_or_default()
}
