//! A whole bundle, read and checked. Promises: a [`Bundle`] that exists has no fault in it; every reference within it
//! leads somewhere (files in delta mode aside).

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek};

use serde::Serialize;

use crate::archive::{Archive, Limits};
use crate::file::{FileKind, Mode, Version};
use crate::load::{self, Files};
use crate::manifest::{self, Manifest, Source};
use crate::report::{Log, Report, RosterWarning};
use crate::roster::{SchoolRoster, gather};
use crate::rows::{AcademicSession, Class, Course, Demographics, Enrollment, Org, Row, User, UserRole};
use crate::table::{Context, Loaded, load};
use crate::validate;

/// A roster as it came: typed rows in the files' order, 1.1 and 1.2 alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bundle {
    /// What it follows.
    pub version: Version,
    /// Where it comes from.
    pub source: Source,
    /// How each file is meant. In 1.1 roles go by `users.csv`.
    pub modes: BTreeMap<FileKind, Mode>,
    /// `orgs.csv`
    pub orgs: Vec<Row<Org>>,
    /// `academicSessions.csv`
    pub sessions: Vec<Row<AcademicSession>>,
    /// `courses.csv`
    pub courses: Vec<Row<Course>>,
    /// `classes.csv`
    pub classes: Vec<Row<Class>>,
    /// `users.csv`
    pub users: Vec<Row<User>>,
    /// `roles.csv`, or the roles in a 1.1 `users.csv`
    pub roles: Vec<Row<UserRole>>,
    /// `enrollments.csv`
    pub enrollments: Vec<Row<Enrollment>>,
    /// `demographics.csv`
    pub demographics: Vec<Row<Demographics>>,
    /// What was odd, and tolerated.
    pub warnings: Vec<RosterWarning>,
    /// Enrolments, by index, that repeat an earlier one.
    #[serde(skip)]
    pub(crate) repeated: BTreeSet<usize>,
}

impl Bundle {
    /// Reads a zip. It is looked at to its end whatever is wrong with it, so that one report names every fault.
    pub fn read(zip: impl Read + Seek, limits: &Limits) -> Result<Self, Report> {
        let mut log = Log::new(limits.max_faults);
        let read = Archive::open(zip, limits, &mut log).map(|mut archive| {
            let manifest = manifest::read(&mut archive, limits, &mut log);
            let files = read_files(&mut archive, &manifest, limits, &mut log);
            let repeated = validate::check(&files, &manifest, &mut log);
            (manifest, files, repeated)
        });
        let report = log.finish();
        match (read, report) {
            (Some((manifest, files, repeated)), Ok(warnings)) => Ok(Self {
                version: manifest.version,
                source: manifest.source,
                modes: manifest.modes,
                orgs: files.orgs.rows,
                sessions: files.sessions.rows,
                courses: files.courses.rows,
                classes: files.classes.rows,
                users: files.users.rows,
                roles: files.roles.rows,
                enrollments: files.enrollments.rows,
                demographics: files.demographics.rows,
                warnings,
                repeated,
            }),
            (_, Err(report)) => Err(report),
            // An archive that can't be opened is in the log.
            (None, Ok(warnings)) => Err(Report { faults: Vec::new(), total: 0, counts: Vec::new(), warnings }),
        }
    }

    /// The roster of each org of type school that is not to be deleted, in the order of `orgs.csv`. In a bundle with
    /// delta files these are the changes that the bundle itself can place; `modes` says which files are changes only.
    #[must_use]
    pub fn schools(&self) -> Vec<SchoolRoster<'_>> {
        gather(self)
    }
}

fn read_files<R: Read + Seek>(archive: &mut Archive<R>, manifest: &Manifest, limits: &Limits, log: &mut Log) -> Files {
    let version = manifest.version;
    let mut reader = Reader { archive, manifest, limits, log };
    let (orgs, sessions) = (reader.file(FileKind::Orgs, load::org), reader.file(FileKind::AcademicSessions, load::session));
    let (courses, classes) = (reader.file(FileKind::Courses, load::course), reader.file(FileKind::Classes, load::class));
    let users = reader.file(FileKind::Users, |cells| load::user(cells, version));
    let (users, from_users) = load::part_users(users);
    let roles = if version == Version::V1_2 { reader.file(FileKind::Roles, load::role) } else { from_users };
    let enrollments = reader.file(FileKind::Enrollments, load::enrollment);
    let demographics = reader.file(FileKind::Demographics, load::demographics);
    Files { orgs, sessions, courses, classes, users, roles, enrollments, demographics }
}

struct Reader<'a, R> {
    archive: &'a mut Archive<R>,
    manifest: &'a Manifest,
    limits: &'a Limits,
    log: &'a mut Log,
}

impl<R: Read + Seek> Reader<'_, R> {
    fn file<T: PartialEq>(&mut self, file: FileKind, read: impl FnMut(&mut crate::cell::Cells<'_>) -> Option<T>) -> Loaded<T> {
        if !self.archive.holds(file) {
            // Said to be absent: nothing of its kind exists. Missing by mistake: anything may.
            return Loaded::nothing(!self.log.misses(file.file_name()));
        }
        let Some(bytes) = self.archive.unpack(file, self.limits, self.log) else { return Loaded::nothing(false) };
        let context = Context { file, version: self.manifest.version, mode: self.manifest.mode(file), limits: self.limits };
        load(&bytes, context, self.log, read)
    }
}
