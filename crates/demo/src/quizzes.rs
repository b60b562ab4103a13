//! Quizzes for each class, made by the rules of the quiz service itself: one that is over, with some students' marked attempts, one that opens next week, and one to
//! practise with as often as one likes.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use chrono::{Days, Duration, NaiveDate};
use domain::{
    ClassId, QuestionCategoryId, QuestionId, QuizId, SchoolId, SlotId, StudentId, SubjectId, TeacherId, Timestamp, UserId, Version,
};
use quiz::model::admission::SafeBrowser;
use quiz::model::attempt::{Answer, Attempt, Questions, Said, begin};
use quiz::model::mark::{Fraction, Mark};
use quiz::model::paper::{Draw, Pinned, Slot};
use quiz::model::quiz::{Behaviour, GradeMethod, Kind as Sort, MarkFloor, OverdueHandling, Quiz, Section, Settings, Status};
use quiz::model::review::ReviewOptions;
use quiz::model::terms::Terms;
use serde_json::{Value, json};
use store::SchoolTransaction;
use write_behind::Buffered;

use crate::ids::{Ids, Kind};
use crate::insert::school_rows;
use crate::questions::{Question, category};
use crate::random::Random;
use crate::roster::{Class, Roster, Taught};

const QUESTIONS: usize = 6;
/// Rows of one statement.
const ROWS: usize = 2_000;

/// What becomes of a quiz.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Closed, with marked attempts.
    Over,
    /// Opens next week.
    Coming,
    /// Open for good, as often as one likes.
    Practice,
}

impl Stage {
    /// Of the class, in percent, who have tried.
    const fn tried(self) -> u32 {
        match self {
            Self::Over => 40,
            Self::Coming => 0,
            Self::Practice => 20,
        }
    }
}

#[derive(Default)]
struct Rows {
    quizzes: Vec<Value>,
    slots: Vec<Value>,
    attempts: Vec<Attempt>,
    answers: Vec<Answer>,
}

/// Quizzes, attempts and answers.
pub(crate) async fn write(transaction: &mut SchoolTransaction, roster: &Roster, bank: &[Question]) -> anyhow::Result<()> {
    let (school, now, number) = (roster.school, roster.dates.now, roster.spec.number);
    let mut random = Random::of(number, "quizzes");
    let [mut quiz_ids, mut slot_ids] = [Kind::Quiz, Kind::Slot].map(|kind| Ids::of(number, kind));
    let (past, coming) = (roster.dates.days_so_far(), roster.dates.days_to_come());
    let ago = |days: usize| past.iter().rev().nth(days).copied().context("the term has begun");
    let next = coming.get(4).copied().context("the term goes on")?;
    let stages = [("MAT", Stage::Over, ago(9)?), ("ENG", Stage::Coming, next), ("MAT", Stage::Practice, ago(6)?)];
    let mut rows = Rows::default();
    for class in &roster.classes {
        for (code, stage, opens) in stages {
            let taught = class.subjects.iter().find(|taught| taught.code == code).context("a class is taught it")?;
            let draft = draft(roster, class, taught, QuizId::from_uuid(quiz_ids.next()), stage, opens);
            let slots = paper(&draft, stage, class, bank, number, &mut slot_ids);
            let draft = Quiz { max_points: slots.iter().map(|slot| slot.max_mark).sum(), ..draft };
            let published = draft.published(slots.len(), draft.created_at).map_err(|refused| anyhow!("not published: {refused:?}"))?;
            for student in &class.students {
                if random.chance(stage.tried()) {
                    let started = roster.dates.at(opens, random.between(9, 17), random.below(60));
                    attempt(&published, &slots, StudentId::from_uuid(student.id), started, bank, &mut rows, &mut random)?;
                }
            }
            let quiz = match (stage, published.settings.closes_at) {
                (Stage::Over, Some(closes)) => published.closed(closes).map_err(|refused| anyhow!("not closed: {refused:?}"))?,
                _ => published,
            };
            rows.quizzes.push(row(&quiz)?);
            for slot in &slots {
                rows.slots.push(row(slot)?);
            }
        }
    }
    let connection = transaction.connection()?;
    let categories = [("MAT", "Mathematics"), ("ENG", "English")];
    let categories: Vec<Value> = categories
        .iter()
        .map(|(code, name)| json!({"id": category(number, code), "name": name, "created_by": roster.admin.user, "version": 1}))
        .collect();
    school_rows(connection, school, now, "question_categories", &categories).await?;
    school_rows(connection, school, now, "quizzes", &rows.quizzes).await?;
    school_rows(connection, school, now, "quiz_slots", &rows.slots).await?;
    for rows in rows.attempts.chunks(ROWS) {
        Attempt::upsert(connection, rows).await?;
    }
    for rows in rows.answers.chunks(ROWS) {
        Answer::upsert(connection, rows).await?;
    }
    Ok(())
}

/// A row without what the insert gives all of them.
fn row(of: &impl serde::Serialize) -> anyhow::Result<Value> {
    let mut row = serde_json::to_value(of)?;
    if let Some(columns) = row.as_object_mut() {
        columns.remove("school_id");
        columns.remove("updated_at");
    }
    Ok(row)
}

