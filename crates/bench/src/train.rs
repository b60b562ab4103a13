//! Finds the symbols that squeeze a set of texts best, as FSST does: use a table, count what it made of the texts, keep what would have saved most,
//! and so on for some generations.

use std::collections::HashMap;

/// Symbols have up to eight bytes, and there are up to 255.
const LONGEST: usize = 8;
const MOST: usize = 255;
const GENERATIONS: usize = 12;

/// The best symbols, most useful first.
pub(crate) fn train(texts: &[String]) -> Vec<Vec<u8>> {
    let mut table: Vec<Vec<u8>> = Vec::new();
    for generation in 0..GENERATIONS {
        let mut gains: HashMap<Vec<u8>, usize> = HashMap::new();
        for text in texts {
            let parts = greedy(text.as_bytes(), &table);
            for (place, part) in parts.iter().enumerate() {
                // A symbol that stands for one byte saves the escape.
                *gains.entry(part.to_vec()).or_default() += part.len();
                // Early generations look at parts of the texts only as pairs; pairs are how symbols grow.
                let Some(next) = parts.get(place + 1).filter(|_| generation + 1 < GENERATIONS) else { continue };
                let pair = [*part, *next].concat();
                if pair.len() <= LONGEST {
                    *gains.entry(pair.clone()).or_default() += pair.len();
                }
            }
        }
        let mut ranked: Vec<(Vec<u8>, usize)> = gains.into_iter().collect();
        ranked.sort_by(|(a, gain_a), (b, gain_b)| gain_b.cmp(gain_a).then_with(|| a.cmp(b)));
        table = ranked.into_iter().take(MOST).map(|(symbol, _)| symbol).collect();
    }
    table
}

fn greedy<'t>(mut text: &'t [u8], table: &[Vec<u8>]) -> Vec<&'t [u8]> {
    let known: std::collections::HashSet<&[u8]> = table.iter().map(Vec::as_slice).collect();
    let mut parts = Vec::new();
    while !text.is_empty() {
        let longest = (2..=LONGEST.min(text.len())).rev().find(|len| text.get(..*len).is_some_and(|start| known.contains(start)));
        let (part, rest) = text.split_at(longest.unwrap_or(1));
        parts.push(part);
        text = rest;
    }
    parts
}
