//! The commands of the binary, with their exit codes and words.

use crate::process::Ground;

#[tokio::test]
async fn wrong_configuration_is_told_in_one_go_before_anything_starts() {
    let ground = Ground::lay().await;
    let mut command = ground.command(&["serve"]);
    command.env("PORT", "eighty").env("JWT_SECRET", "short").env("REDIS_COMPRESSION_ALGORITHM", "zip");
    let output = command.output().await.unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78));
    for name in ["PORT", "JWT_SECRET", "REDIS_COMPRESSION_ALGORITHM"] {
        assert!(words.contains(name), "{words}");
    }
    assert!(!words.contains("short\""), "a secret must not be shown: {words}");
}

#[tokio::test]
async fn migrate_can_be_run_again_and_tells_where_it_stands() {
    let ground = Ground::lay().await;
    for _ in 0..2 {
        let (code, said, complained) = ground.run(&["migrate"]).await;
        assert_eq!(code, 0, "{complained}");
        assert!(said.contains("MongoDB has its collections"), "{said}");
    }
    let (_, said, _) = ground.run(&["migrate", "status"]).await;
    assert!(said.lines().count() >= 12 && said.lines().all(|line| line.starts_with("applied")), "{said}");
}

#[tokio::test]
async fn drain_once_with_nothing_to_do_says_so_and_succeeds() {
    let ground = Ground::lay().await;
    let (code, said, complained) = ground.run(&["drain", "--once"]).await;
    assert_eq!(
        (code, said.as_str()),
        (0, "0 rows saved, 0 were there already, 0 went to the dead letters; 0 events sent.\n"),
        "{complained}"
    );
    let (code, said, _) = ground.run(&["dead-letters", "list"]).await;
    assert_eq!((code, said.as_str()), (0, "0 open.\n"));
    let (code, _, complained) = ground.run(&["dead-letters", "show", "0190a5c4-0000-7000-8000-000000000000"]).await;
    assert_eq!(code, 1);
    assert!(complained.contains("no open dead letter"), "{complained}");
}

#[tokio::test]
async fn the_openapi_document_names_the_routes_of_each_service_and_needs_no_store() {
    let ground = Ground::lay().await;
    let (code, said, complained) = ground.run(&["openapi", "--service", "homework"]).await;
    assert_eq!(code, 0, "{complained}");
    let document: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/api/v1/homework/{id}/publish"]["post"].is_object());
    assert!(document["paths"]["/api/v1/auth/login"].is_null());
    // Every route says who may call it, or is known to be open.
    let (_, said, _) = ground.run(&["openapi"]).await;
    let document: serde_json::Value = serde_json::from_str(&said).unwrap();
    let open = [
        "/api/v1/auth/login",
        "/api/v1/auth/refresh",
        "/api/v1/auth/jwks",
        "/.well-known/jwks.json",
        // The address itself is the secret.
        "/api/v1/calendar/feeds/{token}.ics",
        // The body is signed.
        "/api/v1/webhooks/{provider}/{school_id}",
    ];
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let secured = operation["security"].as_array().is_some_and(|rules| rules.iter().any(|rule| rule.get("bearer").is_some()));
            assert!(secured || open.contains(&path.as_str()), "{method} {path} names no authentication");
        }
    }
}

#[tokio::test]
async fn every_documented_path_is_routed_to_its_own_service() {
    let ground = Ground::lay().await;
    let (_, said, _) = ground.run(&["routes", "--format", "json"]).await;
    let routes: Vec<serde_json::Value> = serde_json::from_str(&said).unwrap();
    assert!(routes.iter().any(|route| route["service"] == "homework" && route["pattern"].as_str().unwrap().contains("submissions")));
    assert!(routes.iter().any(|route| route["service"] == "auth" && route["pattern"].as_str().unwrap().contains("well-known")));
}

#[test]
fn every_list_says_how_to_ask_for_its_pages() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi/schools24.json")).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let (mut lists, mut lacking) = (0, Vec::new());
    for (path, item) in document["paths"].as_object().unwrap() {
        let schema = &item["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        if !schema["$ref"].as_str().is_some_and(|name| name.starts_with("#/components/schemas/Page_")) {
            continue;
        }
        lists += 1;
        let parameters = item["get"]["parameters"].as_array().cloned().unwrap_or_default();
        let has = |name: &str| parameters.iter().any(|parameter| parameter["name"] == name);
        if !has("limit") || !has("cursor") {
            lacking.push(path);
        }
    }
    assert!(lists > 50, "only {lists} lists: is this still what a page's schema is called?");
    assert!(lacking.is_empty(), "{lacking:?}");
}
