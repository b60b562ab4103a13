//! A school in London with two classes: teachers, students, parents, and people who have nothing to do with it.

use chrono::{Datelike, Days, NaiveDate};
use domain::{ClassId, Clock, Role, SchoolId, ServiceName, StudentId, SystemClock, TeacherId, UserId};
use serde_json::{Value, json};
use service_kit::Service;
use testkit::{Answer, Api, Attacker, Fleet};
use uuid::Uuid;

pub const SERVICES: &[Service] = &[auth::SERVICE, attendance::SERVICE, calendar::SERVICE];

pub struct School {
    pub fleet: Fleet,
    pub id: SchoolId,
    pub class: ClassId,
    pub other_class: ClassId,
    pub office: Api,
    pub teacher: Api,
    pub other_teacher: Api,
    pub student: Api,
    pub other_student: Api,
    /// Of the student.
    pub parent: Api,
    /// Of the other student.
    pub other_parent: Api,
    pub staff: Api,
    /// Runs another school.
    pub outsider: Api,
    pub student_user: UserId,
    pub child: StudentId,
    pub other_child: StudentId,
    pub teachers: [TeacherId; 2],
    pub today: NaiveDate,
}

impl School {
    pub async fn open() -> Self {
        Self::open_with(&[]).await
    }

    pub async fn open_with(variables: &[(&str, &str)]) -> Self {
        let fleet = Fleet::start_with(SERVICES, variables).await;
        let (id, elsewhere) = (fleet.school("A school").await, fleet.school("Another school").await);
        let mut superuser = fleet.database.superuser().await;
        sqlx::query("UPDATE schools SET time_zone = 'Europe/London' WHERE id = $1")
            .bind(id.as_uuid())
            .execute(&mut superuser)
            .await
            .unwrap();
        fleet.member(id, Role::SchoolAdmin, "office@a.example").await;
        let teacher = fleet.member(id, Role::Teacher, "teacher@a.example").await;
        let other_teacher = fleet.member(id, Role::Teacher, "other.teacher@a.example").await;
        let student = fleet.member(id, Role::Student, "student@a.example").await;
        let other_student = fleet.member(id, Role::Student, "other.student@a.example").await;
        let parent = fleet.member(id, Role::Parent, "parent@a.example").await;
        let other_parent = fleet.member(id, Role::Parent, "other.parent@a.example").await;
        fleet.member(id, Role::Staff, "staff@a.example").await;
        fleet.member(elsewhere, Role::SchoolAdmin, "outsider@b.example").await;
        let class = fleet.class(id, "7A", teacher, &[student]).await;
        let other_class = fleet.class(id, "7B", other_teacher, &[other_student]).await;
        fleet.guardian(id, student, parent).await;
        fleet.guardian(id, other_student, other_parent).await;
        let mut teachers = Vec::new();
        for user in [teacher, other_teacher] {
            let query = sqlx::query_scalar::<_, Uuid>("SELECT id FROM teachers WHERE school_id = $1 AND user_id = $2");
            let teacher = query.bind(id.as_uuid()).bind(user.as_uuid()).fetch_one(&mut superuser).await.unwrap();
            teachers.push(TeacherId::from_uuid(teacher));
        }
        Self {
            office: fleet.login("office@a.example").await,
            teacher: fleet.login("teacher@a.example").await,
            other_teacher: fleet.login("other.teacher@a.example").await,
            student: fleet.login("student@a.example").await,
            other_student: fleet.login("other.student@a.example").await,
            parent: fleet.login("parent@a.example").await,
            other_parent: fleet.login("other.parent@a.example").await,
            staff: fleet.login("staff@a.example").await,
            outsider: fleet.login("outsider@b.example").await,
            student_user: student,
            child: fleet.student_id(id, student).await,
            other_child: fleet.student_id(id, other_student).await,
            teachers: [teachers[0], teachers[1]],
            today: SystemClock.now().date_naive(),
            fleet,
            id,
            class,
            other_class,
        }
    }

    /// So many days from today.
    pub fn day(&self, ahead: u64) -> NaiveDate {
        self.today + Days::new(ahead)
    }

    /// The day of the rotation that is so many days from today.
    pub fn weekday(&self, ahead: u64) -> u32 {
        self.day(ahead).weekday().number_from_monday()
    }

    pub async fn put_in(&self, who: &Api, event: &Value) -> Answer {
        let answer = who.post("/api/v1/events", event).await;
        assert_eq!(answer.status, 201, "{:#}", answer.body);
        answer
    }

    /// A weekly series at nine in London, across the end of summer time 2026.
    pub fn series() -> Value {
        json!({"title": "Assembly", "starts_at": "2026-10-12T08:00:00Z", "ends_at": "2026-10-12T08:45:00Z", "rrule": "FREQ=WEEKLY;COUNT=4"})
    }

    /// What `who` is shown from one day to another.
    pub async fn shown(&self, who: &Api, from: &str, to: &str) -> Vec<Value> {
        let list = who.get(&format!("/api/v1/events?from={from}&to={to}&limit=200")).await.expect(200);
        list["items"].as_array().unwrap().clone()
    }

    pub async fn room(&self, name: &str) -> String {
        let room = self.office.post("/api/v1/rooms", &json!({"name": name, "capacity": 30})).await.expect(201);
        room["id"].as_str().unwrap().to_owned()
    }

    /// A lesson of the class tomorrow's weekday, at nine, for the whole year.
    pub fn lesson(&self) -> Value {
        json!({"class_id": self.class, "teacher_id": self.teachers[0], "rotation_day": self.weekday(1), "start_minute": 540, "end_minute": 585,
            "valid_from": self.today, "valid_to": self.day(90)})
    }

    /// A meeting with the teacher tomorrow, of one seat.
    pub async fn slot(&self) -> Answer {
        let (from, to) = (format!("{}T15:00:00Z", self.day(1)), format!("{}T15:10:00Z", self.day(1)));
        let body = json!({"kind": "meeting", "title": "Ten minutes", "starts_at": from, "ends_at": to});
        let made = self.teacher.post("/api/v1/appointment-slots", &body).await;
        assert_eq!(made.status, 201, "{:#}", made.body);
        made
    }

    /// What the table says, seen past all caches.
    pub async fn count(&self, query: &str) -> i64 {
        self.fleet.database.count(query).await
    }

    /// The service's own rights at the database.
    pub fn attacker(&self) -> Attacker<'_> {
        Attacker::new(&self.fleet.platform, ServiceName::Calendar, self.id)
    }

    /// Waits until PostgreSQL has all that was acknowledged.
    pub async fn saved(&self) {
        self.fleet.saved(ServiceName::Calendar, self.id).await;
    }

    /// How many events of a kind were told to the other services.
    pub async fn told(&self, kind: &str) -> usize {
        self.fleet.told(self.id, kind).await.len()
    }
}

/// `body` with more fields, or with others.
pub fn with(mut body: Value, more: &Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Says how the lesson at `path` is on a day, after reading how it is.
pub async fn on_lesson_day(who: &Api, path: &str, day: NaiveDate, body: &Value) -> Answer {
    let path = format!("{path}/days/{day}");
    let etag = who.get(&path).await.etag();
    who.send(who.request(reqwest::Method::PUT, &path).header("If-Match", etag).json(body)).await
}

/// The path of a slot that was just made.
pub fn path_of_slot(made: &Answer) -> String {
    format!("/api/v1/appointment-slots/{}", made.body["items"][0]["id"].as_str().unwrap())
}

pub fn titles(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["title"].as_str().unwrap()).collect()
}

pub fn starts(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["starts_at"].as_str().unwrap()).collect()
}
