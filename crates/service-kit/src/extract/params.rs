//! The query string as a struct, judged like a body: every fault at once.

use std::any::TypeId;
use std::collections::HashSet;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use domain::Fault;
use futures_util::future::{Ready, ready};
use jsonschema::Validator;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use utoipa::IntoParams;
use utoipa::openapi::Required;

use super::{faults, schema};
use crate::problem::Problem;
use crate::well_known;

/// The query string as `T`, which derives `Deserialize` and `IntoParams` and carries `#[serde(deny_unknown_fields)]`.
///
/// Unknown names, names given twice, and values of the wrong form are a 422 with pointers such as `query:limit`.
#[derive(Debug, Clone)]
pub struct Params<T>(pub T);

impl<T> Params<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> std::ops::Deref for Params<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + IntoParams + 'static> FromRequest for Params<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let query = request.query_string();
        ready(match web::Query::<T>::from_query(query) {
            Ok(value) if !may_hold_a_strange_year(query) => Ok(Self(value.into_inner())),
            Ok(value) => refuse_strange_years::<T>(query).map(|()| Self(value.into_inner())),
            Err(_) => Err(explain::<T>(query)),
        })
    }
}

struct Parameter {
    name: String,
    schema: Value,
    required: bool,
}

/// A bare reference to a well-known type as that type's schema, so that it tells whether a number is hoped for.
fn resolved(schema: Value) -> Value {
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|target| target.rsplit('/').next());
    name.and_then(well_known::schema).unwrap_or(schema)
}

fn parameters<T: IntoParams>() -> Vec<Parameter> {
    T::into_params(|| None)
        .into_iter()
        .map(|parameter| Parameter {
            schema: parameter.schema.and_then(|schema| serde_json::to_value(schema).ok()).map_or_else(|| json!({}), resolved),
            required: matches!(parameter.required, Required::True),
            name: parameter.name,
        })
        .collect()
}

/// A hint, found without decoding: what has an escape where the year would be is looked at.
fn may_hold_a_strange_year(query: &str) -> bool {
    let values = query.split('&').filter_map(|pair| pair.split_once('=')).map(|(_, value)| value);
    let is_escaped = |value: &str| value.bytes().take(5).any(|byte| byte == b'%');
    values.into_iter().any(|value| is_escaped(value) || schema::may_have_a_strange_year(value))
}

/// Serde takes years that no school has, and some that no store knows.
#[cold]
fn refuse_strange_years<T: IntoParams + 'static>(query: &str) -> Result<(), Problem> {
    let Ok(web::Query(pairs)) = web::Query::<Vec<(String, String)>>::from_query(query) else { return Ok(()) };
    let parameters = parameters::<T>();
    let object = pairs.iter().map(|(name, text)| (name.clone(), value(&parameters, name, text))).collect();
    let found = schema::strange_years(validator::<T>(&parameters).as_deref(), &Value::Object(object));
    if found.is_empty() { Ok(()) } else { Err(Problem::invalid(in_the_query(found))) }
}

/// What a parameter's text stands for.
fn value(parameters: &[Parameter], name: &str, text: &str) -> Value {
    parameters.iter().find(|parameter| parameter.name == name).map_or_else(|| json!(text), |parameter| read(text, &parameter.schema))
}

fn validator<T: 'static>(parameters: &[Parameter]) -> Option<Arc<Validator>> {
    schema::cached(TypeId::of::<Params<T>>(), || {
        let properties: Map<String, Value> = parameters.iter().map(|p| (p.name.clone(), p.schema.clone())).collect();
        let required: Vec<&str> = parameters.iter().filter(|p| p.required).map(|p| p.name.as_str()).collect();
        let root = json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
        let mut components = Map::new();
        well_known::supply(&root, &mut components);
        Some((root, components))
    })
}

/// The faults of an object of parameters, as faults of the query.
fn in_the_query(found: Vec<Fault>) -> Vec<Fault> {
    let mut faults = faults::tidy(found);
    for fault in &mut faults {
        fault.pointer = format!("query:{}", fault.pointer.trim_start_matches('/').replace("~1", "/").replace("~0", "~"));
        if fault.detail == "is not a known field" {
            "is not a parameter of this route".clone_into(&mut fault.detail);
        }
    }
    faults
}

#[cold]
fn explain<T: DeserializeOwned + IntoParams + 'static>(query: &str) -> Problem {
    let Ok(web::Query(pairs)) = web::Query::<Vec<(String, String)>>::from_query(query) else {
        return Problem::malformed("The query string can't be read.");
    };
    let parameters = parameters::<T>();
    let mut found = Vec::new();
    let (mut object, mut seen) = (Map::new(), HashSet::new());
    for (name, text) in &pairs {
        if !seen.insert(name.as_str()) {
            found.push(Fault::new(schema::child("", name), "is given more than once"));
        }
        object.insert(name.clone(), value(&parameters, name, text));
    }
    if let Some(validator) = validator::<T>(&parameters) {
        found.extend(schema::faults(&validator, &Value::Object(object)));
    }
    // What only the type's own parser knows: ask it about one parameter after the other.
    let named: HashSet<String> = found.iter().map(|fault| fault.pointer.clone()).collect();
    let mut left: Vec<&(String, String)> = pairs.iter().filter(|(name, _)| !named.contains(&schema::child("", name))).collect();
    while let Some((name, detail)) = first_wrong::<T>(&left) {
        if let Some(at) = left.iter().position(|(candidate, _)| *candidate == name) {
            left.remove(at);
            found.push(Fault::new(schema::child("", &name), detail));
        } else {
            break;
        }
    }
    let faults = in_the_query(found);
    if faults.is_empty() {
        return Problem::malformed("The query string can't be read.");
    }
    Problem::invalid(faults)
}

/// The first of `pairs` that `T` refuses, by adding them one at a time. "Missing" is not a complaint about the one added.
fn first_wrong<T: DeserializeOwned>(pairs: &[&(String, String)]) -> Option<(String, String)> {
    pairs.iter().find_map(|pair| {
        let query = format!("{}={}", encode(&pair.0), encode(&pair.1));
        let error = web::Query::<T>::from_query(&query).err()?.to_string();
        // actix puts words of its own before serde's.
        let message = error.rsplit_once("error: ").map_or(error.as_str(), |(_, message)| message);
        let detail = if message.contains("missing field") {
            return None;
        } else if message.contains(&pair.1) && pair.1.len() > 2 {
            "is not valid".to_owned()
        } else if message.starts_with("invalid digit") || message.contains("number") {
            "must be a whole number in range".to_owned()
        } else {
            message.to_owned()
        };
        Some((pair.0.clone(), detail))
    })
}

fn encode(text: &str) -> String {
    text.bytes().map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// `text` as the JSON value that `schema` hopes for; a string if it can't be that.
fn read(text: &str, schema: &Value) -> Value {
    let hopes = |name: &str| match schema.get("type") {
        Some(Value::String(kind)) => kind == name,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == name),
        _ => false,
    };
    if hopes("integer") || hopes("number") {
        if let Ok(number) = text.parse::<i64>() {
            return json!(number);
        }
        if let Ok(number) = text.parse::<f64>() {
            return json!(number);
        }
    }
    match text {
        "true" if hopes("boolean") => json!(true),
        "false" if hopes("boolean") => json!(false),
        _ => json!(text),
    }
}
