//! Writing: a bundle as a 1.2 zip, and any files as a zip. Promises: what is written reads back equal, lines aside where
//! the source had empty rows; an equal bundle makes equal bytes.

use std::io::{self, Seek, Write};

use chrono::{NaiveDate, SecondsFormat};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::bundle::Bundle;
use crate::file::{FileKind, Mode, OTHER_FILES, Version};
use crate::rows::{AcademicSession, Class, Course, Demographics, Enrollment, Listed, Org, Row, Status, User, UserRole};

/// Writes named files into a zip, in their order, with a fixed date so that equal files make equal bytes.
pub fn write_csv_zip<W: Write + Seek>(out: W, files: impl IntoIterator<Item = (impl ToString, impl AsRef<[u8]>)>) -> io::Result<W> {
    let mut zip = ZipWriter::new(out);
    for (name, bytes) in files {
        zip.start_file(name.to_string(), SimpleFileOptions::default())?;
        zip.write_all(bytes.as_ref())?;
    }
    Ok(zip.finish()?)
}

impl Bundle {
    /// Writes the bundle as `OneRoster` 1.2, a 1.1 bundle too. Values that spreadsheets would take for a formula are
    /// written as they are: the standard knows no escape for them, and a roster is for programs.
    pub fn write_zip<W: Write + Seek>(&self, out: W) -> io::Result<W> {
        let files = [
            (FileKind::Manifest, self.manifest()?),
            (FileKind::Orgs, self.table(FileKind::Orgs, &self.orgs)?),
            (FileKind::AcademicSessions, self.table(FileKind::AcademicSessions, &self.sessions)?),
            (FileKind::Courses, self.table(FileKind::Courses, &self.courses)?),
            (FileKind::Classes, self.table(FileKind::Classes, &self.classes)?),
            (FileKind::Users, self.table(FileKind::Users, &self.users)?),
            (FileKind::Roles, self.table(FileKind::Roles, &self.roles)?),
            (FileKind::Enrollments, self.table(FileKind::Enrollments, &self.enrollments)?),
            (FileKind::Demographics, self.table(FileKind::Demographics, &self.demographics)?),
        ];
        let there = files.into_iter().filter(|(kind, _)| self.written_mode(*kind) != Mode::Absent);
        write_csv_zip(out, there.map(|(kind, bytes)| (kind.file_name(), bytes)))
    }

    fn written_mode(&self, kind: FileKind) -> Mode {
        let home = match (kind, self.version) {
            (FileKind::Manifest, _) => return Mode::Bulk,
            (FileKind::Roles, Version::V1_1) => FileKind::Users,
            _ => kind,
        };
        self.modes.get(&home).copied().unwrap_or(Mode::Absent)
    }

    fn manifest(&self) -> io::Result<Vec<u8>> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(FileKind::Manifest.columns(Version::V1_2))?;
        csv.write_record(["manifest.version", "1.0"])?;
        csv.write_record(["oneroster.version", "1.2"])?;
        let read = FileKind::ALL.iter().filter(|kind| **kind != FileKind::Manifest);
        let mut modes: Vec<_> = read.map(|kind| (kind.stem(), self.written_mode(*kind))).collect();
        modes.extend(OTHER_FILES.iter().map(|stem| (*stem, Mode::Absent)));
        modes.sort_unstable_by_key(|(stem, _)| *stem);
        for (stem, mode) in modes {
            csv.write_record([format!("file.{stem}").as_str(), listed_name(mode)])?;
        }
        let source = &self.source;
        for (property, value) in [("source.systemName", &source.system_name), ("source.systemCode", &source.system_code)] {
            if let Some(value) = value {
                csv.write_record([property, value])?;
            }
        }
        csv.into_inner().map_err(csv::IntoInnerError::into_error)
    }

    fn table<T: Fields>(&self, kind: FileKind, rows: &[Row<T>]) -> io::Result<Vec<u8>> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        let columns = kind.columns(Version::V1_2);
        csv.write_record(columns)?;
        let delta = self.written_mode(kind) == Mode::Delta;
        for row in rows {
            let status = if delta || row.status != Status::Active { row.status.as_str() } else { "" };
            let modified = row.modified.map(|m| m.to_rfc3339_opts(SecondsFormat::AutoSi, true)).unwrap_or_default();
            for column in columns {
                match *column {
                    "sourcedId" => csv.write_field(&row.sourced_id)?,
                    "status" => csv.write_field(status)?,
                    "dateLastModified" => csv.write_field(&modified)?,
                    _ => csv.write_field(row.fields.field(column))?,
                }
            }
            csv.write_record(None::<&[u8]>)?;
        }
        csv.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}

