//! The grade book of the current term: homework and quizzes as they were given back, and in each class two tests that the teachers typed in.
//!
//! What homework and quizzes feed has the ids, marks and times that their events would have brought, so that computing a class anew finds nothing to do.

use anyhow::Context;
use chrono::{Days, Duration, NaiveDate};
use domain::{ClassId, GradeItemId, Points, SchoolId, StudentId, Timestamp, UserId};
use report::model::grade::{Change, Figures, Grade, fed_item};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::PgConnection;
use store::SchoolTransaction;
use uuid::Uuid;
use write_behind::Buffered;

use crate::ids::{Ids, Kind, id};
use crate::insert::school_rows;
use crate::people::term_id;
use crate::random::Random;
use crate::roster::{Class, Roster, Student};

/// Rows of one statement.
const ROWS: usize = 2000;
/// From the highest to the lowest: letter, percent, grade points.
const LETTERS: &[(&str, u32, u32)] = &[("A+", 90, 10), ("A", 80, 9), ("B+", 70, 8), ("B", 60, 7), ("C", 50, 6), ("D", 40, 5), ("E", 0, 0)];
/// Name, weight, and how many of the lowest don't count.
const CATEGORIES: [(&str, u32, u32); 3] = [("Homework", 30, 1), ("Quizzes", 20, 0), ("Tests", 50, 0)];
const TESTS: [&str; 2] = ["MAT", "ENG"];
const TEST_POINTS: u32 = 40;

/// Something that was given back: what feeds the item, to whom, with how many marks, when.
type GivenBack = (Uuid, Uuid, Decimal, Timestamp);

/// A homework or a quiz: itself, class, subject, title, what it is worth, when it is due, when it was published.
type Set = (Uuid, Uuid, Option<Uuid>, String, Decimal, Option<Timestamp>, Timestamp);

/// Scale, categories, items and grades.
pub(crate) async fn write(transaction: &mut SchoolTransaction, roster: &Roster) -> anyhow::Result<()> {
    let (school, now) = (roster.school, roster.dates.now);
    let connection = transaction.connection()?;
    // Numbers as texts, as the service keeps them.
    let steps: Vec<Value> = LETTERS
        .iter()
        .map(|(letter, from, points)| json!({"letter": letter, "from_percent": from.to_string(), "grade_points": points.to_string()}))
        .collect();
    let scale = json!({"id": id(roster.spec.number, Kind::GradeScale, 1), "name": "Letters", "steps": steps, "is_default": true});
    school_rows(connection, school, now, "grade_scales", &[scale]).await?;
    let mut ids = Ids::of(roster.spec.number, Kind::GradeCategory);
    let mut rows = Vec::new();
    let mut categories = Vec::new();
    for class in &roster.classes {
        let made = CATEGORIES.map(|(name, weight, drop)| {
            let category = ids.next();
            rows.push(json!({"id": category, "class_id": class.id, "term_id": term_id(roster, 2), "name": name, "aggregation": "mean",
                "weight": weight, "drop_lowest": drop}));
            category
        });
        categories.push((class.id, made));
    }
    school_rows(connection, school, now, "grade_categories", &rows).await?;
    let category_of =
        |class: Uuid, place: usize| categories.iter().find(|(known, _)| *known == class).and_then(|(_, made)| made.get(place)).copied();

    let mut grades = Vec::new();
    for (place, source) in SOURCES.iter().enumerate() {
        fed(connection, roster, source, |class| category_of(class, place), &mut grades).await.context(source.kind)?;
    }
    let mut random = Random::of(roster.spec.number, "grades");
    let mut tests = Ids::of(roster.spec.number, Kind::GradeItem);
    let held = roster.dates.days_so_far().iter().rev().nth(15).copied().context("the term has begun")?;
    let mut items = Vec::new();
    for class in &roster.classes {
        for (number, code) in TESTS.iter().enumerate() {
            let on = held - Days::new(7 * u64::try_from(number)?);
            let (item, name) = (tests.next(), class.subjects.iter().find(|taught| taught.code == *code).context("a class is taught it")?);
            items.push(json!({"id": item, "class_id": class.id, "category_id": category_of(class.id, 2), "subject_id": name.subject,
                "name": format!("{}: class test", name.name), "max_points": TEST_POINTS, "due_on": on, "created_at": roster.dates.at(on, 7, 0)}));
            grades.extend(test(roster, class, item, name.teacher_user, on, &mut random)?);
        }
    }
    school_rows(connection, school, now, "grade_items", &items).await?;
    let changes: Vec<Change> = grades.iter().map(|grade| Change::to(grade, grade.graded_by)).collect();
    for rows in grades.chunks(ROWS) {
        Grade::upsert(connection, rows).await?;
    }
    for rows in changes.chunks(ROWS) {
        Change::upsert(connection, rows).await?;
    }
    Ok(())
}

