//! Bad bodies: every fault at once, nothing echoed, the service alive.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::demo::{Demo, problem, summary};

#[tokio::test]
async fn a_wrong_type_an_unknown_field_and_a_missing_field_are_three_faults_of_one_answer() {
    let demo = Demo::start().await;
    let response = demo.post_raw("/api/v1/things", json!({ "count": "many", "colour": "red" }).to_string()).await;
    let problem = problem(response).await;
    insta::assert_json_snapshot!(problem, @r#"
    {
      "detail": "3 values are not valid; see `errors`.",
      "errors": [
        {
          "detail": "is not a known field",
          "pointer": "/colour"
        },
        {
          "detail": "must be a whole number",
          "pointer": "/count"
        },
        {
          "detail": "is required",
          "pointer": "/name"
        }
      ],
      "instance": "/api/v1/things",
      "status": 422,
      "title": "Some values are not valid",
      "type": "/docs/problems#validation-failed"
    }
    "#);
}

#[tokio::test]
async fn pointers_reach_into_lists_and_rules_that_only_the_type_knows_are_found_together() {
    let demo = Demo::start().await;
    let body = json!({
        "name": "x", "count": 1, "class_id": "no uuid",
        "items": [{"title": "fine"}, {"title": "over", "mark": 11}, {"mark": 12, "title": 3}, {"title": ""}, {"title": "last", "mark": 99}, 7]
    });
    let told = summary(demo.post_raw("/api/v1/things", body.to_string()).await).await;
    insta::assert_snapshot!(told, @"422 validation-failed [/class_id: must be a UUID; /items/1/mark: must be at most 10 marks; /items/2/mark: must be at most 10 marks; /items/2/title: must be a string; /items/3/title: must not be empty; /items/4/mark: must be at most 10 marks; /items/5: must be an object]");
}

#[tokio::test]
async fn a_year_that_no_school_has_is_refused_in_a_date_and_in_nothing_else() {
    let demo = Demo::start().await;
    for day in ["+12026-01-01", "-0001-01-01", "0000-01-01", "1899-12-31", "2201-01-01"] {
        let told = summary(demo.post_raw("/api/v1/things", json!({"name": "x", "count": 1, "due_on": day}).to_string()).await).await;
        assert_eq!(told, "422 validation-failed [/due_on: must be within the years 1900 to 2200]", "{day}");
    }
    for (name, day) in [("+1 more", "2026-08-17"), ("0000-01-01", "2200-12-31")] {
        let answer = demo.post_raw("/api/v1/things", json!({"name": name, "count": 1, "due_on": day}).to_string()).await;
        assert_eq!(answer.status(), StatusCode::CREATED, "{name}");
    }
}

#[tokio::test]
async fn a_value_is_never_echoed() {
    let demo = Demo::start().await;
    for body in [json!({"name": "x", "count": "hunter2-secret"}), json!({"name": 5, "count": 1, "password": ["hunter2-secret"]})] {
        let text = demo.post_raw("/api/v1/things", body.to_string()).await.text().await.unwrap();
        assert!(text.contains("errors") && !text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn a_key_given_twice_is_refused() {
    let demo = Demo::start().await;
    let told = summary(demo.post_raw("/api/v1/things", r#"{"name":"a","name":"b","count":1}"#).await).await;
    insta::assert_snapshot!(told, @"422 validation-failed [/name: is given more than once]");
}

#[tokio::test]
async fn what_is_not_json_is_told_with_line_and_column() {
    let demo = Demo::start().await;
    let detail = async |body: &[u8]| {
        let response = demo.post_raw("/api/v1/things", body.to_vec()).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        problem(response).await["detail"].as_str().unwrap().to_owned()
    };
    assert_eq!(detail(b"{\"name\": \"x\",\n \"coun").await, "The JSON is cut short at line 2, column 6.");
    assert_eq!(detail(b"{\"name\": \xff}").await, "The body is not valid UTF-8 at line 1, column 10.");
    assert_eq!(detail(b"{\"name\": \"\xc3\x28\"}").await, "The body is not valid UTF-8 at line 1, column 11.");
    assert_eq!(detail(b"{name: 1}").await, "The JSON is not valid at line 1, column 2: key must be a string.");
    assert_eq!(detail(b"").await, "The body is empty; a JSON value is expected.");
    assert_eq!(detail(b"{\"name\":\"a\",\"count\":1} x").await, "The JSON is not valid at line 1, column 24: trailing characters.");
}

#[tokio::test]
async fn deep_nesting_is_refused_and_the_service_lives() {
    let demo = Demo::start().await;
    for open in ["[", "{\"name\":"] {
        let body = open.repeat(20_000);
        assert_eq!(demo.post_raw("/api/v1/things", body).await.status(), StatusCode::BAD_REQUEST);
    }
    let nested = format!("{{\"name\":\"a\",\"count\":1,\"items\":{}{}}}", "[".repeat(100), "]".repeat(100));
    assert_eq!(demo.post_raw("/api/v1/things", nested).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(demo.get("/health").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_whether_its_length_is_declared_or_not() {
    let demo = Demo::start().await;
    let large = format!("{{\"name\":\"{}\",\"count\":1}}", "x".repeat(300 * 1024));
    let told = problem(demo.post_raw("/api/v1/things", large.clone()).await).await;
    assert_eq!((told["status"].as_u64(), told["detail"].as_str()), (Some(413), Some("The body may have at most 262144 bytes.")));
    // A route may allow less.
    let told = problem(demo.post_raw("/api/v1/small", format!("{{\"name\":\"{}\",\"count\":1}}", "x".repeat(64))).await).await;
    assert_eq!(told["detail"], "The body may have at most 64 bytes.");
    // Chunked, without a length.
    let (address, token) = (demo.running.address(), demo.token(domain::Role::Teacher));
    let answer = tokio::task::spawn_blocking(move || {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        write!(stream, "POST /api/v1/small HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n").unwrap();
        for _ in 0..4 {
            let _ = write!(stream, "20\r\n{}\r\n", " ".repeat(32));
        }
        let _ = write!(stream, "0\r\n\r\n");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    })
    .await
    .unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn only_plain_json_is_taken() {
    let demo = Demo::start().await;
    let good = r#"{"name":"a","count":1}"#;
    let post = |content_type: Option<&'static str>, encoding: Option<&'static str>| {
        let mut request = demo.request(Method::POST, "/api/v1/things").body(good);
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        if let Some(encoding) = encoding {
            request = request.header("content-encoding", encoding);
        }
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(post(Some("application/json"), None).await, 201);
    assert_eq!(post(Some("application/JSON; charset=\"UTF-8\""), None).await, 201);
    assert_eq!(post(Some("application/merge-patch+json"), None).await, 201);
    assert_eq!(post(None, None).await, 415);
    assert_eq!(post(Some("text/plain"), None).await, 415);
    assert_eq!(post(Some("application/json; charset=latin1"), None).await, 415);
    // Nothing is ever unpacked, so no bomb can go off.
    assert_eq!(post(Some("application/json"), Some("gzip")).await, 415);
}

#[tokio::test]
async fn a_created_thing_says_where_it_is_and_at_which_version() {
    let demo = Demo::start().await;
    let response = demo.post_raw("/api/v1/things", r#"{"name":"a","count":1}"#).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(response.headers()["etag"], "\"v1\"");
    assert!(response.headers()["location"].to_str().unwrap().starts_with("/api/v1/things/"));
}
