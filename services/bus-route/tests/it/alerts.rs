//! What the office tells riders.

use serde_json::{Value, json};

use crate::school::{School, made};

const PATH: &str = "/api/v1/bus/alerts";

#[tokio::test]
async fn a_notice_is_written_changed_and_resolved_by_its_version() {
    let school = School::open().await;
    let new = json!({"effect": "DETOUR", "route_id": school.route, "header": "Roadworks", "description": "Stop 2 is not served."});
    let made = school.office.post(PATH, &new).await;
    assert_eq!((made.status, &made.body["kind"], &made.body["resolved_at"]), (201, &json!("notice"), &Value::Null));
    let path = made.header("location").to_owned();
    let seen = school.office.get(&path).await;
    assert_eq!((seen.etag(), &seen.body), ("\"v1\"".to_owned(), &made.body));
    for (change, pointer) in [
        (json!({"header": ""}), "/header"),
        (json!({"effect": "WORSE"}), "/effect"),
        (json!({"ends_at": "2020-01-01T00:00:00Z"}), "/ends_at"),
        (json!({"route_id": null}), "/route_id"),
    ] {
        let refused = school.office.patch(&path, "\"v1\"", &change).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec![pointer]), "{change}");
    }
    let until = school.day(2).and_hms_opt(12, 0, 0).unwrap().and_utc();
    let change = json!({"header": "Roadworks until noon", "description": null, "ends_at": until, "effect": "STOP_MOVED"});
    assert_eq!(school.office.patch(&path, "\"v2\"", &change).await.status, 412);
    let changed = school.office.patch(&path, "\"v1\"", &change).await.expect(200);
    assert_eq!((&changed["description"], &changed["effect"], &changed["version"]), (&Value::Null, &json!("STOP_MOVED"), &json!(2)));
    let riders = school.office.get("/api/v1/bus/service-alerts").await.expect(200);
    assert_eq!((&riders[0]["header"], &riders[0]["id"]), (&change["header"], &changed["id"]));
    let resolve = format!("{path}/resolve");
    for who in [&school.driver, &school.parent, &school.student, &school.teacher] {
        assert_eq!(who.get(&path).await.status, 403);
        assert_eq!(who.post(PATH, &new).await.status, 403);
        assert_eq!(who.patch(&path, "\"v2\"", &json!({"header": "?"})).await.status, 403);
        assert_eq!(who.post_if(&resolve, "\"v2\"", &json!({})).await.status, 403);
    }
    assert_eq!(school.outsider.get(&path).await.status, 404);
    assert_eq!(school.outsider.patch(&path, "\"v2\"", &json!({"header": "?"})).await.status, 404);
    assert_eq!(school.outsider.post_if(&resolve, "\"v2\"", &json!({})).await.status, 404);
    assert_eq!(school.outsider.post(PATH, &new).await.pointers(), ["/route_id"]);
    assert_eq!(school.office.post_if(&resolve, "\"v1\"", &json!({})).await.status, 412);
    let resolved = school.office.post_if(&resolve, "\"v2\"", &json!({})).await.expect(200);
    assert!(resolved["resolved_at"].is_string() && resolved["resolved_by"].is_string(), "{resolved:#}");
    assert_eq!(school.office.get("/api/v1/bus/service-alerts").await.expect(200), json!([]));
}

#[tokio::test]
async fn alerts_are_listed_in_the_order_in_which_they_came() {
    let school = School::open().await;
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(made(&school.office, PATH, &json!({"effect": "OTHER_EFFECT", "header": format!("Notice {number}")})).await);
    }
    school.office.post_if(&format!("{PATH}/{}/resolve", ids[3]), "\"v1\"", &json!({})).await.expect(200);
    let pages = async |query: &str| {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = school.office.get(&format!("{PATH}?limit=2{query}{cursor}")).await.expect(200);
            seen.extend(page["items"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()));
            let Some(next) = page["next_cursor"].as_str() else { return seen };
            cursor = format!("&cursor={next}");
        }
    };
    assert_eq!(pages("").await, ids);
    assert_eq!(pages("&is_resolved=true").await, ids[3..4]);
    assert_eq!(pages("&is_resolved=false").await, [&ids[..3], &ids[4..]].concat());
    assert_eq!(pages("&kind=delay").await, [""; 0]);
    assert_eq!(school.office.get(&format!("{PATH}?kind=rumour")).await.pointers(), ["query:kind"]);
    assert_eq!(school.outsider.get(PATH).await.expect(200)["items"], json!([]));
}
