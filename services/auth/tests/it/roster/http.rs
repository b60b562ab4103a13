//! The import over HTTP, with what a client may send instead of a roster.

use domain::{Role, SchoolId};
use reqwest::Method;
use serde_json::json;
use testkit::{Answer, Api, Fleet};

use super::stage::Files;

async fn upload(api: &Api, query: &str, zip: Vec<u8>) -> Answer {
    let request = api.request(Method::POST, &format!("/api/v1/imports/oneroster{query}"));
    api.send(request.header("Content-Type", "application/zip").body(zip)).await
}

async fn with(role: Role) -> (Fleet, SchoolId, Api) {
    let fleet = Fleet::start(&[auth::SERVICE]).await;
    let school = fleet.school("North").await;
    fleet.member(school, role, "caller@north.example").await;
    let api = fleet.login("caller@north.example").await;
    (fleet, school, api)
}

#[tokio::test]
async fn the_operator_imports_all_schools_of_a_bundle() {
    let (_fleet, _, api) = with(Role::SuperAdmin).await;
    let dry = upload(&api, "?dry_run=true", Files::contoso().zip()).await.expect(200);
    assert_eq!((&dry["dry_run"], &dry["schools"][0]["students"]["created"]), (&json!(true), &json!(60)));
    let report = upload(&api, "", Files::contoso().zip()).await.expect(200);
    assert_eq!(report["schools"][0]["students"], json!({"created": 60, "changed": 0, "unchanged": 0, "removed": 0}));
    let again = upload(&api, "", Files::contoso().zip()).await.expect(200);
    assert_eq!(again["schools"][0]["students"], json!({"created": 0, "changed": 0, "unchanged": 60, "removed": 0}));
    assert_eq!(report["schools"][0]["school_id"], again["schools"][0]["school_id"]);
}

#[tokio::test]
async fn an_office_imports_its_own_school_and_says_which_it_is() {
    let (_fleet, school, api) = with(Role::SchoolAdmin).await;
    let answer = upload(&api, "", Files::small().zip()).await;
    assert_eq!(answer.pointers(), ["query:school"]);
    let _ = answer.expect(422);
    let report = upload(&api, "?school=s1", Files::small().zip()).await.expect(200);
    assert_eq!(report["schools"][0]["school_id"], json!(school));
    assert_eq!(report["schools"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn only_the_office_and_the_operator_may_import() {
    let (fleet, _, api) = with(Role::Teacher).await;
    let _ = upload(&api, "", Files::small().zip()).await.expect(403);
    let _ = upload(&fleet.anonymous(), "", Files::small().zip()).await.expect(401);
}

#[tokio::test]
async fn every_fault_of_a_bundle_is_named_by_file_line_and_column() {
    let (_fleet, _, api) = with(Role::SuperAdmin).await;
    let files = Files::contoso().swap("users.csv", "bmcmillan@contoso.example", "nowhere").swap(
        "enrollments.csv",
        ",K11001,10001,13001,",
        ",K99999,10001,13001,",
    );
    let answer = upload(&api, "", files.zip()).await;
    assert_eq!(answer.pointers(), ["enrollments.csv:2/classSourcedId", "users.csv:3/email"], "{:#}", answer.body);
    let body = answer.expect(422);
    assert_eq!(body["type"], "/docs/problems#validation-failed");
    assert!(body["detail"].as_str().unwrap().contains("2 faults"), "{body:#}");
    assert!(!body.to_string().contains("nowhere"), "values are not repeated");
}

#[tokio::test]
async fn bombs_stumps_and_strangers_are_refused_and_the_service_lives_on() {
    let (_fleet, _, api) = with(Role::SuperAdmin).await;
    let good = Files::small().zip();
    let bomb = Files::small().set("users.csv", vec![b' '; 30 << 20]).zip();
    assert!(bomb.len() < 100_000, "{}", bomb.len());
    let answer = upload(&api, "", bomb).await;
    assert_eq!(answer.pointers(), ["users.csv"], "{:#}", answer.body);
    let _ = answer.expect(422);
    for stump in [good[..good.len() / 2].to_vec(), Vec::new(), b"PK\x03\x04".to_vec(), b"users.csv,not,a,zip".to_vec()] {
        let answer = upload(&api, "", stump).await;
        assert_eq!(answer.pointers(), ["zip"], "{:#}", answer.body);
        let _ = answer.expect(422);
    }
    let _ = upload(&api, "", vec![0; (16 << 20) + 1]).await.expect(413);
    let quotes = Files::small().swap("users.csv", "Learner,One", "Lea\"rner,One");
    let _ = upload(&api, "", quotes.zip()).await.expect(422);
    let _ = upload(&api, "?dryrun=true", good.clone()).await.expect(422);
    let _ = api.post("/api/v1/imports/oneroster", &json!({})).await.expect(415);
    let _ = upload(&api, "", good).await.expect(200);
}

#[tokio::test]
async fn what_was_imported_is_seen_at_once_in_the_directory() {
    let (fleet, _, api) = with(Role::SuperAdmin).await;
    let report = upload(&api, "", Files::small().zip()).await.expect(200);
    let school: SchoolId = report["schools"][0]["school_id"].as_str().unwrap().parse().unwrap();
    let postgres = fleet.platform.postgres(domain::ServiceName::Auth).clone();
    let directory = directory::Directory::new(fleet.platform.redis().clone(), postgres);
    let user: uuid::Uuid = sqlx::query_scalar("SELECT id FROM users WHERE email = 'learner.one@north.example'")
        .fetch_one(&mut fleet.database.superuser().await)
        .await
        .unwrap();
    let person = directory.person(school, domain::UserId::from_uuid(user)).await.unwrap();
    assert_eq!(person.student.unwrap().attends.len(), 2);
    let files = Files::small().swap("enrollments.csv", "e1,,,", "e1,tobedeleted,,");
    let _ = upload(&api, "", files.zip()).await.expect(200);
    let person = directory.person(school, domain::UserId::from_uuid(user)).await.unwrap();
    assert_eq!(person.student.unwrap().attends.len(), 1);
}
