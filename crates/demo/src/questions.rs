//! The question bank, in MongoDB: one published version of each question, with its answer.

use domain::SchoolId;
use mongodb::bson::{Bson, Document, doc};
use store::{CollectionName, Mongo, MongoError};
use uuid::Uuid;

use crate::ids::{Kind, id};
use crate::random::Random;
use crate::roster::Roster;

/// A question as a quiz needs to know it: what was right, and something that is wrong.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) id: Uuid,
    pub(crate) subject: &'static str,
    pub(crate) right: String,
    pub(crate) wrong: String,
    pub(crate) is_choice: bool,
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
pub(crate) async fn write(mongo: &Mongo, roster: &Roster) -> Result<Vec<Question>, MongoError> {
    let collection = mongo.school::<Document>(CollectionName::Questions, SchoolId::from_uuid(roster.school));
    let mut bank = Vec::new();
    for (question, content) in questions(roster) {
        let key = doc! { "question_id": question.id.to_string(), "version": 1 };
        collection.upsert_one(key, doc! { "$setOnInsert": content }).await?;
        bank.push(question);
    }
    Ok(bank)
}

fn questions(roster: &Roster) -> Vec<(Question, Document)> {
    let number = roster.spec.number;
    let mut random = Random::of(number, "questions");
    let mut questions = Vec::new();
    for place in 0..NUMBERS {
        let (left, right) = (random.between(6, 19), random.between(4, 12));
        let (stem, value) = match place % 3 {
            0 => (format!("What is {left} × {right}?"), left * right),
            1 => (format!("What is {} ÷ {right}?", left * right), left),
            _ => (format!("What is {} + {}?", left * 13, right * 17), left * 13 + right * 17),
        };
        let question = question(number, place, "MAT", &value.to_string(), &(value + 2).to_string(), false);
        let accepted = doc! { "value": value.to_string(), "tolerance": "0", "tolerance_kind": "absolute", "fraction": 1 };
        let answer = doc! { "type": "numerical", "accepted": [accepted], "units": [], "unit_required": false, "unit_penalty": 0 };
        let content = doc! { "type": "numerical", "name": stem.clone(), "stem": stem, "answer": answer };
        questions.push((question, content));
    }
    for (place, (stem, right, wrong)) in ENGLISH.iter().enumerate() {
        // The right one is not always the first.
        let keys = ["a", "b", "c", "d"];
        let at = place % keys.len();
        let mut texts = wrong.to_vec();
        texts.insert(at, right);
        let key = |at: usize| keys.get(at % keys.len()).copied().unwrap_or_default();
        let option =
            |(own, text): (&&str, &str)| Bson::Document(doc! { "key": *own, "text": text, "fraction": i32::from(*own == key(at)) });
        let options: Vec<Bson> = keys.iter().zip(texts).map(option).collect();
        let question = question(number, NUMBERS + place, "ENG", key(at), key(at + 1), true);
        let answer = doc! { "type": "single_choice", "options": options, "shuffle": true };
        questions.push((question, doc! { "type": "single_choice", "name": *stem, "stem": *stem, "answer": answer }));
    }
    let author = roster.admin.user.to_string();
    let created = roster.dates.now.to_rfc3339();
    let common = |subject: &str, place: usize| {
        let bank = id(number, Kind::Bank, if subject == "MAT" { 1 } else { 2 }).to_string();
        doc! { "bank_id": bank, "status": "published", "is_latest": true, "default_mark": 1, "penalty": 0, "tags": [subject, "demo"],
        "difficulty": i32::try_from(place % 3).unwrap_or_default() + 1, "author": author.clone(), "source": "demo", "created_at": created.clone() }
    };
    for (place, (question, content)) in questions.iter_mut().enumerate() {
        content.extend(common(question.subject, place));
    }
    questions
}

fn question(school: u8, place: usize, subject: &'static str, right: &str, wrong: &str, is_choice: bool) -> Question {
    Question { id: id(school, Kind::Question, place + 1), subject, right: right.to_owned(), wrong: wrong.to_owned(), is_choice }
}
