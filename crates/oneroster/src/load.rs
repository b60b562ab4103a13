//! Each file's rows, cell by cell. Every cell of a row is read before the row is given up, so that all its faults are noted.

use crate::cell::Cells;
use crate::file::{Mode, Version};
use crate::report::WarningCode;
use crate::rows::{AcademicSession, Class, Course, Demographics, Enrollment, Org, RoleType, RosterRole, Row, User, UserRole};
use crate::table::Loaded;

/// All files, with what is needed to check references between them.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) orgs: Loaded<Org>,
    pub(crate) sessions: Loaded<AcademicSession>,
    pub(crate) courses: Loaded<Course>,
    pub(crate) classes: Loaded<Class>,
    pub(crate) users: Loaded<User>,
    pub(crate) roles: Loaded<UserRole>,
    pub(crate) enrollments: Loaded<Enrollment>,
    pub(crate) demographics: Loaded<Demographics>,
}

pub(crate) fn org(cells: &mut Cells<'_>) -> Option<Org> {
    let (name, kind) = (cells.required("name"), cells.required_choice("type"));
    let (identifier, parent) = (cells.text("identifier"), cells.text("parentSourcedId"));
    Some(Org { name: name?, kind: kind?, identifier, parent })
}

pub(crate) fn session(cells: &mut Cells<'_>) -> Option<AcademicSession> {
    let (title, kind) = (cells.required("title"), cells.required_choice("type"));
    let span = cells.required_span("startDate", "endDate");
    let (parent, school_year) = (cells.text("parentSourcedId"), cells.year("schoolYear"));
    let (start, end) = span?;
    Some(AcademicSession { title: title?, kind: kind?, start, end, parent, school_year: school_year.ok()? })
}

pub(crate) fn course(cells: &mut Cells<'_>) -> Option<Course> {
    let (title, org) = (cells.required("title"), cells.required("orgSourcedId"));
    let (school_year, code) = (cells.text("schoolYearSourcedId"), cells.text("courseCode"));
    let (grades, subjects, subject_codes) = (cells.list("grades"), cells.list("subjects"), cells.list("subjectCodes"));
    Some(Course { school_year, title: title?, code, grades, org: org?, subjects, subject_codes })
}

pub(crate) fn class(cells: &mut Cells<'_>) -> Option<Class> {
    let (title, kind, school) = (cells.required("title"), cells.required_choice("classType"), cells.required("schoolSourcedId"));
    let (course, terms) = (cells.expected("courseSourcedId"), cells.list("termSourcedIds"));
    if terms.is_empty() {
        cells.warn("termSourcedIds", WarningCode::EmptyRequired);
    }
    let (code, location) = (cells.text("classCode"), cells.text("location"));
    let (grades, periods) = (cells.list("grades"), cells.list("periods"));
    let (subjects, subject_codes) = (cells.list("subjects"), cells.list("subjectCodes"));
    Some(Class { title: title?, grades, course, code, kind: kind?, location, school: school?, terms, subjects, subject_codes, periods })
}

/// A user, and what a 1.1 file says of the user's role and orgs.
#[derive(Debug, PartialEq)]
pub(crate) struct UserCells {
    user: User,
    role: Option<RosterRole>,
    orgs: Vec<String>,
}

