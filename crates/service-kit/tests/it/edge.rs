//! What every answer carries, and what happens outside handlers.

use domain::Role;
use reqwest::Method;
use serde_json::Value;

use crate::demo::{Demo, problem};

#[tokio::test]
async fn a_request_id_is_echoed_if_it_is_fit_for_a_log_and_made_if_not() {
    let demo = Demo::start().await;
    let id = async |given: &'static str| {
        let response = demo.bare(Method::GET, "/health").header("x-request-id", given).send().await.unwrap();
        response.headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(id("abc-123-def").await, "abc-123-def");
    for unfit in ["short", "with space and more", "<script>alert(1)</script>"] {
        assert_eq!(id(unfit).await.len(), 36, "{unfit}");
    }
}

#[tokio::test]
async fn an_internal_error_tells_the_client_only_its_request_id() {
    let demo = Demo::start().await;
    for path in ["/api/v1/fail", "/api/v1/explode"] {
        let response = demo.bare(Method::GET, path).send().await.unwrap();
        let told = problem(response).await;
        assert_eq!(told["type"], "/docs/problems#internal", "{path}");
        let text = told.to_string();
        assert!(!text.contains("SELECT") && !text.contains("internal.example") && !text.contains("fault"), "{text}");
    }
    assert_eq!(demo.get("/health").await.status(), 200, "a handler that panicked took nobody along");
}

#[tokio::test]
async fn an_unknown_path_is_404_and_a_wrong_method_405_with_allow() {
    let demo = Demo::start().await;
    assert_eq!(problem(demo.get("/api/v1/nothing").await).await["status"], 404);
    let response = demo.request(Method::DELETE, "/api/v1/things/0190a5c4-0000-7000-8000-000000000000").send().await.unwrap();
    assert_eq!(response.headers()["allow"], "GET, PUT");
    assert_eq!(problem(response).await["status"], 405);
    assert_eq!(demo.request(Method::POST, "/health").send().await.unwrap().status(), 405);
}

#[tokio::test]
async fn answers_carry_the_security_headers() {
    let demo = Demo::start_with(&[("PUBLIC_URL", "https://api.school.example")]).await;
    for path in ["/health", "/api/v1/things", "/nothing"] {
        let response = demo.get(path).await;
        let headers = response.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["x-frame-options"], "DENY");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert!(headers["content-security-policy"].to_str().unwrap().contains("frame-ancestors 'none'"));
        assert!(headers.contains_key("strict-transport-security"));
        assert!(headers.contains_key("cache-control"));
    }
}

#[tokio::test]
async fn only_configured_origins_may_call_from_a_browser() {
    let demo = Demo::start_with(&[("CORS_ALLOWED_ORIGINS", "https://app.school.example")]).await;
    let preflight = |origin: &'static str| {
        let request = demo.bare(Method::OPTIONS, "/api/v1/things").header("origin", origin);
        let request = request.header("access-control-request-method", "POST").header("access-control-request-headers", "if-match");
        async move { request.send().await.unwrap() }
    };
    let allowed = preflight("https://app.school.example").await;
    assert_eq!(allowed.status(), 204);
    assert_eq!(allowed.headers()["access-control-allow-origin"], "https://app.school.example");
    assert!(allowed.headers()["access-control-allow-headers"].to_str().unwrap().contains("If-Match"));
    assert!(allowed.headers()["access-control-allow-methods"].to_str().unwrap().contains("PATCH"));
    assert!(!preflight("https://evil.example").await.headers().contains_key("access-control-allow-origin"));

    let response = demo.request(Method::GET, "/api/v1/things").header("origin", "https://app.school.example").send().await.unwrap();
    assert!(response.headers()["access-control-expose-headers"].to_str().unwrap().contains("ETag"));
    assert!(response.headers().get_all("vary").iter().any(|vary| vary == "Origin"));
    let foreign = demo.request(Method::GET, "/api/v1/things").header("origin", "https://evil.example").send().await.unwrap();
    assert!(!foreign.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn past_the_rate_limit_it_is_429_with_when_to_come_back() {
    let demo = Demo::start_with(&[("RATE_LIMIT_PER_MINUTE", "3")]).await;
    let get = async || demo.bare(Method::GET, "/health").send().await.unwrap();
    for left in [2, 1, 0] {
        let response = get().await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["ratelimit-policy"], "\"default\";q=3;w=60");
        assert!(response.headers()["ratelimit"].to_str().unwrap().starts_with(&format!("\"default\";r={left};t=")));
    }
    let refused = get().await;
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait));
    assert_eq!(problem(refused).await["type"], "/docs/problems#too-many-requests");
    // A made-up token opens no bucket of its own.
    let forged = demo.bare(Method::GET, "/health").bearer_auth("made.up.token").send().await.unwrap();
    assert_eq!(forged.status(), 429);
}

#[tokio::test]
async fn a_session_has_a_limit_of_its_own_once_its_token_is_known() {
    let demo = Demo::start_with(&[("RATE_LIMIT_PER_MINUTE", "2")]).await;
    let token = demo.token(Role::Teacher);
    let get = async || demo.bare(Method::GET, "/api/v1/things").bearer_auth(&token).send().await.unwrap().status().as_u16();
    // The first one counts for the address: the token was not known yet.
    assert_eq!([get().await, get().await, get().await, get().await], [200, 200, 200, 429]);
    assert_eq!(demo.bare(Method::GET, "/health").send().await.unwrap().status(), 200);
    assert_eq!(demo.bare(Method::GET, "/health").send().await.unwrap().status(), 429);
}

#[tokio::test]
async fn metrics_are_labelled_by_route_pattern_never_by_path() {
    let demo = Demo::start().await;
    demo.get("/api/v1/things/0190a5c4-0000-7000-8000-00000000beef").await;
    demo.get("/probe/of/a/scanner").await;
    demo.request(Method::from_bytes(b"BREW").unwrap(), "/health").send().await.unwrap();
    let url = format!("http://{}/metrics", demo.running.metrics_address().unwrap());
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    assert!(text.contains(r#"http_requests_total{method="GET",route="/api/v1/things/{id}",status="200"} 1"#), "{text}");
    assert!(text.contains(r#"http_requests_total{method="GET",route="unmatched",status="404"} 1"#), "{text}");
    assert!(text.contains(r#"method="OTHER""#), "{text}");
    assert!(text.contains("http_request_duration_seconds_bucket"), "{text}");
    assert!(!text.contains("beef") && !text.contains("scanner") && !text.contains("BREW"), "{text}");
    assert_eq!(demo.get("/metrics").await.status(), 404, "not on the public port");
}

#[tokio::test]
async fn every_kind_of_problem_is_explained_where_its_type_points() {
    let demo = Demo::start().await;
    let page = demo.get("/docs/problems").await.text().await.unwrap();
    for kind in service_kit::Kind::ALL {
        assert!(page.contains(&format!("id=\"{}\"", kind.as_str())), "{kind:?}");
    }
    let told: Value = problem(demo.get("/api/v1/things/42").await).await;
    assert!(page.contains(&format!("id=\"{}\"", told["type"].as_str().unwrap().rsplit('#').next().unwrap())));
}
