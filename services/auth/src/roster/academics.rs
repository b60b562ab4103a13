//! Subjects and classes.

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use oneroster::{ClassType, FileKind, RosterRole, SchoolClass};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::batch::{Batch, Column, Rule, Table};
use super::identify::{Known, Wanted, identify};
use super::log::{Place, at};
use super::unique::{self, Holders};
use super::work::{Stop, Work};

const SUBJECTS: Table =
    Table { name: "subjects", columns: &[("source_id", "text", Rule::Take), ("name", "text", Rule::Take), ("code", "text", Rule::Take)] };
const CLASSES: Table = Table {
    name: "classes",
    columns: &[
        ("source_id", "text", Rule::Take),
        ("academic_year_id", "uuid", Rule::Take),
        ("term_id", "uuid", Rule::Take),
        ("name", "text", Rule::Take),
        ("code", "text", Rule::Take),
        ("grade_level", "text", Rule::TakeIfAny),
        ("class_teacher_id", "uuid", Rule::TakeIfAny),
        ("room", "text", Rule::TakeIfAny),
    ],
};
const SHARED_CODE: &str = "another one has this code too; it was left out";

/// What a class is about, when it has no course.
fn bare_subject<'a>(class: &SchoolClass<'a>) -> Option<(String, &'a str)> {
    let name = class.subjects.first().filter(|_| class.course.is_none())?;
    Some((format!("subject:{name}"), name))
}

/// The source id of the subject that a class teaches.
pub(super) fn subject_of(class: &SchoolClass<'_>) -> Option<String> {
    class.course.map(|course| course.sourced_id.clone()).or_else(|| bare_subject(class).map(|(source, _)| source))
}

fn grades(grades: &[String]) -> Option<String> {
    let all = grades.join(", ");
    match (grades.first(), grades.last()) {
        (Some(first), Some(last)) if all.chars().count() > 32 => Some(format!("{first}-{last}").chars().take(32).collect()),
        (Some(_), _) => Some(all),
        _ => None,
    }
}

/// Id, source id, year, name, code.
type ClassRow = (Uuid, Option<String>, Uuid, String, Option<String>);

struct Subject {
    source: String,
    name: String,
    code: Option<String>,
    place: Place,
}