pub(crate) fn user(cells: &mut Cells<'_>, version: Version) -> Option<UserCells> {
    let enabled = cells.boolean("enabledUser");
    if enabled == Ok(None) {
        cells.warn("enabledUser", WarningCode::EmptyRequired);
    }
    let username = cells.expected("username");
    let (given_name, family_name) = (cells.text("givenName"), cells.text("familyName"));
    let named = match (&given_name, &family_name) {
        (None, None) => cells.required("familyName").is_some(),
        (Some(_), Some(_)) => true,
        (given, _) => {
            let empty = if given.is_none() { "givenName" } else { "familyName" };
            cells.warn(empty, WarningCode::EmptyRequired);
            true
        }
    };
    let email = cells.email("email");
    if cells.peek("password").is_some() {
        cells.warn("password", WarningCode::PasswordIgnored);
    }
    let (role, orgs) = match version {
        Version::V1_1 => (cells.required_choice("role").map(Some), cells.list("orgSourcedIds")),
        Version::V1_2 => (Some(None), Vec::new()),
    };
    if version == Version::V1_1 && orgs.is_empty() {
        cells.warn("orgSourcedIds", WarningCode::EmptyRequired);
    }
    let primary_org = cells.text("primaryOrgSourcedId").or_else(|| orgs.first().cloned());
    let user = User {
        enabled: true,
        username,
        user_ids: cells.list("userIds"),
        given_name: given_name.unwrap_or_default(),
        family_name: family_name.unwrap_or_default(),
        middle_name: cells.text("middleName"),
        identifier: cells.text("identifier"),
        email: None,
        sms: cells.text("sms"),
        phone: cells.text("phone"),
        agents: cells.list("agentSourcedIds"),
        grades: cells.list("grades"),
        preferred_given_name: cells.text("preferredGivenName"),
        preferred_middle_name: cells.text("preferredMiddleName"),
        preferred_family_name: cells.text("preferredFamilyName"),
        primary_org,
        pronouns: cells.text("pronouns"),
    };
    let user = User { enabled: enabled.ok()?.unwrap_or(true), email: email.ok()?, ..user };
    named.then_some(UserCells { user, role: role?, orgs })
}

/// Parts 1.1 users into users and roles.
pub(crate) fn part_users(loaded: Loaded<UserCells>) -> (Loaded<User>, Loaded<UserRole>) {
    let mut roles = Loaded::nothing(loaded.complete);
    let rows = loaded.rows.into_iter().map(|row| {
        let Row { line, sourced_id, status, modified, fields: UserCells { user, role, orgs } } = row;
        for (index, org) in orgs.into_iter().enumerate() {
            let Some(role) = role else { continue };
            let kind = if index == 0 { RoleType::Primary } else { RoleType::Secondary };
            let fields = UserRole { user: sourced_id.clone(), kind, role, begin: None, end: None, org };
            let id = format!("{sourced_id}:{}:{}", fields.org, role.as_str());
            roles.rows.push(Row { line, sourced_id: id, status, modified, fields });
        }
        Row { line, sourced_id, status, modified, fields: user }
    });
    let users = Loaded { rows: rows.collect(), refused: loaded.refused, complete: loaded.complete };
    (users, roles)
}

pub(crate) fn role(cells: &mut Cells<'_>) -> Option<UserRole> {
    let (user, org, role) = (cells.required("userSourcedId"), cells.required("orgSourcedId"), cells.required_choice("role"));
    let (kind, span) = (cells.required_choice("roleType"), cells.span("beginDate", "endDate"));
    let (begin, end) = span?;
    Some(UserRole { user: user?, kind: kind?, role: role?, begin, end, org: org? })
}

pub(crate) fn enrollment(cells: &mut Cells<'_>) -> Option<Enrollment> {
    let (class, school, user) = (cells.required("classSourcedId"), cells.required("schoolSourcedId"), cells.required("userSourcedId"));
    let (role, primary) = (cells.required_choice("role"), cells.boolean("primary"));
    let (begin, end) = cells.span("beginDate", "endDate")?;
    let primary = primary.ok()?.unwrap_or(false);
    Some(Enrollment { class: class?, school: school?, user: user?, role: role?, primary, begin, end })
}

pub(crate) fn demographics(cells: &mut Cells<'_>) -> Option<Demographics> {
    let (birth_date, sex) = (cells.date("birthDate"), cells.choice("sex"));
    Some(Demographics { birth_date: birth_date.ok()?, sex: sex.ok()? })
}

/// Whether an id that is in neither set may still exist: in the store, or in a part of the file that could not be read.
pub(crate) fn may_exist_elsewhere<T>(loaded: &Loaded<T>, mode: Mode) -> bool {
    mode == Mode::Delta || !loaded.complete
}
