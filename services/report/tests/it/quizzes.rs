//! Grades that come from quizzes and exams.

use serde_json::{Value, json};
use testkit::Api;

use crate::school::{School, eventually, id, line_of};

/// A quiz that the class has, of statements each of which is true; an essay may come last.
struct Quiz {
    id: String,
    path: String,
    etag: String,
    slots: Vec<String>,
    questions: Vec<String>,
}

impl Quiz {
    async fn given(school: &School, settings: Value, statements: usize, essay: bool) -> Self {
        let category = json!({"name": settings["title"]});
        let category = id(&school.teacher.post("/api/v1/question-categories", &category).await.expect(201));
        let mut settings = settings;
        settings["class_id"] = json!(school.class);
        let made = school.teacher.post("/api/v1/quizzes", &settings).await;
        let (mut etag, quiz) = (made.etag(), id(&made.expect(201)));
        let path = format!("/api/v1/quizzes/{quiz}");
        let (mut slots, mut questions) = (Vec::new(), Vec::new());
        for number in 0..statements + usize::from(essay) {
            let answer = if number < statements { json!({"type": "true_false", "correct": true}) } else { json!({"type": "essay"}) };
            let content = json!({"name": format!("Question {number}"), "stem": "Is it so?", "answer": answer});
            let question = json!({"category_id": category, "content": content, "publish": true});
            let question = id(&school.teacher.post("/api/v1/questions", &question).await.expect(201));
            let added = school.teacher.post_if(&format!("{path}/slots"), &etag, &json!({"question_id": question})).await;
            etag = added.etag();
            let body = added.expect(200);
            slots = body["slots"].as_array().unwrap().iter().map(id).collect();
            questions.push(question);
        }
        let published = school.teacher.post_if(&format!("{path}/publish"), &etag, &json!({})).await;
        let etag = published.etag();
        published.expect(200);
        Self { id: quiz, path, etag, slots, questions }
    }

    /// Starts, says yes to the first `right` statements, no to the others, and submits; the attempt.
    async fn sat(&self, who: &Api, right: usize, statements: usize) -> String {
        let started = who.post(&format!("{}/start", self.path), &json!({})).await;
        assert!(matches!(started.status, 200 | 201), "{:#}", started.body);
        let attempt = format!("/api/v1/attempts/{}", id(&started.body));
        for (place, slot) in self.slots.iter().enumerate() {
            let response = if place < statements { json!({"is_true": place < right}) } else { json!({"text": "Because it is."}) };
            let request = who.request(reqwest::Method::PUT, &format!("{attempt}/answers/{slot}"));
            who.send(request.json(&json!({"response": response}))).await.expect(200);
        }
        who.post(&format!("{attempt}/submit"), &json!({})).await.expect(200);
        attempt
    }

    /// What the quiz service says that counts, for the student.
    async fn result(&self, school: &School) -> Value {
        let results = school.teacher.get(&format!("{}/results", self.path)).await.expect(200);
        let results = results["results"].as_array().unwrap();
        results.iter().find(|line| line["student_id"] == json!(school.student_id)).unwrap()["result"].clone()
    }

    /// The student's marks in the book.
    async fn marks(&self, school: &School) -> Value {
        let item = school.fed_item(&self.id).await["id"].clone();
        school.grades().await.iter().find(|grade| grade["item_id"] == item).map(|grade| grade["points"].clone()).unwrap_or_default()
    }

    async fn arrives(&self, school: &School, marks: Value) {
        eventually(async || self.marks(school).await, |found| *found == marks).await;
    }
}

