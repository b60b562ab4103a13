//! What the tests of the rules begin with.

use chrono::{Duration, TimeZone, Utc};
use domain::{ClassId, QuestionId, QuizId, QuizOverrideId, SchoolId, SlotId, StudentId, Timestamp, UserId, Version};
use serde_json::json;

use super::admission::SafeBrowser;
use super::attempt::{Answer, Attempt, begin};
use super::mark::{Fraction, Mark};
use super::paper::{Pinned, Slot};
use super::question::Content;
use super::quiz::{Behaviour, GradeMethod, Kind, MarkFloor, OverdueHandling, Quiz, Settings, Status};
use super::review::ReviewOptions;
use super::terms::{Override, Terms};

pub(crate) fn quiz() -> Quiz {
    let now = Utc.with_ymd_and_hms(2026, 11, 2, 8, 0, 0).unwrap();
    Quiz {
        id: QuizId::generate(),
        school_id: SchoolId::generate(),
        class_id: ClassId::generate(),
        subject_id: None,
        teacher_id: None,
        created_by: UserId::generate(),
        settings: Settings {
            title: "Fractions".to_owned(),
            description: None,
            kind: Kind::Quiz,
            opens_at: Some(now + Duration::days(1)),
            closes_at: Some(now + Duration::days(2)),
            time_limit_seconds: None,
            overdue_handling: OverdueHandling::Autosubmit,
            grace_seconds: 0,
            max_attempts: None,
            attempt_delay_seconds: 0,
            grade_method: GradeMethod::Highest,
            shuffle_questions: false,
            shuffle_answers: true,
            behaviour: Behaviour::Deferred,
            negative_fraction: Fraction::ZERO,
            mark_floor: MarkFloor::Question,
            review_options: ReviewOptions::default(),
            sections: Vec::new(),
            has_leaderboard: false,
            allowed_networks: Vec::new(),
        },
        password_hash: None,
        safe_browser: SafeBrowser::default(),
        status: Status::Published,
        max_points: Mark::ONE,
        published_at: Some(now),
        released_at: None,
        version: Version::FIRST,
        created_at: now,
        updated_at: now,
    }
}

pub(crate) fn pinned() -> Pinned {
    Pinned { question_id: QuestionId::generate(), version: Version::FIRST }
}

pub(crate) fn slot(position: u16, section: u16) -> Slot {
    let now = quiz().created_at;
    let question = pinned();
    Slot {
        id: SlotId::generate(),
        school_id: SchoolId::generate(),
        quiz_id: QuizId::generate(),
        position,
        section,
        question_id: Some(question.question_id),
        question_version: Some(question.version),
        random_from: None,
        max_mark: Mark::ONE,
        version: Version::FIRST,
        created_at: now,
        updated_at: now,
    }
}

pub(crate) fn exception() -> Override {
    let quiz = quiz();
    Override {
        id: QuizOverrideId::generate(),
        school_id: quiz.school_id,
        quiz_id: quiz.id,
        student_id: None,
        group_name: None,
        members: Vec::new(),
        opens_at: None,
        closes_at: None,
        time_limit_seconds: None,
        max_attempts: None,
        reason: None,
        created_by: quiz.created_by,
        version: Version::FIRST,
        created_at: quiz.created_at,
        updated_at: quiz.created_at,
    }
}

pub(crate) fn attempt(quiz: &Quiz, started: Timestamp) -> Attempt {
    let student = StudentId::generate();
    begin(quiz, &Terms::of(quiz, &[], student), &[slot(1, 1)], student, 1, started).unwrap().0
}

pub(crate) fn answer(quiz: &Quiz) -> Answer {
    let student = StudentId::generate();
    begin(quiz, &Terms::of(quiz, &[], student), &[slot(1, 1)], student, 1, quiz.created_at).unwrap().1.remove(0)
}

/// A picture that is as large as it says and shows nothing, in base64.
pub(crate) fn png(width: u32, height: u32) -> String {
    use base64::Engine;
    let head =
        [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &width.to_be_bytes(), &height.to_be_bytes(), &[8, 2, 0, 0, 0, 0, 0, 0, 0]].concat();
    base64::engine::general_purpose::STANDARD.encode(head)
}

