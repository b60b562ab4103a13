//! A real roster: imported into two schools from the command line, twice with the same result; one of its teachers gives homework, one of its
//! students hands it in, it is graded; each step is seen at once by whoever may see it, by nobody else, and in PostgreSQL within seconds.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::process::{Ground, free_port};

const PASSWORD: &str = "a roster has no passwords";

/// Zips the fixture of the `oneroster` crate.
fn zipped(into: &Path) -> String {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../oneroster/tests/data/contoso");
    let csv = std::fs::read_dir(fixture)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "csv"));
    let files: Vec<(String, Vec<u8>)> =
        csv.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap())).collect();
    let target = into.join("contoso.zip");
    oneroster::write_csv_zip(std::fs::File::create(&target).unwrap(), files).unwrap();
    target.to_string_lossy().into_owned()
}

async fn count(connection: &mut PgConnection, table: &'static str) -> i64 {
    sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"))).fetch_one(connection).await.unwrap()
}

/// Everything that the import writes, with versions and times.
async fn fingerprint(connection: &mut PgConnection) -> Vec<String> {
    let mut prints = Vec::new();
    for table in [
        "schools",
        "users",
        "memberships",
        "students",
        "teachers",
        "academic_years",
        "terms",
        "subjects",
        "classes",
        "class_subjects",
        "enrollments",
    ] {
        let query = format!("SELECT coalesce(md5(string_agg(t::text, '' ORDER BY t::text)), '') FROM {table} t");
        prints.push(sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_one(&mut *connection).await.unwrap());
    }
    prints
}

struct Caller {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Caller {
    async fn log_in(url: &str, email: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let body = json!({"email": email, "password": PASSWORD});
        let answer: Value = http.post(format!("{url}/api/v1/auth/login")).json(&body).send().await.unwrap().json().await.unwrap();
        let token = answer["access_token"].as_str().unwrap_or_else(|| panic!("{email}: {answer}")).to_owned();
        Self { http, url: url.to_owned(), token }
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.http.get(format!("{}{path}", self.url)).bearer_auth(&self.token).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn post(&self, path: &str, header: (&str, &str), body: Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.url)).bearer_auth(&self.token).header(header.0, header.1);
        let answer = request.json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

/// A person of the roster: who fits the query, with a password from now on.
async fn with_password(connection: &mut PgConnection, query: &'static str) -> String {
    let (user, email): (uuid::Uuid, String) = sqlx::query_as(query).fetch_one(&mut *connection).await.unwrap();
    let hash = bcrypt_of_password();
    sqlx::query("INSERT INTO credentials (user_id, password_hash) VALUES ($1, $2) ON CONFLICT (user_id) DO UPDATE SET password_hash = excluded.password_hash")
        .bind(user)
        .bind(hash)
        .execute(connection)
        .await
        .unwrap();
    email
}

fn bcrypt_of_password() -> String {
    bcrypt::hash(PASSWORD, 4).unwrap()
}

#[tokio::test]
async fn a_real_roster_is_imported_twice_and_its_people_work_with_homework() {
    let ground = Ground::lay().await;
    let (code, _, complained) = ground.run(&["migrate"]).await;
    assert_eq!(code, 0, "{complained}");
    let zip = zipped(&ground.redis.directory());
    let mut superuser = ground.database.superuser().await;

    let (code, _, complained) = ground.run(&["import", "roster", &zip, "--dry-run"]).await;
    assert_eq!((code, count(&mut superuser, "schools").await), (0, 0), "{complained}");
    let (code, said, complained) = ground.run(&["import", "roster", &zip]).await;
    assert_eq!(code, 0, "{said}{complained}");
    let people = count(&mut superuser, "students").await + count(&mut superuser, "teachers").await;
    // A student's enrolment is a row of its own; a teacher's says who teaches the class.
    let enrolments =
        count(&mut superuser, "enrollments").await + count(&mut superuser, "class_subjects WHERE teacher_id IS NOT NULL").await;
    assert_eq!((count(&mut superuser, "schools").await, people, count(&mut superuser, "classes").await, enrolments), (2, 98, 28, 630));
    let before = fingerprint(&mut superuser).await;
    let (code, _, complained) = ground.run(&["import", "roster", &zip]).await;
    assert_eq!(code, 0, "{complained}");
    assert_eq!(fingerprint(&mut superuser).await, before, "a second import changes nothing");

    let port = free_port();
    let mut fleet = ground.serve(&["serve"], port).await;
    let url = format!("http://127.0.0.1:{port}");
    let class: uuid::Uuid =
        sqlx::query_scalar("SELECT id FROM classes WHERE source_id = 'K11001'").fetch_one(&mut superuser).await.unwrap();
    let teacher = with_password(
        &mut superuser,
        "SELECT u.id, u.email FROM class_subjects cs JOIN classes c ON c.id = cs.class_id AND c.source_id = 'K11001' JOIN teachers t ON t.id = cs.teacher_id
         JOIN users u ON u.id = t.user_id LIMIT 1",
    )
    .await;
    let student = with_password(
        &mut superuser,
        "SELECT u.id, u.email FROM enrollments e JOIN classes c ON c.id = e.class_id AND c.source_id = 'K11001' JOIN students s ON s.id = e.student_id
         JOIN users u ON u.id = s.user_id ORDER BY u.email LIMIT 1",
    )
    .await;
    let stranger = with_password(
        &mut superuser,
        "SELECT u.id, u.email FROM teachers t JOIN users u ON u.id = t.user_id JOIN schools s ON s.id = t.school_id WHERE s.source_id = '10002' LIMIT 1",
    )
    .await;
    let (teacher, student, stranger) =
        (Caller::log_in(&url, &teacher).await, Caller::log_in(&url, &student).await, Caller::log_in(&url, &stranger).await);

    let set = json!({"class_id": class, "title": "Quadratic equations", "max_points": 10, "due_at": "2030-01-01T00:00:00Z"});
    let (status, draft) = teacher.post("/api/v1/homework", ("Idempotency-Key", "set"), set).await;
    assert_eq!(status, 201, "{draft:#}");
    let path = format!("/api/v1/homework/{}", draft["id"].as_str().unwrap());
    assert_eq!(student.get(&path).await.0, 404, "a draft is the teachers' own");
    assert_eq!(teacher.post(&format!("{path}/publish"), ("If-Match", "\"v1\""), json!({})).await.0, 200);
    assert_eq!(student.get(&path).await.0, 200);
    assert_eq!(stranger.get(&path).await.0, 404);

    let (status, handed_in) = student.post(&format!("{path}/submissions"), ("Idempotency-Key", "mine"), json!({"content": "x = 2"})).await;
    assert_eq!(status, 201, "{handed_in:#}");
    let submission = format!("/api/v1/submissions/{}", handed_in["id"].as_str().unwrap());
    assert_eq!((teacher.get(&submission).await.0, stranger.get(&submission).await.0), (200, 404));
    assert_eq!(teacher.post(&format!("{submission}/grade"), ("If-Match", "\"v1\""), json!({"points": 9})).await.0, 200);
    assert_eq!(teacher.post(&format!("{submission}/return"), ("If-Match", "\"v2\""), json!({})).await.0, 200);
    assert_eq!(student.get(&submission).await.1["points"], 9);

    let started = Instant::now();
    while count(&mut superuser, "homework_submissions WHERE status = 'returned' AND points = 9").await == 0 {
        assert!(started.elapsed() < Duration::from_secs(10), "PostgreSQL does not have it within seconds");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    fleet.kill().await.unwrap();
}
