//! An account that one school made must not become its key to another.

use domain::Role;
use serde_json::json;
use testkit::Fleet;

#[tokio::test]
async fn a_password_that_one_office_chose_opens_no_school_that_admits_the_person_later() {
    let fleet = Fleet::start(&[auth::SERVICE]).await;
    let (here, there) = (fleet.school("Here").await, fleet.school("There").await);
    fleet.member(here, Role::SchoolAdmin, "office@here.example").await;
    fleet.member(there, Role::SchoolAdmin, "office@there.example").await;
    let (attacker, office) = (fleet.login("office@here.example").await, fleet.login("office@there.example").await);
    let person = |role: &str| json!({"email": "head@there.example", "full_name": "The head", "role": role});
    let mut made = person("staff");
    made["password"] = json!("known to the attacker");
    attacker.post("/api/v1/users", &made).await.expect(201);
    let login = json!({"email": "head@there.example", "password": "known to the attacker"});
    let session = fleet.anonymous().post("/api/v1/auth/login", &login).await.expect(200);

    office.post("/api/v1/users", &person("school_admin")).await.expect(201);
    assert_eq!(fleet.anonymous().post("/api/v1/auth/login", &login).await.status, 401);
    let refresh = json!({"refresh_token": session["refresh_token"]});
    assert_eq!(fleet.anonymous().post("/api/v1/auth/refresh", &refresh).await.status, 401);
}

#[tokio::test]
async fn a_password_that_its_owner_chose_stays_when_another_school_admits_them() {
    let fleet = Fleet::start(&[auth::SERVICE]).await;
    let (here, there) = (fleet.school("Here").await, fleet.school("There").await);
    fleet.member(here, Role::SchoolAdmin, "office@here.example").await;
    fleet.member(there, Role::SchoolAdmin, "office@there.example").await;
    let (first, second) = (fleet.login("office@here.example").await, fleet.login("office@there.example").await);
    let mut made = json!({"email": "both@schools.example", "full_name": "In both", "role": "teacher"});
    made["password"] = json!("from the first office");
    first.post("/api/v1/users", &made).await.expect(201);
    let login = |password: &str| json!({"email": "both@schools.example", "password": password});
    let session = fleet.anonymous().post("/api/v1/auth/login", &login("from the first office")).await.expect(200);
    let own = fleet.with_token(session["access_token"].as_str().unwrap());
    let change = json!({"current_password": "from the first office", "new_password": "entirely my own words"});
    assert!(own.post("/api/v1/auth/password", &change).await.status < 300);
    made.as_object_mut().unwrap().remove("password");
    second.post("/api/v1/users", &made).await.expect(201);
    fleet.anonymous().post("/api/v1/auth/login", &login("entirely my own words")).await.expect(200);
}
