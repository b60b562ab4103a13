//! Faults by serde: what the schema can't say (an e-mail address, marks with three decimals) the type's own parser does.
//!
//! serde stops at its first error. To hear them all, the value that it stumbled over is taken out of a copy and it is asked again.

use std::collections::HashMap;

use domain::Fault;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::schema::{MOST_FAULTS, child};

/// Adds to `found` what serde finds wrong with `instance` (parsed from `bytes`) in places that `found` doesn't name yet.
pub(super) fn complete<T: DeserializeOwned>(bytes: &[u8], instance: Value, found: &mut Vec<Fault>) {
    // A repeated field is only to be seen in the text: in a parsed object the last one has won.
    if let Some((at, message)) = first_in_text::<T>(bytes)
        && let Some(name) = message.strip_prefix("duplicate field `").and_then(|rest| rest.split('`').next())
    {
        found.push(Fault::new(named(&at, name), "is given more than once"));
    }
    let mut copy = Pruned { value: instance, kept: HashMap::new() };
    let mut removed: Vec<String> = Vec::new();
    for _ in 0..MOST_FAULTS {
        let Err(error) = serde_path_to_error::deserialize::<_, T>(&copy.value) else { break };
        let at = pointer(error.path(), &copy.value);
        let (at, detail) = judge(&at, &error.inner().to_string(), &copy.value);
        let original = copy.original(&at);
        let missing_because_removed = removed.contains(&original);
        if !missing_because_removed && !found.iter().any(|fault| covers(&fault.pointer, &original)) {
            found.push(Fault::new(original.clone(), detail));
        }
        // What is missing can't be taken out; its parent can, so that the rest is heard.
        let target = if copy.value.pointer(&at).is_some() { at } else { parent(&at) };
        removed.push(copy.original(&target));
        if target.is_empty() || !copy.remove(&target) {
            break;
        }
    }
}

/// In the order of the pointers, each fault once.
pub(super) fn tidy(mut found: Vec<Fault>) -> Vec<Fault> {
    found.sort();
    found.dedup();
    found.truncate(MOST_FAULTS);
    found
}

fn first_in_text<T: DeserializeOwned>(bytes: &[u8]) -> Option<(String, String)> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let error = serde_path_to_error::deserialize::<_, T>(&mut deserializer).err()?;
    Some((pointer(error.path(), &Value::Null), error.inner().to_string()))
}

/// Whether a fault at `known` says all there is to say about `new`: the same place, or something inside or around it.
fn covers(known: &str, new: &str) -> bool {
    let within = |outer: &str, inner: &str| inner == outer || inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
    within(known, new) || (!new.is_empty() && within(new, known))
}

fn pointer(path: &serde_path_to_error::Path, value: &Value) -> String {
    use serde_path_to_error::Segment;
    let mut at = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => at = child(&at, &index.to_string()),
            Segment::Map { key } => at = child(&at, key),
            // The variant's name is a level of the JSON only where enums are externally tagged.
            Segment::Enum { variant } => {
                let deeper = child(&at, variant);
                if value.pointer(&deeper).is_some() {
                    at = deeper;
                }
            }
            Segment::Unknown => {}
        }
    }
    at
}

/// Where serde's complaint really points, and what to tell about it: never the value.
fn judge(at: &str, message: &str, value: &Value) -> (String, String) {
    let quoted = |prefix: &str| message.strip_prefix(prefix).and_then(|rest| rest.split('`').next());
    if let Some(name) = quoted("missing field `") {
        return (child(at, name), "is required".to_owned());
    }
    if let Some(name) = quoted("unknown field `") {
        return (named(at, name), "is not a known field".to_owned());
    }
    if message.starts_with("unknown variant") {
        let allowed = message.split(", expected ").last().unwrap_or_default().replace('`', "");
        return (at.to_owned(), format!("must be {allowed}"));
    }
    if message.starts_with("invalid type") || message.starts_with("invalid value") || message.starts_with("invalid length") {
        let expected = message.rsplit_once(", expected ").map_or("something else", |(_, expected)| expected);
        return (at.to_owned(), format!("must be {}", plain(expected)));
    }
    if message.contains("UUID parsing failed") || message.to_ascii_lowercase().contains("uuid") {
        return (at.to_owned(), "must be a UUID".to_owned());
    }
    let echoes = value.pointer(at).and_then(Value::as_str).is_some_and(|text| text.len() > 2 && message.contains(text));
    (at.to_owned(), if echoes { "is not valid".to_owned() } else { message.to_owned() })
}

fn plain(expected: &str) -> &str {
    match expected {
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number in range",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        other if other.starts_with("struct ") => "an object",
        other => other,
    }
}

fn named(at: &str, name: &str) -> String {
    let last = child("", name);
    if at.ends_with(&last) { at.to_owned() } else { child(at, name) }
}

fn parent(at: &str) -> String {
    at.rsplit_once('/').map_or_else(String::new, |(parent, _)| parent.to_owned())
}

/// A value from which parts were taken, and how to name a place in it by where that was before.
struct Pruned {
    value: Value,
    /// Original pointer of a list, and which of its elements are left.
    kept: HashMap<String, Vec<usize>>,
}

impl Pruned {
    fn original(&self, at: &str) -> String {
        let mut original = String::new();
        for token in at.split('/').skip(1) {
            let index = self.kept.get(&original).and_then(|kept| kept.get(token.parse::<usize>().ok()?));
            original = match index {
                Some(index) => format!("{original}/{index}"),
                None => format!("{original}/{token}"),
            };
        }
        original
    }

    fn remove(&mut self, at: &str) -> bool {
        let above = parent(at);
        let original = self.original(&above);
        let Some(last) = at.rsplit('/').next() else { return false };
        match self.value.pointer_mut(&above) {
            Some(Value::Object(object)) => object.remove(&last.replace("~1", "/").replace("~0", "~")).is_some(),
            Some(Value::Array(items)) => {
                let Some(index) = last.parse::<usize>().ok().filter(|index| *index < items.len()) else { return false };
                let kept = self.kept.entry(original).or_insert_with(|| (0..items.len()).collect());
                items.remove(index);
                if index < kept.len() {
                    kept.remove(index);
                }
                true
            }
            _ => false,
        }
    }
}
