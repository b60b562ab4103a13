//! Staying in, going out, and being put out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Duration as Span;
use domain::{Clock, ManualClock, Role, SystemClock};
use serde_json::{Value, json};
use testkit::{Answer, Api, Fleet, PASSWORD};

use crate::login::{LOGIN, join, try_login};

const REFRESH: &str = "/api/v1/auth/refresh";
const ME: &str = "/api/v1/auth/me";

async fn refresh(fleet: &Fleet, token: &Value) -> Answer {
    fleet.anonymous().post(REFRESH, &json!({ "refresh_token": token })).await
}

/// A fleet with one teacher, on a clock that the test moves.
async fn with_clock() -> (Fleet, Arc<ManualClock>) {
    let mut fleet = Fleet::start(&[auth::SERVICE]).await;
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    // The first process may make the school's first key while it is being stopped; a key of the future signs nothing.
    clock.advance(Span::seconds(5));
    fleet.restart(&[auth::SERVICE], Arc::clone(&clock) as Arc<dyn Clock>).await;
    let school = fleet.school("Demo").await;
    fleet.member(school, Role::Teacher, "t@x.example").await;
    (fleet, clock)
}

/// How long it takes until `api` is refused.
async fn until_refused(api: &Api) -> Duration {
    let start = Instant::now();
    loop {
        let status = api.get(ME).await.status;
        if status == 401 {
            return start.elapsed();
        }
        assert_eq!(status, 200);
        assert!(start.elapsed() < Duration::from_secs(5), "still accepted");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_replaces_the_token_and_the_session_goes_on() {
    let (fleet, clock) = with_clock().await;
    let first = try_login(&fleet, "t@x.example", PASSWORD).await.expect(200);
    clock.advance(Span::minutes(59));
    let second = refresh(&fleet, &first["refresh_token"]).await.expect(200);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_eq!(second["user"]["session_id"], first["user"]["session_id"]);
    clock.advance(Span::minutes(2));
    assert_eq!(fleet.with_token(first["token"].as_str().unwrap()).get(ME).await.status, 401, "the first access token has expired");
    let _ = fleet.with_token(second["token"].as_str().unwrap()).get(ME).await.expect(200);
    clock.advance(Span::days(31));
    assert_eq!(refresh(&fleet, &second["refresh_token"]).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_parallel_refreshes_of_one_token_agree() {
    let (fleet, _clock) = with_clock().await;
    let first = try_login(&fleet, "t@x.example", PASSWORD).await.expect(200);
    let (url, other) = fleet.another(&[auth::SERVICE], Arc::new(SystemClock)).await;
    let elsewhere = fleet.anonymous().at(&url);
    let body = json!({ "refresh_token": first["refresh_token"] });
    let here = fleet.anonymous();
    let all = (0..50).map(|n| if n % 2 == 0 { here.post(REFRESH, &body) } else { elsewhere.post(REFRESH, &body) });
    let answers: Vec<Value> = futures_util::future::join_all(all).await.into_iter().map(|answer| answer.expect(200)).collect();
    assert!(answers.iter().all(|answer| answer["refresh_token"] == answers[0]["refresh_token"]));
    let _ = refresh(&fleet, &answers[0]["refresh_token"]).await.expect(200);
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_used_again_after_the_grace_ends_the_session_for_both() {
    let (fleet, clock) = with_clock().await;
    let first = try_login(&fleet, "t@x.example", PASSWORD).await.expect(200);
    let second = refresh(&fleet, &first["refresh_token"]).await.expect(200);
    clock.advance(Span::seconds(29));
    let again = refresh(&fleet, &first["refresh_token"]).await.expect(200);
    assert_eq!(again["refresh_token"], second["refresh_token"]);
    clock.advance(Span::seconds(2));
    assert_eq!(refresh(&fleet, &first["refresh_token"]).await.status, 401);
    assert_eq!(refresh(&fleet, &second["refresh_token"]).await.status, 401, "the thief's and the owner's are both dead");
    assert_eq!(fleet.with_token(second["token"].as_str().unwrap()).get(ME).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_from_long_ago_gives_itself_away_and_a_made_up_one_harms_nobody() {
    let (fleet, clock) = with_clock().await;
    let first = try_login(&fleet, "t@x.example", PASSWORD).await.expect(200);
    let mut last = first.clone();
    for _ in 0..3 {
        clock.advance(Span::minutes(10));
        last = refresh(&fleet, &last["refresh_token"]).await.expect(200);
    }
    let text = last["refresh_token"].as_str().unwrap();
    let edited = format!("{}{}", if text.starts_with('A') { 'B' } else { 'A' }, text.get(1..).unwrap());
    for made_up in [json!(edited), json!("x"), json!(""), json!("A".repeat(86))] {
        assert_eq!(refresh(&fleet, &made_up).await.status, 401);
    }
    last = refresh(&fleet, &last["refresh_token"]).await.expect(200);
    assert_eq!(refresh(&fleet, &first["refresh_token"]).await.status, 401);
    assert_eq!(refresh(&fleet, &last["refresh_token"]).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_session_is_refused_by_another_process_within_a_second() {
    let fleet = Fleet::start(&[auth::SERVICE]).await;
    let school = fleet.school("Demo").await;
    fleet.member(school, Role::Teacher, "t@x.example").await;
    let api = fleet.login("t@x.example").await;
    let (url, other) = fleet.another(&[auth::SERVICE], Arc::new(SystemClock)).await;
    let there = api.at(&url);
    let _ = there.get(ME).await.expect(200);
    assert_eq!(api.post("/api/v1/auth/logout", &json!({})).await.status, 204);
    assert_eq!(api.get(ME).await.status, 401, "here at once");
    assert!(until_refused(&there).await < Duration::from_secs(1));
    other.stop().await;
    // A process that starts later hears no message, and knows nonetheless.
    let (url, other) = fleet.another(&[auth::SERVICE], Arc::new(SystemClock)).await;
    assert!(until_refused(&api.at(&url)).await < Duration::from_secs(1));
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_outlives_an_outage_of_redis() {
    let mut fleet = Fleet::start(&[auth::SERVICE]).await;
    let school = fleet.school("Demo").await;
    fleet.member(school, Role::Teacher, "t@x.example").await;
    let session = try_login(&fleet, "t@x.example", PASSWORD).await.expect(200);
    let api = fleet.with_token(session["token"].as_str().unwrap());
    fleet.redis.kill().await;
    assert_eq!(api.post("/api/v1/auth/logout", &json!({})).await.status, 204);
    assert_eq!(api.get(ME).await.status, 401);
    assert_eq!(refresh(&fleet, &session["refresh_token"]).await.status, 401);
    fleet.redis.launch().await;
    let (url, other) = fleet.another(&[auth::SERVICE], Arc::new(SystemClock)).await;
    assert!(until_refused(&api.at(&url)).await < Duration::from_secs(5));
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_sees_and_ends_ones_own_sessions_only() {
    let fleet = Fleet::start(&[auth::SERVICE]).await;
    let school = fleet.school("Demo").await;
    fleet.member(school, Role::Teacher, "t@x.example").await;
    fleet.member(school, Role::Parent, "p@x.example").await;
    let (one, two, stranger) = (fleet.login("t@x.example").await, fleet.login("t@x.example").await, fleet.login("p@x.example").await);
    let list = one.get("/api/v1/auth/sessions").await.expect(200);
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!(items.iter().filter(|item| item["is_current"] == true).count(), 1);
    assert!(items.iter().all(|item| item.get("refresh_hash").is_none()));
    let other = items.iter().find(|item| item["is_current"] == false).unwrap()["id"].as_str().unwrap();
    let path = format!("/api/v1/auth/sessions/{other}");
    assert_eq!(stranger.send(stranger.request(reqwest::Method::DELETE, &path)).await.status, 404);
    let _ = two.get(ME).await.expect(200);
    assert_eq!(one.send(one.request(reqwest::Method::DELETE, &path)).await.status, 204);
    assert_eq!(one.send(one.request(reqwest::Method::DELETE, &path)).await.status, 404);
    assert_eq!(two.get(ME).await.status, 401);
    let first = one.get("/api/v1/auth/sessions?limit=1&cursor=nonsense").await;
    assert_eq!(first.body["type"], "/docs/problems#invalid-cursor");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_office_ends_sessions_of_its_school_but_not_of_those_above() {
    let fleet = Fleet::start(&[auth::SERVICE]).await;
    let (school, elsewhere) = (fleet.school("A").await, fleet.school("B").await);
    let teacher = fleet.member(school, Role::Teacher, "t@x.example").await;
    join(&fleet, elsewhere, teacher, Role::Teacher).await;
    let head = fleet.member(school, Role::SchoolAdmin, "head@x.example").await;
    fleet.member(school, Role::Admin, "office@x.example").await;
    fleet.member(elsewhere, Role::SchoolAdmin, "other@x.example").await;
    let office = fleet.login("office@x.example").await;
    let here = fleet.login("t@x.example").await;
    let body = json!({ "email": "t@x.example", "password": PASSWORD, "school_id": elsewhere });
    let there = fleet.anonymous().post(LOGIN, &body).await.expect(200);
    let there = fleet.with_token(there["token"].as_str().unwrap());
    let path = format!("/api/v1/users/{teacher}/sessions");
    assert_eq!(office.get(&path).await.expect(200)["items"].as_array().unwrap().len(), 1);
    assert_eq!(here.get(&path).await.status, 403);
    assert_eq!(office.send(office.request(reqwest::Method::DELETE, &path)).await.status, 204);
    assert_eq!(here.get(ME).await.status, 401);
    let _ = there.get(ME).await.expect(200);
    let above = format!("/api/v1/users/{head}/sessions");
    assert_eq!(office.send(office.request(reqwest::Method::DELETE, &above)).await.status, 403);
    let stranger = fleet.login("other@x.example").await;
    assert_eq!(stranger.get(&above).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_password_ends_the_other_sessions() {
    let fleet = Fleet::start(&[auth::SERVICE]).await;
    let school = fleet.school("Demo").await;
    fleet.member(school, Role::Teacher, "t@x.example").await;
    let (here, there) = (fleet.login("t@x.example").await, fleet.login("t@x.example").await);
    let change =
        async |old: &str, new: &str| here.post("/api/v1/auth/password", &json!({ "current_password": old, "new_password": new })).await;
    assert_eq!(change("wrong horse", "battery staple!").await.pointers(), ["/current_password"]);
    for bad in ["short", "password123", "t@x.example"] {
        assert!(change(PASSWORD, bad).await.pointers().contains(&"/new_password"), "{bad}");
    }
    assert_eq!(change(PASSWORD, "battery staple!").await.status, 204);
    let _ = here.get(ME).await.expect(200);
    assert_eq!(there.get(ME).await.status, 401);
    assert_eq!(try_login(&fleet, "t@x.example", PASSWORD).await.status, 401);
    let _ = try_login(&fleet, "t@x.example", "battery staple!").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn switching_moves_to_another_school_of_ones_own() {
    let fleet = Fleet::start(&[auth::SERVICE]).await;
    let (a, b, stranger) = (fleet.school("A").await, fleet.school("B").await, fleet.school("C").await);
    let user = fleet.member(a, Role::Parent, "p@x.example").await;
    join(&fleet, b, user, Role::Teacher).await;
    fleet.member(a, Role::SuperAdmin, "root@x.example").await;
    let api = fleet.login("p@x.example").await;
    let switch = "/api/v1/auth/switch-school";
    assert_eq!(api.post(switch, &json!({ "school_id": stranger })).await.pointers(), ["/school_id"]);
    let moved = api.post(switch, &json!({ "school_id": b })).await.expect(200);
    assert_eq!((&moved["user"]["school_id"], &moved["user"]["role"]), (&json!(b), &json!("teacher")));
    assert_eq!(api.get(ME).await.status, 401, "the old session has ended");
    let root = fleet.login("root@x.example").await;
    assert_eq!(root.get("/api/v1/users").await.status, 403, "in no school yet");
    let inside = root.post(switch, &json!({ "school_id": stranger })).await.expect(200);
    let inside = fleet.with_token(inside["token"].as_str().unwrap());
    let _ = inside.get("/api/v1/users").await.expect(200);
}
