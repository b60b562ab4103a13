//! Who is in a school: worked out in memory from its figures and dates alone, so that every part of the data finds the same people.

use std::collections::HashMap;

use anyhow::Context;
use chrono::{Datelike, Days, NaiveDate};
use uuid::Uuid;

use crate::dates::Dates;
use crate::ids::{Ids, Kind, id};
use crate::names;
use crate::random::Random;
use crate::spec::{Part, Spec};

/// Somebody with a login.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) user: Uuid,
    pub(crate) email: String,
    pub(crate) given: &'static str,
    pub(crate) family: &'static str,
    pub(crate) part: Part,
}

impl Person {
    pub(crate) fn full_name(&self) -> String {
        format!("{} {}", self.given, self.family)
    }
}

#[derive(Debug)]
pub(crate) struct Teacher {
    pub(crate) id: Uuid,
    pub(crate) person: Person,
    pub(crate) subject: &'static str,
}

#[derive(Debug)]
pub(crate) struct StaffMember {
    pub(crate) id: Uuid,
    pub(crate) person: Person,
    pub(crate) position: &'static str,
}

/// A subject in a class, and who teaches it there.
#[derive(Debug, Clone)]
pub(crate) struct Taught {
    pub(crate) subject: Uuid,
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
    pub(crate) lessons: usize,
    pub(crate) teacher: Uuid,
    pub(crate) teacher_user: Uuid,
}

#[derive(Debug)]
pub(crate) struct Class {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) grade: usize,
    pub(crate) section: &'static str,
    /// The class teacher, and their user.
    pub(crate) teacher: Uuid,
    pub(crate) teacher_user: Uuid,
    pub(crate) subjects: Vec<Taught>,
    pub(crate) students: Vec<Student>,
}

#[derive(Debug, Clone)]
pub(crate) struct Student {
    pub(crate) id: Uuid,
    pub(crate) number: usize,
    pub(crate) person: Person,
    pub(crate) female: bool,
    pub(crate) born: NaiveDate,
    pub(crate) family: usize,
    /// Whether an older entry of the same family is in the school too.
    pub(crate) is_sibling: bool,
}

/// Parents, the first of whom is told first, and where they live.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) parents: Vec<(Person, &'static str)>,
    pub(crate) address: String,
    pub(crate) children: usize,
}

/// Everybody.
#[derive(Debug)]
pub(crate) struct Roster {
    pub(crate) school: Uuid,
    pub(crate) spec: &'static Spec,
    pub(crate) dates: Dates,
    pub(crate) admin: Person,
    pub(crate) teachers: Vec<Teacher>,
    pub(crate) staff: Vec<StaffMember>,
    pub(crate) classes: Vec<Class>,
    pub(crate) families: Vec<Family>,
}

/// Makes people one after the other.
struct Maker {
    users: Ids,
    random: Random,
}

impl Maker {
    fn person(&mut self, part: Part, female: bool, family: Option<&'static str>, email: Option<&str>) -> Person {
        let given = names::given(&mut self.random, female);
        let family = family.unwrap_or_else(|| names::family(&mut self.random));
        let user = self.users.next();
        let email = email
            .map_or_else(|| format!("{}@demo.schools24.example", names::mailbox(given, family, self.users.given())), ToOwned::to_owned);
        Person { user, email, given, family, part }
    }

    fn anybody(&mut self, part: Part, email: Option<&str>) -> Person {
        let female = self.random.chance(55);
        self.person(part, female, None, email)
    }
}

impl Roster {
    /// The people of `spec` in the year of `dates`.
    pub(crate) fn of(spec: &'static Spec, dates: Dates) -> anyhow::Result<Self> {
        let mut maker = Maker { users: Ids::of(spec.number, Kind::User), random: Random::of(spec.number, "people") };
        let admin = maker.anybody(Part::Admin, Some(spec.admin));
        let staff = spec.staff.iter().enumerate();
        let staff: Vec<StaffMember> = staff
            .map(|(number, position)| {
                let email = spec.known.filter(|_| number == 0).map(|known| known.staff);
                StaffMember { id: id(spec.number, Kind::Staff, number + 1), person: maker.anybody(Part::Staff, email), position }
            })
            .collect();
        let mut teachers = teachers(spec, &mut maker);
        let mut classes = classes(spec, &teachers)?;
        let families = students(spec, &dates, &mut maker, &mut classes);
        if let Some(known) = spec.known {
            let taught_by = classes.get(known.class).context("the known people's class")?.teacher;
            let teacher = teachers.iter_mut().find(|teacher| teacher.id == taught_by).context("the known teacher")?;
            known.teacher.clone_into(&mut teacher.person.email);
        }
        let school = id(spec.number, Kind::School, 0);
        Ok(Self { school, spec, dates, admin, teachers, staff, classes, families })
    }

    /// Everybody with a login.
    pub(crate) fn people(&self) -> Vec<&Person> {
        let mut people = vec![&self.admin];
        people.extend(self.staff.iter().map(|member| &member.person));
        people.extend(self.teachers.iter().map(|teacher| &teacher.person));
        people.extend(self.students().map(|(_, student)| &student.person));
        people.extend(self.families.iter().flat_map(|family| family.parents.iter().map(|(parent, _)| parent)));
        people
    }

    /// Every student, with their class.
    pub(crate) fn students(&self) -> impl Iterator<Item = (&Class, &Student)> {
        self.classes.iter().flat_map(|class| class.students.iter().map(move |student| (class, student)))
    }