impl Work<'_> {
    fn subjects_wanted(&self) -> Vec<Subject> {
        let courses = self.roster.courses.iter().map(|course| Subject {
            source: course.sourced_id.clone(),
            name: course.title.clone(),
            code: course.code.clone(),
            place: at(FileKind::Courses, course.line),
        });
        let mut subjects: Vec<Subject> = courses.collect();
        let mut seen: HashSet<String> = subjects.iter().map(|subject| subject.source.clone()).collect();
        for class in &self.roster.classes {
            let Some((source, name)) = bare_subject(class) else { continue };
            if seen.insert(source.clone()) {
                subjects.push(Subject { source, name: name.to_owned(), code: None, place: at(FileKind::Classes, class.class.line) });
            }
        }
        subjects
    }

    pub(super) async fn put_subjects(&mut self) -> Result<(), Stop> {
        let subjects = self.subjects_wanted();
        let rows: Vec<(Uuid, Option<String>, String, Option<String>)> =
            sqlx::query_as("SELECT id, source_id, name, code FROM subjects").fetch_all(&mut *self.connection).await?;
        let holders: Holders = rows.iter().filter_map(|(id, _, _, code)| Some((code.clone()?, *id))).collect();
        let known: Vec<Known> = rows
            .into_iter()
            .map(|(id, source, name, code)| Known { id, source, sole: code.into_iter().collect(), likely: vec![name] })
            .collect();
        let wanted: Vec<Wanted> = subjects
            .iter()
            .map(|subject| Wanted {
                source: subject.source.clone(),
                sole: subject.code.iter().cloned().collect(),
                likely: vec![subject.name.clone()],
            })
            .collect();
        let found = identify(&known, &wanted);
        let asked: Vec<Option<String>> = subjects.iter().map(|subject| subject.code.clone()).collect();
        let codes = unique::sole(&found.ids, asked.clone(), &holders);
        for ((subject, asked), code) in subjects.iter().zip(&asked).zip(&codes) {
            if asked != code {
                self.log.warn(subject.place, "courseCode", SHARED_CODE);
            }
        }
        self.let_go("subjects", "code", &unique::in_the_way(&found.ids, &codes, &holders)).await?;
        self.subjects = subjects.iter().map(|subject| subject.source.clone()).zip(found.ids.iter().copied()).collect();
        let batch = Batch {
            table: &SUBJECTS,
            created: found.created,
            places: subjects.iter().map(|subject| subject.place).collect(),
            columns: vec![
                Column::texts(subjects.iter().map(|subject| subject.source.clone())),
                Column::texts(subjects.iter().map(|subject| subject.name.clone())),
                Column::Text(codes),
            ],
            ids: found.ids,
        };
        self.report.subjects = self.put(batch).await?;
        Ok(())
    }

    /// Rows whose unique value another row of the file takes over hold a stand-in meanwhile. They get their new value later, in the same transaction.
    pub(super) async fn let_go(&mut self, table: &str, column: &str, ids: &[Uuid]) -> Result<(), Stop> {
        if !ids.is_empty() {
            let sql = format!("UPDATE {table} SET {column} = id::text WHERE school_id = $1 AND id = ANY ($2)");
            sqlx::query(AssertSqlSafe(sql)).bind(self.school).bind(ids).execute(&mut *self.connection).await?;
        }
        Ok(())
    }

    pub(super) async fn put_classes(&mut self) -> Result<(), Stop> {
        let roster = self.roster;
        let years = self.years_of_classes().await?;
        self.stop_if_faulty()?;
        let rows: Vec<ClassRow> =
            sqlx::query_as("SELECT id, source_id, academic_year_id, name, code FROM classes").fetch_all(&mut *self.connection).await?;
        let key = |year: Uuid, text: &str| format!("{year}|{text}");
        let holders: Holders = rows.iter().filter_map(|(id, _, year, _, code)| Some((key(*year, code.as_deref()?), *id))).collect();
        let known: Vec<Known> = rows
            .into_iter()
            .map(|(id, source, year, name, code)| Known {
                id,
                source,
                sole: code.iter().map(|code| key(year, code)).collect(),
                likely: vec![key(year, &name)],
            })
            .collect();
        let classes = &roster.classes;
        let code_keys: Vec<Option<String>> =
            classes.iter().zip(&years).map(|(class, year)| Some(key(*year, class.class.code.as_deref()?))).collect();
        let wanted: Vec<Wanted> = classes
            .iter()
            .zip(&years)
            .zip(&code_keys)
            .map(|((class, year), code)| Wanted {
                source: class.class.sourced_id.clone(),
                sole: code.iter().cloned().collect(),
                likely: vec![key(*year, &class.class.title)],
            })
            .collect();
        let found = identify(&known, &wanted);
        let keys = unique::sole(&found.ids, code_keys.clone(), &holders);
        for ((class, asked), given) in classes.iter().zip(&code_keys).zip(&keys) {
            if asked != given {
                self.log.warn(at(FileKind::Classes, class.class.line), "classCode", SHARED_CODE);
            }
        }
        self.let_go("classes", "code", &unique::in_the_way(&found.ids, &keys, &holders)).await?;
        let codes = classes.iter().zip(&keys).map(|(class, given)| class.class.code.clone().filter(|_| given.is_some())).collect();
        let heads = self.class_teachers();
        let heads: Vec<Option<Uuid>> = classes.iter().map(|class| heads.get(class.class.sourced_id.as_str()).copied()).collect();
        self.classes = classes.iter().map(|class| class.class.sourced_id.as_str()).zip(found.ids.iter().copied()).collect();
        let batch = Batch {
            table: &CLASSES,
            created: found.created,
            places: classes.iter().map(|class| at(FileKind::Classes, class.class.line)).collect(),
            columns: vec![
                Column::texts(classes.iter().map(|class| class.class.sourced_id.clone())),
                Column::ids(years),
                Column::Id(classes.iter().map(|class| self.term_of(class)).collect()),
                Column::texts(classes.iter().map(|class| class.class.title.clone())),
                Column::Text(codes),
                Column::Text(classes.iter().map(|class| grades(&class.class.grades)).collect()),
                Column::Id(heads),
                Column::Text(classes.iter().map(|class| class.class.location.clone()).collect()),
            ],
            ids: found.ids,
        };
        self.report.classes = self.put(batch).await?;
        Ok(())
    }

    /// Its only term. A class that names several, or a whole year, is taught all year.
    fn term_of(&self, class: &SchoolClass<'_>) -> Option<Uuid> {
        match class.terms.as_slice() {
            [only] => self.terms.get(only.sourced_id.as_str()).copied(),
            _ => None,
        }
    }

    async fn years_of_classes(&mut self) -> Result<Vec<Uuid>, Stop> {
        let all: Vec<(Uuid, NaiveDate)> =
            sqlx::query_as("SELECT id, starts_on FROM academic_years WHERE status = 'active'").fetch_all(&mut *self.connection).await?;
        let starts: HashMap<Uuid, NaiveDate> = all.iter().copied().collect();
        let mut years = Vec::new();
        for class in &self.roster.classes {
            let by_year = class.year.and_then(|year| self.years.get(year.sourced_id.as_str()).copied());
            let by_term = || class.terms.iter().find_map(|term| self.term_years.get(term.sourced_id.as_str()).copied());
            let only = || if let [(only, _)] = all.as_slice() { Some(*only) } else { None };
            if let Some(year) = by_year.or_else(by_term).or_else(only) {
                years.push(year);
                let first = class.terms.iter().map(|term| term.start).min().or_else(|| starts.get(&year).copied());
                self.first_days.extend(first.map(|first| (class.class.sourced_id.as_str(), first)));
            } else {
                let message = "names no term of a school year, and the school does not have exactly one year that could be meant";
                self.log.fault(at(FileKind::Classes, class.class.line), Some("termSourcedIds"), message);
            }
        }
        Ok(years)
    }

    /// The main teacher of each home class.
    fn class_teachers(&self) -> HashMap<&str, Uuid> {
        let homes = self.roster.classes.iter().filter(|class| class.class.kind == ClassType::Homeroom);
        let homes: HashSet<&str> = homes.map(|class| class.class.sourced_id.as_str()).collect();
        let mut heads = HashMap::new();
        for row in self
            .roster
            .enrollments
            .iter()
            .filter(|row| row.role == RosterRole::Teacher && row.primary && homes.contains(row.class.as_str()))
        {
            if let Some(teacher) = self.teachers.get(row.user.as_str()) {
                heads.entry(row.class.as_str()).or_insert(*teacher);
            }
        }
        heads
    }
}