/// Where grades come from.
struct Source {
    kind: &'static str,
    items: &'static str,
    given_back: &'static str,
}

const SOURCES: [Source; 2] = [
    Source {
        kind: "homework",
        items: "SELECT h.id, h.class_id, h.subject_id, h.title, h.max_points::numeric, h.due_at AS due_at, h.published_at FROM homework h WHERE h.status <> 'draft' ORDER BY h.id",
        given_back: "SELECT homework_id, student_id, points_after_penalty::numeric, returned_at FROM homework_submissions WHERE status = 'returned' ORDER BY id",
    },
    Source {
        kind: "quiz",
        items: "SELECT q.id, q.class_id, q.subject_id, q.title, round(q.max_points, 2), q.closes_at, q.published_at FROM quizzes q WHERE q.status <> 'draft' AND q.max_points > 0 ORDER BY q.id",
        given_back: "SELECT DISTINCT ON (a.quiz_id, a.student_id) a.quiz_id, a.student_id, a.score, a.submitted_at FROM quiz_attempts a JOIN quizzes q ON q.id = a.quiz_id WHERE a.state = 'graded' AND (q.kind = 'quiz' OR q.released_at IS NOT NULL) ORDER BY a.quiz_id, a.student_id, a.score DESC, a.attempt",
    },
];

/// The items that a source feeds, and the grades that came from it.
async fn fed(
    connection: &mut PgConnection,
    roster: &Roster,
    source: &Source,
    category_of: impl Fn(Uuid) -> Option<Uuid>,
    grades: &mut Vec<Grade>,
) -> anyhow::Result<()> {
    let school = SchoolId::from_uuid(roster.school);
    let sources: Vec<Set> = sqlx::query_as(source.items).fetch_all(&mut *connection).await?;
    let item = |source_ref: Uuid| fed_item(school, source.kind, source_ref);
    let rows: Vec<Value> = sources
        .iter()
        .map(|(source_ref, class, subject, title, max_points, due, published)| {
            json!({"id": item(*source_ref), "class_id": class, "category_id": category_of(*class), "subject_id": subject, "name": title,
                "source_kind": source.kind, "source_ref": source_ref, "max_points": max_points.to_string(),
                "due_on": due.map(|due| due.with_timezone(&roster.dates.zone).date_naive()), "created_at": published})
        })
        .collect();
    school_rows(connection, roster.school, roster.dates.now, "grade_items", &rows).await?;
    let given_back: Vec<GivenBack> = sqlx::query_as(source.given_back).fetch_all(&mut *connection).await?;
    for (source_ref, student, marks, at) in given_back {
        let (_, class, ..) = sources.iter().find(|(known, ..)| *known == source_ref).context("what was given back was set")?;
        let figures = Figures { points: points(marks), ..Figures::default() };
        let (class, student) = (ClassId::from_uuid(*class), StudentId::from_uuid(student));
        grades.push(Grade::first(school, class, item(source_ref), student, figures, None, at));
    }
    Ok(())
}

fn points(marks: Decimal) -> Option<Points> {
    let mut marks = marks.round_dp(2);
    marks.rescale(2);
    i32::try_from(marks.mantissa()).ok().and_then(|hundredths| Points::from_hundredths(hundredths).ok())
}

/// A class's marks in a test: somebody was ill, and somebody did not come.
fn test(roster: &Roster, class: &Class, item: Uuid, teacher: Uuid, on: NaiveDate, random: &mut Random) -> anyhow::Result<Vec<Grade>> {
    let (ill, away) = (random.below(u32::try_from(class.students.len())?), random.below(u32::try_from(class.students.len())?));
    let at = roster.dates.at(on + Days::new(2), 16, 0);
    let grade = |(place, student): (usize, &Student)| {
        let place = u32::try_from(place)?;
        let figures = if place == ill {
            Figures { is_exempt: true, comment: Some("Ill on the day.".to_owned()), ..Figures::default() }
        } else if place == away {
            Figures { is_missing: true, ..Figures::default() }
        } else {
            // A student's own level, as in homework, give or take, in half marks.
            let level = 55 + u32::try_from(student.number * 7 % 38)?;
            let percent = (level + random.below(21)).saturating_sub(10).min(100);
            Figures { points: Some(Points::from_hundredths(i32::try_from(TEST_POINTS * 2 * percent / 100 * 50)?)?), ..Figures::default() }
        };
        let (school, class) = (SchoolId::from_uuid(roster.school), ClassId::from_uuid(class.id));
        let (item, student) = (GradeItemId::from_uuid(item), StudentId::from_uuid(student.id));
        let at = at + Duration::minutes(i64::from(place) * 2);
        Ok(Grade::first(school, class, item, student, figures, Some(UserId::from_uuid(teacher)), at))
    };
    class.students.iter().enumerate().map(grade).collect()
}
