//! Faults by JSON Schema: the schema that the OpenAPI document shows for a type is the one that its wrong values are held against.
//!
//! Validators are compiled once a type, on the first wrong value. Messages name rules, never values: a value may be a password.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use domain::Fault;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{Draft, ValidationError, Validator};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// A wrong body of a thousand elements needs no thousand lines.
pub(super) const MOST_FAULTS: usize = 100;

type Compiled = Option<Arc<Validator>>;

static VALIDATORS: RwLock<Option<HashMap<TypeId, Compiled>>> = RwLock::new(None);

/// What is wrong with `instance` as a `T`.
pub(super) fn validate<T: ToSchema + 'static>(instance: &Value) -> Vec<Fault> {
    validator_of::<T>().map(|validator| faults(&validator, instance)).unwrap_or_default()
}

pub(super) fn validator_of<T: ToSchema + 'static>() -> Compiled {
    cached(TypeId::of::<T>(), || {
        let mut referenced = Vec::new();
        T::schemas(&mut referenced);
        let root = serde_json::to_value(T::schema()).ok()?;
        let components =
            referenced.into_iter().filter_map(|(name, schema)| Some((name, serde_json::to_value(schema).ok()?))).collect::<Map<_, _>>();
        Some((root, components))
    })
}

/// Dates and times of `instance`, otherwise a right value, with a year that is none of ours.
pub(super) fn strange_years(validator: Option<&Validator>, instance: &Value) -> Vec<Fault> {
    let mut found = Vec::new();
    if let Some(validator) = validator {
        validator.iter_errors(instance).take(MOST_FAULTS).for_each(|error| strange_year(&error, &mut found));
    }
    found
}

const OTHER_YEAR: &str = "must be within the years 1900 to 2200";

fn strange_year(error: &ValidationError<'_>, found: &mut Vec<Fault>) {
    use ValidationErrorKind as K;
    match error.kind() {
        K::Format { format } if is_of_time(format) && error.instance().as_str().is_some_and(|text| !has_a_year_of_ours(text)) => {
            found.push(Fault::new(error.instance_path().as_str(), OTHER_YEAR));
        }
        K::AnyOf { context } | K::OneOfNotValid { context } => context.iter().flatten().for_each(|error| strange_year(error, found)),
        _ => {}
    }
}

fn is_of_time(format: &str) -> bool {
    matches!(format, "date" | "date-time")
}

/// The validator kept under `id`, compiled from what `schema` gives if there is none yet: a root schema and `components/schemas`.
pub(super) fn cached(id: TypeId, schema: impl FnOnce() -> Option<(Value, Map<String, Value>)>) -> Compiled {
    if let Some(found) = VALIDATORS.read().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(|map| map.get(&id)) {
        return found.clone();
    }
    let compiled = schema().and_then(|(root, components)| compile(root, &components)).map(Arc::new);
    let mut validators = VALIDATORS.write().unwrap_or_else(PoisonError::into_inner);
    validators.get_or_insert_default().entry(id).or_insert(compiled).clone()
}

fn compile(root: Value, components: &Map<String, Value>) -> Option<Validator> {
    let Value::Object(mut document) = root else { return None };
    let known: Vec<String> = components.keys().map(|name| format!("#/components/schemas/{name}")).collect();
    document.insert("components".to_owned(), json!({ "schemas": components }));
    let mut document = Value::Object(document);
    loosen_unknown_references(&mut document, &known);
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .should_ignore_unknown_formats(true)
        .with_format("date", is_date)
        .with_format("date-time", is_time)
        .offline()
        .build(&document)
        .map_err(|error| tracing::warn!(%error, "a schema can't be compiled; wrong bodies get serde's faults only"))
        .ok()
}

/// What a date is, here and in the API document: chrono also takes `+12026-01-01`, which PostgreSQL keeps and then writes in a form that nobody reads.
fn is_date(text: &str) -> bool {
    has_a_year_of_ours(text) && text.len() == 10 && text.parse::<chrono::NaiveDate>().is_ok()
}

fn is_time(text: &str) -> bool {
    has_a_year_of_ours(text) && chrono::DateTime::parse_from_rfc3339(text).is_ok()
}