fn listed_name<T: Listed + PartialEq>(value: T) -> &'static str {
    T::NAMES.iter().find(|(_, named)| *named == value).map_or("", |(name, _)| name)
}

/// A row's values by column; a column that is not kept is empty.
trait Fields {
    fn field(&self, column: &str) -> String;
}

fn text(value: &str) -> String {
    value.to_owned()
}

fn optional(value: Option<&String>) -> String {
    value.cloned().unwrap_or_default()
}

fn list(items: &[String]) -> String {
    items.join(",")
}

fn date(date: Option<NaiveDate>) -> String {
    date.map(|date| date.to_string()).unwrap_or_default()
}

impl Fields for Org {
    fn field(&self, column: &str) -> String {
        match column {
            "name" => text(&self.name),
            "type" => text(self.kind.as_str()),
            "identifier" => optional(self.identifier.as_ref()),
            "parentSourcedId" => optional(self.parent.as_ref()),
            _ => String::new(),
        }
    }
}

impl Fields for AcademicSession {
    fn field(&self, column: &str) -> String {
        match column {
            "title" => text(&self.title),
            "type" => text(self.kind.as_str()),
            "startDate" => date(Some(self.start)),
            "endDate" => date(Some(self.end)),
            "parentSourcedId" => optional(self.parent.as_ref()),
            "schoolYear" => self.school_year.map(|year| year.to_string()).unwrap_or_default(),
            _ => String::new(),
        }
    }
}

impl Fields for Course {
    fn field(&self, column: &str) -> String {
        match column {
            "schoolYearSourcedId" => optional(self.school_year.as_ref()),
            "title" => text(&self.title),
            "courseCode" => optional(self.code.as_ref()),
            "grades" => list(&self.grades),
            "orgSourcedId" => text(&self.org),
            "subjects" => list(&self.subjects),
            "subjectCodes" => list(&self.subject_codes),
            _ => String::new(),
        }
    }
}

impl Fields for Class {
    fn field(&self, column: &str) -> String {
        match column {
            "title" => text(&self.title),
            "grades" => list(&self.grades),
            "courseSourcedId" => optional(self.course.as_ref()),
            "classCode" => optional(self.code.as_ref()),
            "classType" => text(self.kind.as_str()),
            "location" => optional(self.location.as_ref()),
            "schoolSourcedId" => text(&self.school),
            "termSourcedIds" => list(&self.terms),
            "subjects" => list(&self.subjects),
            "subjectCodes" => list(&self.subject_codes),
            "periods" => list(&self.periods),
            _ => String::new(),
        }
    }
}

impl Fields for User {
    fn field(&self, column: &str) -> String {
        match column {
            "enabledUser" => self.enabled.to_string(),
            "username" => optional(self.username.as_ref()),
            "userIds" => list(&self.user_ids),
            "givenName" => text(&self.given_name),
            "familyName" => text(&self.family_name),
            "middleName" => optional(self.middle_name.as_ref()),
            "identifier" => optional(self.identifier.as_ref()),
            "email" => self.email.as_ref().map(|email| text(email.as_str())).unwrap_or_default(),
            "sms" => optional(self.sms.as_ref()),
            "phone" => optional(self.phone.as_ref()),
            "agentSourcedIds" => list(&self.agents),
            "grades" => list(&self.grades),
            "preferredGivenName" => optional(self.preferred_given_name.as_ref()),
            "preferredMiddleName" => optional(self.preferred_middle_name.as_ref()),
            "preferredFamilyName" => optional(self.preferred_family_name.as_ref()),
            "primaryOrgSourcedId" => optional(self.primary_org.as_ref()),
            "pronouns" => optional(self.pronouns.as_ref()),
            _ => String::new(),
        }
    }
}

impl Fields for UserRole {
    fn field(&self, column: &str) -> String {
        match column {
            "userSourcedId" => text(&self.user),
            "roleType" => text(self.kind.as_str()),
            "role" => text(self.role.as_str()),
            "beginDate" => date(self.begin),
            "endDate" => date(self.end),
            "orgSourcedId" => text(&self.org),
            _ => String::new(),
        }
    }
}

impl Fields for Enrollment {
    fn field(&self, column: &str) -> String {
        match column {
            "classSourcedId" => text(&self.class),
            "schoolSourcedId" => text(&self.school),
            "userSourcedId" => text(&self.user),
            "role" => text(self.role.as_str()),
            "primary" => self.primary.to_string(),
            "beginDate" => date(self.begin),
            "endDate" => date(self.end),
            _ => String::new(),
        }
    }
}

impl Fields for Demographics {
    fn field(&self, column: &str) -> String {
        match column {
            "birthDate" => date(self.birth_date),
            "sex" => self.sex.map(|sex| text(sex.as_str())).unwrap_or_default(),
            _ => String::new(),
        }
    }
}
