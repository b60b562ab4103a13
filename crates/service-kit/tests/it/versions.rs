//! Versions and idempotency keys in headers.

use reqwest::Method;

use crate::demo::{Demo, problem, summary};

const THING: &str = "/api/v1/things/0190a5c4-0000-7000-8000-000000000000";

#[tokio::test]
async fn a_change_needs_the_version_that_it_is_based_on() {
    let demo = Demo::start().await;
    let put = |tag: Option<&'static str>| {
        let request = demo.request(Method::PUT, THING).header("content-type", "application/json").body(r#"{"title":"t"}"#);
        let request = match tag {
            Some(tag) => request.header("if-match", tag),
            None => request,
        };
        async move { request.send().await.unwrap() }
    };
    let done = put(Some("\"v3\"")).await;
    assert_eq!((done.status().as_u16(), done.headers()["etag"].to_str().unwrap()), (200, "\"v4\""));

    let stale = put(Some("\"v2\"")).await;
    assert_eq!(stale.headers()["etag"], "\"v3\"");
    assert_eq!(problem(stale).await["type"], "/docs/problems#precondition-failed");

    assert_eq!(problem(put(None).await).await["status"], 428);
    for bad in ["*", "W/\"v3\"", "\"v3\", \"v4\"", "v3", "\"v0\"", "\"3\""] {
        let told = summary(put(Some(bad)).await).await;
        assert_eq!(told, "400 malformed-request [header:If-Match: must be one strong tag as it was read, such as \"v3\"]", "{bad}");
    }
}

#[tokio::test]
async fn a_client_that_has_the_version_gets_304() {
    let demo = Demo::start().await;
    let get = async |tag: &'static str| demo.request(Method::GET, THING).header("if-none-match", tag).send().await.unwrap();
    for known in ["\"v3\"", "W/\"v3\"", "\"v1\", \"v3\""] {
        let response = get(known).await;
        assert_eq!((response.status().as_u16(), response.headers()["etag"].to_str().unwrap()), (304, "\"v3\""), "{known}");
        assert!(response.bytes().await.unwrap().is_empty());
    }
    assert_eq!(get("\"v2\"").await.status(), 200);
}

#[tokio::test]
async fn an_idempotency_key_that_is_missing_or_mangled_is_named() {
    let demo = Demo::start().await;
    let post = |key: Option<String>| {
        let request = demo.request(Method::POST, "/api/v1/keyed");
        let request = match key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        };
        async move { request.send().await.unwrap() }
    };
    assert_eq!(post(Some("a-key".to_owned())).await.status(), 204);
    assert_eq!(post(Some("k".repeat(255))).await.status(), 204);
    assert_eq!(summary(post(None).await).await, "400 malformed-request [header:Idempotency-Key: is required]");
    for bad in ["k".repeat(256), "two words".to_owned(), "schlüssel".to_owned()] {
        let told = summary(post(Some(bad)).await).await;
        assert_eq!(told, "400 malformed-request [header:Idempotency-Key: must be 1 to 255 visible ASCII characters]");
    }
}