/// No school has a day in another year, and reckoning with one (a year later, a month of it) must stay within what all stores know.
fn has_a_year_of_ours(text: &str) -> bool {
    matches!(text.as_bytes(), [b'1', b'9', _, _, b'-', ..] | [b'2', b'0' | b'1', _, _, b'-', ..] | [b'2', b'2', b'0', b'0', b'-', ..])
        && text.bytes().take(4).all(|byte| byte.is_ascii_digit())
}

/// Whether the text is a date or a time to chrono, of a year that is none of ours.
fn is_of_another_age(text: &str) -> bool {
    !has_a_year_of_ours(text) && (text.parse::<chrono::NaiveDate>().is_ok() || text.parse::<chrono::DateTime<chrono::Utc>>().is_ok())
}

/// Whether a text that begins like this may be a date or a time, and then has a year that is none of ours.
pub(super) fn may_have_a_strange_year(text: &str) -> bool {
    match text.as_bytes() {
        [b'+' | b'-', digit, ..] => digit.is_ascii_digit(),
        [a, b, c, d, b'-', ..] => [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()) && !has_a_year_of_ours(text),
        _ => false,
    }
}

/// The same of any string in this JSON: a hint, found without reading the JSON.
pub(super) fn may_hold_a_strange_year(json: &[u8]) -> bool {
    json.windows(6).any(|window| match window.split_first() {
        Some((b'"', text)) => std::str::from_utf8(text).is_ok_and(may_have_a_strange_year),
        _ => false,
    })
}

/// A schema that is referred to but not at hand accepts everything: serde still judges that part.
fn loosen_unknown_references(schema: &mut Value, known: &[String]) {
    match schema {
        Value::Object(object) => {
            let unknown = object.get("$ref").and_then(Value::as_str).is_some_and(|target| !known.iter().any(|k| k == target));
            if unknown {
                object.remove("$ref");
            }
            object.values_mut().for_each(|value| loosen_unknown_references(value, known));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| loosen_unknown_references(value, known)),
        _ => {}
    }
}

/// Every fault that `validator` finds.
pub(super) fn faults(validator: &Validator, instance: &Value) -> Vec<Fault> {
    let mut found = Vec::new();
    for error in validator.iter_errors(instance).take(MOST_FAULTS) {
        describe(&error, &mut found);
    }
    found
}

fn describe(error: &ValidationError<'_>, found: &mut Vec<Fault>) {
    use ValidationErrorKind as K;
    let at = error.instance_path().as_str();
    let mut fault = |detail: String| found.push(Fault::new(at, detail));
    match error.kind() {
        K::Required { property } => found.push(Fault::new(child(at, property.as_str().unwrap_or_default()), "is required")),
        K::AdditionalProperties { unexpected } | K::UnevaluatedProperties { unexpected } => {
            found.extend(unexpected.iter().take(MOST_FAULTS).map(|name| Fault::new(child(at, name), "is not a known field")));
        }
        K::Type { kind } => fault(format!("must be {}", type_names(kind))),
        K::Enum { options } => fault(format!("must be one of {}", list(options))),
        K::Constant { expected_value } => fault(format!("must be {expected_value}")),
        K::Format { format } if is_of_time(format) && error.instance().as_str().is_some_and(is_of_another_age) => {
            fault(OTHER_YEAR.to_owned());
        }
        K::Format { format } => fault(format!("must be {}", format_name(format))),
        K::MinLength { limit: 1 } => fault("must not be empty".to_owned()),
        K::MinLength { limit } => fault(format!("must have at least {limit} characters")),
        K::MaxLength { limit } => fault(format!("must have at most {limit} characters")),
        K::Minimum { limit } => fault(format!("must be at least {limit}")),
        K::Maximum { limit } => fault(format!("must be at most {limit}")),
        K::ExclusiveMinimum { limit } => fault(format!("must be more than {limit}")),
        K::ExclusiveMaximum { limit } => fault(format!("must be less than {limit}")),
        K::MultipleOf { multiple_of } => fault(format!("must be a multiple of {multiple_of}")),
        K::MinItems { limit } => fault(format!("must have at least {limit} items")),
        K::MaxItems { limit } => fault(format!("must have at most {limit} items")),
        K::MinProperties { limit } => fault(format!("must have at least {limit} fields")),
        K::MaxProperties { limit } => fault(format!("must have at most {limit} fields")),
        K::UniqueItems => fault("must not contain an item twice".to_owned()),
        K::Pattern { pattern } => fault(format!("must match {pattern}")),
        K::AnyOf { context } | K::OneOfNotValid { context } => alternatives(at, context, found),
        _ => fault("is not valid".to_owned()),
    }
}