/// A question of each type. Whatever only a teacher may see says SECRET.
pub(crate) fn one_of_each() -> Vec<Content> {
    let option =
        |key: &str, fraction: f64| json!({"key": key, "text": format!("option {key}"), "fraction": fraction, "feedback": "SECRET"});
    let specs = [
        json!({"type": "single_choice", "options": [option("a", 1.0), option("b", -0.25), option("c", 0.0)]}),
        json!({"type": "multiple_choice", "options": [option("a", 0.5), option("b", 0.5), option("c", -0.5)], "all_or_nothing": false}),
        json!({"type": "true_false", "correct": true, "feedback_true": "SECRET"}),
        json!({"type": "short_answer", "accepted": [{"text": "SECRET", "feedback": "SECRET"}, {"text": "S*", "fraction": 0.5}]}),
        json!({"type": "numerical", "accepted": [{"value": "3.14", "tolerance": "0.01", "feedback": "SECRET"}],
            "units": [{"symbol": "m", "per_first": 1}, {"symbol": "cm", "per_first": 100}]}),
        json!({"type": "matching", "pairs": [
            {"key": "p", "premise": "France", "target_key": "t", "target": "Paris"}, {"key": "q", "premise": "Spain", "target_key": "u", "target": "Madrid"},
            {"key": "r", "premise": "The Seine", "target_key": "v", "target": "Paris"}], "distractors": [{"key": "w", "text": "Rome"}]}),
        json!({"type": "ordering", "items": [{"key": "x", "text": "one"}, {"key": "k", "text": "two"}, {"key": "m", "text": "three"}]}),
        json!({"type": "cloze", "gaps": [
            {"key": "1", "blank": {"kind": "text", "accepted": [{"text": "SECRET"}]}},
            {"key": "2", "weight": 2, "blank": {"kind": "choice", "options": [option("a", 1.0), option("b", 0.0)]}},
            {"key": "3", "blank": {"kind": "number", "accepted": [{"value": 7}]}}]}),
        json!({"type": "select_words", "places": [{"key": "1", "choice": 2}, {"key": "2", "choice": 1}, {"key": "3", "choice": 3}],
            "choices": [{"key": "s", "text": "mouse"}, {"key": "t", "text": "cat"}, {"key": "v", "text": "runs", "group": 2}, {"key": "w", "text": "ran", "group": 2}]}),
        json!({"type": "drag_words", "places": [{"key": "1", "choice": 1}, {"key": "2", "choice": 2}, {"key": "3", "choice": 1}], "shuffle": false,
            "choices": [{"key": "s", "text": "mouse", "unlimited": true}, {"key": "t", "text": "cat"}]}),
        json!({"type": "drag_onto_picture", "picture": {"name": "map.png", "data": png(320, 200)},
            "places": [{"key": "p", "at": {"x": 10, "y": 20}, "choice": 2, "label": "North"}, {"key": "q", "at": {"x": 30, "y": 199}, "choice": 1}],
            "choices": [{"key": "s", "text": "Berne", "unlimited": true}, {"key": "t", "text": "Basle", "picture": {"name": "basle.png", "data": png(8, 8)}}, {"key": "v", "text": "x", "group": 3}]}),
        json!({"type": "drag_markers", "picture": {"name": "cell.png", "data": png(320, 200)},
            "zones": [{"shape": {"kind": "circle", "x": 50, "y": 50, "radius": 10}, "marker": 2}, {"shape": {"kind": "rectangle", "x": 90, "y": 10, "width": 30, "height": 20}, "marker": 1},
                {"shape": {"kind": "polygon", "points": [{"x": 200, "y": 100}, {"x": 250, "y": 100}, {"x": 225, "y": 150}]}, "marker": 1}],
            "markers": [{"key": "s", "text": "wall", "count": 0}, {"key": "t", "text": "nucleus"}]}),
        json!({"type": "calculated", "accepted": [{"formula": "{a} * {b} + 31337", "tolerance": "0.01", "tolerance_kind": "geometric", "digits": 3, "feedback": "SECRET"}],
            "wildcards": [{"name": "a", "values": [1, 2, 3]}, {"name": "b", "values": ["0.5", 4, -5]}], "units": [{"symbol": "m", "per_first": 1}]}),
        json!({"type": "essay", "min_words": 10, "marking_guide": "SECRET"}),
        json!({"type": "description"}),
    ];
    let content = |spec: &serde_json::Value| -> Content {
        let kind = spec["type"].as_str().unwrap();
        let stem = match kind {
            "cloze" | "select_words" | "drag_words" => "One {{1}}, two {{2}}, three {{3}}.",
            "calculated" => "What is {a} times {b}, and {={a}*2}?",
            _ => "What is asked?",
        };
        let default_mark = i32::from(kind != "description");
        serde_json::from_value(
            json!({"name": kind, "stem": stem, "default_mark": default_mark, "general_feedback": "SECRET", "answer": spec}),
        )
        .unwrap()
    };
    specs.iter().map(content).collect()
}

#[test]
fn the_questions_of_the_tests_are_valid() {
    for content in one_of_each() {
        assert_eq!(content.check(), Ok(()), "{}", content.name);
    }
}
