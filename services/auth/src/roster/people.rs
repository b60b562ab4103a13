//! Who is what in the school: memberships, students, teachers, staff, families.

use std::collections::{HashMap, HashSet};

use domain::Role;
use oneroster::{ClassType, FileKind, Person, RosterRole};
use uuid::Uuid;

use super::batch::{Batch, Column, Rule, Table};
use super::identify::{Known, Wanted, identify};
use super::log::{Place, at};
use super::unique::{self, Holders};
use super::work::{Stop, Work};

const MEMBERSHIPS: Table = Table {
    name: "memberships",
    columns: &[
        ("source_id", "text", Rule::Take),
        ("user_id", "uuid", Rule::Take),
        ("role", "text", Rule::Take),
        ("is_active", "boolean", Rule::Take),
    ],
};
const TEACHERS: Table = Table {
    name: "teachers",
    columns: &[("source_id", "text", Rule::Take), ("user_id", "uuid", Rule::Take), ("employee_number", "text", Rule::TakeIfAny)],
};
const STAFF: Table = Table {
    name: "staff",
    columns: &[
        ("source_id", "text", Rule::Take),
        ("user_id", "uuid", Rule::Take),
        ("employee_number", "text", Rule::TakeIfAny),
        ("position", "text", Rule::Take),
    ],
};
const STUDENTS: Table = Table {
    name: "students",
    columns: &[
        ("source_id", "text", Rule::Take),
        ("user_id", "uuid", Rule::Take),
        ("admission_number", "text", Rule::Take),
        ("class_id", "uuid", Rule::TakeIfAny),
        ("date_of_birth", "date", Rule::TakeIfAny),
        ("gender", "text", Rule::TakeIfAny),
    ],
};
const GUARDIANS: Table = Table {
    name: "student_guardians",
    columns: &[
        ("source_id", "text", Rule::Take),
        ("student_id", "uuid", Rule::Take),
        ("guardian_user_id", "uuid", Rule::Take),
        ("relationship", "text", Rule::Take),
        ("is_primary", "boolean", Rule::Keep),
    ],
};

/// What fits the columns for numbers.
const NUMBER: usize = 64;

fn place(person: &Person<'_>) -> Place {
    at(FileKind::Users, person.user.line)
}

fn number(text: &str) -> Option<String> {
    Some(text).filter(|text| (1..=NUMBER).contains(&text.chars().count())).map(str::to_owned)
}

type NumberedRow = (Uuid, Option<String>, Uuid, Option<String>);

impl<'a> Work<'a> {
    fn user(&self, person: &Person<'_>) -> Uuid {
        self.users.get(person.user.sourced_id.as_str()).copied().unwrap_or_default()
    }

