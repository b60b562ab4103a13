//! A school with one class: a teacher, two students, a parent, and people who have nothing to do with it.

use chrono::Duration;
use domain::{ClassId, Clock, Role, SchoolId, SystemClock};
use serde_json::{Value, json};
use service_kit::Service;
use testkit::{Answer, Api, Fleet};

pub const SERVICES: &[Service] = &[auth::SERVICE, homework::SERVICE];

pub struct School {
    pub fleet: Fleet,
    pub id: SchoolId,
    pub class: ClassId,
    pub office: Api,
    pub teacher: Api,
    pub student: Api,
    pub classmate: Api,
    pub parent: Api,
    /// Teaches another class of the same school.
    pub other_teacher: Api,
    /// Attends another class of the same school.
    pub other_student: Api,
    /// Runs another school.
    pub outsider: Api,
}

impl School {
    pub async fn open() -> Self {
        Self::open_with(&[]).await
    }

    pub async fn open_with(variables: &[(&str, &str)]) -> Self {
        let fleet = Fleet::start_with(SERVICES, variables).await;
        let (id, elsewhere) = (fleet.school("A school").await, fleet.school("Another school").await);
        fleet.member(id, Role::SchoolAdmin, "office@a.example").await;
        let teacher = fleet.member(id, Role::Teacher, "teacher@a.example").await;
        let other_teacher = fleet.member(id, Role::Teacher, "other.teacher@a.example").await;
        let student = fleet.member(id, Role::Student, "student@a.example").await;
        let classmate = fleet.member(id, Role::Student, "classmate@a.example").await;
        let other_student = fleet.member(id, Role::Student, "other.student@a.example").await;
        let parent = fleet.member(id, Role::Parent, "parent@a.example").await;
        fleet.member(elsewhere, Role::SchoolAdmin, "outsider@b.example").await;
        let class = fleet.class(id, "7A", teacher, &[student, classmate]).await;
        fleet.class(id, "7B", other_teacher, &[other_student]).await;
        fleet.guardian(id, student, parent).await;
        Self {
            office: fleet.login("office@a.example").await,
            teacher: fleet.login("teacher@a.example").await,
            student: fleet.login("student@a.example").await,
            classmate: fleet.login("classmate@a.example").await,
            parent: fleet.login("parent@a.example").await,
            other_teacher: fleet.login("other.teacher@a.example").await,
            other_student: fleet.login("other.student@a.example").await,
            outsider: fleet.login("outsider@b.example").await,
            fleet,
            id,
            class,
        }
    }

    /// A body that sets homework, due in `days`.
    pub fn assignment(&self, title: &str, days: i64) -> Value {
        json!({"class_id": self.class, "title": title, "max_points": 20, "due_at": SystemClock.now() + Duration::days(days)})
    }

    pub async fn draft(&self, title: &str) -> Answer {
        let answer = self.teacher.post("/api/v1/homework", &self.assignment(title, 7)).await;
        assert_eq!(answer.status, 201, "{:#}", answer.body);
        answer
    }

    /// Published homework; its path.
    pub async fn given(&self, body: &Value) -> String {
        let draft = self.teacher.post("/api/v1/homework", body).await;
        let path = draft.header("location").to_owned();
        let published = self.teacher.post_if(&format!("{path}/publish"), &draft.etag(), &json!({})).await;
        assert_eq!(published.status, 200, "{:#}", published.body);
        path
    }

    /// How many rows the table has, seen past all caches.
    pub async fn count(&self, query: &str) -> i64 {
        self.fleet.database.count(query).await
    }

    /// Waits until PostgreSQL has all that was acknowledged.
    pub async fn saved(&self) {
        self.fleet.saved(domain::ServiceName::Homework, self.id).await;
    }
}