#[tokio::test]
async fn a_quiz_is_an_item_and_a_regrade_and_another_chance_reach_the_book() {
    let school = School::open().await;
    let quiz = Quiz::given(&school, json!({"title": "Fractions"}), 4, false).await;
    let item = eventually(async || school.fed_item(&quiz.id).await, |item| !item.is_null()).await;
    assert_eq!((&item["source_kind"], &item["max_points"], &item["name"]), (&json!("quiz"), &json!(4), &json!("Fractions")));
    let attempt = quiz.sat(&school.student, 3, 4).await;
    quiz.sat(&school.classmate, 4, 4).await;
    quiz.arrives(&school, json!(3)).await;
    assert_eq!(school.line().await["totals"]["overall"]["percent"], json!(75.0));
    assert_eq!(school.seen_by(&school.student).await["grades"][0]["grade"]["points"], json!(3));
    // The key was wrong: the last statement is not so, and worth more.
    let content = json!({"name": "Corrected", "stem": "Is it so?", "answer": {"type": "true_false", "correct": false}});
    let question = format!("/api/v1/questions/{}", quiz.questions[3]);
    school.teacher.patch(&question, "\"v1\"", &json!({"content": content, "publish": true})).await.expect(200);
    let slot = format!("{}/slots/{}", quiz.path, quiz.slots[3]);
    school.teacher.patch(&slot, &quiz.etag, &json!({"question_version": 2, "max_mark": 3})).await.expect(200);
    eventually(async || school.fed_item(&quiz.id).await, |item| item["max_points"] == json!(6)).await;
    school.teacher.post(&format!("{}/regrade", quiz.path), &json!({})).await.expect(200);
    quiz.arrives(&school, json!(6)).await;
    let book = eventually(
        async || school.teacher.get(&school.book()).await.body,
        |book| line_of(book, school.classmate_id)["grades"][0]["points"] == json!(3),
    )
    .await;
    assert_eq!(line_of(&book, school.student_id)["totals"]["overall"]["percent"], json!(100.0));
    assert_eq!(line_of(&book, school.classmate_id)["totals"]["overall"]["percent"], json!(50.0));
    // Opened again, it has no marks until it is submitted again.
    let etag = school.teacher.get(&attempt).await.etag();
    school.teacher.post_if(&format!("{attempt}/reopen"), &etag, &json!({})).await.expect(200);
    quiz.arrives(&school, Value::Null).await;
    school.student.post(&format!("{attempt}/submit"), &json!({})).await.expect(200);
    let again = quiz.result(&school).await;
    quiz.arrives(&school, again).await;
    assert_eq!(school.recompute().await, json!({"changed": 0, "unchanged": 2}));
}

#[tokio::test]
async fn what_waits_to_be_marked_by_a_person_is_no_zero() {
    let school = School::open().await;
    let quiz = Quiz::given(&school, json!({"title": "Essay"}), 1, true).await;
    let attempt = quiz.sat(&school.student, 1, 1).await;
    // What comes behind it has been taken over.
    let behind = Quiz::given(&school, json!({"title": "Behind"}), 1, false).await;
    behind.sat(&school.student, 1, 1).await;
    behind.arrives(&school, json!(1)).await;
    assert_eq!(quiz.marks(&school).await, Value::Null);
    assert_eq!(school.line().await["totals"]["overall"]["percent"], json!(100.0));
    let mark = format!("{attempt}/answers/{}/grade", quiz.slots[1]);
    let review = school.teacher.get(&format!("{attempt}/review")).await.expect(200);
    let version =
        review["answers"].as_array().unwrap().iter().find(|answer| answer["slot_id"] == json!(quiz.slots[1])).unwrap()["version"].clone();
    school.teacher.patch(&mark, &format!("\"v{version}\""), &json!({"mark": 0.25})).await.expect(200);
    quiz.arrives(&school, json!(1.25)).await;
}

