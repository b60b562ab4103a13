//! A bundle by school: what an importer turns into one school's rows. Promises: nothing of one school is in another's
//! roster, save people, years and courses that both refer to; active rows only; the files' order.

use std::collections::{HashMap, HashSet};

use crate::bundle::Bundle;
use crate::file::FileKind;
use crate::refs::{Child, upwards};
use crate::rows::{AcademicSession, Class, Course, Demographics, Enrollment, Org, OrgType, RosterRole, Row, SessionType, User, UserRole};

/// One school.
#[derive(Debug, Clone, PartialEq)]
pub struct SchoolRoster<'a> {
    /// The school.
    pub org: &'a Row<Org>,
    /// The school years that its courses and classes refer to, directly or through terms.
    pub years: Vec<&'a Row<AcademicSession>>,
    /// The terms, semesters and grading periods, likewise, by first day. `OneRoster` gives sessions no org.
    pub terms: Vec<Term<'a>>,
    /// Its own courses, and a district's that its classes refer to.
    pub courses: Vec<&'a Row<Course>>,
    /// Its classes.
    pub classes: Vec<SchoolClass<'a>>,
    /// Whoever has a role in it, whoever is enrolled in it with a role in its district, and its students' families.
    pub people: Vec<Person<'a>>,
    /// Who is family to which student.
    pub guardianships: Vec<Guardianship<'a>>,
    /// Its enrolments, without repetitions.
    pub enrollments: Vec<&'a Row<Enrollment>>,
    /// Its rows of status `tobedeleted`.
    pub removed: Vec<Removal<'a>>,
}

/// A stretch of a school year.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Term<'a> {
    /// The session.
    pub session: &'a Row<AcademicSession>,
    /// What it is directly part of.
    pub parent: Option<&'a Row<AcademicSession>>,
    /// The school year that holds it; without one there has been a warning.
    pub year: Option<&'a Row<AcademicSession>>,
}

/// A class, with what it refers to.
#[derive(Debug, Clone, PartialEq)]
pub struct SchoolClass<'a> {
    /// The class.
    pub class: &'a Row<Class>,
    /// Its course.
    pub course: Option<&'a Row<Course>>,
    /// Its terms, whole school years among them.
    pub terms: Vec<&'a Row<AcademicSession>>,
    /// The school year of its first term, or else its course's.
    pub year: Option<&'a Row<AcademicSession>>,
    /// Its subjects, or else its course's, or else none.
    pub subjects: &'a [String],
}

/// A person of a school.
#[derive(Debug, Clone, PartialEq)]
pub struct Person<'a> {
    /// The person.
    pub user: &'a Row<User>,
    /// The person's roles that count in this school, the primary one first.
    pub roles: Vec<&'a Row<UserRole>>,
    /// The person's demographics.
    pub demographics: Option<&'a Row<Demographics>>,
}

impl Person<'_> {
    /// Whether the person has a role here.
    #[must_use]
    pub fn is(&self, role: RosterRole) -> bool {
        self.roles.iter().any(|held| held.role == role)
    }
}

/// A family tie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guardianship<'a> {
    /// Whose.
    pub student: &'a Row<User>,
    /// Who.
    pub guardian: &'a Row<User>,
    /// Parent, guardian or relative.
    pub relation: RosterRole,
}

/// A row that is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removal<'a> {
    /// What it is a row of.
    pub file: FileKind,
    /// Its sourcedId.
    pub sourced_id: &'a str,
}

/// The bundle by id; built once for all schools.
struct Shelf<'a> {
    bundle: &'a Bundle,
    orgs: HashMap<&'a str, &'a Row<Org>>,
    sessions: HashMap<&'a str, &'a Row<AcademicSession>>,
    courses: HashMap<&'a str, &'a Row<Course>>,
    users: HashMap<&'a str, &'a Row<User>>,
    demographics: HashMap<&'a str, &'a Row<Demographics>>,
    roles_by_user: HashMap<&'a str, Vec<&'a Row<UserRole>>>,
    ties: Vec<Guardianship<'a>>,
}

pub(crate) fn gather(bundle: &Bundle) -> Vec<SchoolRoster<'_>> {
    let shelf = Shelf::new(bundle);
    let mut parts = shelf.parts();
    let schools = bundle.orgs.iter().filter(|org| org.kind == OrgType::School && org.is_active());
    schools.map(|org| shelf.school(org, parts.remove(org.sourced_id.as_str()).unwrap_or_default())).collect()
}