fn draft(roster: &Roster, class: &Class, taught: &Taught, id: QuizId, stage: Stage, opens: NaiveDate) -> Quiz {
    let dates = &roster.dates;
    let created = dates.at(opens - Days::new(3), 15, 0).min(dates.now);
    let is_practice = stage == Stage::Practice;
    let (title, description) = if is_practice {
        (format!("Practice: numbers, {}", class.name), "A few questions of every kind. Try as often as you like: the best attempt counts.")
    } else {
        (format!("{} quiz, {}", taught.name, class.name), "Six short questions on what we did last.")
    };
    let section = |title: &str, shuffle| Section { title: title.to_owned(), shuffle };
    Quiz {
        id,
        school_id: SchoolId::from_uuid(roster.school),
        class_id: ClassId::from_uuid(class.id),
        subject_id: Some(SubjectId::from_uuid(taught.subject)),
        teacher_id: Some(TeacherId::from_uuid(taught.teacher)),
        created_by: UserId::from_uuid(taught.teacher_user),
        settings: Settings {
            title,
            description: Some(description.to_owned()),
            kind: Sort::Quiz,
            opens_at: Some(dates.at(opens, 8, 0)),
            closes_at: (!is_practice).then(|| dates.at(opens + Days::new(2), 20, 0)),
            time_limit_seconds: Some(1200),
            overdue_handling: OverdueHandling::Autosubmit,
            grace_seconds: 0,
            max_attempts: if is_practice { None } else { Some(1) },
            attempt_delay_seconds: 0,
            grade_method: GradeMethod::Highest,
            shuffle_questions: false,
            shuffle_answers: true,
            behaviour: Behaviour::Deferred,
            negative_fraction: Fraction::ZERO,
            mark_floor: MarkFloor::Question,
            review_options: ReviewOptions::default(),
            sections: if is_practice { vec![section("Warming up", false), section("Mental arithmetic", true)] } else { Vec::new() },
            has_leaderboard: true,
            allowed_networks: Vec::new(),
        },
        password_hash: None,
        safe_browser: SafeBrowser::default(),
        status: Status::Draft,
        max_points: Mark::ZERO,
        published_at: None,
        released_at: None,
        version: Version::FIRST,
        created_at: created,
        updated_at: created,
    }
}

/// Six questions of the subject that fit the grade; to practise with, one of every kind and two that each attempt draws for itself.
fn paper(quiz: &Quiz, stage: Stage, class: &Class, bank: &[Question], number: u8, ids: &mut Ids) -> Vec<Slot> {
    let subject = if stage == Stage::Coming { "ENG" } else { "MAT" };
    let of_subject = || bank.iter().filter(|question| question.subject == subject);
    let is_sum = |question: &&Question| question.content.answer.kind() == "numerical";
    let mut slot = |at: usize, question: Option<&Question>, section: u16, random_from: Option<Draw>| Slot {
        id: SlotId::from_uuid(ids.next()),
        school_id: quiz.school_id,
        quiz_id: quiz.id,
        position: u16::try_from(at + 1).unwrap_or(u16::MAX),
        section,
        question_id: question.map(|question| pinned(question).question_id),
        question_version: question.map(|question| pinned(question).version),
        random_from,
        max_mark: Mark::ONE,
        version: Version::FIRST,
        created_at: quiz.created_at,
        updated_at: quiz.created_at,
    };
    if stage != Stage::Practice {
        return of_subject()
            .skip(class.grade % 3)
            .take(QUESTIONS)
            .enumerate()
            .map(|(at, question)| slot(at, Some(question), 1, None))
            .collect();
    }
    let fixed: Vec<&Question> = of_subject().filter(|question| !is_sum(question)).collect();
    let hat = Draw {
        category_id: QuestionCategoryId::from_uuid(category(number, subject)),
        tags: vec!["demo".to_owned()],
        pool: of_subject().filter(is_sum).map(pinned).collect(),
    };
    let mut slots: Vec<Slot> = fixed.iter().enumerate().map(|(at, question)| slot(at, Some(question), 1, None)).collect();
    for at in fixed.len()..fixed.len() + 2 {
        slots.push(slot(at, None, 2, Some(hat.clone())));
    }
    slots
}

fn pinned(question: &Question) -> Pinned {
    Pinned { question_id: QuestionId::from_uuid(question.id), version: Version::FIRST }
}

/// A student's attempt, answered and submitted within its time.
fn attempt(
    quiz: &Quiz,
    slots: &[Slot],
    student: StudentId,
    started: Timestamp,
    bank: &[Question],
    rows: &mut Rows,
    random: &mut Random,
) -> anyhow::Result<()> {
    let by_version: HashMap<Pinned, &Question> = bank.iter().map(|question| (pinned(question), question)).collect();
    let (attempt, answers) =
        begin(quiz, &Terms::of(quiz, &[], student), slots, student, 1, started).context("there is enough to draw from")?;
    let submitted = started + Duration::minutes(random.between(5, 18).into());
    let knows = random.between(45, 95);
    let mut given = Vec::with_capacity(answers.len());
    for answer in &answers {
        let question = by_version.get(&answer.pinned()).context("the bank has it")?;
        let response = if random.chance(knows) { &question.right } else { &question.wrong };
        let said = Said { response: Some(response.clone()), ..Said::default() };
        let answered = answer.answered(quiz, &question.content, said, submitted - Duration::minutes(1));
        given.push(answered.map_err(|refused| anyhow!("not answered: {refused:?}"))?);
    }
    let questions: Questions = by_version.iter().map(|(pinned, question)| (*pinned, Arc::new(question.content.clone()))).collect();
    let (attempt, answers) = attempt.submitted(quiz, &given, &questions, submitted, submitted);
    rows.attempts.push(attempt);
    rows.answers.extend(answers);
    Ok(())
}
