//! Coming in with a password, and being kept out.

use std::time::{Duration, Instant};

use auth::passwords::COST;
use domain::{Role, SchoolId, UserId};
use serde_json::{Value, json};
use testkit::{Answer, Fleet, PASSWORD};

pub(crate) const LOGIN: &str = "/api/v1/auth/login";

pub(crate) async fn try_login(fleet: &Fleet, email: &str, password: &str) -> Answer {
    fleet.anonymous().post(LOGIN, &json!({ "email": email, "password": password })).await
}

/// What a problem says, without what differs from request to request.
fn told(answer: &Answer) -> (u16, Value, Value, Value) {
    (answer.status, answer.body["type"].clone(), answer.body["title"].clone(), answer.body["detail"].clone())
}

async fn run(fleet: &Fleet, sql: &'static str, id: uuid::Uuid) {
    sqlx::query(sql).bind(id).execute(&mut fleet.database.superuser().await).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_login_works_as_the_brief_writes_it() {
    let fleet = Fleet::start(&[auth::SERVICE]).await;
    let school = fleet.school("Demo").await;
    let user = fleet.member(school, Role::SchoolAdmin, "admin@schools24.com").await;
    let hash = auth::credentials::hash("admin123", 4).unwrap();
    sqlx::query("UPDATE credentials SET password_hash = $2 WHERE user_id = $1")
        .bind(user.as_uuid())
        .bind(hash)
        .execute(&mut fleet.database.superuser().await)
        .await
        .unwrap();
    let answer = try_login(&fleet, "admin@schools24.com", "admin123").await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.expect(200);
    assert_eq!(body["token"], body["access_token"]);
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 3600);
    assert_eq!(body["refresh_expires_in"], 30 * 86_400);
    assert_eq!(body["user"]["id"], json!(user));
    assert_eq!(body["user"]["role"], "school_admin");
    assert_eq!(body["user"]["school_id"], json!(school));
    assert_eq!(body["user"]["memberships"][0]["school_name"], "Demo");
    let api = fleet.with_token(body["token"].as_str().unwrap());
    let me = api.get("/api/v1/auth/me").await.expect(200);
    assert_eq!(me["email"], "admin@schools24.com");
    assert_eq!(me["session_id"], body["user"]["session_id"]);
    assert!(me.get("password_hash").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_ways_to_be_wrong_are_answered_alike() {
    let fleet = Fleet::start(&[auth::SERVICE]).await;
    let school = fleet.school("Demo").await;
    fleet.member(school, Role::Teacher, "known@x.example").await;
    let gone = fleet.member(school, Role::Teacher, "gone@x.example").await;
    run(&fleet, "UPDATE users SET is_active = false WHERE id = $1", gone.as_uuid()).await;
    let bare = fleet.member(school, Role::Teacher, "bare@x.example").await;
    run(&fleet, "DELETE FROM credentials WHERE user_id = $1", bare.as_uuid()).await;
    let wrong = told(&try_login(&fleet, "known@x.example", "wrong horse").await);
    assert_eq!(wrong.0, 401);
    assert_eq!(wrong.1, "/docs/problems#invalid-credentials");
    for (email, password) in [
        ("unknown@x.example", PASSWORD),
        ("gone@x.example", PASSWORD),
        ("bare@x.example", PASSWORD),
        ("bare@x.example", ""),
        ("known@x.example", &format!("{PASSWORD}{}", "x".repeat(100))),
        ("known@x.example", "\0"),
    ] {
        assert_eq!(told(&try_login(&fleet, email, password).await), wrong, "{email}");
    }
    // Spelt in capitals it is the same address.
    let _ = try_login(&fleet, " KNOWN@X.example ", PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_bodies_name_every_fault_and_echo_no_password() {
    let fleet = Fleet::start(&[auth::SERVICE]).await;
    let answer = fleet.anonymous().post(LOGIN, &json!({ "email": "nobody", "password": 4_711_815, "admin": true })).await;
    assert_eq!(answer.status, 422);
    let mut pointers = answer.pointers();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/admin", "/email", "/password"]);
    assert!(!answer.body.to_string().contains("4711815"));
    let huge = fleet.anonymous().post(LOGIN, &json!({ "email": "a@b.example", "password": "x".repeat(100_000) })).await;
    assert_eq!(huge.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_locks_after_five_failures_whether_anybody_has_it_or_not() {
    let mut fleet = Fleet::start(&[auth::SERVICE]).await;
    let school = fleet.school("Demo").await;
    fleet.member(school, Role::Teacher, "known@x.example").await;
    let mut ends = Vec::new();
    for email in ["known@x.example", "unknown@x.example"] {
        for _ in 0..5 {
            assert_eq!(try_login(&fleet, email, "wrong horse").await.status, 401, "{email}");
        }
        let locked = try_login(&fleet, email, PASSWORD).await;
        let wait: u64 = locked.header("retry-after").parse().unwrap();
        assert!((1..=30).contains(&wait), "{wait}");
        ends.push(told(&locked));
    }
    assert_eq!(ends[0].0, 423);
    assert_eq!(ends[0], ends[1]);
    // With Redis gone, the account's own row keeps it shut, and this process's memory the address that nobody has.
    fleet.redis.kill().await;
    assert_eq!(try_login(&fleet, "known@x.example", PASSWORD).await.status, 423);
    for n in 0..6 {
        let expected = if n < 5 { 401 } else { 423 };
        assert_eq!(try_login(&fleet, "other@x.example", PASSWORD).await.status, expected, "{n}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_password_forgets_the_wrong_ones() {
    let fleet = Fleet::start(&[auth::SERVICE]).await;
    let school = fleet.school("Demo").await;
    fleet.member(school, Role::Teacher, "t@x.example").await;
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(try_login(&fleet, "t@x.example", "wrong horse").await.status, 401);
        }
        let _ = try_login(&fleet, "t@x.example", PASSWORD).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_guesses_get_no_more_tries_than_one_after_another() {
    let fleet = Fleet::start(&[auth::SERVICE]).await;
    let school = fleet.school("Demo").await;
    fleet.member(school, Role::Teacher, "t@x.example").await;
    let guesses = (0..60).map(|_| try_login(&fleet, "t@x.example", "wrong horse"));
    let statuses: Vec<u16> = futures_util::future::join_all(guesses).await.iter().map(|answer| answer.status).collect();
    let looked_at = statuses.iter().filter(|status| **status == 401).count();
    let cores = std::thread::available_parallelism().unwrap().get();
    assert!(looked_at >= 5 && looked_at <= 5 + cores, "{looked_at} guesses were looked at");
    assert!(statuses.iter().all(|status| [401, 423, 503].contains(status)));
}

#[tokio::test(flavor = "multi_thread")]
async fn known_and_unknown_addresses_take_the_same_time() {
    let fleet = Fleet::start(&[auth::SERVICE]).await;
    let school = fleet.school("Demo").await;
    let hash = auth::credentials::hash(PASSWORD, COST).unwrap();
    for n in 0..5 {
        let user: UserId = fleet.member(school, Role::Teacher, &format!("known{n}@x.example")).await;
        sqlx::query("UPDATE credentials SET password_hash = $2 WHERE user_id = $1")
            .bind(user.as_uuid())
            .bind(&hash)
            .execute(&mut fleet.database.superuser().await)
            .await
            .unwrap();
    }
    // The least of each, taken in turn: what else the machine does only ever adds to it.
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    for n in 0..5 {
        for (kind, least) in [("known", &mut known), ("unknown", &mut unknown)] {
            let start = Instant::now();
            assert_eq!(try_login(&fleet, &format!("{kind}{n}@x.example"), "wrong horse").await.status, 401);
            *least = start.elapsed().min(*least);
        }
    }
    assert!(known < unknown * 2 && unknown < known * 2, "{known:?} {unknown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_logins_leaves_room_for_others() {
    let fleet = Fleet::start(&[auth::SERVICE]).await;
    let school = fleet.school("Demo").await;
    fleet.member(school, Role::Teacher, "calm@x.example").await;
    let calm = fleet.login("calm@x.example").await;
    let storm = async {
        let guesses = (0..200).map(|n| {
            let fleet = &fleet;
            async move { try_login(fleet, &format!("storm{n}@x.example"), "wrong horse").await }
        });
        futures_util::future::join_all(guesses).await
    };
    let others = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let start = Instant::now();
        for _ in 0..10 {
            let _ = calm.get("/api/v1/auth/me").await.expect(200);
        }
        start.elapsed()
    };
    let (storm, elapsed) = tokio::join!(storm, others);
    // 200 guesses keep the cores busy for many seconds; ten reads don't wait for that.
    assert!(elapsed < Duration::from_secs(5), "{elapsed:?}");
    let refused: Vec<&Answer> = storm.iter().filter(|answer| answer.status == 503).collect();
    assert!(refused.iter().all(|answer| !answer.header("retry-after").is_empty()));
    assert!(!refused.is_empty(), "a bounded queue turns some away");
    assert!(storm.iter().all(|answer| [401, 503].contains(&answer.status)));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_several_schools_says_which_or_gets_the_last_one() {
    let fleet = Fleet::start(&[auth::SERVICE]).await;
    let (a, b, stranger) = (fleet.school("A").await, fleet.school("B").await, fleet.school("C").await);
    let user = fleet.member(a, Role::Parent, "p@x.example").await;
    join(&fleet, b, user, Role::Teacher).await;
    join(&fleet, b, user, Role::Parent).await;
    let login = async |more: Value| {
        let mut body = json!({ "email": "p@x.example", "password": PASSWORD });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fleet.anonymous().post(LOGIN, &body).await
    };
    let place = |body: &Value| (body["user"]["school_id"].clone(), body["user"]["role"].clone());
    let first = login(json!({})).await.expect(200);
    assert_eq!(place(&first), (json!(a), json!("parent")));
    assert_eq!(first["user"]["memberships"].as_array().unwrap().len(), 3);
    assert_eq!(place(&login(json!({ "school_id": b })).await.expect(200)), (json!(b), json!("teacher")));
    assert_eq!(place(&login(json!({})).await.expect(200)), (json!(b), json!("teacher")));
    assert_eq!(place(&login(json!({ "school_id": b, "role": "parent" })).await.expect(200)), (json!(b), json!("parent")));
    let refused = login(json!({ "school_id": stranger })).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/school_id"]));
    run(&fleet, "UPDATE schools SET is_active = false WHERE id = $1", b.as_uuid()).await;
    assert_eq!(place(&login(json!({})).await.expect(200)), (json!(a), json!("parent")));
    run(&fleet, "UPDATE memberships SET is_active = false WHERE school_id = $1", a.as_uuid()).await;
    assert_eq!(login(json!({})).await.status, 403);
}

pub(crate) async fn join(fleet: &Fleet, school: SchoolId, user: UserId, role: Role) {
    sqlx::query("INSERT INTO memberships (school_id, id, user_id, role) VALUES ($1, $2, $3, $4)")
        .bind(school.as_uuid())
        .bind(uuid::Uuid::now_v7())
        .bind(user.as_uuid())
        .bind(role.as_str())
        .execute(&mut fleet.database.superuser().await)
        .await
        .unwrap();
}
