//! A school with one class: a teacher, two students, a parent, a category of the bank, and people who have nothing to do with it.

use domain::{ClassId, Role, SchoolId, StudentId};
use reqwest::Method;
use serde_json::{Value, json};
use service_kit::Service;
use testkit::{Answer, Api, Fleet};

pub const SERVICES: &[Service] = &[auth::SERVICE, quiz::SERVICE];

pub struct School {
    pub fleet: Fleet,
    pub id: SchoolId,
    pub class: ClassId,
    pub category: String,
    pub student_id: StudentId,
    pub classmate_id: StudentId,
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

/// A quiz with its paper, as the teacher knows it.
pub struct Paper {
    pub path: String,
    pub etag: String,
    pub slots: Vec<String>,
}

/// A student's running attempt.
pub struct Sitting {
    pub path: String,
    pub body: Value,
}

/// A picture that is as large as it says and shows nothing, in base64.
pub fn png(width: u32, height: u32) -> String {
    use base64::Engine;
    let head =
        [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &width.to_be_bytes(), &height.to_be_bytes(), &[8, 2, 0, 0, 0, 0, 0, 0, 0]].concat();
    base64::engine::general_purpose::STANDARD.encode(head)
}

impl Sitting {
    /// The slots, in the order of the attempt.
    pub fn slots(&self) -> Vec<String> {
        let questions = self.body["questions"].as_array().unwrap();
        questions.iter().map(|question| question["slot_id"].as_str().unwrap().to_owned()).collect()
    }
}

impl School {
    pub async fn open() -> Self {
        Self::open_with(&[]).await
    }

    pub async fn open_with(variables: &[(&str, &str)]) -> Self {
        let fleet = Fleet::start_with(SERVICES, variables).await;
        fleet.platform.mongo().ensure_collections().await.unwrap();
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
        let teacher = fleet.login("teacher@a.example").await;
        let category = teacher.post("/api/v1/question-categories", &json!({"name": "Mathematics"})).await.expect(201);
        Self {
            category: category["id"].as_str().unwrap().to_owned(),
            student_id: fleet.student_id(id, student).await,
            classmate_id: fleet.student_id(id, classmate).await,
            office: fleet.login("office@a.example").await,
            teacher,
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

    /// Logs everybody in again: at the process that runs now.
    pub async fn log_in_again(&mut self) {
        self.office = self.fleet.login("office@a.example").await;
        self.teacher = self.fleet.login("teacher@a.example").await;
        self.student = self.fleet.login("student@a.example").await;
        self.classmate = self.fleet.login("classmate@a.example").await;
        self.parent = self.fleet.login("parent@a.example").await;
    }

    /// A published question; its id.
    pub async fn question(&self, name: &str, answer: Value) -> String {
        let stem = match answer["type"].as_str().unwrap() {
            "cloze" => "The capital of France is {{1}}.",
            "select_words" | "drag_words" => "The {{1}} sat on the {{2}}.",
            "calculated" => "Three times {a}.",
            _ => name,
        };
        let default_mark = i32::from(answer["type"] != "description");
        let content = json!({"name": name, "stem": stem, "default_mark": default_mark, "penalty": 0.25, "general_feedback": "SECRET advice", "answer": answer});
        let body = json!({"category_id": self.category, "content": content, "tags": ["tested"], "difficulty": 2, "publish": true});
        let created = self.teacher.post("/api/v1/questions", &body).await.expect(201);
        created["id"].as_str().unwrap().to_owned()
    }

    pub async fn true_or_false(&self, name: &str) -> String {
        self.question(name, json!({"type": "true_false", "correct": true, "feedback_false": "SECRET hint"})).await
    }

    /// A body that makes a quiz.
    pub fn settings(&self, title: &str) -> Value {
        json!({"class_id": self.class, "title": title})
    }

    /// A draft with these questions.
    pub async fn draft(&self, settings: &Value, questions: &[String]) -> Paper {
        let made = self.teacher.post("/api/v1/quizzes", settings).await;
        assert_eq!(made.status, 201, "{:#}", made.body);
        let mut paper = Paper { path: made.header("location").to_owned(), etag: made.etag(), slots: Vec::new() };
        for question in questions {
            self.add(&mut paper, &json!({"question_id": question})).await;
        }
        paper
    }

    pub async fn add(&self, paper: &mut Paper, slot: &Value) {
        let added = self.teacher.post_if(&format!("{}/slots", paper.path), &paper.etag, slot).await;
        assert_eq!(added.status, 200, "{:#}", added.body);
        paper.etag = added.etag();
        let slots = added.body["slots"].as_array().unwrap();
        paper.slots = slots.iter().map(|slot| slot["id"].as_str().unwrap().to_owned()).collect();
    }

    pub async fn publish(&self, paper: &mut Paper) {
        let published = self.teacher.post_if(&format!("{}/publish", paper.path), &paper.etag, &json!({})).await;
        assert_eq!(published.status, 200, "{:#}", published.body);
        paper.etag = published.etag();
    }

    /// A published quiz of as many questions, each of which is true.
    pub async fn given(&self, settings: &Value, questions: usize) -> Paper {
        let mut ids = Vec::new();
        for n in 0..questions {
            ids.push(self.true_or_false(&format!("Statement {n}")).await);
        }
        let mut paper = self.draft(settings, &ids).await;
        self.publish(&mut paper).await;
        paper
    }

    pub async fn start(&self, who: &Api, paper: &Paper) -> Sitting {
        let started = who.post(&format!("{}/start", paper.path), &json!({})).await;
        assert!(matches!(started.status, 200 | 201), "{:#}", started.body);
        Sitting { path: format!("/api/v1/attempts/{}", started.body["id"].as_str().unwrap()), body: started.body }
    }

    pub async fn save(&self, who: &Api, sitting: &Sitting, slot: &str, response: &Value) -> Answer {
        self.put(who, &format!("{}/answers/{slot}", sitting.path), &json!({"response": response})).await
    }

    pub async fn put(&self, who: &Api, path: &str, body: &Value) -> Answer {
        who.send(who.request(Method::PUT, path).json(body)).await
    }

    /// The score of a submitted attempt, as the teacher sees it.
    pub async fn score(&self, sitting: &Sitting) -> Value {
        self.teacher.get(&sitting.path).await.expect(200)["score"].clone()
    }

    /// How many rows there are, seen past all caches.
    pub async fn count(&self, query: &str) -> i64 {
        self.fleet.database.count(query).await
    }

    /// Waits until PostgreSQL has all that was acknowledged, and that none of it was put aside.
    pub async fn saved(&self) {
        self.fleet.saved(domain::ServiceName::Quiz, self.id).await;
    }
}