    /// Whoever is enrolled as a teacher, whatever else they are.
    pub(super) fn enrolled_teachers(&self) -> HashSet<&'a str> {
        let rows = self.roster.enrollments.iter().filter(|row| row.role == RosterRole::Teacher);
        rows.map(|row| row.fields.user.as_str()).collect()
    }

    /// The roles of each person, once each.
    pub(super) fn roles(&self) -> Vec<(&'a Person<'a>, Role)> {
        let teaching = self.enrolled_teachers();
        let mut all = Vec::new();
        for person in &self.roster.people {
            let mut roles: Vec<Role> = Vec::new();
            let teaches = teaching.contains(person.user.sourced_id.as_str()).then_some(Role::Teacher);
            for role in person.roles.iter().map(|role| role.role.in_school()).chain(teaches) {
                if !roles.contains(&role) {
                    roles.push(role);
                }
            }
            all.extend(roles.into_iter().map(|role| (person, role)));
        }
        all
    }

    pub(super) async fn put_memberships(&mut self) -> Result<(), Stop> {
        let held = self.roles();
        let rows: Vec<(Uuid, Option<String>, Uuid, String)> =
            sqlx::query_as("SELECT id, source_id, user_id, role FROM memberships").fetch_all(&mut *self.connection).await?;
        let known: Vec<Known> = rows
            .into_iter()
            .map(|(id, source, user, role)| Known {
                id,
                source: source.map(|source| format!("{role}|{source}")),
                sole: vec![format!("{role}|{user}")],
                likely: Vec::new(),
            })
            .collect();
        let wanted: Vec<Wanted> = held
            .iter()
            .map(|(person, role)| Wanted {
                source: format!("{role}|{}", person.user.sourced_id),
                sole: vec![format!("{role}|{}", self.user(person))],
                likely: Vec::new(),
            })
            .collect();
        let found = identify(&known, &wanted);
        let batch = Batch {
            table: &MEMBERSHIPS,
            created: found.created,
            places: held.iter().map(|(person, _)| place(person)).collect(),
            columns: vec![
                Column::texts(held.iter().map(|(person, _)| person.user.sourced_id.clone())),
                Column::ids(held.iter().map(|(person, _)| self.user(person))),
                Column::texts(held.iter().map(|(_, role)| role.as_str().to_owned())),
                Column::Flag(held.iter().map(|(person, _)| person.user.enabled).collect()),
            ],
            ids: found.ids,
        };
        self.report.memberships = self.put(batch).await?;
        Ok(())
    }

    fn holding(&self, wanted: &[Role]) -> Vec<&'a Person<'a>> {
        let mut seen = HashSet::new();
        let held = self.roles().into_iter().filter(|(person, role)| wanted.contains(role) && seen.insert(&person.user.sourced_id));
        held.map(|(person, _)| person).collect()
    }

    fn wanted(&self, people: &[&Person<'_>]) -> Vec<Wanted> {
        let one = |person: &&Person<'_>| Wanted {
            source: person.user.sourced_id.clone(),
            sole: vec![self.user(person).to_string()],
            likely: Vec::new(),
        };
        people.iter().map(one).collect()
    }

    pub(super) async fn put_teachers(&mut self) -> Result<(), Stop> {
        let people = self.holding(&[Role::Teacher]);
        let rows: Vec<NumberedRow> =
            sqlx::query_as("SELECT id, source_id, user_id, employee_number FROM teachers").fetch_all(&mut *self.connection).await?;
        let batch = self.employees(&TEACHERS, rows, &people).await?;
        self.teachers = people.iter().map(|person| person.user.sourced_id.as_str()).zip(batch.ids.iter().copied()).collect();
        self.report.teachers = self.put(batch).await?;
        Ok(())
    }

    pub(super) async fn put_staff(&mut self) -> Result<(), Stop> {
        let people = self.holding(&[Role::Staff, Role::Admin]);
        let rows: Vec<NumberedRow> =
            sqlx::query_as("SELECT id, source_id, user_id, employee_number FROM staff").fetch_all(&mut *self.connection).await?;
        let mut batch = self.employees(&STAFF, rows, &people).await?;
        let position = |person: &&Person<'_>| {
            let role = person.roles.iter().find(|role| matches!(role.role.in_school(), Role::Staff | Role::Admin))?;
            Some(role.role.as_str().to_owned())
        };
        batch.columns.push(Column::Text(people.iter().map(position).collect()));
        self.report.staff = self.put(batch).await?;
        Ok(())
    }

    async fn employees(&mut self, table: &'static Table, rows: Vec<NumberedRow>, people: &[&Person<'_>]) -> Result<Batch, Stop> {
        let (known, holders) = numbered(rows);
        let found = identify(&known, &self.wanted(people));
        let asked = people.iter().map(|person| number(person.user.identifier.as_deref()?)).collect();
        let numbers = unique::sole(&found.ids, asked, &holders);
        self.let_go(table.name, "employee_number", &unique::in_the_way(&found.ids, &numbers, &holders)).await?;
        Ok(Batch {
            table,
            created: found.created,
            places: people.iter().map(|person| place(person)).collect(),
            columns: vec![
                Column::texts(people.iter().map(|person| person.user.sourced_id.clone())),
                Column::ids(people.iter().map(|person| self.user(person))),
                Column::Text(numbers),
            ],
            ids: found.ids,
        })
    }

    pub(super) async fn put_students(&mut self) -> Result<(), Stop> {
        let people = self.holding(&[Role::Student]);
        let rows: Vec<NumberedRow> =
            sqlx::query_as("SELECT id, source_id, user_id, admission_number FROM students").fetch_all(&mut *self.connection).await?;
        let (known, holders) = numbered(rows);
        let found = identify(&known, &self.wanted(&people));
        let numbers = self.admission_numbers(&people, &found.ids, &holders);
        self.stop_if_faulty()?;
        self.let_go("students", "admission_number", &unique::in_the_way(&found.ids, &numbers, &holders)).await?;
        let homes = self.home_classes();
        self.students = people.iter().map(|person| person.user.sourced_id.as_str()).zip(found.ids.iter().copied()).collect();
        let batch = Batch {
            table: &STUDENTS,
            created: found.created,
            places: people.iter().map(|person| place(person)).collect(),
            columns: vec![
                Column::texts(people.iter().map(|person| person.user.sourced_id.clone())),
                Column::ids(people.iter().map(|person| self.user(person))),
                Column::Text(numbers),
                Column::Id(people.iter().map(|person| homes.get(person.user.sourced_id.as_str()).copied()).collect()),
                Column::Date(people.iter().map(|person| person.demographics?.birth_date).collect()),
                Column::Text(people.iter().map(|person| Some(person.demographics?.sex?.as_str().to_owned())).collect()),
            ],
            ids: found.ids,
        };
        self.report.students = self.put(batch).await?;
        Ok(())
    }

    /// The school's own number for the student if nobody else has it, or else the sourcedId.
    fn admission_numbers(&mut self, people: &[&Person<'_>], ids: &[Uuid], holders: &Holders) -> Vec<Option<String>> {
        let asked = people.iter().map(|person| number(person.user.identifier.as_deref()?)).collect();
        let given = unique::sole(ids, asked, holders);
        let with_fallback: Vec<Option<String>> =
            people.iter().zip(given).map(|(person, given)| given.or_else(|| number(&person.user.sourced_id))).collect();
        let numbers = unique::sole(ids, with_fallback, holders);
        for (person, number) in people.iter().zip(&numbers) {
            if number.is_none() {
                let message =
                    "can't be the admission number: another student has it, or it is longer than 64 characters, and so is the sourcedId";
                self.log.fault(place(person), Some("identifier"), message);
            }
        }
        numbers
    }

    /// The home class of each student who has one.
    fn home_classes(&self) -> HashMap<&'a str, Uuid> {
        let homes = self.roster.classes.iter().filter(|class| class.class.kind == ClassType::Homeroom);
        let homes: HashSet<&str> = homes.map(|class| class.class.sourced_id.as_str()).collect();
        let mut of = HashMap::new();
        for row in self.roster.enrollments.iter().filter(|row| row.role == RosterRole::Student && homes.contains(row.class.as_str())) {
            if let Some(class) = self.classes.get(row.class.as_str()) {
                of.insert(row.fields.user.as_str(), *class);
            }
        }
        of
    }

    pub(super) async fn put_guardians(&mut self) -> Result<(), Stop> {
        struct Tie {
            source: String,
            student: Uuid,
            guardian: Uuid,
            relation: &'static str,
            place: Place,
        }
        let ties: Vec<Tie> = self
            .roster
            .guardianships
            .iter()
            .filter_map(|tie| {
                Some(Tie {
                    source: format!("{}/{}", tie.student.sourced_id, tie.guardian.sourced_id),
                    student: *self.students.get(tie.student.sourced_id.as_str())?,
                    guardian: *self.users.get(tie.guardian.sourced_id.as_str())?,
                    relation: tie.relation.as_str(),
                    place: at(FileKind::Users, tie.student.line),
                })
            })
            .collect();
        let rows: Vec<(Uuid, Option<String>, Uuid, Uuid, bool, String)> =
            sqlx::query_as("SELECT id, source_id, student_id, guardian_user_id, is_primary, status FROM student_guardians")
                .fetch_all(&mut *self.connection)
                .await?;
        let mut led: HashSet<Uuid> = rows.iter().filter(|row| row.4).map(|row| row.2).collect();
        let known: Vec<Known> = rows
            .iter()
            .map(|(id, source, student, guardian, ..)| Known {
                id: *id,
                source: source.clone(),
                sole: vec![format!("{student}/{guardian}")],
                likely: Vec::new(),
            })
            .collect();
        let wanted: Vec<Wanted> = ties
            .iter()
            .map(|tie| Wanted { source: tie.source.clone(), sole: vec![format!("{}/{}", tie.student, tie.guardian)], likely: Vec::new() })
            .collect();
        let found = identify(&known, &wanted);
        let kept: HashSet<Uuid> = found.ids.iter().copied().collect();
        let learning: HashSet<Uuid> = self.students.values().copied().collect();
        let dropped: Vec<Uuid> = rows
            .into_iter()
            .filter(|(id, source, student, _, _, status)| {
                source.is_some() && status == "active" && learning.contains(student) && !kept.contains(id)
            })
            .map(|(id, ..)| id)
            .collect();
        let batch = Batch {
            table: &GUARDIANS,
            created: found.created,
            places: ties.iter().map(|tie| tie.place).collect(),
            columns: vec![
                Column::texts(ties.iter().map(|tie| tie.source.clone())),
                Column::ids(ties.iter().map(|tie| tie.student)),
                Column::ids(ties.iter().map(|tie| tie.guardian)),
                Column::texts(ties.iter().map(|tie| tie.relation.to_owned())),
                Column::Flag(ties.iter().map(|tie| led.insert(tie.student)).collect()),
            ],
            ids: found.ids,
        };
        self.report.guardians = self.put(batch).await?;
        // A tie that an import made and that a complete list of people no longer names. Changes alone don't say what is gone.
        if self.is_bulk(FileKind::Users) {
            self.report.guardians.removed += self.drop_ties(&dropped).await?;
        }
        Ok(())
    }
}

/// The rows of a table with a number in it, to be identified by their user, and who holds which number.
fn numbered(rows: Vec<NumberedRow>) -> (Vec<Known>, Holders) {
    let holders = rows.iter().filter_map(|(id, _, _, number)| Some((number.clone()?, *id))).collect();
    let known = rows.into_iter().map(|(id, source, user, _)| Known { id, source, sole: vec![user.to_string()], likely: Vec::new() });
    (known.collect(), holders)
}
