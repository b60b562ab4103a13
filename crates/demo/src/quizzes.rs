//! Two quizzes for each class: one that is over, with some students' graded attempts, and one that opens next week.

use anyhow::Context;
use chrono::{Days, Duration, NaiveDate};
use serde_json::{Value, json};
use store::SchoolTransaction;
use uuid::Uuid;

use crate::ids::{Ids, Kind, id};
use crate::insert::school_rows;
use crate::questions::Question;
use crate::random::Random;
use crate::roster::{Class, Roster, Taught};

const QUESTIONS: usize = 6;
/// Of the class, in percent.
const TRIED: u32 = 40;

/// A question in a quiz.
struct Slot<'q> {
    id: Uuid,
    question: &'q Question,
}

#[derive(Default)]
struct Rows {
    quizzes: Vec<Value>,
    slots: Vec<Value>,
    attempts: Vec<Value>,
    answers: Vec<Value>,
}

/// Quizzes, attempts and answers.
pub(crate) async fn write(transaction: &mut SchoolTransaction, roster: &Roster, bank: &[Question]) -> anyhow::Result<()> {
    let (school, now, number) = (roster.school, roster.dates.now, roster.spec.number);
    let mut random = Random::of(number, "quizzes");
    let [mut quiz_ids, mut slot_ids, mut attempt_ids, mut answer_ids] =
        [Kind::Quiz, Kind::Slot, Kind::Attempt, Kind::Answer].map(|kind| Ids::of(number, kind));
    let (past, coming) = (roster.dates.days_so_far(), roster.dates.days_to_come());
    let over = past.iter().rev().nth(9).copied().context("the term has begun")?;
    let next = coming.get(4).copied().context("the term goes on")?;
    let mut rows = Rows::default();
    for class in &roster.classes {
        for (code, opens) in [("MAT", over), ("ENG", next)] {
            let taught = class.subjects.iter().find(|taught| taught.code == code).context("a class is taught it")?;
            let quiz = quiz_ids.next();
            rows.quizzes.push(row(roster, class, taught, quiz, opens));
            let of_subject = bank.iter().filter(|question| question.subject == code).skip(class.grade % 3).take(QUESTIONS);
            let slots: Vec<Slot<'_>> = of_subject.map(|question| Slot { id: slot_ids.next(), question }).collect();
            rows.slots.extend(slots.iter().enumerate().map(|(place, slot)| {
                json!({"id": slot.id, "quiz_id": quiz, "position": place + 1, "section": 1, "question_id": slot.question.id, "question_version": 1, "max_mark": 1})
            }));
            if opens > roster.dates.today {
                continue;
            }
            for student in &class.students {
                if random.chance(TRIED) {
                    let ids = (attempt_ids.next(), &mut answer_ids);
                    attempt(roster, quiz, &slots, student.id, opens, ids, &mut rows, &mut random);
                }
            }
        }
    }
    let connection = transaction.connection()?;
    let categories: Vec<Value> = [(1, "Mathematics"), (2, "English")]
        .iter()
        .map(|(place, name)| json!({"id": id(number, Kind::Bank, *place), "name": name, "created_by": roster.admin.user, "version": 1}))
        .collect();
    school_rows(connection, school, now, "question_categories", &categories).await?;
    for (table, rows) in
        [("quizzes", &rows.quizzes), ("quiz_slots", &rows.slots), ("quiz_attempts", &rows.attempts), ("quiz_answers", &rows.answers)]
    {
        school_rows(connection, school, now, table, rows).await?;
    }
    Ok(())
}

fn row(roster: &Roster, class: &Class, taught: &Taught, quiz: Uuid, opens: NaiveDate) -> Value {
    let dates = &roster.dates;
    let is_over = opens < dates.today;
    let published = dates.at(opens - Days::new(3), 15, 0).min(dates.now);
    json!({"id": quiz, "class_id": class.id, "subject_id": taught.subject, "teacher_id": taught.teacher, "created_by": taught.teacher_user, "kind": "quiz",
        "title": format!("{} quiz, {}", taught.name, class.name), "description": "Six short questions on what we did last.",
        "status": if is_over { "closed" } else { "published" }, "opens_at": dates.at(opens, 8, 0), "closes_at": dates.at(opens + Days::new(2), 20, 0),
        "time_limit_seconds": 1200, "overdue_handling": "autosubmit", "grace_seconds": 0, "max_attempts": 1, "attempt_delay_seconds": 0,
        "grade_method": "highest", "shuffle_questions": false, "shuffle_answers": true, "review_options": {}, "sections": [], "max_points": QUESTIONS,
        "behaviour": "deferred", "negative_fraction": 0, "mark_floor": "question", "has_leaderboard": true, "published_at": published, "created_at": published})
}

/// A student's attempt: its score is the sum of its marks.
#[allow(clippy::too_many_arguments)]
fn attempt(
    roster: &Roster,
    quiz: Uuid,
    slots: &[Slot<'_>],
    student: Uuid,
    opens: NaiveDate,
    ids: (Uuid, &mut Ids),
    rows: &mut Rows,
    random: &mut Random,
) {
    let (attempt, answer_ids) = ids;
    let started = roster.dates.at(opens, random.between(9, 17), random.below(60));
    let submitted = started + Duration::minutes(random.between(5, 18).into());
    let knows = random.between(45, 95);
    let mut score = 0;
    for slot in slots {
        let is_right = random.chance(knows);
        score += i32::from(is_right);
        let given = if is_right { &slot.question.right } else { &slot.question.wrong };
        let response = if slot.question.is_choice { json!({"keys": [given]}) } else { json!({"number": given}) };
        rows.answers.push(json!({"id": answer_ids.next(), "quiz_id": quiz, "attempt_id": attempt, "slot_id": slot.id, "question_id": slot.question.id,
            "question_version": 1, "graded_version": 1, "max_mark": 1, "state": "marked", "response": response, "is_flagged": false, "tries": 0, "is_checked": false,
            "mark": i32::from(is_right), "answered_at": submitted, "graded_at": submitted,
            "created_at": started}));
    }
    rows.attempts.push(
        json!({"id": attempt, "quiz_id": quiz, "student_id": student, "attempt": 1, "state": "graded", "seed": random.below(1 << 30),
        "layout": slots.iter().map(|slot| slot.id).collect::<Vec<_>>(), "started_at": started, "due_at": started + Duration::minutes(20),
        "submitted_at": submitted, "score": score, "graded_at": submitted, "created_at": started}),
    );
}
