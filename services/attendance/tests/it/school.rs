//! A school with one class: two teachers, three students, a parent, and people who have nothing to do with it.

use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{Duration, NaiveDate};
use directory::Directory;
use domain::{ClassId, Clock, Role, SchoolId, ServiceName, StudentId, SystemClock, UserId};
use reqwest::Method;
use serde_json::{Value, json};
use service_kit::Service;
use testkit::{Answer, Api, Attacker, Fleet, people};

pub const SERVICES: &[Service] = &[auth::SERVICE, attendance::SERVICE];

pub struct School {
    pub fleet: Fleet,
    pub id: SchoolId,
    pub class: ClassId,
    pub other_class: ClassId,
    pub office: Api,
    pub teacher: Api,
    /// Teaches the same class.
    pub colleague: Api,
    pub student: Api,
    pub classmate: Api,
    pub parent: Api,
    /// Teaches another class of the same school.
    pub other_teacher: Api,
    /// Attends another class of the same school.
    pub other_student: Api,
    /// Runs another school.
    pub outsider: Api,
    /// The class: the student, the classmate, and one more.
    pub pupils: [StudentId; 3],
    pub stranger: StudentId,
    pub today: NaiveDate,
    users: Vec<UserId>,
    forgotten: AtomicU32,
}

impl School {
    pub async fn open() -> Self {
        Self::open_with(&[]).await
    }

    pub async fn open_with(variables: &[(&str, &str)]) -> Self {
        Self::open_as(SERVICES, variables).await
    }

    pub async fn open_as(services: &[Service], variables: &[(&str, &str)]) -> Self {
        let fleet = Fleet::start_with(services, variables).await;
        let (id, elsewhere) = (fleet.school("A school").await, fleet.school("Another school").await);
        fleet.member(id, Role::SchoolAdmin, "office@a.example").await;
        let teacher = fleet.member(id, Role::Teacher, "teacher@a.example").await;
        let colleague = fleet.member(id, Role::Teacher, "colleague@a.example").await;
        let other_teacher = fleet.member(id, Role::Teacher, "other.teacher@a.example").await;
        let student = fleet.member(id, Role::Student, "student@a.example").await;
        let classmate = fleet.member(id, Role::Student, "classmate@a.example").await;
        let third = fleet.member(id, Role::Student, "third@a.example").await;
        let other_student = fleet.member(id, Role::Student, "other.student@a.example").await;
        let parent = fleet.member(id, Role::Parent, "parent@a.example").await;
        fleet.member(elsewhere, Role::SchoolAdmin, "outsider@b.example").await;
        let class = fleet.class(id, "7A", teacher, &[student, classmate, third]).await;
        people::teaches(&fleet.database, id, class, colleague).await;
        let other_class = fleet.class(id, "7B", other_teacher, &[other_student]).await;
        fleet.guardian(id, student, parent).await;
        let pupils = [fleet.student_id(id, student).await, fleet.student_id(id, classmate).await, fleet.student_id(id, third).await];
        let stranger = fleet.student_id(id, other_student).await;
        let office = fleet.login("office@a.example").await;
        // There is school every day here, or the tests would rest on Sundays.
        let settings = office.get("/api/v1/attendance/settings").await;
        office.patch("/api/v1/attendance/settings", &settings.etag(), &json!({"weekdays": [1, 2, 3, 4, 5, 6, 7]})).await.expect(200);
        Self {
            teacher: fleet.login("teacher@a.example").await,
            colleague: fleet.login("colleague@a.example").await,
            student: fleet.login("student@a.example").await,
            classmate: fleet.login("classmate@a.example").await,
            parent: fleet.login("parent@a.example").await,
            other_teacher: fleet.login("other.teacher@a.example").await,
            other_student: fleet.login("other.student@a.example").await,
            outsider: fleet.login("outsider@b.example").await,
            office,
            fleet,
            id,
            class,
            other_class,
            pupils,
            stranger,
            today: SystemClock.now().date_naive(),
            users: vec![student, classmate, third],
            forgotten: AtomicU32::new(0),
        }
    }

    pub fn day(&self, days_ago: i64) -> NaiveDate {
        self.today - Duration::days(days_ago)
    }

    /// Where the marks of the class's register of that day go.
    pub async fn register(&self, day: NaiveDate) -> String {
        let sheet = self.office.get(&format!("/api/v1/attendance/sheet?class_id={}&held_on={day}", self.class)).await.expect(200);
        format!("/api/v1/attendance/sessions/{}", sheet["session_id"].as_str().unwrap())
    }

    /// A body that marks the three pupils so, for the first time.
    pub fn marks(&self, day: NaiveDate, codes: [&str; 3]) -> Value {
        let records: Vec<Value> =
            self.pupils.iter().zip(codes).map(|(student, code)| json!({"student_id": student, "code": code})).collect();
        json!({"register": {"class_id": self.class, "held_on": day}, "records": records})
    }

    /// Takes the class's register for the first time.
    pub async fn take(&self, who: &Api, day: NaiveDate, codes: [&str; 3]) -> Answer {
        let path = format!("{}/records", self.register(day).await);
        fresh(who, &path, &self.marks(day, codes)).await
    }

    pub fn user(&self, pupil: usize) -> UserId {
        self.users[pupil]
    }

    /// What the table says, seen past all caches.
    pub async fn count(&self, query: &str) -> i64 {
        self.fleet.database.count(query).await
    }

    /// The service's own rights at the database.
    pub fn attacker(&self) -> Attacker<'_> {
        Attacker::new(&self.fleet.platform, ServiceName::Attendance, self.id)
    }

    pub async fn sql(&self, statement: &str) {
        self.fleet.database.sql(statement).await;
    }

    /// Waits until PostgreSQL has all that was acknowledged.
    pub async fn saved(&self) {
        self.fleet.saved(ServiceName::Attendance, self.id).await;
    }

    /// Puts the caches out of the way of a change that was made in the tables directly.
    pub async fn forget(&self) {
        self.saved().await;
        self.fleet.redis.flush().await;
        // The directory's generation went with the rest: it must not come back to a number that it has had.
        let directory = Directory::new(self.fleet.platform.redis().clone(), self.fleet.platform.postgres(ServiceName::Attendance).clone());
        for _ in 0..=self.forgotten.fetch_add(1, Ordering::Relaxed) {
            directory.changed(self.id).await;
        }
    }

    /// What was told so far, in order.
    pub async fn events(&self) -> Vec<Value> {
        self.fleet.events(self.id).await
    }
}

/// PUT of something that is not there yet.
pub async fn fresh(who: &Api, path: &str, body: &Value) -> Answer {
    who.send(who.request(Method::PUT, path).header("If-None-Match", "*").json(body)).await
}

/// PUT, based on a version.
pub async fn put(who: &Api, path: &str, etag: &str, body: &Value) -> Answer {
    who.send(who.request(Method::PUT, path).header("If-Match", etag).json(body)).await
}
