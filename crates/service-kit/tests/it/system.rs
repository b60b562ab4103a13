//! Health, readiness and documentation, without any store.

use serde_json::{Value, json};

use crate::demo::{Demo, problem};

#[tokio::test]
async fn a_process_without_stores_is_alive_and_says_what_it_misses() {
    let demo = Demo::start().await;
    for path in ["/health", "/healthz"] {
        let response = demo.get(path).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.json::<Value>().await.unwrap(), json!({ "status": "healthy", "service": "homework" }));
    }
    for path in ["/ready", "/readyz"] {
        let response = demo.get(path).await;
        assert_eq!(response.status(), 503);
        let body: Value = response.json().await.unwrap();
        assert_eq!((body["status"].as_str(), &body["services"]), (Some("not_ready"), &json!(["homework"])));
        for dependency in ["postgres", "redis", "mongodb"] {
            assert_eq!(body["dependencies"][dependency]["status"], "down", "{body}");
            assert!(body["dependencies"][dependency]["latency_ms"].is_number());
        }
        assert!(!body.to_string().contains("127.0.0.1"), "addresses are not for everybody: {body}");
    }
}

#[tokio::test]
async fn the_page_to_try_the_api_loads_nothing_from_elsewhere() {
    let demo = Demo::start().await;
    for path in ["/docs", "/docs/problems"] {
        // A redirect is followed.
        let page = demo.get(path).await;
        assert_eq!(page.status(), 200, "{path}");
        let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.contains("script-src 'self';") && !policy.contains("http"), "{policy}");
        let base = page.url().clone();
        let html = page.text().await.unwrap();
        // Every `<script>` and `<link>` of the page.
        let tags = ["<script ", "<link "].iter().flat_map(|mark| html.split(mark).skip(1)).filter_map(|tag| tag.split('>').next());
        let addresses: Vec<&str> = tags
            .filter_map(|tag| tag.split(" src=\"").nth(1).or_else(|| tag.split("href=\"").nth(1)).or_else(|| tag.strip_prefix("src=\"")))
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert!(!addresses.is_empty(), "{html}");
        for address in addresses {
            let url = base.join(address).unwrap();
            assert_eq!(url.host_str(), base.host_str(), "{address}");
            assert_eq!(demo.get(url.path()).await.status(), 200, "{address}");
        }
    }
}

#[tokio::test]
async fn the_documents_are_served_for_the_process_and_for_each_service() {
    let demo = Demo::start().await;
    let whole: Value = demo.get("/openapi.json").await.json().await.unwrap();
    let one: Value = demo.get("/openapi/homework.json").await.json().await.unwrap();
    assert_eq!(whole["openapi"], "3.1.0");
    assert_eq!(whole["paths"], one["paths"]);
    assert_eq!(problem(demo.get("/openapi/fee.json").await).await["status"], 404);
}
