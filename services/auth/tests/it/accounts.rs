//! Schools, users and memberships, and who may touch whose.

use domain::{Role, SchoolId};
use serde_json::{Value, json};
use testkit::{Api, Fleet, PASSWORD};

use crate::login::{join, try_login};

const ME: &str = "/api/v1/auth/me";

async fn fleet() -> (Fleet, SchoolId) {
    let fleet = Fleet::start(&[auth::SERVICE]).await;
    let school = fleet.school("Demo").await;
    (fleet, school)
}

async fn inside(fleet: &Fleet, root: &Api, school: &Value) -> Api {
    let moved = root.post("/api/v1/auth/switch-school", &json!({ "school_id": school })).await.expect(200);
    fleet.with_token(moved["token"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_super_admin_opens_a_school_and_gives_it_its_first_admin() {
    let (fleet, school) = fleet().await;
    fleet.member(school, Role::SuperAdmin, "root@x.example").await;
    let root = fleet.login("root@x.example").await;
    let bad = json!({ "name": "N", "code": "-no", "time_zone": "Mars/Base", "currency": "inr", "locale": "e_" });
    let mut pointers = root.post("/api/v1/schools", &bad).await;
    assert_eq!(pointers.status, 422);
    pointers.body["errors"].as_array_mut().unwrap().sort_by_key(ToString::to_string);
    assert_eq!(pointers.pointers().len(), 4);
    let new = json!({ "name": "North", "code": "NORTH", "time_zone": "Asia/Kolkata" });
    let answer = root.post("/api/v1/schools", &new).await;
    assert_eq!(answer.etag(), "\"v1\"");
    let location = answer.header("location").to_owned();
    let north = answer.expect(201);
    assert_eq!((&north["currency"], &north["is_active"]), (&json!("INR"), &json!(true)));
    assert_eq!(root.post("/api/v1/schools", &new).await.status, 409);
    assert_eq!(root.get(&location).await.expect(200)["code"], "NORTH");
    assert_eq!(root.get("/api/v1/schools?limit=1").await.expect(200)["items"][0]["id"], north["id"]);

    let root = inside(&fleet, &root, &north["id"]).await;
    let head = json!({ "email": "head@x.example", "full_name": "The Head", "role": "school_admin", "password": "battery staple" });
    let _ = root.post("/api/v1/users", &head).await.expect(201);
    let head = try_login(&fleet, "head@x.example", "battery staple").await.expect(200);
    let head = fleet.with_token(head["token"].as_str().unwrap());
    assert_eq!(head.get(&format!("/api/v1/schools/{school}")).await.status, 404, "another school");
    assert_eq!(head.get("/api/v1/schools").await.status, 403);
    assert_eq!(head.post("/api/v1/schools", &new).await.status, 403);
    assert_eq!(head.patch(&location, "\"v1\"", &json!({ "is_active": false })).await.status, 403);
    assert_eq!(head.patch(&location, "\"v1\"", &json!({ "name": "Norther" })).await.expect(200)["name"], "Norther");
    let late = head.patch(&location, "\"v1\"", &json!({ "name": "Again" })).await;
    assert_eq!((late.status, late.etag().as_str()), (412, "\"v2\""));
    let _ = root.patch(&location, "\"v2\"", &json!({ "is_active": false })).await.expect(200);
    assert_eq!(head.get(ME).await.status, 401, "a closed school's sessions end");
}

#[tokio::test(flavor = "multi_thread")]
async fn adding_somebody_who_is_known_elsewhere_is_answered_like_adding_a_stranger() {
    let (fleet, school) = fleet().await;
    let elsewhere = fleet.school("Elsewhere").await;
    let known = fleet.member(elsewhere, Role::Teacher, "known@x.example").await;
    sqlx::query("UPDATE users SET phone = '555' WHERE id = $1")
        .bind(known.as_uuid())
        .execute(&mut fleet.database.superuser().await)
        .await
        .unwrap();
    fleet.member(school, Role::SchoolAdmin, "head@x.example").await;
    let head = fleet.login("head@x.example").await;
    let mut answers = Vec::new();
    for email in ["known@x.example", "fresh@x.example"] {
        let new = json!({ "email": email, "full_name": "Somebody", "role": "teacher", "password": "battery staple", "phone": "1" });
        let answer = head.post("/api/v1/users", &new).await;
        assert_eq!((answer.status, answer.etag().as_str()), (201, "\"v1\""));
        let mut shape = answer.body.clone();
        for field in ["id", "email", "roles", "created_at", "updated_at"] {
            assert!(shape[field].take() != Value::Null, "{field}");
        }
        answers.push((shape, answer.body));
    }
    assert_eq!(answers[0].0, answers[1].0);
    assert_eq!(head.post("/api/v1/users", &json!({ "email": "fresh@x.example", "full_name": "S", "role": "teacher" })).await.status, 409);
    // The password that was sent for the known one is not theirs now; their own is.
    assert_eq!(try_login(&fleet, "known@x.example", "battery staple").await.status, 401);
    let own = try_login(&fleet, "known@x.example", PASSWORD).await.expect(200);
    assert_eq!(own["user"]["memberships"].as_array().unwrap().len(), 2);
    // And what belongs to the person stays the person's.
    let path = format!("/api/v1/users/{known}");
    let seen = head.get(&path).await;
    assert_eq!(seen.body["phone"], Value::Null);
    for change in [json!({ "email": "mine@x.example" }), json!({ "is_active": false }), json!({ "full_name": "X" })] {
        assert_eq!(head.patch(&path, &seen.etag(), &change).await.status, 409, "{change}");
    }
    assert_eq!(head.post(&format!("{path}/password"), &json!({ "password": "battery staple" })).await.status, 409);
    let own = answers[1].1["id"].as_str().unwrap();
    let path = format!("/api/v1/users/{own}");
    let changed = head.patch(&path, "\"v1\"", &json!({ "full_name": "Else", "phone": null })).await.expect(200);
    assert_eq!((&changed["full_name"], &changed["phone"]), (&json!("Else"), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gives_a_role_above_their_own() {
    let (fleet, school) = fleet().await;
    let head = fleet.member(school, Role::SchoolAdmin, "head@x.example").await;
    let teacher = fleet.member(school, Role::Teacher, "t@x.example").await;
    fleet.member(school, Role::Admin, "office@x.example").await;
    let (office, t) = (fleet.login("office@x.example").await, fleet.login("t@x.example").await);
    let user = |role: &str| json!({ "email": format!("{role}@new.example"), "full_name": "New", "role": role });
    for role in ["school_admin", "admin", "super_admin"] {
        assert_eq!(office.post("/api/v1/users", &user(role)).await.status, 403, "{role}");
    }
    let _ = office.post("/api/v1/users", &user("staff")).await.expect(201);
    assert_eq!(office.post("/api/v1/memberships", &json!({ "user_id": teacher, "role": "admin" })).await.status, 403);
    assert_eq!(t.post("/api/v1/users", &user("parent")).await.status, 403);
    let path = format!("/api/v1/users/{head}");
    assert_eq!(office.patch(&path, "\"v1\"", &json!({ "is_active": false })).await.status, 403);
    assert_eq!(office.post(&format!("{path}/password"), &json!({ "password": "battery staple" })).await.status, 403);
    let head = fleet.login("head@x.example").await;
    assert_eq!(head.post("/api/v1/memberships", &json!({ "user_id": teacher, "role": "super_admin" })).await.status, 403);
    let given = head.post("/api/v1/memberships", &json!({ "user_id": teacher, "role": "admin" })).await.expect(201);
    assert_eq!(given["role"], "admin");
    assert_eq!(head.post("/api/v1/memberships", &json!({ "user_id": teacher, "role": "admin" })).await.status, 409);
    let stranger = fleet.member(fleet.school("B").await, Role::Teacher, "b@x.example").await;
    assert_eq!(head.post("/api/v1/memberships", &json!({ "user_id": stranger, "role": "teacher" })).await.pointers(), ["/user_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn taking_a_role_away_ends_its_sessions_at_once() {
    let (fleet, school) = fleet().await;
    fleet.member(school, Role::SchoolAdmin, "head@x.example").await;
    let teacher = fleet.member(school, Role::Teacher, "t@x.example").await;
    let parent = fleet.member(school, Role::Parent, "p@x.example").await;
    let head = fleet.login("head@x.example").await;
    let t = try_login(&fleet, "t@x.example", PASSWORD).await.expect(200);
    let (t, token) = (fleet.with_token(t["token"].as_str().unwrap()), t["refresh_token"].clone());
    let list = head.get(&format!("/api/v1/memberships?user_id={teacher}")).await.expect(200);
    let path = format!("/api/v1/memberships/{}", list["items"][0]["id"].as_str().unwrap());
    assert_eq!(head.send(head.request(reqwest::Method::PATCH, &path).json(&json!({ "is_active": false }))).await.status, 428);
    let _ = head.patch(&path, "\"v1\"", &json!({ "is_active": false })).await.expect(200);
    assert_eq!(t.get(ME).await.status, 401);
    assert_eq!(fleet.anonymous().post("/api/v1/auth/refresh", &json!({ "refresh_token": token })).await.status, 401);
    assert_eq!(try_login(&fleet, "t@x.example", PASSWORD).await.status, 403);
    let _ = head.patch(&path, "\"v2\"", &json!({ "is_active": true })).await.expect(200);
    let t = fleet.login("t@x.example").await;
    assert_eq!(head.delete(&path, "\"v3\"").await.status, 204);
    assert_eq!(t.get(ME).await.status, 401);
    let p = fleet.login("p@x.example").await;
    let _ = head.patch(&format!("/api/v1/users/{parent}"), "\"v1\"", &json!({ "is_active": false })).await.expect(200);
    assert_eq!(p.get(ME).await.status, 401);
    assert_eq!(try_login(&fleet, "p@x.example", PASSWORD).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_school_admin_stays_even_if_two_remove_each_other_at_once() {
    let (fleet, school) = fleet().await;
    let one = fleet.member(school, Role::SchoolAdmin, "one@x.example").await;
    let two = fleet.member(school, Role::SchoolAdmin, "two@x.example").await;
    let (first, second) = (fleet.login("one@x.example").await, fleet.login("two@x.example").await);
    let mut paths = Vec::new();
    for user in [one, two] {
        let list = first.get(&format!("/api/v1/memberships?user_id={user}")).await.expect(200);
        paths.push(format!("/api/v1/memberships/{}", list["items"][0]["id"].as_str().unwrap()));
    }
    let (a, b) = tokio::join!(first.delete(&paths[1], "\"v1\""), second.delete(&paths[0], "\"v1\""));
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert!(statuses == [204, 409] || statuses == [204, 401], "{statuses:?}");
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM memberships WHERE role = 'school_admin' AND is_active")
        .fetch_one(&mut fleet.database.superuser().await)
        .await
        .unwrap();
    assert_eq!(left, 1);
    let (last, user, path) = if a.status == 204 { (&first, one, &paths[0]) } else { (&second, two, &paths[1]) };
    assert_eq!(last.patch(path, "\"v1\"", &json!({ "is_active": false })).await.status, 409);
    assert_eq!(last.patch(&format!("/api/v1/users/{user}"), "\"v1\"", &json!({ "is_active": false })).await.status, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_schools_users_and_memberships_do_not_exist() {
    let (fleet, school) = fleet().await;
    let elsewhere = fleet.school("Elsewhere").await;
    let user = fleet.member(school, Role::Student, "s@x.example").await;
    fleet.member(school, Role::SchoolAdmin, "head@x.example").await;
    fleet.member(elsewhere, Role::SchoolAdmin, "other@x.example").await;
    let (head, other) = (fleet.login("head@x.example").await, fleet.login("other@x.example").await);
    let membership = head.get("/api/v1/memberships?role=student").await.expect(200)["items"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/users/{user}");
    assert_eq!(other.get(&path).await.status, 404);
    assert_eq!(other.patch(&path, "\"v1\"", &json!({ "full_name": "X" })).await.status, 404);
    assert_eq!(other.post(&format!("{path}/password"), &json!({ "password": "battery staple" })).await.status, 404);
    assert_eq!(other.delete(&format!("/api/v1/memberships/{membership}"), "\"v1\"").await.status, 404);
    assert_eq!(other.get("/api/v1/users").await.expect(200)["items"].as_array().unwrap().len(), 1);
    assert_eq!(other.get("/api/v1/memberships").await.expect(200)["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_listed_page_by_page_and_found_by_name_and_role() {
    let (fleet, school) = fleet().await;
    fleet.member(school, Role::SchoolAdmin, "head@x.example").await;
    for n in 0..5 {
        let user = fleet.member(school, Role::Student, &format!("s{n}@x.example")).await;
        join(&fleet, school, user, Role::Parent).await;
    }
    let head = fleet.login("head@x.example").await;
    let mut seen = Vec::new();
    let mut path = "/api/v1/users?limit=2&role=student".to_owned();
    loop {
        let page = head.get(&path).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|user| user["email"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/users?limit=2&role=student&cursor={cursor}");
        let foreign = head.get(&format!("/api/v1/users?limit=2&cursor={cursor}")).await;
        assert_eq!(foreign.body["type"], "/docs/problems#invalid-cursor", "another filter's cursor");
    }
    assert_eq!(seen, ["s0@x.example", "s1@x.example", "s2@x.example", "s3@x.example", "s4@x.example"]);
    let found = head.get("/api/v1/users?q=S3").await.expect(200);
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    assert_eq!(found["items"][0]["roles"].as_array().unwrap().len(), 2);
    assert_eq!(head.get("/api/v1/users?sort=x").await.pointers(), ["query:sort"]);
}
