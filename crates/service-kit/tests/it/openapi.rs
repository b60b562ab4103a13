//! The OpenAPI document and the routing table that is made of it.

use domain::ServiceName;
use serde_json::Value;
use service_kit::{Service, openapi, routing};

use crate::demo::SERVICE;

#[test]
fn the_document_is_the_same_each_time_and_complete() {
    let text = openapi::to_text(&openapi::document(&[SERVICE]));
    assert_eq!(text, openapi::to_text(&openapi::document(&[SERVICE])));
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    assert_eq!(
        document["components"]["responses"]["Problem"]["content"]["application/problem+json"]["schema"]["$ref"],
        "#/components/schemas/Problem"
    );
    let create = &document["paths"]["/api/v1/things"]["post"];
    assert_eq!(create["tags"], serde_json::json!(["homework"]));
    assert_eq!(create["operationId"], "post_things");
    assert_eq!(create["responses"]["422"]["$ref"], "#/components/responses/Problem");
    assert_eq!(document["paths"]["/api/v1/open"]["get"]["security"], serde_json::json!([{}]));
    // Whatever is referred to is there.
    let mut dangling = Vec::new();
    walk(&document, &mut |target| {
        if document.pointer(target.trim_start_matches('#')).is_none() {
            dangling.push(target.to_owned());
        }
    });
    assert!(dangling.is_empty(), "{dangling:?}");
    assert!(openapi::dangling(&openapi::document(&[SERVICE])).is_empty());
    assert_eq!(document["components"]["schemas"]["Limit"]["maximum"], 200);
}

fn walk(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::Object(object) => {
            if let Some(target) = object.get("$ref").and_then(Value::as_str) {
                see(target);
            }
            object.values().for_each(|value| walk(value, see));
        }
        Value::Array(items) => items.iter().for_each(|value| walk(value, see)),
        _ => {}
    }
}

macro_rules! stub {
    ($service:ident, $($name:ident $path:literal),+) => {{
        mod inner {
            use actix_web::get;

            $(
                #[utoipa::path(responses((status = 204)))]
                #[get($path)]
                pub(super) async fn $name() -> service_kit::NoContent { service_kit::NoContent }
            )+
            pub(super) fn routes(_: &service_kit::Platform, config: &mut utoipa_actix_web::service_config::ServiceConfig<'_>) {
                config$(.service($name))+;
            }
        }
        Service { routes: inner::routes, ..Service::new(ServiceName::$service, "a stub") }
    }};
}

#[test]
fn every_documented_path_is_routed_to_its_own_service() {
    let auth = stub!(Auth, a "/api/v1/students", b "/api/v1/students/{id}", c "/api/v1/students/{id}/guardians", d "/.well-known/jwks.json", e "/api/v1/auth/login");
    let attendance = stub!(Attendance, a "/api/v1/students/{id}/attendance", b "/api/v1/attendance/{id}", c "/api/v1/attendance");
    let homework =
        stub!(Homework, a "/api/v1/homework/{id}", b "/api/v1/submissions/{id}/grade", c "/api/v1/students/{id}/homework/{homework_id}");
    let services = [auth, attendance, homework];
    let table = routing::table(&services);
    let lines: Vec<String> = table.iter().map(|route| format!("{} {}", route.pattern, route.service)).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    ^/api/v1/students/[^/]+/attendance(/|$) attendance
    ^/api/v1/students/[^/]+/homework(/|$) homework
    ^/api/v1/attendance(/|$) attendance
    ^/api/v1/auth(/|$) auth
    ^/api/v1/homework(/|$) homework
    ^/api/v1/students(/|$) auth
    ^/api/v1/submissions(/|$) homework
    ^/\\.well-known(/|$) auth
    ");
    for service in services {
        for path in openapi::document(&[service]).paths.paths.keys() {
            let example = routing::example(path);
            let winner = table.iter().find(|route| matches(&route.pattern, &example)).unwrap_or_else(|| panic!("{example} goes nowhere"));
            assert_eq!(winner.service, service.name, "{example}");
        }
    }
    for route in &table {
        assert!(matches(&route.pattern, &route.example), "{route:?}");
    }
}

/// Just enough of a regular expression for the forms that the table has.
fn matches(pattern: &str, path: &str) -> bool {
    let wanted: Vec<&str> = pattern.strip_prefix("^/").unwrap().strip_suffix("(/|$)").unwrap().split('/').collect();
    // `[^/]+` holds a slash of its own.
    let wanted = wanted.join("/").replace("[^/]+", "*");
    let wanted: Vec<String> = wanted.split('/').map(|segment| segment.replace("\\.", ".")).collect();
    let there: Vec<&str> = path.split('/').skip(1).collect();
    wanted.len() <= there.len() && wanted.iter().zip(there).all(|(wanted, there)| wanted == "*" || wanted == there)
}

#[test]
fn two_services_may_have_a_schema_of_the_same_name() {
    mod one {
        use actix_web::get;

        #[derive(serde::Serialize, utoipa::ToSchema)]
        pub(super) struct Summary {
            pub(super) a: u32,
        }
        #[utoipa::path(responses((status = 200, body = Summary)))]
        #[get("/api/v1/one")]
        pub(super) async fn one() -> actix_web::web::Json<Summary> {
            actix_web::web::Json(Summary { a: 1 })
        }
    }
    mod two {
        use actix_web::get;

        #[derive(serde::Serialize, utoipa::ToSchema)]
        pub(super) struct Summary {
            pub(super) b: String,
        }
        #[utoipa::path(responses((status = 200, body = Summary)))]
        #[get("/api/v1/two")]
        pub(super) async fn two() -> actix_web::web::Json<Summary> {
            actix_web::web::Json(Summary { b: String::new() })
        }
    }
    let fee = Service {
        routes: |_, config| {
            config.service(one::one);
        },
        ..Service::new(ServiceName::Fee, "one")
    };
    let quiz = Service {
        routes: |_, config| {
            config.service(two::two);
        },
        ..Service::new(ServiceName::Quiz, "two")
    };
    let document = serde_json::to_value(openapi::document(&[fee, quiz])).unwrap();
    assert!(document["components"]["schemas"]["Summary"]["properties"]["a"].is_object());
    assert!(document["components"]["schemas"]["QuizSummary"]["properties"]["b"].is_object());
    let body = &document["paths"]["/api/v1/two"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"];
    assert_eq!(body, "#/components/schemas/QuizSummary");
}
