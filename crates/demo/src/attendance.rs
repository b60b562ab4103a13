//! The registers of the term so far: one for each class and school day, with a mark for each student.

use std::collections::HashSet;

use anyhow::Context;
use attendance::model::register::Place;
use chrono::{Duration, NaiveDate};
use domain::{ClassId, SchoolId};
use serde_json::{Value, json};
use sqlx::PgConnection;
use store::SchoolTransaction;
use uuid::Uuid;

use crate::ids::{Ids, Kind, id};
use crate::insert::school_rows;
use crate::random::Random;
use crate::roster::{Class, Roster};

const CODES: &[(&str, &str, &str)] = &[
    ("P", "Present", "present"),
    ("A", "Absent", "absent"),
    ("L", "Late", "late"),
    ("E", "Excused", "excused"),
    ("T", "School trip", "not_counted"),
];
const REASONS: &[&str] =
    &["Fever, will be back after the weekend", "A wedding in the family", "An appointment with the dentist", "Travelling with the family"];
/// Registers can be corrected for so many days.
const OPEN_DAYS: i64 = 7;

/// Approved leave: whose, and on which days.
type Leave = HashSet<(Uuid, NaiveDate)>;

/// Marks of one class, column by column.
#[derive(Default)]
struct Marks {
    id: Vec<Uuid>,
    register: Vec<Uuid>,
    student: Vec<Uuid>,
    code: Vec<&'static str>,
    minutes_late: Vec<Option<i32>>,
}

/// Codes, leave, registers and marks.
pub(crate) async fn write(transaction: &mut SchoolTransaction, roster: &Roster) -> anyhow::Result<()> {
    let (school, now, number) = (roster.school, roster.dates.now, roster.spec.number);
    let connection = transaction.connection()?;
    let mut ids = Ids::of(number, Kind::AttendanceCode);
    let codes = CODES.iter().map(|(code, name, counts_as)| {
        json!({"id": ids.next(), "code": code, "name": name, "counts_as": counts_as, "is_default": *code == "P", "is_active": true,
        "office_only": false, "is_leave": *code == "E"})
    });
    school_rows(connection, school, now, "attendance_codes", &codes.collect::<Vec<_>>()).await?;
    let settings = json!({"id": id(number, Kind::AttendanceSettings, 1), "lock_after_days": OPEN_DAYS});
    school_rows(connection, school, now, "attendance_settings", &[settings]).await?;
    let days = roster.dates.days_so_far();
    let (requests, leave) = leave(roster, &days)?;
    school_rows(connection, school, now, "leave_requests", &requests).await?;

    let mut random = Random::of(number, "attendance");
    let mut marks = Ids::of(number, Kind::AttendanceRecord);
    for class in &roster.classes {
        let mut rows = Vec::with_capacity(days.len());
        let mut taken = Marks::default();
        for day in &days {
            // The id that the service would give it, so that nobody opens the same register again.
            let place = Place { held_on: *day, class_id: ClassId::from_uuid(class.id), period: None };
            let register = place.id(SchoolId::from_uuid(school)).as_uuid();
            rows.push(row(roster, class, register, *day, &mut random));
            for student in &class.students {
                let (code, minutes_late) = mark(student.number, leave.contains(&(student.id, *day)), &mut random);
                taken.id.push(marks.next());
                taken.register.push(register);
                taken.student.push(student.id);
                taken.code.push(code);
                taken.minutes_late.push(minutes_late);
            }
        }
        school_rows(connection, school, now, "attendance_sessions", &rows).await?;
        write_marks(connection, school, taken).await.with_context(|| format!("the marks of {}", class.name))?;
    }
    Ok(())
}

/// A register as its teacher took it. Time locks it, and that is written nowhere: only who locks a register by hand makes it `locked`.
fn row(roster: &Roster, class: &Class, register: Uuid, day: NaiveDate, random: &mut Random) -> Value {
    let dates = &roster.dates;
    let taken_at = dates.at(day, 9, random.below(15));
    json!({"id": register, "class_id": class.id, "teacher_id": class.teacher, "held_on": day, "kind": "daily",
        "state": "taken", "taken_by": class.teacher_user, "taken_at": taken_at, "created_at": taken_at})
}

/// Most are there. Some students are often late, a few often away.
fn mark(student: usize, on_leave: bool, random: &mut Random) -> (&'static str, Option<i32>) {
    if on_leave {
        return ("E", None);
    }
    let (away, late) = match student % 20 {
        0 => (14, 4),
        1 | 2 => (3, 12),
        _ => (3, 2),
    };
    match random.below(100) {
        drawn if drawn < away => ("A", None),
        drawn if drawn < away + late => ("L", i32::try_from(random.between(3, 40)).ok()),
        _ => ("P", None),
    }
}

/// One student in sixteen has had leave, and one in a hundred asks for some.
fn leave(roster: &Roster, days: &[NaiveDate]) -> anyhow::Result<(Vec<Value>, Leave)> {
    let mut random = Random::of(roster.spec.number, "leave");
    let mut ids = Ids::of(roster.spec.number, Kind::Leave);
    let (mut rows, mut leave) = (Vec::new(), Leave::new());
    let coming = roster.dates.days_to_come();
    for (class, student) in roster.students() {
        let is_past = random.chance(6);
        if !is_past && !random.chance(1) {
            continue;
        }
        let from = random.pick(if is_past { days } else { coming.get(..10).unwrap_or_default() });
        let length = random.below(3).into();
        let to = from + Duration::days(length);
        let family = roster.families.get(student.family).and_then(|family| family.parents.first()).context("a student has parents")?;
        let asked = roster.dates.at(from - Duration::days(1), 19, random.below(60)).min(roster.dates.now);
        let decision = is_past.then(|| (class.teacher_user, asked + Duration::minutes(45)));
        rows.push(json!({"id": ids.next(), "student_id": student.id, "from_date": from, "to_date": to, "reason": random.pick(REASONS),
            "status": if is_past { "approved" } else { "pending" }, "requested_by": family.0.user, "decided_by": decision.map(|(by, _)| by),
            "decided_at": decision.map(|(_, at)| at), "created_at": asked}));
        if is_past {
            leave.extend(from.iter_days().take_while(|day| *day <= to).map(|day| (student.id, day)));
        }
    }
    Ok((rows, leave))
}

/// A mark's day, kind and author are its register's. By far the most rows of all, so they go as arrays.
async fn write_marks(connection: &mut PgConnection, school: Uuid, marks: Marks) -> anyhow::Result<()> {
    let insert = "
        INSERT INTO attendance_records
            (school_id, id, session_id, student_id, held_on, kind, code, teacher_code, minutes_late, marked_by, marked_at, created_at, updated_at)
        SELECT $1, mark.id, register.id, mark.student, register.held_on, register.kind, mark.code, mark.code, mark.minutes_late, register.taken_by,
            register.taken_at, register.taken_at, register.taken_at
        FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::int[]) AS mark (id, register, student, code, minutes_late)
        JOIN attendance_sessions register ON register.school_id = $1 AND register.id = mark.register";
    let insert =
        sqlx::query(insert).bind(school).bind(marks.id).bind(marks.register).bind(marks.student).bind(marks.code).bind(marks.minutes_late);
    insert.execute(connection).await?;
    Ok(())
}