/// Of the forms that a value may take, only those are worth talking about that it was meant to be: a value of the wrong shape
/// altogether (not null, for one that may be null) tells nothing about the others.
fn alternatives(at: &str, branches: &[Vec<ValidationError<'static>>], found: &mut Vec<Fault>) {
    let wrong_shape = |errors: &&Vec<ValidationError<'static>>| {
        errors.iter().any(|error| error.instance_path().as_str() == at && matches!(error.kind(), ValidationErrorKind::Type { .. }))
    };
    let meant: Vec<_> = branches.iter().filter(|errors| !wrong_shape(errors)).collect();
    match meant.as_slice() {
        [only] => only.iter().for_each(|error| describe(error, found)),
        [] => {
            let kinds: Vec<String> = branches
                .iter()
                .flatten()
                .filter(|error| error.instance_path().as_str() == at)
                .filter_map(|error| match error.kind() {
                    ValidationErrorKind::Type { kind } => Some(type_names(kind)),
                    _ => None,
                })
                .collect();
            found.push(Fault::new(at, format!("must be {}", kinds.join(" or "))));
        }
        _ => found.push(Fault::new(at, "is none of the forms that are allowed here")),
    }
}

fn type_names(kind: &TypeKind) -> String {
    let name = |name: &str| match name {
        "null" => "null".to_owned(),
        "array" => "a list".to_owned(),
        "object" => "an object".to_owned(),
        "integer" => "a whole number".to_owned(),
        "boolean" => "true or false".to_owned(),
        other => format!("a {other}"),
    };
    match kind {
        TypeKind::Single(kind) => name(&kind.to_string()),
        TypeKind::Multiple(kinds) => kinds.iter().map(|kind| name(&kind.to_string())).collect::<Vec<_>>().join(" or "),
    }
}

fn format_name(format: &str) -> String {
    match format {
        "uuid" => "a UUID".to_owned(),
        "date-time" => "a time as RFC 3339, such as 2026-08-17T09:30:00Z".to_owned(),
        "date" => "a date, such as 2026-08-17".to_owned(),
        "email" => "an e-mail address, such as name@school.example".to_owned(),
        "uri" => "a URI".to_owned(),
        other => format!("of the format {other}"),
    }
}

fn list(options: &Value) -> String {
    let names = |options: &Vec<Value>| {
        options.iter().map(|option| option.as_str().map_or_else(|| option.to_string(), str::to_owned)).collect::<Vec<_>>().join(", ")
    };
    options.as_array().map(names).unwrap_or_default()
}

/// The JSON pointer of `name` under `parent` (RFC 6901).
pub(super) fn child(parent: &str, name: &str) -> String {
    format!("{parent}/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_of_a_year_that_a_school_may_have() {
        for fine in ["2026-08-17", "1900-01-01", "1999-12-31", "2100-02-28", "2200-12-31"] {
            assert!(is_date(fine), "{fine}");
        }
        for strange in [
            "+12026-01-01",
            "-0001-01-01",
            "0000-01-01",
            "1899-12-31",
            "2201-01-01",
            "9999-12-31",
            "2026-1-1",
            "2026-02-30",
            "20260817",
            "",
        ] {
            assert!(!is_date(strange), "{strange}");
        }
        assert!(is_time("2026-08-17T09:30:00Z") && is_time("2026-08-17T09:30:00.5+05:30"));
        assert!(!is_time("+12026-08-17T09:30:00Z") && !is_time("0000-08-17T09:30:00Z") && !is_time("2026-08-17"));
    }

    #[test]
    fn what_may_be_strange_is_looked_at() {
        assert!(may_hold_a_strange_year(br#"{"day":"+12026-01-01"}"#));
        assert!(may_hold_a_strange_year(br#"{"day":"-0001-01-01"}"#));
        assert!(may_hold_a_strange_year(br#"["0000-01-01"]"#));
        assert!(may_hold_a_strange_year(br#"{"day":"2201-01-01"}"#));
        assert!(may_have_a_strange_year("-4800-01-01") && may_have_a_strange_year("1899-12-31"));
        assert!(!may_have_a_strange_year("2026-08-17T09:30:00Z") && !may_have_a_strange_year("12345-678"));
        assert!(!may_hold_a_strange_year(br#"{"day":"2026-01-01","points":-1,"note":"a - b + c"}"#));
    }
}
