//! A school with a class, its teacher, two students and a parent.

use std::time::Duration;

use domain::{ClassId, Role, SchoolId, StudentId};
use serde_json::{Value, json};
use service_kit::Service;
use testkit::{Answer, Api, Fleet};

pub const SERVICES: &[Service] = &[auth::SERVICE, homework::SERVICE, quiz::SERVICE, report::SERVICE];

#[allow(clippy::struct_field_names, reason = "the id of the school that the struct is about")]
pub struct School {
    pub fleet: Fleet,
    pub school: SchoolId,
    pub class: ClassId,
    pub office: Api,
    pub teacher: Api,
    pub student: Api,
    pub student_id: StudentId,
    pub classmate: Api,
    pub classmate_id: StudentId,
    pub parent: Api,
}

impl School {
    pub async fn open() -> Self {
        let fleet = Fleet::start(SERVICES).await;
        fleet.platform.mongo().ensure_collections().await.unwrap();
        let school = fleet.school("A school").await;
        fleet.member(school, Role::SchoolAdmin, "office@a.example").await;
        let teacher = fleet.member(school, Role::Teacher, "teacher@a.example").await;
        let student = fleet.member(school, Role::Student, "student@a.example").await;
        let classmate = fleet.member(school, Role::Student, "classmate@a.example").await;
        let parent = fleet.member(school, Role::Parent, "parent@a.example").await;
        let class = fleet.class(school, "7A", teacher, &[student, classmate]).await;
        fleet.guardian(school, student, parent).await;
        let (student_id, classmate_id) = (fleet.student_id(school, student).await, fleet.student_id(school, classmate).await);
        Self {
            office: fleet.login("office@a.example").await,
            teacher: fleet.login("teacher@a.example").await,
            student: fleet.login("student@a.example").await,
            classmate: fleet.login("classmate@a.example").await,
            parent: fleet.login("parent@a.example").await,
            fleet,
            school,
            class,
            student_id,
            classmate_id,
        }
    }

    /// A second class of the school with a teacher and a student of its own; the student.
    pub async fn another_class(&self) -> StudentId {
        let teacher = self.fleet.member(self.school, Role::Teacher, "other.teacher@a.example").await;
        let student = self.fleet.member(self.school, Role::Student, "other.student@a.example").await;
        self.fleet.class(self.school, "7B", teacher, &[student]).await;
        self.fleet.student_id(self.school, student).await
    }

    /// A term of the class's year.
    pub async fn term(&self, name: &str, from: chrono::NaiveDate, to: chrono::NaiveDate) -> String {
        let term = json!({"academic_year_id": self.year().await.0, "name": name, "starts_on": from, "ends_on": to});
        id(&self.office.post("/api/v1/terms", &term).await.expect(201))
    }

    /// The class's year, and its first and last day.
    pub async fn year(&self) -> (uuid::Uuid, chrono::NaiveDate, chrono::NaiveDate) {
        sqlx::query_as(
            "SELECT y.id, y.starts_on, y.ends_on FROM academic_years y JOIN classes c ON c.academic_year_id = y.id WHERE c.id = $1",
        )
        .bind(self.class.as_uuid())
        .fetch_one(&mut self.fleet.database.superuser().await)
        .await
        .unwrap()
    }

    pub async fn category(&self, body: Value) -> String {
        let mut body = body;
        body["class_id"] = json!(self.class);
        id(&self.teacher.post("/api/v1/grade-categories", &body).await.expect(201))
    }

    pub async fn item(&self, name: &str, body: Value) -> String {
        let mut body = body;
        body["class_id"] = json!(self.class);
        body["name"] = json!(name);
        body["max_points"] = body.get("max_points").cloned().unwrap_or(json!(100));
        id(&self.teacher.post("/api/v1/grade-items", &body).await.expect(201))
    }

    /// Grades the two students for an item.
    pub async fn mark(&self, item: &str, student: Value, classmate: Value) -> Value {
        let path = format!("/api/v1/grade-items/{item}/grades");
        let etag = self.teacher.get(&path).await.etag();
        let grades =
            json!({"grades": [{"student_id": self.student_id, "grade": student}, {"student_id": self.classmate_id, "grade": classmate}]});
        put(&self.teacher, &path, &etag, &grades).await.expect(200)
    }

    pub fn book(&self) -> String {
        format!("/api/v1/classes/{}/gradebook", self.class)
    }

    /// The student's line in the class's book.
    pub async fn line(&self) -> Value {
        line_of(&self.teacher.get(&self.book()).await.expect(200), self.student_id)
    }

    /// The student's grades in the class's book.
    pub async fn grades(&self) -> Vec<Value> {
        self.line().await["grades"].as_array().unwrap().clone()
    }

    /// The student's grades as the student sees them: items, and totals.
    pub async fn seen_by(&self, api: &Api) -> Value {
        api.get(&format!("/api/v1/students/{}/grades", self.student_id)).await.expect(200)["classes"][0].clone()
    }

    /// Takes over anew what homework and quizzes say.
    pub async fn recompute(&self) -> Value {
        let etag = self.teacher.get(&self.book()).await.etag();
        let mut done = self.teacher.post_if(&format!("{}/recompute", self.book()), &etag, &json!({})).await.expect(200);
        done.as_object_mut().unwrap().remove("version").unwrap();
        done
    }

    /// The item that a homework or quiz feeds.
    pub async fn fed_item(&self, source: &str) -> Value {
        let items = self.teacher.get(&format!("/api/v1/grade-items?limit=200&class_id={}", self.class)).await.expect(200);
        items["items"].as_array().unwrap().iter().find(|item| item["source_ref"] == json!(source)).cloned().unwrap_or_default()
    }

    /// Locks or unlocks an item.
    pub async fn lock(&self, item: &str, verb: &str) {
        let path = format!("/api/v1/grade-items/{item}");
        let etag = self.teacher.get(&path).await.etag();
        self.teacher.post_if(&format!("{path}/{verb}"), &etag, &json!({})).await.expect(200);
    }

    /// Sends a file of marks.
    pub async fn import(&self, etag: &str, query: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.teacher.request(reqwest::Method::POST, &format!("{}/import{query}", self.book()));
        self.teacher.send(request.header("If-Match", etag).header("Content-Type", "text/csv").body(body)).await
    }
}

/// A student's line in a book or on a sheet.
pub fn line_of(book: &Value, student: StudentId) -> Value {
    book["lines"].as_array().unwrap().iter().find(|line| line["student_id"] == json!(student)).unwrap().clone()
}

pub fn id(body: &Value) -> String {
    body["id"].as_str().unwrap().to_owned()
}

pub async fn put(api: &Api, path: &str, etag: &str, body: &Value) -> testkit::Answer {
    api.send(api.request(reqwest::Method::PUT, path).header("If-Match", etag).json(body)).await
}

/// Looks until `seen` says yes, at most twenty seconds.
pub async fn eventually<T: std::fmt::Debug>(mut look: impl AsyncFnMut() -> T, seen: impl Fn(&T) -> bool) -> T {
    let mut found = look().await;
    for _ in 0..200 {
        if seen(&found) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        found = look().await;
    }
    panic!("it does not come: {found:#?}")
}
