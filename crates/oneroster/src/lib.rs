//! Reads a school's roster from a `OneRoster` 1.1 or 1.2 CSV zip. No database, no clock, no files: bytes in, typed rows or a
//! report out.
//!
//! [`Bundle::read`] opens the zip within [`Limits`], reads every file it needs, checks each row alone and then all rows
//! against each other, and answers with a [`Bundle`] or with a [`Report`] that names every fault by file, line and column.
//! [`Bundle::schools`] sorts a bundle by school. [`Bundle::write_zip`] writes one back.
//!
//! # Which standard
//! 1EdTech `OneRoster` 1.1 CSV Tables and `OneRoster` 1.2 CSV Binding, as `manifest.csv` says (`oneroster.version`), with
//! `manifest.version` 1.0. `bulk` and `absent` files are held against what is in the zip. `delta` files are read: their
//! mode is in [`Bundle::modes`], each row must have a status, and a reference from or into one that the bundle can't
//! resolve is left to whoever has the store. Files of the standard that are no roster (results, resources, …) are not read.
//!
//! # How 1.1 becomes 1.2
//! | 1.1 | here |
//! |---|---|
//! | `users.role`, `users.orgSourcedIds` | a [`UserRole`] for each org, the first `primary` |
//! | the first of `users.orgSourcedIds` | [`User::primary_org`] (`primaryOrgSourcedId` in 1.2) |
//! | role `administrator` | kept as [`RosterRole::Administrator`]; 1.2 has `siteAdministrator`, `districtAdministrator`, … |
//! | `status` `inactive` | [`Status::ToBeDeleted`], with a warning |
//! | `agentSourcedIds` (both versions) | [`Guardianship`]s, whichever of child and parent names the other |
//! | `demographics.sourcedId` (both versions) | the user's sourcedId |
//!
//! # What real files get away with
//! Each of these is a warning: a class without a course or a term, empty `subjects` (the course's count then), a user without
//! user name, e-mail address, one of the two names or a role, `enabledUser` empty (read as true), `status` filled in a bulk
//! file, columns out of order, in other case, unknown or optional and missing, a byte order mark, spaces around values,
//! `TRUE`, empty rows, a row twice, passwords (never read). CRLF and LF are both fine;
//! empty optional values are not worth a warning.
//!
//! Each of these is a fault, because reading on would be guessing: a quote out of place, a row shorter
//! or longer than the header, a date in any form but
//! `YYYY-MM-DD`, a value that is in no list, an e-mail address that is none, a second row of one sourcedId that says
//! something else, a reference that leads nowhere or into another school, an enrolment as what the person is not.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod archive;
mod bundle;
mod cell;
mod file;
mod load;
mod manifest;
mod membership;
mod records;
mod refs;
mod report;
mod roster;
mod rows;
mod table;
mod validate;
mod write;

pub use archive::Limits;
pub use bundle::Bundle;
pub use file::{FileKind, Mode, Version};
pub use manifest::Source;
pub use report::{FaultCode, FaultCount, Report, RosterFault, RosterWarning, WarningCode};
pub use roster::{Guardianship, Person, Removal, SchoolClass, SchoolRoster, Term};
pub use rows::{
    AcademicSession, Class, ClassType, Course, Demographics, Enrollment, Org, OrgType, RoleType, RosterRole, Row, SessionType, Sex, Status,
    User, UserRole,
};
pub use write::write_csv_zip;