    /// Takes over the ids of people who had a login before the demo came.
    pub(crate) fn take_over(&mut self, users: &HashMap<String, Uuid>) {
        let mut changed = HashMap::new();
        let mut take = |person: &mut Person| {
            if let Some(user) = users.get(&person.email).copied().filter(|user| *user != person.user) {
                changed.insert(person.user, user);
                person.user = user;
            }
        };
        take(&mut self.admin);
        self.staff.iter_mut().for_each(|member| take(&mut member.person));
        self.teachers.iter_mut().for_each(|teacher| take(&mut teacher.person));
        self.classes.iter_mut().flat_map(|class| &mut class.students).for_each(|student| take(&mut student.person));
        self.families.iter_mut().flat_map(|family| &mut family.parents).for_each(|(parent, _)| take(parent));
        for class in &mut self.classes {
            let taught = class.subjects.iter_mut().map(|taught| &mut taught.teacher_user);
            for user in taught.chain(std::iter::once(&mut class.teacher_user)) {
                *user = changed.get(user).copied().unwrap_or(*user);
            }
        }
    }
}

fn teachers(spec: &Spec, maker: &mut Maker) -> Vec<Teacher> {
    let mut ids = Ids::of(spec.number, Kind::Teacher);
    let subjects = spec.subjects.iter().flat_map(|subject| std::iter::repeat_n(subject.name, subject.teachers));
    subjects.map(|subject| Teacher { id: ids.next(), person: maker.anybody(Part::Teacher, None), subject }).collect()
}

/// Every subject's teachers share its classes, neighbours to the same teacher. A class teacher teaches one of the first subjects, another in each section.
fn classes(spec: &Spec, teachers: &[Teacher]) -> anyhow::Result<Vec<Class>> {
    let grades = spec.first_grade..=spec.last_grade;
    let all: Vec<(usize, &'static str)> = grades.flat_map(|grade| spec.sections.iter().map(move |section| (grade, *section))).collect();
    let mut classes = Vec::with_capacity(all.len());
    for (number, (grade, section)) in all.iter().copied().enumerate() {
        let mut taught = Vec::new();
        let mut first_teacher = 0;
        for (place, subject) in spec.subjects.iter().enumerate() {
            let takes = |grade: usize| (subject.from_grade..=subject.to_grade).contains(&grade);
            if takes(grade) {
                let of_subject = all.iter().filter(|(grade, _)| takes(*grade)).count();
                let before = all.iter().take(number).filter(|(grade, _)| takes(*grade)).count();
                let teacher =
                    teachers.get(first_teacher + before * subject.teachers / of_subject).context("a teacher for every subject")?;
                taught.push(Taught {
                    subject: id(spec.number, Kind::Subject, place + 1),
                    code: subject.code,
                    name: subject.name,
                    lessons: subject.lessons,
                    teacher: teacher.id,
                    teacher_user: teacher.person.user,
                });
            }
            first_teacher += subject.teachers;
        }
        let home = taught.get(number % spec.sections.len().max(2)).context("a class teacher")?;
        let (teacher, teacher_user) = (home.teacher, home.teacher_user);
        let name = format!("{} {grade} {section}", spec.grade_word);
        let id = id(spec.number, Kind::Class, number + 1);
        classes.push(Class { id, name, grade, section, teacher, teacher_user, subjects: taught, students: Vec::new() });
    }
    Ok(classes)
}

/// Deals students out to the classes in turn, and finds each a family: now and then the one of a student who came before.
fn students(spec: &Spec, dates: &Dates, maker: &mut Maker, classes: &mut [Class]) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    let count = classes.len();
    for number in 0..spec.students {
        let Some(class) = classes.get_mut(number % count) else { break };
        let known = spec.known.filter(|known| known.class == number);
        let reserved = spec.known.map(|known| known.sibling);
        let joins = match known {
            Some(known) => Some(known.sibling),
            None if families.len() > 20 && maker.random.chance(14) => {
                let candidate = usize::try_from(maker.random.below(u32::try_from(families.len()).unwrap_or(u32::MAX))).unwrap_or_default();
                families
                    .get(candidate)
                    .is_some_and(|family| family.children == 1)
                    .then_some(candidate)
                    .filter(|index| Some(*index) != reserved)
            }
            None => None,
        };
        let family = joins.unwrap_or_else(|| {
            let told = spec.known.filter(|known| known.sibling == number).map(|known| known.parent);
            families.push(family(maker, told));
            families.len() - 1
        });
        let Some(home) = families.get_mut(family) else { break };
        home.children += 1;
        let female = maker.random.chance(49);
        let person = maker.person(Part::Student, female, Some(home.name), known.map(|known| known.student));
        let age = i32::try_from(class.grade + 5).unwrap_or_default();
        let newest = NaiveDate::from_ymd_opt(dates.year.from.year() - age, 12, 28).unwrap_or(dates.year.from);
        let born = newest - Days::new(maker.random.below(340).into());
        let id = id(spec.number, Kind::Student, number + 1);
        class.students.push(Student { id, number: number + 1, person, female, born, family, is_sibling: joins.is_some() });
    }
    families
}

fn family(maker: &mut Maker, told: Option<&str>) -> Family {
    let name = names::family(&mut maker.random);
    let mother_first = maker.random.chance(60);
    let mut parent = |female: bool, email: Option<&str>| {
        (maker.person(Part::Parent, female, Some(name), email), if female { "mother" } else { "father" })
    };
    let first = parent(mother_first, told);
    let second = parent(!mother_first, None);
    let parents = if maker.random.chance(35) { vec![first, second] } else { vec![first] };
    let road = maker.random.pick(&[
        "Lake Road",
        "Station Road",
        "Garden Street",
        "Hill View",
        "Temple Street",
        "Market Lane",
        "River Walk",
        "Park Avenue",
    ]);
    Family { name, parents, address: format!("{} {road}", maker.random.between(1, 180)), children: 0 }
}
