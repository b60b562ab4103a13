//! Who belongs to which school as what, and who is in which class. The place where two schools could get mixed up.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;

use crate::file::{FileKind, Mode};
use crate::refs::upwards;
use crate::report::{FaultCode, Log, WarningCode};
use crate::rows::{Enrollment, RoleType, RosterRole, Row};
use crate::validate::{World, spans};

/// Everyone's active roles by person and org.
pub(crate) struct Roles<'a> {
    held: HashMap<(&'a str, &'a str), Vec<RosterRole>>,
    /// Whether all roles are known, so that one that is not held here is not held.
    complete: bool,
}

/// Checks the roles' references.
pub(crate) fn roles<'a>(world: &World<'a>, log: &mut Log) -> Roles<'a> {
    const FILE: FileKind = FileKind::Roles;
    let file = world.home(FILE);
    let org_column = if file == FILE { "orgSourcedId" } else { "orgSourcedIds" };
    let loaded = &world.files.roles;
    let complete = loaded.complete && loaded.refused.is_empty() && world.mode(FILE) != Mode::Delta;
    let mut roles = Roles { held: HashMap::new(), complete };
    let (mut people, mut primary) = (HashSet::new(), HashSet::new());
    for row in &loaded.rows {
        let place = world.place(FILE, row);
        if file == FILE {
            world.users.follow(log, place, "userSourcedId", &row.user);
        }
        world.orgs.follow(log, place, org_column, &row.org);
        if !row.is_active() {
            continue;
        }
        people.insert(row.user.as_str());
        if row.kind == RoleType::Primary && !primary.insert((row.user.as_str(), row.org.as_str())) {
            log.warn(file.file_name(), Some(row.line), Some("roleType"), WarningCode::OddPrimary);
        }
        let held = roles.held.entry((&row.user, &row.org)).or_default();
        if !held.contains(&row.role) {
            held.push(row.role);
        }
    }
    for user in world.files.users.rows.iter().filter(|user| complete && user.is_active()) {
        let warn = |log: &mut Log, column, code| {
            log.warn(FileKind::Users.file_name(), Some(user.line), column, code);
        };
        if !people.contains(user.sourced_id.as_str()) {
            warn(log, None, WarningCode::NoRole);
        } else if user.primary_org.as_ref().is_some_and(|org| !roles.held.contains_key(&(&*user.sourced_id, &**org))) {
            warn(log, Some("primaryOrgSourcedId"), WarningCode::PrimaryOrg);
        }
    }
    roles
}

/// Checks the enrolments; returns those, by index, that repeat an earlier one.
pub(crate) fn enrollments(world: &World<'_>, roles: &Roles<'_>, log: &mut Log) -> BTreeSet<usize> {
    let file = FileKind::Enrollments.file_name();
    let (spans, mut tallies, mut times) = (spans(world), HashMap::<&str, Tally>::new(), HashMap::new());
    let mut repeated = BTreeSet::new();
    for (index, row) in world.files.enrollments.rows.iter().enumerate() {
        references(world, roles, row, log);
        if !row.is_active() {
            continue;
        }
        let line = Some(row.line);
        if let Some((start, end)) = spans.get(row.class.as_str()) {
            let early = row.begin.is_some_and(|begin| begin < *start);
            if early || row.end.is_some_and(|day| day > *end) {
                let column = if early { "beginDate" } else { "endDate" };
                log.warn(file, line, Some(column), WarningCode::OutsideParent);
            }
        }
        let time = (row.begin.unwrap_or(NaiveDate::MIN), row.end.unwrap_or(NaiveDate::MAX));
        if !keep(times.entry((&row.class, &row.user, row.role)).or_default(), time) {
            repeated.insert(index);
            log.warn(file, line, None, WarningCode::DuplicateEnrollment);
            continue;
        }
        if tallies.entry(&row.class).or_default().odd_primary(row) {
            log.warn(file, line, Some("primary"), WarningCode::OddPrimary);
        }
    }
    if world.mode(FileKind::Enrollments) == Mode::Bulk && world.files.enrollments.complete {
        for class in world.files.classes.rows.iter().filter(|class| class.is_active()) {
            let tally = tallies.get(class.sourced_id.as_str());
            let mut warn = |code| log.warn(FileKind::Classes.file_name(), Some(class.line), None, code);
            if tally.is_none_or(|tally| tally.teachers == 0) {
                warn(WarningCode::NoTeacher);
            }
            if tally.is_none_or(|tally| tally.students == 0) {
                warn(WarningCode::NoStudents);
            }
        }
    }
    repeated
}

