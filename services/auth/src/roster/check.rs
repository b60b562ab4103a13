//! What can be told from the file alone: values that are longer than their columns, dates that the tables can't hold. All of it at once, before any SQL.

use std::collections::HashMap;

use oneroster::{FileKind, User};

use super::log::{Log, Place, at};
use super::work::Work;

/// A sourcedId is indexed; the standard's GUIDs have 36 characters.
const SOURCE: usize = 200;

impl Work<'_> {
    pub(super) fn check(&mut self) {
        let (roster, log) = (self.roster, &mut self.log);
        let org = at(FileKind::Orgs, roster.org.line);
        identity(log, org, &roster.org.sourced_id);
        text(log, org, "name", &roster.org.name, 200);
        let mut titles = HashMap::new();
        for year in &roster.years {
            let place = at(FileKind::AcademicSessions, year.line);
            identity(log, place, &year.sourced_id);
            text(log, place, "title", &year.title, 100);
            if let Some(other) = titles.insert(&year.title, year.line) {
                log.fault(place, Some("title"), format!("the school year of line {other} has this title too"));
            }
        }
        for session in roster.years.iter().copied().chain(roster.terms.iter().map(|term| term.session)) {
            if session.end <= session.start {
                log.fault(at(FileKind::AcademicSessions, session.line), Some("endDate"), "must be after startDate");
            }
        }
        for term in &roster.terms {
            let place = at(FileKind::AcademicSessions, term.session.line);
            identity(log, place, &term.session.sourced_id);
            text(log, place, "title", &term.session.title, 100);
        }
        for course in &roster.courses {
            let place = at(FileKind::Courses, course.line);
            identity(log, place, &course.sourced_id);
            text(log, place, "title", &course.title, 200);
            optional(log, place, "courseCode", course.code.as_deref(), 64);
        }
        for class in roster.classes.iter().map(|class| class.class) {
            let place = at(FileKind::Classes, class.line);
            identity(log, place, &class.sourced_id);
            text(log, place, "title", &class.title, 200);
            optional(log, place, "classCode", class.code.as_deref(), 64);
            optional(log, place, "location", class.location.as_deref(), 64);
        }
        for class in roster.classes.iter().filter(|class| class.course.is_none()) {
            optional(log, at(FileKind::Classes, class.class.line), "subjects", class.subjects.first().map(String::as_str), 190);
        }
        for person in &roster.people {
            let place = at(FileKind::Users, person.user.line);
            identity(log, place, &person.user.sourced_id);
            text(log, place, "givenName", &person.user.given_name, 255);
            text(log, place, "familyName", &person.user.family_name, 255);
            text(log, place, "familyName", &full_name(person.user), 255);
            optional(log, place, "phone", person.user.phone.as_deref(), 32);
            optional(log, place, "sms", person.user.sms.as_deref(), 32);
        }
        for enrollment in &roster.enrollments {
            identity(log, at(FileKind::Enrollments, enrollment.line), &enrollment.sourced_id);
        }
    }
}

/// The name to show: the one that the person prefers, if there is one.
pub(super) fn full_name(user: &User) -> String {
    let given = user.preferred_given_name.as_ref().unwrap_or(&user.given_name);
    let family = user.preferred_family_name.as_ref().unwrap_or(&user.family_name);
    format!("{given} {family}").trim().to_owned()
}

fn identity(log: &mut Log, place: Place, sourced_id: &str) {
    text(log, place, "sourcedId", sourced_id, SOURCE);
}

fn optional(log: &mut Log, place: Place, column: &str, value: Option<&str>, most: usize) {
    if let Some(value) = value {
        text(log, place, column, value, most);
    }
}

fn text(log: &mut Log, place: Place, column: &str, value: &str, most: usize) {
    // Bytes are a quick upper bound of characters.
    if value.len() > most && value.chars().count() > most {
        log.fault(place, Some(column), format!("must be at most {most} characters"));
    }
}