#[tokio::test]
async fn the_attempt_that_counts_is_the_one_that_counts_in_the_quiz() {
    let school = School::open().await;
    let mut given = Vec::new();
    for method in ["highest", "average", "first", "last"] {
        let settings = json!({"title": method, "grade_method": method, "max_attempts": 3});
        let quiz = Quiz::given(&school, settings, 3, false).await;
        for right in [1, 3, 0] {
            quiz.sat(&school.student, right, 3).await;
        }
        given.push(quiz);
    }
    for (quiz, marks) in given.iter().zip([json!(3), json!(1.33), json!(1), json!(0)]) {
        quiz.arrives(&school, marks.clone()).await;
        let result = quiz.result(&school).await.as_f64().unwrap();
        assert_eq!(json!((result * 100.0).round() / 100.0), json!(marks.as_f64().unwrap()), "{}", quiz.path);
    }
    // The last one waits to be marked: what counted before doesn't any more, and neither does what comes first where that waits.
    for method in ["first", "last"] {
        let settings = json!({"title": format!("{method}, waiting"), "grade_method": method, "max_attempts": 2});
        let quiz = Quiz::given(&school, settings, 1, true).await;
        for _ in 0..2 {
            quiz.sat(&school.student, 1, 1).await;
        }
        assert_eq!((quiz.result(&school).await, quiz.marks(&school).await), (Value::Null, Value::Null));
    }
    // Another method counts at once, without anybody sitting it again.
    let quiz = &given[3];
    let etag = school.teacher.get(&quiz.path).await.etag();
    school.teacher.patch(&quiz.path, &etag, &json!({"grade_method": "highest"})).await.expect(200);
    quiz.arrives(&school, json!(3)).await;
    assert_eq!(school.recompute().await["changed"], json!(0));
}

#[tokio::test]
async fn an_exam_is_in_the_book_when_it_is_released_and_not_before() {
    let school = School::open().await;
    let exam = Quiz::given(&school, json!({"title": "Finals", "kind": "exam"}), 2, false).await;
    exam.sat(&school.student, 1, 2).await;
    let behind = Quiz::given(&school, json!({"title": "Behind"}), 1, false).await;
    behind.sat(&school.student, 1, 1).await;
    behind.arrives(&school, json!(1)).await;
    assert_eq!(exam.marks(&school).await, Value::Null);
    school.teacher.post_if(&format!("{}/release", exam.path), &exam.etag, &json!({})).await.expect(200);
    exam.arrives(&school, json!(1)).await;
    let seen = school.seen_by(&school.parent).await;
    assert_eq!(seen["totals"]["overall"]["percent"], json!(75.0), "{seen:#}");
}

#[tokio::test]
async fn marks_that_a_quiz_does_not_show_yet_are_not_read_from_the_book_either() {
    let school = School::open().await;
    let nothing = json!({});
    let settings = json!({"title": "Secret", "closes_at": "2100-01-01T00:00:00Z", "review_options": {"immediately": nothing, "later": nothing, "closed": {"marks": true}}});
    let quiz = Quiz::given(&school, settings, 4, false).await;
    quiz.sat(&school.student, 1, 4).await;
    let shown = Quiz::given(&school, json!({"title": "Shown"}), 1, false).await;
    shown.sat(&school.student, 1, 1).await;
    quiz.arrives(&school, json!(1)).await;
    shown.arrives(&school, json!(1)).await;
    assert_eq!(school.line().await["totals"]["overall"]["percent"], json!(62.5), "its teacher sees it");
    let secret = school.fed_item(&quiz.id).await["id"].clone();
    let of_secret = school.grades().await.iter().find(|grade| grade["item_id"] == secret).cloned().unwrap();
    for api in [&school.student, &school.parent] {
        let seen = school.seen_by(api).await;
        assert!(!seen.to_string().contains(secret.as_str().unwrap()), "{seen:#}");
        assert_eq!(seen["totals"]["overall"]["percent"], json!(100.0));
        api.get(&format!("/api/v1/grades/{}", id(&of_secret))).await.expect(404);
    }
    // The close comes: what the quiz shows, the book shows.
    sqlx::query("UPDATE quizzes SET opens_at = NULL, closes_at = now() - interval '1 minute' WHERE id::text = $1")
        .bind(&quiz.id)
        .execute(&mut school.fleet.database.superuser().await)
        .await
        .unwrap();
    assert_eq!(school.seen_by(&school.student).await["totals"]["overall"]["percent"], json!(62.5));
    school.student.get(&format!("/api/v1/grades/{}", id(&of_secret))).await.expect(200);
}
