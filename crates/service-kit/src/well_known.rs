//! Schemas of types that query parameters are made of. utoipa refers to them by name but collects only what bodies are made of.

use domain::{Email, Role, Version};
use serde_json::{Map, Value, json};
use utoipa::PartialSchema;

use crate::page::Limit;

/// The schema of a type of the kit or the domain, by the name under which it is referred to.
pub(crate) fn schema(name: &str) -> Option<Value> {
    let schema = match name {
        "Limit" => Limit::schema(),
        "Role" => Role::schema(),
        "Version" => Version::schema(),
        "Email" => Email::schema(),
        // Every typed id is a UUID.
        id if id.ends_with("Id") => return Some(json!({ "type": "string", "format": "uuid" })),
        _ => return None,
    };
    serde_json::to_value(schema).ok()
}

/// Names that `value` refers to within `components/schemas`.
pub(crate) fn references(value: &Value) -> Vec<String> {
    fn walk(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                let target = object.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix("#/components/schemas/"));
                found.extend(target.map(str::to_owned));
                object.values().for_each(|value| walk(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(value, &mut found);
    found.sort();
    found.dedup();
    found
}

/// Adds to `schemas` what `value` refers to and they lack, as far as it is well known.
pub(crate) fn supply(value: &Value, schemas: &mut Map<String, Value>) {
    for name in references(value) {
        if !schemas.contains_key(&name)
            && let Some(schema) = schema(&name)
        {
            schemas.insert(name, schema);
        }
    }
}
