//! The OpenAPI 3.1 document, collected by the registration that also serves the routes: what is documented is what there is.
//!
//! Deterministic: paths and schemas are sorted, and operation ids are made of method and path.

use std::collections::BTreeMap;

use actix_web::App;
use serde_json::{Map, Value};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Components, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Paths, RefOr, SecurityRequirement, ServerBuilder};
use utoipa::{PartialSchema, ToSchema};
use utoipa_actix_web::AppExt;

use crate::platform::Platform;
use crate::problem::{ProblemBody, response_component};
use crate::service::{Service, process_name};

/// The name of the security scheme.
const BEARER: &str = "bearer";

/// The document of `services`, without any store running.
#[must_use]
pub fn document(services: &[Service]) -> OpenApi {
    document_at(services, "/")
}

/// The document of `services` as reached at `server`.
#[must_use]
pub fn document_at(services: &[Service], server: &str) -> OpenApi {
    let platform = Platform::detached();
    let mut paths = Map::new();
    let mut schemas: Map<String, Value> = Map::new();
    for service in services {
        let mut part = part(&platform, *service);
        // Two services may each have their own `Summary`; in a common document the later one takes its service's name in front.
        let clashes: Vec<String> = part
            .schemas
            .iter()
            .filter(|(name, schema)| schemas.get(*name).is_some_and(|other| other != *schema))
            .map(|(name, _)| name.clone())
            .collect();
        for name in clashes {
            part.rename(&name, &format!("{}{name}", camel(service.name.as_str())));
        }
        schemas.extend(part.schemas);
        paths.extend(part.paths);
    }
    let mut document = frame(services, server);
    document.paths = serde_json::from_value::<Paths>(Value::Object(sorted(paths))).unwrap_or_default();
    let components = document.components.get_or_insert_with(Components::new);
    for (name, schema) in sorted(schemas) {
        if let Ok(schema) = serde_json::from_value::<RefOr<utoipa::openapi::Schema>>(schema) {
            components.schemas.insert(name, schema);
        }
    }
    document
}

struct Part {
    paths: Map<String, Value>,
    schemas: Map<String, Value>,
}

impl Part {
    fn rename(&mut self, from: &str, to: &str) {
        let (old, new) = (format!("#/components/schemas/{from}"), format!("#/components/schemas/{to}"));
        self.paths.values_mut().chain(self.schemas.values_mut()).for_each(|value| redirect(value, &old, &new));
        if let Some(schema) = self.schemas.remove(from) {
            self.schemas.insert(to.to_owned(), schema);
        }
    }
}

fn redirect(value: &mut Value, old: &str, new: &str) {
    match value {
        Value::String(text) if text == old => new.clone_into(text),
        Value::Object(object) => object.values_mut().for_each(|value| redirect(value, old, new)),
        Value::Array(items) => items.iter_mut().for_each(|value| redirect(value, old, new)),
        _ => {}
    }
}

/// One service's paths and schemas.
fn part(platform: &Platform, service: Service) -> Part {
    let (_, collected) = App::new().into_utoipa_app().configure(|config| (service.routes)(platform, config)).split_for_parts();
    let mut document = serde_json::to_value(collected).unwrap_or_default();
    let mut take = |pointer: &str| match document.pointer_mut(pointer).map(Value::take) {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    };
    let mut paths = take("/paths");
    for (path, item) in &mut paths {
        let Some(item) = item.as_object_mut() else { continue };
        for (method, operation) in item {
            if let Some(operation) = operation.as_object_mut() {
                operation.insert("tags".to_owned(), Value::from(vec![service.name.as_str()]));
                operation.insert("operationId".to_owned(), operation_id(method, path).into());
            }
        }
    }
    let mut schemas = take("/components/schemas");
    let mut more = Vec::new();
    <ProblemBody as ToSchema>::schemas(&mut more);
    more.push((ProblemBody::name().into_owned(), ProblemBody::schema()));
    for (name, schema) in more {
        schemas.insert(name, serde_json::to_value(schema).unwrap_or_default());
    }
    let all = Value::Object(paths);
    crate::well_known::supply(&all, &mut schemas);
    let Value::Object(paths) = all else { return Part { paths: Map::new(), schemas } };
    Part { paths, schemas }
}

/// What `document` refers to but doesn't hold; none, in a good one. A query parameter of a type of the service's own is a common
/// reason: say `#[param(inline)]` there.
#[must_use]
pub fn dangling(document: &OpenApi) -> Vec<String> {
    let value = serde_json::to_value(document).unwrap_or_default();
    let known = |name: &String| value.get("components").and_then(|c| c.get("schemas")).is_some_and(|schemas| schemas.get(name).is_some());
    crate::well_known::references(&value).into_iter().filter(|name| !known(name)).collect()
}

/// `get /api/v1/homework/{id}` is `get_homework_by_id`.
fn operation_id(method: &str, path: &str) -> String {
    let mut words = vec![method.to_owned()];
    for segment in path.split('/').filter(|segment| !segment.is_empty() && !matches!(*segment, "api" | "v1")) {
        match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => words.push(format!("by_{name}")),
            None => words.push(segment.replace(|c: char| !c.is_ascii_alphanumeric(), "_")),
        }
    }
    words.join("_")
}

fn frame(services: &[Service], server: &str) -> OpenApi {
    let about = match services {
        [only] => only.about.to_owned(),
        _ => "Many schools at once: ten services behind one address.".to_owned(),
    };
    let description = format!(
        "{about}\n\nErrors are RFC 9457 problem+json and list every fault at once. Lists take `limit` and `cursor` and answer with `next_cursor` and a `Link` header. \
         What can be edited carries an `ETag`; a change sends it back as `If-Match`. Send `Idempotency-Key` to make a retry safe. \
         Times are RFC 3339 in UTC, ids are UUIDs. Log in at `POST /api/v1/auth/login` and send the access token as `Authorization: Bearer`."
    );
    let info = InfoBuilder::new()
        .title(format!("Schools24 {}", if services.len() == 1 { process_name(services) } else { "API" }))
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(description))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build();
    let mut components = Components::new();
    let mut http = Http::new(HttpAuthScheme::Bearer);
    http.bearer_format = Some("JWT".to_owned());
    http.description = Some("The access token that a login answers with.".to_owned());
    components.add_security_scheme(BEARER, SecurityScheme::Http(http));
    let (name, response) = response_component();
    components.responses.insert(name.to_owned(), RefOr::T(response));
    let tags: BTreeMap<&str, &str> = services.iter().map(|service| (service.name.as_str(), service.about)).collect();
    let tags: Vec<_> = tags.into_iter().map(|(name, about)| TagBuilder::new().name(name).description(Some(about)).build()).collect();
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([ServerBuilder::new().url(server).build()]))
        .components(Some(components))
        .security(Some([SecurityRequirement::new(BEARER, Vec::<String>::new())]))
        .tags(Some(tags))
        .build()
}

fn sorted(map: Map<String, Value>) -> Map<String, Value> {
    map.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect()
}

fn camel(name: &str) -> String {
    name.split('-')
        .map(|word| {
            let mut chars = word.chars();
            chars.next().map(|first| first.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
        })
        .collect()
}

/// The document as it is committed: pretty, with a line end.
#[must_use]
pub fn to_text(document: &OpenApi) -> String {
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}