/// What names its school itself, sorted out in one pass over the files.
#[derive(Default)]
struct Parts<'a> {
    courses: Vec<&'a Row<Course>>,
    classes: Vec<&'a Row<Class>>,
    roles: Vec<&'a Row<UserRole>>,
    enrollments: Vec<&'a Row<Enrollment>>,
    removed: Vec<Removal<'a>>,
}

fn by_id<T>(rows: &[Row<T>]) -> HashMap<&str, &Row<T>> {
    rows.iter().map(|row| (row.sourced_id.as_str(), row)).collect()
}

impl<'a> Shelf<'a> {
    fn new(bundle: &'a Bundle) -> Self {
        let mut roles_by_user: HashMap<&str, Vec<&Row<UserRole>>> = HashMap::new();
        for role in bundle.roles.iter().filter(|role| role.is_active()) {
            roles_by_user.entry(&role.user).or_default().push(role);
        }
        let mut shelf = Self {
            bundle,
            orgs: by_id(&bundle.orgs),
            sessions: by_id(&bundle.sessions),
            courses: by_id(&bundle.courses),
            users: by_id(&bundle.users),
            demographics: by_id(&bundle.demographics),
            roles_by_user,
            ties: Vec::new(),
        };
        shelf.ties = shelf.all_ties();
        shelf
    }

