//! A school with a class, its teacher, two students and a parent.

use std::time::Duration;

use domain::{ClassId, Role, SchoolId, StudentId};
use serde_json::{Value, json};
use testkit::{Api, Fleet};

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
        let fleet = Fleet::start(&[auth::SERVICE, homework::SERVICE, report::SERVICE]).await;
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
        let book = self.teacher.get(&self.book()).await.expect(200);
        let lines = book["lines"].as_array().unwrap();
        lines.iter().find(|line| line["student_id"] == json!(self.student_id)).unwrap().clone()
    }
}

pub fn id(body: &Value) -> String {
    body["id"].as_str().unwrap().to_owned()
}

pub async fn put(api: &Api, path: &str, etag: &str, body: &Value) -> testkit::Answer {
    api.send(api.request(reqwest::Method::PUT, path).header("If-Match", etag).json(body)).await
}

/// Looks until `seen` says yes, at most ten seconds.
pub async fn eventually<T>(mut look: impl AsyncFnMut() -> T, seen: impl Fn(&T) -> bool) -> T {
    for _ in 0..100 {
        let found = look().await;
        if seen(&found) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    look().await
}
