//! Which row of the table a row of the file is. Pure.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

/// A row of the table.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub(super) id: Uuid,
    /// The source id under which an import made or took it.
    pub(super) source: Option<String>,
    /// Values that a constraint lets only one row have: whoever has them is that row.
    pub(super) sole: Vec<String>,
    /// Values that make it likely, such as a name; enough for a row that no import has touched yet.
    pub(super) likely: Vec<String>,
}

/// A row of the file.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    pub(super) source: String,
    pub(super) sole: Vec<String>,
    pub(super) likely: Vec<String>,
}

/// The ids of the wanted rows, old ones or new.
#[derive(Debug, Default)]
pub(super) struct Identified {
    pub(super) ids: Vec<Uuid>,
    pub(super) created: usize,
}

/// By source id; else by a value that is unique anyway, if the row that has it goes by no source id of this file; else by likeness. Each row is taken once.
pub(super) fn identify(known: &[Known], wanted: &[Wanted]) -> Identified {
    let by_source: HashMap<&str, Uuid> = known.iter().filter_map(|row| Some((row.source.as_deref()?, row.id))).collect();
    let sources: HashSet<&str> = wanted.iter().map(|row| row.source.as_str()).collect();
    let mut taken: HashSet<Uuid> = HashSet::new();
    let mut ids: Vec<Option<Uuid>> = wanted.iter().map(|row| by_source.get(row.source.as_str()).copied()).collect();
    taken.extend(ids.iter().flatten());
    let (mut sole, mut likely): (HashMap<&str, Uuid>, HashMap<&str, Uuid>) = (HashMap::new(), HashMap::new());
    for row in known.iter().filter(|row| row.source.as_deref().is_none_or(|source| !sources.contains(source))) {
        sole.extend(row.sole.iter().map(|key| (key.as_str(), row.id)));
        if row.source.is_none() {
            likely.extend(row.likely.iter().map(|key| (key.as_str(), row.id)));
        }
    }
    for (keys, found) in [(Wanted::sole as fn(&Wanted) -> &[String], &sole), (Wanted::likely, &likely)] {
        for (row, id) in wanted.iter().zip(&mut ids).filter(|(_, id)| id.is_none()) {
            *id = keys(row).iter().filter_map(|key| found.get(key.as_str()).copied()).find(|id| taken.insert(*id));
        }
    }
    let created = ids.iter().filter(|id| id.is_none()).count();
    Identified { ids: ids.into_iter().map(|id| id.unwrap_or_else(Uuid::now_v7)).collect(), created }
}

impl Wanted {
    fn sole(&self) -> &[String] {
        &self.sole
    }
    fn likely(&self) -> &[String] {
        &self.likely
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(id: u128, source: Option<&str>, sole: &str, likely: &str) -> Known {
        Known { id: Uuid::from_u128(id), source: source.map(str::to_owned), sole: vec![sole.into()], likely: vec![likely.into()] }
    }

    fn wanted(source: &str, sole: &str, likely: &str) -> Wanted {
        Wanted { source: source.into(), sole: vec![sole.into()], likely: vec![likely.into()] }
    }

    #[test]
    fn a_source_id_beats_a_unique_value_which_beats_likeness() {
        let table = [known(1, Some("a"), "x", "n1"), known(2, None, "y", "n2"), known(3, None, "z", "n3")];
        let found = identify(&table, &[wanted("a", "y", "n2"), wanted("b", "y", "n3"), wanted("c", "-", "n3"), wanted("d", "-", "-")]);
        assert_eq!(found.ids[..3], [1, 2, 3].map(Uuid::from_u128));
        assert_eq!(found.created, 1);
    }

    #[test]
    fn a_row_of_another_source_id_of_the_file_is_left_to_it_but_a_forgotten_one_is_taken_over() {
        let table = [known(1, Some("a"), "x", "n"), known(2, Some("old"), "y", "n")];
        let found = identify(&table, &[wanted("b", "x", "n"), wanted("a", "q", "q"), wanted("new", "y", "q")]);
        assert_eq!(found.created, 1);
        assert_eq!(found.ids[1..], [1, 2].map(Uuid::from_u128));
    }

    #[test]
    fn no_row_is_taken_twice() {
        let found = identify(&[known(1, None, "x", "n")], &[wanted("a", "x", "n"), wanted("b", "x", "n")]);
        assert_eq!(found.created, 1);
        assert_ne!(found.ids[0], found.ids[1]);
    }
}