    fn parts(&self) -> HashMap<&'a str, Parts<'a>> {
        fn sort<'a, T>(
            parts: &mut HashMap<&'a str, Parts<'a>>,
            file: FileKind,
            row: &'a Row<T>,
            school: &'a str,
            put: impl FnOnce(&mut Parts<'a>, &'a Row<T>),
        ) {
            let part = parts.entry(school).or_default();
            if row.is_active() {
                put(part, row);
            } else {
                part.removed.push(Removal { file, sourced_id: &row.sourced_id });
            }
        }
        let (bundle, mut parts, mut gone) = (self.bundle, HashMap::new(), HashSet::new());
        for row in &bundle.courses {
            sort(&mut parts, FileKind::Courses, row, &row.org, |part, row| part.courses.push(row));
        }
        for row in &bundle.classes {
            sort(&mut parts, FileKind::Classes, row, &row.school, |part, row| part.classes.push(row));
        }
        for row in &bundle.roles {
            sort(&mut parts, FileKind::Roles, row, &row.org, |part, row| part.roles.push(row));
            if let Some(user) = self.users.get(row.user.as_str()).filter(|user| !user.is_active())
                && gone.insert((row.org.as_str(), user.sourced_id.as_str()))
            {
                let removal = Removal { file: FileKind::Users, sourced_id: &user.sourced_id };
                parts.entry(row.org.as_str()).or_default().removed.push(removal);
            }
        }
        for (index, row) in bundle.enrollments.iter().enumerate() {
            if !bundle.repeated.contains(&index) {
                sort(&mut parts, FileKind::Enrollments, row, &row.school, |part, row| part.enrollments.push(row));
            }
        }
        parts
    }

    /// Every tie between a student and a parent, guardian or relative, whichever of the two names the other.
    fn all_ties(&self) -> Vec<Guardianship<'a>> {
        let (mut students, mut family) = (HashSet::new(), HashMap::new());
        for role in self.bundle.roles.iter().filter(|role| role.is_active()) {
            if role.role == RosterRole::Student {
                students.insert(role.user.as_str());
            } else if role.role.is_family() {
                family.entry(role.user.as_str()).or_insert(role.role);
            }
        }
        let (mut ties, mut seen) = (Vec::new(), HashSet::new());
        let named = |id: &String| self.users.get(id.as_str()).copied().filter(|agent| agent.is_active());
        for user in self.bundle.users.iter().filter(|user| user.is_active()) {
            for agent in user.agents.iter().filter_map(named) {
                for (student, guardian) in [(user, agent), (agent, user)] {
                    let relation = family.get(guardian.sourced_id.as_str()).copied();
                    let relation = relation.filter(|_| students.contains(student.sourced_id.as_str()));
                    if let Some(relation) = relation
                        && student.sourced_id != guardian.sourced_id
                        && seen.insert((&student.sourced_id, &guardian.sourced_id))
                    {
                        ties.push(Guardianship { student, guardian, relation });
                    }
                }
            }
        }
        ties
    }

    fn year_of(&self, session: &'a Row<AcademicSession>) -> Option<&'a Row<AcademicSession>> {
        upwards(|id| self.sessions.get(id).copied(), session).find(|above| above.kind == SessionType::SchoolYear)
    }

    fn class(&self, class: &'a Row<Class>) -> SchoolClass<'a> {
        let course = class.course.as_deref().and_then(|id| self.courses.get(id).copied());
        let terms: Vec<_> = class.terms.iter().filter_map(|id| self.sessions.get(id.as_str()).copied()).collect();
        let of_course = || self.sessions.get(course?.school_year.as_deref()?).copied();
        let year = terms.iter().find_map(|term| self.year_of(term)).or_else(|| self.year_of(of_course()?));
        let subjects = match course {
            Some(course) if class.subjects.is_empty() => &course.subjects,
            _ => &class.subjects,
        };
        SchoolClass { class, course, terms, year, subjects }
    }

    fn school(&self, org: &'a Row<Org>, parts: Parts<'a>) -> SchoolRoster<'a> {
        let classes: Vec<_> = parts.classes.iter().map(|class| self.class(class)).collect();
        let mut courses = parts.courses;
        let mut known: HashSet<&str> = courses.iter().map(|course| course.sourced_id.as_str()).collect();
        for course in classes.iter().filter_map(|class| class.course) {
            if known.insert(&course.sourced_id) {
                courses.push(course);
            }
        }
        let (years, terms) = self.calendar(&courses, &classes);
        let (people, guardianships) = self.people(org, &parts.roles, &parts.enrollments);
        let (enrollments, removed) = (parts.enrollments, parts.removed);
        SchoolRoster { org, years, terms, courses, classes, people, guardianships, enrollments, removed }
    }

    fn calendar(&self, courses: &[&'a Row<Course>], classes: &[SchoolClass<'a>]) -> (Vec<&'a Row<AcademicSession>>, Vec<Term<'a>>) {
        let of_courses = courses.iter().filter_map(|course| self.sessions.get(course.school_year.as_deref()?).copied());
        let of_classes = classes.iter().flat_map(|class| class.terms.iter().copied());
        let mut used = HashSet::new();
        for session in of_courses.chain(of_classes) {
            for above in upwards(|id| self.sessions.get(id).copied(), session) {
                used.insert(above.sourced_id.as_str());
            }
        }
        let sessions = self.bundle.sessions.iter().filter(|row| row.is_active() && used.contains(row.sourced_id.as_str()));
        let (mut years, mut terms) = (Vec::new(), Vec::new());
        for session in sessions {
            if session.kind == SessionType::SchoolYear {
                years.push(session);
            } else {
                let parent = session.parent().and_then(|id| self.sessions.get(id).copied());
                terms.push(Term { session, parent, year: self.year_of(session) });
            }
        }
        terms.sort_by_key(|term| (term.session.start, std::cmp::Reverse(term.session.end)));
        (years, terms)
    }

    fn people(
        &self,
        org: &'a Row<Org>,
        roles: &[&'a Row<UserRole>],
        enrollments: &[&'a Row<Enrollment>],
    ) -> (Vec<Person<'a>>, Vec<Guardianship<'a>>) {
        let mut held: HashMap<&str, Vec<&Row<UserRole>>> = HashMap::new();
        for role in roles {
            held.entry(&role.user).or_default().push(role);
        }
        let above: HashSet<&str> = upwards(|id| self.orgs.get(id).copied(), org).map(|org| org.sourced_id.as_str()).collect();
        for enrollment in enrollments {
            held.entry(&enrollment.user)
                .or_insert_with(|| self.roles_of(&enrollment.user).filter(|role| above.contains(role.org.as_str())).collect());
        }
        let learns = |id: &str| held.get(id).is_some_and(|roles| roles.iter().any(|r| r.role == RosterRole::Student));
        let mut ties = self.ties.clone();
        ties.retain(|tie| learns(&tie.student.sourced_id));
        // A guardian counts here by the child, wherever the guardian's own role was given.
        let guardians: HashSet<&str> = ties.iter().map(|tie| tie.guardian.sourced_id.as_str()).collect();
        for guardian in guardians {
            let roles = held.entry(guardian).or_default();
            if !roles.iter().any(|role| role.role.is_family()) {
                roles.extend(self.roles_of(guardian).filter(|role| role.role.is_family()));
            }
        }
        let people = self.bundle.users.iter().filter(|user| user.is_active()).filter_map(|user| {
            let mut roles = held.remove(user.sourced_id.as_str()).filter(|roles| !roles.is_empty())?;
            roles.sort_by_key(|role| role.kind);
            Some(Person { user, roles, demographics: self.demographics.get(user.sourced_id.as_str()).copied() })
        });
        (people.collect(), ties)
    }

    fn roles_of(&self, user: &str) -> impl Iterator<Item = &'a Row<UserRole>> {
        self.roles_by_user.get(user).into_iter().flatten().copied()
    }
}
