//! The question bank, in MongoDB: one published version of each question, with its answer.

use anyhow::Context;
use domain::SchoolId;
use mongodb::bson::{Document, doc, serialize_to_bson};
use quiz::model::asked::right_answer;
use quiz::model::question::Content;
use quiz::model::response::Response;
use serde_json::{Value, json};
use store::{CollectionName, Mongo};
use uuid::Uuid;

use crate::ids::{Kind, id};
use crate::random::Random;
use crate::roster::Roster;

/// A question as a quiz needs to know it: what was right, and something that is wrong.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) id: Uuid,
    pub(crate) subject: &'static str,
    pub(crate) content: Content,
    pub(crate) right: Response,
    pub(crate) wrong: Response,
}

/// Stem, right answer, wrong answers.
type Choice = (&'static str, &'static str, [&'static str; 3]);

const ENGLISH: &[Choice] = &[
    ("Which word is an adverb?", "quickly", ["quick", "quickness", "quicken"]),
    ("What is the plural of “child”?", "children", ["childs", "childes", "childrens"]),
    (
        "Which sentence is in the passive voice?",
        "The letter was written by Mia.",
        ["Mia wrote the letter.", "Mia is writing.", "Write the letter, Mia."],
    ),
    ("What is the opposite of “ancient”?", "modern", ["old", "antique", "historic"]),
    ("Which word is spelled correctly?", "necessary", ["neccessary", "necesary", "neccesary"]),
    ("“As brave as a lion” is …", "a simile", ["a metaphor", "an alliteration", "a rhyme"]),
    ("What is the past tense of “to bring”?", "brought", ["brang", "brung", "bringed"]),
    ("Which word is a conjunction?", "although", ["under", "slowly", "beautiful"]),
];
const NUMBERS: usize = 12;

/// Puts the questions into the bank, those that are not there yet.
pub(crate) async fn write(mongo: &Mongo, roster: &Roster) -> anyhow::Result<Vec<Question>> {
    let collection = mongo.school::<Document>(CollectionName::Questions, SchoolId::from_uuid(roster.school));
    let questions = questions(roster)?;
    for (place, question) in questions.iter().enumerate() {
        let key = doc! { "question_id": question.id.to_string(), "version": 1 };
        collection.upsert_one(key, doc! { "$setOnInsert": document(roster, place, question)? }).await?;
    }
    Ok(questions)
}

/// The category of a subject's questions.
pub(crate) fn category(school: u8, subject: &str) -> Uuid {
    id(school, Kind::Bank, if subject == "MAT" { 1 } else { 2 })
}

fn document(roster: &Roster, place: usize, question: &Question) -> anyhow::Result<Document> {
    let content = &question.content;
    Ok(doc! {
        "bank_id": category(roster.spec.number, question.subject).to_string(),
        "status": "published",
        "is_latest": true,
        "type": content.answer.kind(),
        "name": content.name.as_str(),
        "stem": content.stem.as_str(),
        "default_mark": 1,
        "penalty": 0,
        "answer": serialize_to_bson(&serde_json::to_value(&content.answer)?)?,
        "tags": [question.subject, "demo"],
        "difficulty": i32::try_from(place % 3).unwrap_or_default() + 1,
        "author": roster.admin.user.to_string(),
        "source": "demo",
        "created_at": roster.dates.now.to_rfc3339(),
    })
}

fn questions(roster: &Roster) -> anyhow::Result<Vec<Question>> {
    let mut random = Random::of(roster.spec.number, "questions");
    let mut questions: Vec<(&'static str, Value, Value)> = Vec::new();
    for place in 0..NUMBERS {
        let (left, right) = (random.between(6, 19), random.between(4, 12));
        let (stem, value) = match place % 3 {
            0 => (format!("What is {left} × {right}?"), left * right),
            1 => (format!("What is {} ÷ {right}?", left * right), left),
            _ => (format!("What is {} + {}?", left * 13, right * 17), left * 13 + right * 17),
        };
        let answer = json!({"type": "numerical", "accepted": [{"value": value}]});
        questions.push(("MAT", json!({"name": stem, "stem": stem, "answer": answer}), json!({"number": (value + 2).to_string()})));
    }
    for (place, (stem, right, wrong)) in ENGLISH.iter().enumerate() {
        // The right one is not always the first.
        let at = place % KEYS.len();
        let mut texts = wrong.to_vec();
        texts.insert(at, right);
        let option = |(own, (key, text)): (usize, (&&str, &str))| json!({"key": key, "text": text, "fraction": i32::from(own == at)});
        let options: Vec<Value> = KEYS.iter().zip(texts).enumerate().map(option).collect();
        let wrong = KEYS.iter().cycle().nth(at + 1).copied().unwrap_or_default();
        let answer = json!({"type": "single_choice", "options": options});
        questions.push(("ENG", json!({"name": stem, "stem": stem, "answer": answer}), json!({"keys": [wrong]})));
    }
    questions.extend(of_every_type());
    let made = |(place, (subject, content, wrong)): (usize, (&'static str, Value, Value))| {
        let content: Content = serde_json::from_value(content)?;
        let right = right_answer(&content.answer).context("each of them has a right answer")?;
        let id = id(roster.spec.number, Kind::Question, place + 1);
        Ok(Question { id, subject, content, right, wrong: serde_json::from_value(wrong)? })
    };
    questions.into_iter().enumerate().map(made).collect()
}

const KEYS: [&str; 4] = ["a", "b", "c", "d"];

/// One of each other type that is marked by rule, with an answer that is wrong. Keys don't tell an order.
fn of_every_type() -> Vec<(&'static str, Value, Value)> {
    let question =
        |stem: &str, answer: Value| json!({"name": stem.replace("{{1}}", "…").replace("{{2}}", "…"), "stem": stem, "answer": answer});
    vec![
        (
            "MAT",
            question(
                "Every square is a rectangle.",
                json!({"type": "true_false", "correct": true, "feedback_false": "Look at its four right angles."}),
            ),
            json!({"is_true": false}),
        ),
        (
            "MAT",
            question(
                "Which of these numbers are prime?",
                json!({"type": "multiple_choice", "options": [
                    {"key": "a", "text": "2", "fraction": 0.5}, {"key": "b", "text": "9", "fraction": -0.5},
                    {"key": "c", "text": "13", "fraction": 0.5}, {"key": "d", "text": "21", "fraction": -0.5}]}),
            ),
            json!({"keys": ["b", "c"]}),
        ),
        (
            "MAT",
            question(
                "Put these numbers into order, the smallest first.",
                json!({"type": "ordering", "scoring": "longest_run", "items": [
                    {"key": "q7", "text": "0.09"}, {"key": "c2", "text": "1/4"}, {"key": "x5", "text": "0.3"}, {"key": "h1", "text": "3/4"}]}),
            ),
            json!({"keys": ["c2", "x5", "q7", "h1"]}),
        ),
        (
            "MAT",
            question(
                "A lap is 0.4 km. How long are five laps?",
                json!({"type": "numerical", "accepted": [{"value": 2, "tolerance": "0.01"}],
                    "units": [{"symbol": "km", "per_first": 1}, {"symbol": "m", "per_first": 1000}], "unit_required": true, "unit_penalty": 0.5}),
            ),
            json!({"number": "200", "unit": "m"}),
        ),
        (
            "ENG",
            question(
                "Find the opposites.",
                json!({"type": "matching", "pairs": [
                    {"key": "p1", "premise": "brave", "target_key": "t4", "target": "timid"}, {"key": "p2", "premise": "scarce", "target_key": "t9", "target": "plentiful"},
                    {"key": "p3", "premise": "rough", "target_key": "t2", "target": "smooth"}], "distractors": [{"key": "t7", "text": "noisy"}]}),
            ),
            json!({"matches": {"p1": "t7", "p2": "t9", "p3": "t2"}}),
        ),
        (
            "ENG",
            question(
                "She has {{1}} here since Monday, and will stay {{2}} Friday.",
                json!({"type": "cloze", "gaps": [
                    {"key": "1", "blank": {"kind": "text", "accepted": [{"text": "been"}]}},
                    {"key": "2", "blank": {"kind": "choice", "options": [{"key": "a", "text": "until", "fraction": 1}, {"key": "b", "text": "since"}]}}]}),
            ),
            json!({"gaps": {"1": "was", "2": "a"}}),
        ),
        (
            "ENG",
            question("Which word means both a season and to jump?", json!({"type": "short_answer", "accepted": [{"text": "spring"}]})),
            json!({"text": "autumn"}),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use quiz::model::grade::{Outcome, grade};
    use quiz::model::mark::Fraction;

    use super::*;

    #[test]
    fn every_question_can_be_asked_and_its_wrong_answer_is_wrong() {
        for (_, content, wrong) in of_every_type() {
            let content: Content = serde_json::from_value(content).unwrap();
            let wrong: Response = serde_json::from_value(wrong).unwrap();
            assert_eq!(content.check(), Ok(()), "{}", content.name);
            assert_eq!(wrong.check(&content.answer), Ok(()), "{}", content.name);
            let Outcome::Earned(earned) = grade(&content.answer, Some(&wrong)) else { panic!("{}", content.name) };
            assert!(earned < Fraction::ONE, "{}", content.name);
            assert!(right_answer(&content.answer).is_some());
        }
    }
}
