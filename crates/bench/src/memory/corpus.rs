//! Texts as a school writes them, put together from a corpus: varied, and the same in every run.

use std::collections::BTreeMap;

/// A corpus of several subjects. What is measured comes from one of which the dictionary has seen nothing.
pub(crate) struct Corpus {
    subjects: Vec<Phrases>,
    general: Phrases,
}

/// Phrases by kind: `topic`, `thing`, `task`, `answer`; `opener`, `closer`, `feedback`, `note` among the general ones.
type Phrases = BTreeMap<&'static str, Vec<&'static str>>;

/// What the dictionary is made from.
pub(crate) const TRAINING: &str = include_str!("../../corpus/training.txt");
/// What is measured.
pub(crate) const MEASURED: &str = include_str!("../../corpus/measured.txt");

impl Corpus {
    /// Reads a corpus: lines of `<kind> <phrase>` under `subject <name>` or `general`.
    pub(crate) fn parse(text: &'static str) -> Self {
        let (mut subjects, mut general) = (Vec::new(), Phrases::new());
        let mut in_general = false;
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (kind, phrase) = line.split_once(' ').unwrap_or((line, ""));
            match kind {
                "subject" => {
                    in_general = false;
                    subjects.push(Phrases::from([("subject", vec![phrase])]));
                }
                "general" => in_general = true,
                _ => {
                    let phrases = if in_general { Some(&mut general) } else { subjects.last_mut() };
                    if let Some(phrases) = phrases {
                        phrases.entry(kind).or_default().push(phrase);
                    }
                }
            }
        }
        Self { subjects, general }
    }

    /// All phrases of a kind, those of the subject first.
    fn of_kind(&self, subject: usize, kind: &str) -> Vec<&'static str> {
        let (before, from) = self.subjects.split_at(subject % self.subjects.len().max(1));
        from.iter().chain(before).filter_map(|phrases| phrases.get(kind)).flatten().copied().collect()
    }

    /// Every phrase, filled: what the symbols are found in. Each stands there once, so that none is worth more than it would be elsewhere.
    pub(crate) fn phrases(&self, seed: u64) -> Vec<String> {
        let mut writer = Writer::new(self, seed);
        let mut all = Vec::new();
        for (subject, phrases) in self.subjects.iter().chain([&self.general]).enumerate() {
            for phrase in phrases.values().flatten() {
                all.push(writer.fill(subject, phrase));
            }
        }
        all
    }
}

/// Draws from a corpus. The same seed draws the same texts.
pub(crate) struct Writer<'c> {
    corpus: &'c Corpus,
    pub(crate) random: Random,
}

impl<'c> Writer<'c> {
    pub(crate) fn new(corpus: &'c Corpus, seed: u64) -> Self {
        Self { corpus, random: Random(seed) }
    }

    /// How many subjects there are.
    pub(crate) fn subjects(&self) -> usize {
        self.corpus.subjects.len()
    }

    fn draw(&mut self, subject: usize, kind: &str) -> String {
        let subject = self.corpus.subjects.get(subject % self.corpus.subjects.len().max(1));
        let phrases = subject.and_then(|phrases| phrases.get(kind)).or_else(|| self.corpus.general.get(kind));
        self.random.pick(phrases.map(Vec::as_slice).unwrap_or_default()).to_owned()
    }

    fn fill(&mut self, subject: usize, phrase: &str) -> String {
        let mut text = phrase.to_owned();
        for (slot, kind) in [("{topic}", "topic"), ("{thing}", "thing"), ("{other}", "thing")] {
            if text.contains(slot) {
                text = text.replace(slot, &self.draw(subject, kind));
            }
        }
        for (slot, from, to) in [("{n}", 2, 19), ("{m}", 20, 48), ("{p}", 50, 250)] {
            while text.contains(slot) {
                text = text.replacen(slot, &self.random.between(from, to).to_string(), 1);
            }
        }
        text
    }

    /// A filled phrase of `kind`.
    pub(crate) fn phrase(&mut self, subject: usize, kind: &str) -> String {
        let phrase = self.draw(subject, kind);
        self.fill(subject, &phrase)
    }

    /// `Worksheet 7: similar triangles`.
    pub(crate) fn title(&mut self, subject: usize) -> String {
        let topic = self.phrase(subject, "topic");
        let name = self.phrase(subject, "subject");
        let number = self.random.between(1, 14);
        let mut capital: String = topic.chars().take(1).flat_map(char::to_uppercase).collect();
        capital.extend(topic.chars().skip(1));
        match self.random.between(0, 5) {
            0 => format!("Chapter {number}: {topic}"),
            1 => format!("Worksheet {number}: {topic}"),
            2 => format!("{name} homework {number}: {topic}"),
            3 => format!("{capital} (part {})", number % 4 + 1),
            _ => capital,
        }
    }

    /// Sentences of `kind`, `from` to `to` of them, opened and closed as teachers do.
    pub(crate) fn passage(&mut self, subject: usize, kind: &str, from: u64, to: u64) -> String {
        let mut sentences = Vec::new();
        if self.random.chance(40) {
            sentences.push(self.phrase(subject, "opener"));
        }
        // No sentence twice in one text: that would flatter every compressor. A long text goes on with what other subjects have.
        let mut left = self.corpus.of_kind(subject, kind);
        for _ in 0..self.random.between(from, to) {
            let near = left.len().min(6);
            let place = usize::try_from(self.random.next() % u64::try_from(near.max(1)).unwrap_or(1)).unwrap_or(0);
            if place < left.len() {
                let phrase = left.remove(place);
                sentences.push(self.fill(subject, phrase));
            }
        }
        if self.random.chance(50) {
            sentences.push(self.phrase(subject, "closer"));
        }
        sentences.join(if self.random.chance(30) { "\n" } else { " " })
    }
}

/// `SplitMix64`: a few lines that give the same numbers in every release of every library.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From `from` to `to`, both included.
    pub(crate) const fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.next() % (to - from + 1)
    }

    pub(crate) const fn chance(&mut self, percent: u64) -> bool {
        self.between(0, 99) < percent
    }

    pub(crate) fn pick<T: Copy + Default>(&mut self, from: &[T]) -> T {
        let index = self.next() % u64::try_from(from.len().max(1)).unwrap_or(1);
        usize::try_from(index).ok().and_then(|index| from.get(index)).copied().unwrap_or_default()
    }
}
