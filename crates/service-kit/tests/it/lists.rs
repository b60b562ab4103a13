//! Lists: query, pages, cursors, ids in paths.

use reqwest::StatusCode;
use serde_json::Value;

use crate::demo::{Demo, summary};

#[tokio::test]
async fn following_the_link_header_shows_every_item_once() {
    let demo = Demo::start().await;
    let mut path = "/api/v1/things?limit=4&word=a%26b".to_owned();
    let mut seen = Vec::new();
    loop {
        let response = demo.get(&path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        let page: Value = response.json().await.unwrap();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item.as_u64().unwrap()));
        let Some(link) = link else {
            assert_eq!(page["next_cursor"], Value::Null);
            break;
        };
        path = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned();
        assert!(path.contains("limit=4&word=a%26b&cursor="), "{path}");
        assert!(path.ends_with(page["next_cursor"].as_str().unwrap()));
    }
    assert_eq!(seen, (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_cursor_that_was_edited_or_taken_elsewhere_is_400() {
    let demo = Demo::start().await;
    let page: Value = demo.get("/api/v1/things?limit=4").await.json().await.unwrap();
    let cursor = page["next_cursor"].as_str().unwrap();
    let edited = format!("{}{}", if cursor.starts_with('A') { 'B' } else { 'A' }, &cursor[1..]);
    for query in [format!("cursor={edited}"), format!("cursor={cursor}&word=other"), "cursor=".to_owned(), "cursor=%00%ff".to_owned()] {
        let told = summary(demo.get(&format!("/api/v1/things?{query}")).await).await;
        assert_eq!(told, "400 invalid-cursor [query:cursor: is not a cursor of this list with these filters]", "{query}");
    }
    // Another page size of the same list is no other list.
    assert_eq!(demo.get(&format!("/api/v1/things?limit=2&cursor={cursor}")).await.status(), StatusCode::OK);
    // Another school's is.
    let mut claims = demo.claims(domain::Role::Teacher);
    claims.school_id = Some(domain::SchoolId::generate());
    let elsewhere = demo.bare(reqwest::Method::GET, &format!("/api/v1/things?cursor={cursor}")).bearer_auth(demo.signer.sign(&claims));
    assert_eq!(elsewhere.send().await.unwrap().status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn every_wrong_parameter_is_named_at_once() {
    let demo = Demo::start().await;
    let told = summary(demo.get("/api/v1/things?limit=0&class_id=x&colour=red&word=a&word=b").await).await;
    insta::assert_snapshot!(told, @"422 validation-failed [query:class_id: must be a UUID; query:colour: is not a parameter of this route; query:limit: must be at least 1; query:word: is given more than once]");
    let told = summary(demo.get("/api/v1/things?limit=many").await).await;
    insta::assert_snapshot!(told, @"422 validation-failed [query:limit: must be a whole number]");
    let told = summary(demo.get("/api/v1/things?limit=201").await).await;
    insta::assert_snapshot!(told, @"422 validation-failed [query:limit: must be at most 200]");
}

#[tokio::test]
async fn an_id_that_is_none_is_400_and_names_its_place() {
    let demo = Demo::start().await;
    let told = summary(demo.get("/api/v1/things/42").await).await;
    assert_eq!(told, "400 malformed-request [path:id: must be a UUID]");
}

#[tokio::test]
async fn a_date_of_another_age_is_named_and_a_text_that_begins_like_one_is_a_text() {
    let demo = Demo::start().await;
    for (day, fine) in [
        ("2026-01-01", true),
        ("%32026-01-01", true),
        ("1900-01-01", true),
        ("2200-12-31", true),
        ("1899-12-31", false),
        ("2201-01-01", false),
        ("0000-01-01", false),
        ("-0001-01-01", false),
        ("%2D0001-01-01", false),
        ("%2B12026-01-01", false),
        ("%31899-12-31", false),
        ("1%38%39%39-12-31", false),
    ] {
        let answer = demo.get(&format!("/api/v1/things?day={day}")).await;
        if fine {
            assert_eq!(answer.status(), StatusCode::OK, "{day}");
        } else {
            let told = "422 validation-failed [query:day: must be within the years 1900 to 2200]";
            assert_eq!(summary(answer).await, told, "{day}");
        }
    }
    for word in ["1899-12-31", "%2B12026-01-01", "-5", "0000-", "%2D1", "%2B4930123"] {
        assert_eq!(demo.get(&format!("/api/v1/things?word={word}&day=2026-01-01")).await.status(), StatusCode::OK, "{word}");
    }
    // Named at once with what is wrong otherwise.
    let told = summary(demo.get("/api/v1/things?day=1899-12-31&limit=0").await).await;
    assert_eq!(told, "422 validation-failed [query:day: must be within the years 1900 to 2200; query:limit: must be at least 1]");
}
