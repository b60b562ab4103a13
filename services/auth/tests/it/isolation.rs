//! A third school at every door of the other two: each path of the service, as its OpenAPI document lists them, with ids of another school.

use std::collections::BTreeMap;

use auth::SERVICE;
use domain::Role;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, Api, Fleet};

use crate::register::{Register, day, id};

/// What stands in private fields of the victims, and in no answer to anybody else.
const SECRET: &str = "secret";

struct Door {
    method: Method,
    path: String,
    public: bool,
}

/// Every operation of the service.
fn doors() -> Vec<Door> {
    let document = serde_json::to_value(service_kit::openapi::document(&[SERVICE])).unwrap();
    let mut doors = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
            let open = |security: &Value| security.as_array().is_some_and(|any| any.is_empty() || any.contains(&json!({})));
            doors.push(Door { method, path: path.clone(), public: operation.get("security").is_some_and(open) });
        }
    }
    assert!(doors.len() > 40, "the document lists {} operations", doors.len());
    doors
}

/// Whether the door leads to people or academics.
fn ours(path: &str) -> bool {
    ["students", "teachers", "staff", "academic-years", "terms", "subjects", "classes", "enrollments"]
        .iter()
        .any(|resource| path.strip_prefix("/api/v1/").is_some_and(|rest| rest.split('/').next() == Some(resource)))
}

async fn knock(api: &Api, method: &Method, path: &str) -> Answer {
    let request = api.request(method.clone(), path);
    api.send(match method.as_str() {
        "GET" => request,
        "DELETE" => request.header("If-Match", "\"v1\""),
        _ => request.header("If-Match", "\"v1\"").json(&json!({})),
    })
    .await
}

/// One row of each resource, by the path under which it is found.
async fn furnish(fleet: &Fleet, school: &Register) -> BTreeMap<String, String> {
    let year = school.year().await;
    let term =
        id(&school.add("terms", json!({"academic_year_id": year, "name": "secret term", "starts_on": day(-9), "ends_on": day(9)})).await);
    let teacher = school.teacher("secret-teacher").await;
    let (subject, staff) = (
        school.add("subjects", json!({"name": "secret subject"})).await,
        school.add("staff", json!({"email": format!("secret-staff@{}.example", school.name), "full_name": "secret staff"})).await,
    );
    let class = id(&school.add("classes", json!({"academic_year_id": year, "name": "secret class"})).await);
    let student = id(&school.student("secret-student").await);
    let guardian =
        school.add(&format!("students/{student}/guardians"), json!({"email": "secret@x.example", "full_name": "secret guardian"})).await;
    let taught = school.add(&format!("classes/{class}/subjects"), json!({"subject_id": subject["id"], "teacher_id": teacher["id"]})).await;
    let enrollment = school.enrol(&class, &student).await;
    let session: uuid::Uuid = sqlx::query_scalar("SELECT id FROM sessions WHERE school_id = $1 LIMIT 1")
        .bind(school.school.as_uuid())
        .fetch_one(&mut fleet.database.superuser().await)
        .await
        .unwrap();
    let membership: uuid::Uuid = sqlx::query_scalar("SELECT id FROM memberships WHERE school_id = $1 LIMIT 1")
        .bind(school.school.as_uuid())
        .fetch_one(&mut fleet.database.superuser().await)
        .await
        .unwrap();
    [
        ("academic-years", year),
        ("terms", term),
        ("teachers", id(&teacher)),
        ("subjects", id(&subject)),
        ("staff", id(&staff)),
        ("classes", class),
        ("students", student),
        ("guardian_id", id(&guardian)),
        ("class_subject_id", id(&taught)),
        ("enrollments", id(&enrollment)),
        ("users", teacher["user_id"].as_str().unwrap().to_owned()),
        ("memberships", membership.to_string()),
        ("schools", school.school.to_string()),
        ("sessions", session.to_string()),
        ("session_id", session.to_string()),
    ]
    .map(|(name, id)| (name.to_owned(), id))
    .into()
}

/// `template` with ids of the school that `rows` belong to.
fn fill(template: &str, rows: &BTreeMap<String, String>) -> String {
    let mut before = "";
    let mut filled = Vec::new();
    for segment in template.split('/') {
        match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            // Whatever else there is to be named gets an id that is there for nobody.
            Some(name) => {
                filled.push(rows.get(name).or_else(|| rows.get(before)).cloned().unwrap_or_else(|| uuid::Uuid::now_v7().to_string()));
            }
            None => filled.push(segment.to_owned()),
        }
        before = segment;
    }
    filled.join("/")
}

