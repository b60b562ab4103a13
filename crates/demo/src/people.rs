//! A school, its people and what is taught: the tables of auth.

use std::collections::HashMap;

use anyhow::{Context, ensure};
use domain::ServiceName;
use serde_json::{Value, json};
use service_kit::Platform;
use store::SchoolTransaction;
use uuid::Uuid;

use crate::ids::{Ids, Kind, id};
use crate::insert::{global_rows, school_rows};
use crate::roster::{Person, Roster};
use crate::spec::{Part, ROOT};

/// What a hash costs: 2^12 rounds, as everywhere.
const COST: u32 = 12;

/// Password hashes, one for each part.
pub(crate) type Hashes = HashMap<&'static str, String>;

/// Hashes every password once, all at the same time.
pub(crate) async fn hashes() -> anyhow::Result<Hashes> {
    let tasks = Part::ALL.map(|part| tokio::task::spawn_blocking(move || bcrypt::hash(part.password(), COST)));
    let mut hashes = Hashes::new();
    for (part, task) in Part::ALL.into_iter().zip(tasks) {
        hashes.insert(part.role(), task.await??);
    }
    Ok(hashes)
}

/// Whoever runs the platform.
pub(crate) async fn root(platform: &Platform, hashes: &Hashes) -> anyhow::Result<()> {
    let now = platform.clock().now();
    let user = id(0, Kind::User, 1);
    let mut transaction = platform.postgres(ServiceName::Auth).platform().await?;
    let connection = transaction.connection()?;
    let row = json!({"id": user, "email": ROOT, "full_name": "Platform Root", "is_active": true, "is_super_admin": true, "email_verified": true,
        "created_at": now, "updated_at": now, "version": 1});
    global_rows(connection, "users", &[row]).await?;
    let there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM users WHERE id = $1)").bind(user).fetch_one(&mut *connection).await?;
    // Somebody who had the address before keeps the password too.
    if there {
        let hash = hashes.get(Part::SuperAdmin.role());
        global_rows(connection, "credentials", &[json!({"user_id": user, "password_hash": hash, "failed_attempts": 0, "changed_at": now})])
            .await?;
    }
    Ok(transaction.commit().await?)
}

/// The school's row, its people, and what is taught to whom.
pub(crate) async fn write(transaction: &mut SchoolTransaction, roster: &mut Roster, hashes: &Hashes) -> anyhow::Result<()> {
    school(transaction, roster).await?;
    users(transaction, roster, hashes).await?;
    let (number, now, school) = (roster.spec.number, roster.dates.now, roster.school);
    let connection = transaction.connection()?;
    let mut ids = Ids::of(number, Kind::Membership);
    let members = roster.people().into_iter().map(|person| json!({"id": ids.next(), "user_id": person.user, "role": person.part.role()}));
    school_rows(connection, school, now, "memberships", &members.collect::<Vec<_>>()).await?;
    for (table, rows) in [
        ("academic_years", years(roster)),
        ("terms", terms(roster)),
        ("subjects", subjects(roster)),
        ("teachers", teachers(roster)),
        ("staff", staff(roster)),
        ("classes", classes(roster)),
        ("students", students(roster)),
        ("student_guardians", guardians(roster)),
        ("class_subjects", class_subjects(roster)),
        ("enrollments", enrollments(roster)),
    ] {
        school_rows(connection, school, now, table, &rows).await?;
    }
    Ok(())
}

async fn school(transaction: &mut SchoolTransaction, roster: &Roster) -> anyhow::Result<()> {
    let (spec, now) = (roster.spec, roster.dates.now);
    let row = json!({"id": roster.school, "name": spec.name, "code": spec.code, "time_zone": spec.zone.name(), "currency": spec.currency,
        "locale": spec.locale, "is_active": true, "status": "active", "version": 1, "created_at": now, "updated_at": now});
    let connection = transaction.connection()?;
    global_rows(connection, "schools", &[row]).await?;
    let there: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM schools WHERE id = $1)").bind(roster.school).fetch_one(connection).await?;
    ensure!(there, "a school that is not the demo's has the code {}", spec.code);
    Ok(())
}

/// Users and their passwords. Who had one of the addresses before stays who they are, and joins the school.
async fn users(transaction: &mut SchoolTransaction, roster: &mut Roster, hashes: &Hashes) -> anyhow::Result<()> {
    let now = roster.dates.now;
    let row = |person: &&Person| {
        json!({"id": person.user, "email": person.email, "full_name": person.full_name(), "given_name": person.given, "family_name": person.family,
            "is_active": true, "is_super_admin": false, "email_verified": true, "version": 1, "created_at": now, "updated_at": now})
    };
    let connection = transaction.connection()?;
    let rows: Vec<Value> = roster.people().iter().map(row).collect();
    global_rows(connection, "users", &rows).await?;
    find_users(transaction, roster).await?;
    let credentials = roster.people().into_iter().map(
        |person| json!({"user_id": person.user, "password_hash": hashes.get(person.part.role()), "failed_attempts": 0, "changed_at": now}),
    );
    global_rows(transaction.connection()?, "credentials", &credentials.collect::<Vec<_>>()).await
}

/// Finds the users' ids by their addresses.
pub(crate) async fn find_users(transaction: &mut SchoolTransaction, roster: &mut Roster) -> anyhow::Result<()> {
    let emails: Vec<String> = roster.people().iter().map(|person| person.email.clone()).collect();
    let count = emails.len();
    let found: Vec<(String, Uuid)> =
        sqlx::query_as("SELECT email, id FROM users WHERE email = ANY($1)").bind(emails).fetch_all(transaction.connection()?).await?;
    ensure!(found.len() == count, "{} of {count} people of {} are there: was it seeded by another release?", found.len(), roster.spec.name);
    roster.take_over(&found.into_iter().collect());
    Ok(())
}

