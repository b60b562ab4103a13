//! What rows say of each other: references, parents, dates within dates, one school at a time. Promises: reads only rows
//! that are sound in themselves, so that one mistake is one fault, and takes time linear in the rows.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;

use crate::file::{FileKind, Mode, Version};
use crate::load::Files;
use crate::manifest::Manifest;
use crate::membership;
use crate::refs::{Index, Place, check_parents, upwards};
use crate::report::{FaultCode, Log, WarningCode};
use crate::rows::{AcademicSession, Class, Course, Org, OrgType, Row, SessionType, User};

/// All that may be referred to, by id, and how each file is meant.
pub(crate) struct World<'a> {
    pub(crate) files: &'a Files,
    manifest: &'a Manifest,
    pub(crate) orgs: Index<'a, Org>,
    pub(crate) sessions: Index<'a, AcademicSession>,
    pub(crate) courses: Index<'a, Course>,
    pub(crate) classes: Index<'a, Class>,
    pub(crate) users: Index<'a, User>,
}

impl<'a> World<'a> {
    fn new(files: &'a Files, manifest: &'a Manifest) -> Self {
        Self {
            files,
            manifest,
            orgs: Index::new(&files.orgs, manifest.mode(FileKind::Orgs)),
            sessions: Index::new(&files.sessions, manifest.mode(FileKind::AcademicSessions)),
            courses: Index::new(&files.courses, manifest.mode(FileKind::Courses)),
            classes: Index::new(&files.classes, manifest.mode(FileKind::Classes)),
            users: Index::new(&files.users, manifest.mode(FileKind::Users)),
        }
    }

    /// The file in which a kind of row really stands.
    pub(crate) fn home(&self, file: FileKind) -> FileKind {
        if file == FileKind::Roles && self.manifest.version == Version::V1_1 { FileKind::Users } else { file }
    }

    pub(crate) fn mode(&self, file: FileKind) -> Mode {
        self.manifest.mode(self.home(file))
    }

    pub(crate) fn place<T>(&self, file: FileKind, row: &Row<T>) -> Place {
        Place::of(self.home(file), self.mode(file), row)
    }

    /// Whether `org` is `school` or holds it, as a district does. Unknown orgs have been noted and count as yes.
    pub(crate) fn holds(&self, org: &str, school: &str) -> bool {
        let (Some(_), Some(school)) = (self.orgs.get(org), self.orgs.get(school)) else { return true };
        let mut above = upwards(|id| self.orgs.get(id), school);
        above.any(|above| above.sourced_id == org) || !self.is_placed(school)
    }

    /// Whether all orgs above a school are known. If not, who or what belongs to it can't be told.
    pub(crate) fn is_placed(&self, school: &'a Row<Org>) -> bool {
        upwards(|id| self.orgs.get(id), school).last().is_some_and(|top| top.parent.is_none())
    }

    /// Follows a reference that must lead to a school.
    pub(crate) fn school(&self, log: &mut Log, place: Place, id: &str) -> Option<&'a Row<Org>> {
        let org = self.orgs.follow(log, place, "schoolSourcedId", id)?;
        if org.kind != OrgType::School {
            place.fault(log, "schoolSourcedId", FaultCode::NotASchool);
        }
        Some(org)
    }
}

/// Checks everything; returns the enrolments, by index, that repeat an earlier one.
pub(crate) fn check(files: &Files, manifest: &Manifest, log: &mut Log) -> BTreeSet<usize> {
    let world = World::new(files, manifest);
    check_parents(&world.orgs, FileKind::Orgs, world.mode(FileKind::Orgs), log);
    sessions(&world, log);
    courses(&world, log);
    classes(&world, log);
    users(&world, log);
    for row in &files.demographics.rows {
        world.users.follow(log, world.place(FileKind::Demographics, row), "sourcedId", &row.sourced_id);
    }
    let roles = membership::roles(&world, log);
    membership::enrollments(&world, &roles, log)
}

fn sessions(world: &World<'_>, log: &mut Log) {
    const FILE: FileKind = FileKind::AcademicSessions;
    check_parents(&world.sessions, FILE, world.mode(FILE), log);
    for row in &world.files.sessions.rows {
        let warn = |log: &mut Log, column, code| log.warn(FILE.file_name(), Some(row.line), Some(column), code);
        if let Some(parent) = row.parent.as_deref().and_then(|id| world.sessions.get(id))
            && (row.start < parent.start || row.end > parent.end)
        {
            let column = if row.start < parent.start { "startDate" } else { "endDate" };
            warn(log, column, WarningCode::OutsideParent);
        }
        if !upwards(|id| world.sessions.get(id), row).any(|above| above.kind == SessionType::SchoolYear) {
            warn(log, "parentSourcedId", WarningCode::NoYear);
        }
    }
}

fn courses(world: &World<'_>, log: &mut Log) {
    for row in &world.files.courses.rows {
        let place = world.place(FileKind::Courses, row);
        world.orgs.follow(log, place, "orgSourcedId", &row.org);
        if let Some(year) = &row.school_year {
            world.sessions.follow(log, place, "schoolYearSourcedId", year);
        }
    }
}

fn classes(world: &World<'_>, log: &mut Log) {
    for row in &world.files.classes.rows {
        let place = world.place(FileKind::Classes, row);
        let school = world.school(log, place, &row.school);
        if let Some(id) = &row.course
            && let Some(course) = world.courses.follow(log, place, "courseSourcedId", id)
            && school.is_some()
            && !world.holds(&course.org, &row.school)
        {
            place.fault(log, "courseSourcedId", FaultCode::CrossSchool);
        }
        for term in &row.terms {
            world.sessions.follow(log, place, "termSourcedIds", term);
        }
    }
}

fn users(world: &World<'_>, log: &mut Log) {
    let mut logins = HashSet::new();
    for row in &world.files.users.rows {
        let place = world.place(FileKind::Users, row);
        for agent in &row.agents {
            world.users.follow(log, place, "agentSourcedIds", agent);
        }
        // A 1.1 user's primary org is the first of orgSourcedIds, which the roles made of them answer for.
        if let Some(org) = row.primary_org.as_ref().filter(|_| world.home(FileKind::Roles) == FileKind::Roles) {
            world.orgs.follow(log, place, "primaryOrgSourcedId", org);
        }
        let email = row.email.as_ref().map(|email| ("email", email.as_str().to_owned()));
        let username = row.username.as_ref().map(|name| ("username", name.to_lowercase()));
        for (column, login) in email.into_iter().chain(username) {
            if !logins.insert((column, login)) {
                log.warn(FileKind::Users.file_name(), Some(row.line), Some(column), WarningCode::SharedLogin);
            }
        }
    }
}

/// The first and last day of a class's terms, where it has any.
pub(crate) fn spans<'a>(world: &World<'a>) -> HashMap<&'a str, (NaiveDate, NaiveDate)> {
    let span = |row: &'a Row<Class>| {
        let terms = row.terms.iter().filter_map(|id| world.sessions.get(id));
        let span = terms.map(|term| (term.start, term.end)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        Some((row.sourced_id.as_str(), span))
    };
    world.files.classes.rows.iter().filter_map(span).collect()
}