/// A class's people.
#[derive(Default)]
struct Tally {
    teachers: usize,
    students: usize,
    primary: Option<String>,
}

impl Tally {
    /// Counts an enrolment and says whether its `primary` is odd: a student's, or a second teacher's.
    fn odd_primary(&mut self, row: &Enrollment) -> bool {
        self.teachers += usize::from(row.role == RosterRole::Teacher);
        self.students += usize::from(row.role == RosterRole::Student);
        if !row.primary {
            return false;
        }
        let another = self.primary.as_ref().is_some_and(|user| *user != row.user);
        self.primary.get_or_insert_with(|| row.user.clone());
        another || row.role == RosterRole::Student
    }
}

/// Keeps a stretch of time unless it overlaps one that is kept. Those kept do not overlap, so that only the last that
/// begins before this one ends can be in the way.
fn keep(kept: &mut BTreeMap<NaiveDate, NaiveDate>, (begin, end): (NaiveDate, NaiveDate)) -> bool {
    let free = kept.range(..=end).next_back().is_none_or(|(_, last)| *last < begin);
    if free {
        kept.insert(begin, end);
    }
    free
}

fn references(world: &World<'_>, roles: &Roles<'_>, row: &Row<Enrollment>, log: &mut Log) {
    let place = world.place(FileKind::Enrollments, row);
    let class = world.classes.follow(log, place, "classSourcedId", &row.class);
    let school = world.school(log, place, &row.school);
    let user = world.users.follow(log, place, "userSourcedId", &row.user);
    if class.is_some_and(|class| class.school != row.school) {
        place.fault(log, "schoolSourcedId", FaultCode::CrossSchool);
    }
    let (Some(school), Some(_), true) = (school, user, roles.complete && row.is_active()) else { return };
    // A role in the school, or in a district that holds it.
    let (mut member, mut fitting) = (false, false);
    for org in upwards(|id| world.orgs.get(id), school) {
        for role in roles.held.get(&(&*row.user, &*org.sourced_id)).into_iter().flatten() {
            member = true;
            fitting |= fits(*role, row.role);
        }
    }
    if !fitting && !world.is_placed(school) {
        return;
    }
    if !member {
        place.fault(log, "userSourcedId", FaultCode::CrossSchool);
    } else if !fitting {
        place.fault(log, "role", FaultCode::RoleMismatch);
    }
}

/// Whether who is `held` in the school may be `enrolled` in a class: only students learn, and neither students nor
/// families teach. Aides and principals do.
fn fits(held: RosterRole, enrolled: RosterRole) -> bool {
    match enrolled {
        RosterRole::Student => held == RosterRole::Student,
        RosterRole::Teacher => held != RosterRole::Student && !held.is_family(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_overlapping_times_the_first_is_kept_and_others_may_follow_or_precede() {
        let day = |d| NaiveDate::from_ymd_opt(2026, 6, d).unwrap();
        let mut kept = BTreeMap::new();
        assert!(keep(&mut kept, (day(10), day(20))));
        for (begin, end) in [(10, 20), (1, 10), (20, 25), (12, 13), (1, 30)] {
            assert!(!keep(&mut kept, (day(begin), day(end))), "{begin} to {end}");
        }
        assert!(keep(&mut kept, (day(21), day(25))));
        assert!(keep(&mut kept, (day(1), day(9))));
        assert!(!keep(&mut kept, (NaiveDate::MIN, NaiveDate::MAX)));
    }
}