fn years(roster: &Roster) -> Vec<Value> {
    let dates = &roster.dates;
    vec![json!({"id": year_id(roster), "name": dates.year_name, "starts_on": dates.year.from, "ends_on": dates.year.to})]
}

/// The id of the academic year.
pub(crate) fn year_id(roster: &Roster) -> Uuid {
    id(roster.spec.number, Kind::Year, 1)
}

/// The id of a term, 1 or 2.
pub(crate) fn term_id(roster: &Roster, term: usize) -> Uuid {
    id(roster.spec.number, Kind::Term, term)
}

fn terms(roster: &Roster) -> Vec<Value> {
    let year = year_id(roster);
    let terms = roster.dates.terms.iter().enumerate();
    terms
        .map(|(number, span)| {
            json!({"id": term_id(roster, number + 1), "academic_year_id": year, "kind": "term", "name": format!("Term {}", number + 1),
                "starts_on": span.from, "ends_on": span.to})
        })
        .collect()
}

fn subjects(roster: &Roster) -> Vec<Value> {
    let subjects = roster.spec.subjects.iter().enumerate();
    subjects.map(|(number, subject)| json!({"id": id(roster.spec.number, Kind::Subject, number + 1), "name": subject.name, "code": subject.code})).collect()
}

fn teachers(roster: &Roster) -> Vec<Value> {
    let teachers = roster.teachers.iter().enumerate();
    teachers
        .map(|(number, teacher)| {
            json!({"id": teacher.id, "user_id": teacher.person.user, "employee_number": format!("T{:03}", number + 1),
                "qualification": format!("Degree in {}, teaching diploma", teacher.subject), "joined_on": roster.dates.year.from})
        })
        .collect()
}

fn staff(roster: &Roster) -> Vec<Value> {
    let staff = roster.staff.iter().enumerate();
    staff
        .map(|(number, member)| {
            json!({"id": member.id, "user_id": member.person.user, "employee_number": format!("S{:03}", number + 1), "position": member.position,
                "joined_on": roster.dates.year.from})
        })
        .collect()
}

fn classes(roster: &Roster) -> Vec<Value> {
    let classes = roster.classes.iter();
    classes
        .map(|class| {
            json!({"id": class.id, "academic_year_id": year_id(roster), "name": class.name, "code": format!("{}{}", class.grade, class.section),
                "grade_level": class.grade.to_string(), "section": class.section, "class_teacher_id": class.teacher,
                "room": format!("Room {}{}", class.grade, class.section), "capacity": 40})
        })
        .collect()
}

fn students(roster: &Roster) -> Vec<Value> {
    let mut rows = Vec::with_capacity(roster.spec.students);
    for class in &roster.classes {
        for (place, student) in class.students.iter().enumerate() {
            let family = roster.families.get(student.family);
            let parent = family.and_then(|family| family.parents.first()).map(|(parent, _)| parent);
            rows.push(json!({"id": student.id, "user_id": student.person.user, "admission_number": format!("{}-{:04}", roster.dates.year_name, student.number),
                "roll_number": (place + 1).to_string(), "class_id": class.id, "section": class.section, "date_of_birth": student.born,
                "gender": if student.female { "female" } else { "male" }, "blood_group": (["O+", "B+", "A+", "AB+"]).get(student.number % 4),
                "address": family.map(|family| &family.address), "parent_name": parent.map(Person::full_name),
                "parent_email": parent.map(|parent| &parent.email), "emergency_contact": parent.map(Person::full_name),
                "admission_date": roster.dates.year.from, "academic_year": roster.dates.year_name}));
        }
    }
    rows
}

fn guardians(roster: &Roster) -> Vec<Value> {
    let mut ids = Ids::of(roster.spec.number, Kind::Guardian);
    let mut rows = Vec::new();
    for (_, student) in roster.students() {
        let parents = roster.families.get(student.family).into_iter().flat_map(|family| &family.parents);
        for (place, (parent, relationship)) in parents.enumerate() {
            rows.push(json!({"id": ids.next(), "student_id": student.id, "guardian_user_id": parent.user, "relationship": relationship, "is_primary": place == 0}));
        }
    }
    rows
}

fn class_subjects(roster: &Roster) -> Vec<Value> {
    let mut ids = Ids::of(roster.spec.number, Kind::ClassSubject);
    let taught = roster.classes.iter().flat_map(|class| class.subjects.iter().map(move |taught| (class, taught)));
    taught.map(|(class, taught)| json!({"id": ids.next(), "class_id": class.id, "subject_id": taught.subject, "teacher_id": taught.teacher, "is_primary": true})).collect()
}

fn enrollments(roster: &Roster) -> Vec<Value> {
    let mut ids = Ids::of(roster.spec.number, Kind::Enrollment);
    roster.students().map(|(class, student)| json!({"id": ids.next(), "class_id": class.id, "student_id": student.id, "begin_date": roster.dates.year.from})).collect()
}

/// The staff member who keeps the books, or whoever runs the school.
pub(crate) fn bookkeeper(roster: &Roster) -> anyhow::Result<Uuid> {
    let accountant = roster.staff.iter().find(|member| member.position == "Accountant").or(roster.staff.first());
    accountant.map(|member| member.person.user).context("a school has staff")
}
