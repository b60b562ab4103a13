//! Numbers and codes that only one row of a school may have, although files repeat them. Pure.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

/// Who holds which value in the table now.
pub(super) type Holders = HashMap<String, Uuid>;

/// The values that their rows may have: those that no other row of the file wants and that no row outside the file holds. What is `None` after was shared.
pub(super) fn sole(ids: &[Uuid], wanted: Vec<Option<String>>, holders: &Holders) -> Vec<Option<String>> {
    let imported: HashSet<Uuid> = ids.iter().copied().collect();
    let mut times: HashMap<String, usize> = HashMap::new();
    for value in wanted.iter().flatten() {
        *times.entry(value.clone()).or_default() += 1;
    }
    let free = |value: &String| times.get(value) == Some(&1) && holders.get(value).is_none_or(|holder| imported.contains(holder));
    wanted.into_iter().map(|value| value.filter(free)).collect()
}

/// Rows that must let go of their value first, because another row of the file takes it over.
pub(super) fn in_the_way(ids: &[Uuid], values: &[Option<String>], holders: &Holders) -> Vec<Uuid> {
    let held = ids.iter().zip(values).filter_map(|(id, value)| Some((id, *holders.get(value.as_ref()?)?)));
    held.filter(|(id, holder)| *id != holder).map(|(_, holder)| holder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_value_and_one_held_by_a_stranger_are_not_given() {
        let ids: Vec<Uuid> = (1..=5).map(Uuid::from_u128).collect();
        let holders = Holders::from([("s".to_owned(), Uuid::from_u128(99)), ("b".to_owned(), ids[0])]);
        let wanted = ["a", "b", "s", "t", "t"].map(|value| Some(value.to_owned())).to_vec();
        let given = sole(&ids, wanted, &holders);
        assert_eq!(given, [Some("a".to_owned()), Some("b".to_owned()), None, None, None]);
        assert_eq!(in_the_way(&ids, &given, &holders), [ids[0]]);
    }
}