/// All rows of a school, as text: to see that nothing has moved.
async fn inventory(fleet: &Fleet, school: &Register) -> Vec<String> {
    let mut rows = Vec::new();
    for table in [
        "academic_years",
        "terms",
        "subjects",
        "teachers",
        "staff",
        "classes",
        "students",
        "student_guardians",
        "class_subjects",
        "enrollments",
        "memberships",
    ] {
        let sql = format!("SELECT t::text FROM {table} t WHERE school_id = $1 ORDER BY 1");
        let found: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(school.school.as_uuid())
            .fetch_all(&mut fleet.database.superuser().await)
            .await
            .unwrap();
        assert!(!found.is_empty(), "{table}");
        rows.extend(found);
    }
    rows
}

#[tokio::test]
async fn a_third_school_finds_every_door_of_the_other_two_closed() {
    let fleet = Fleet::start(&[SERVICE]).await;
    let (one, two, three) =
        (Register::open(&fleet, "one").await, Register::open(&fleet, "two").await, Register::open(&fleet, "three").await);
    let victims = [(furnish(&fleet, &one).await, &one), (furnish(&fleet, &two).await, &two)];
    let before = [inventory(&fleet, &one).await, inventory(&fleet, &two).await];
    let mut callers = vec![three.office.clone()];
    for role in [Role::SchoolAdmin, Role::Teacher, Role::Student, Role::Parent, Role::Staff] {
        callers.push(three.person(&fleet, role, role.as_str()).await.1);
    }
    let mut knocked = 0;
    for door in doors().iter().filter(|door| !door.public && door.path.contains('{')) {
        for (rows, school) in &victims {
            let path = fill(&door.path, rows);
            for caller in &callers {
                let answer = knock(caller, &door.method, &path).await;
                let text = answer.body.to_string();
                assert!(matches!(answer.status, 400 | 403 | 404 | 405 | 409 | 422), "{} {path}: {} {text}", door.method, answer.status);
                assert!(!text.contains(SECRET) && !text.contains(&school.name), "{} {path}: {text}", door.method);
                // What takes no body, or a body that may be empty, must not even tell that there is something.
                if ours(&door.path) && door.method != Method::POST {
                    assert!(matches!(answer.status, 403 | 404), "{} {path}: {} {text}", door.method, answer.status);
                }
                knocked += 1;
            }
        }
    }
    assert!(knocked > 300, "{knocked}");
    for list in doors().iter().filter(|door| !door.public && door.method == Method::GET && !door.path.contains('{')) {
        for caller in &callers {
            let text = knock(caller, &Method::GET, &list.path).await.body.to_string();
            assert!(!text.contains(SECRET), "{}: {text}", list.path);
        }
    }
    assert_eq!([inventory(&fleet, &one).await, inventory(&fleet, &two).await], before);
}

#[tokio::test]
async fn without_a_token_nothing_opens() {
    let fleet = Fleet::start(&[SERVICE]).await;
    let stranger = fleet.anonymous();
    for door in doors().iter().filter(|door| !door.public) {
        let path = fill(&door.path, &BTreeMap::new());
        let answer = knock(&stranger, &door.method, &path).await;
        assert_eq!(answer.status, 401, "{} {path}: {:#}", door.method, answer.body);
        assert!(!answer.header("www-authenticate").is_empty());
    }
}

#[tokio::test]
async fn only_the_office_changes_people_and_academics() {
    let fleet = Fleet::start(&[SERVICE]).await;
    let school = Register::open(&fleet, "one").await;
    let rows = furnish(&fleet, &school).await;
    let before = inventory(&fleet, &school).await.len();
    for role in [Role::Teacher, Role::Student, Role::Parent, Role::Staff] {
        let (_, api) = school.person(&fleet, role, role.as_str()).await;
        for door in doors().iter().filter(|door| ours(&door.path) && door.method != Method::GET) {
            let answer = knock(&api, &door.method, &fill(&door.path, &rows)).await;
            assert_eq!(answer.status, 403, "{role} {} {}: {:#}", door.method, door.path, answer.body);
        }
    }
    // Three of the four roles come with a row of their own, and each with a membership.
    assert_eq!(inventory(&fleet, &school).await.len(), before + 3 + 4);
}
