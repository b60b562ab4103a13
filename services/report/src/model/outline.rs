//! What a change of something that a grade book is made of has changed.

use serde_json::{Map, Value};

/// What moves with every change.
const MOVING: [&str; 2] = ["version", "updated_at"];

/// The fields that differ, by name, one that is not there being empty; none of something that was made or went away, of which all do.
#[must_use]
pub fn changed_fields(before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let (Some(before), Some(after)) = (before.and_then(Value::as_object), after.and_then(Value::as_object)) else { return Vec::new() };
    let differs = |name: &&String| !MOVING.contains(&name.as_str()) && said(before, name) != said(after, name);
    let mut names: Vec<String> = all(before, after).filter(differs).cloned().collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn said<'v>(row: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    row.get(name).filter(|value| !value.is_null())
}

fn all<'v>(before: &'v Map<String, Value>, after: &'v Map<String, Value>) -> impl Iterator<Item = &'v String> {
    before.keys().chain(after.keys())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_moves_with_every_change_is_no_change() {
        let (before, after) =
            (json!({"name": "Test", "version": 1, "weight": 1.5}), json!({"name": "Test", "version": 2, "weight": 2, "due_on": null}));
        assert_eq!(changed_fields(Some(&before), Some(&after)), ["weight"]);
        assert!(changed_fields(None, Some(&after)).is_empty() && changed_fields(Some(&before), None).is_empty());
    }

    proptest! {
        #[test]
        fn a_field_is_named_once_and_only_if_it_differs(before in prop::collection::btree_map("[a-d]", 0..3_i64, 0..4), after in prop::collection::btree_map("[a-d]", 0..3_i64, 0..4)) {
            let names = changed_fields(Some(&json!(before)), Some(&json!(after)));
            for name in ["a", "b", "c", "d"] {
                let differs = before.get(name) != after.get(name);
                prop_assert_eq!(names.iter().filter(|found| *found == name).count(), usize::from(differs));
            }
        }
    }
}
