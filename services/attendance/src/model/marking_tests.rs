use chrono::{Duration, NaiveDate, TimeZone, Utc};
use domain::{AttendanceCodeId, ClassId, SchoolId};
use proptest::prelude::*;

use super::*;
use crate::model::code::SEEDED;
use crate::model::correction::changes;
use crate::model::register::{Lesson, Place};

fn now() -> Timestamp {
    Utc.with_ymd_and_hms(2026, 11, 20, 9, 0, 0).unwrap()
}

fn book() -> CodeBook {
    let office_only = Code { code: "X".to_owned(), office_only: true, ..code("X", "Expelled", CountsAs::Excused) };
    let old = Code { is_active: false, ..code("O", "Old", CountsAs::Present) };
    let seeded = SEEDED.iter().map(|seed| Code {
        is_leave: seed.is_leave,
        is_default: seed.code == "P",
        ..code(seed.code, seed.name, seed.counts_as)
    });
    CodeBook(seeded.chain([office_only, old]).collect())
}

fn code(code: &str, name: &str, counts_as: CountsAs) -> Code {
    Code {
        id: AttendanceCodeId::generate(),
        school_id: SchoolId::generate(),
        code: code.to_owned(),
        name: name.to_owned(),
        counts_as,
        is_default: false,
        is_active: true,
        office_only: false,
        is_leave: false,
        version: Version::FIRST,
        created_at: now(),
        updated_at: now(),
    }
}

fn student(number: u128) -> StudentId {
    StudentId::from_uuid(uuid::Uuid::from_u128(number + 1))
}

fn fresh() -> Register {
    let place = Place { held_on: NaiveDate::from_ymd_opt(2026, 11, 20).unwrap(), class_id: ClassId::generate(), period: None };
    Register::open(SchoolId::generate(), place, Lesson::default(), now())
}

fn entry(index: usize, who: u128, code: &str) -> Entry {
    Entry {
        at: format!("/records/{index}"),
        named_by: "student_id",
        student_id: student(who),
        code: code.to_owned(),
        minutes_late: None,
        note: None,
    }
}

fn pointers(faults: &[Fault]) -> Vec<&str> {
    faults.iter().map(|fault| fault.pointer.as_str()).collect()
}

struct Desk {
    codes: CodeBook,
    pupils: Vec<StudentId>,
    on_leave: HashSet<StudentId>,
    by: UserId,
}

impl Desk {
    fn of(count: u128) -> Self {
        Self { codes: book(), pupils: (0..count).map(student).collect(), on_leave: HashSet::new(), by: UserId::generate() }
    }

    fn context(&self, for_office: bool, later: i64) -> Context<'_> {
        Context {
            codes: &self.codes,
            pupils: &self.pupils,
            on_leave: &self.on_leave,
            by: self.by,
            for_office,
            is_new: later == 0,
            now: now() + Duration::minutes(later),
        }
    }
}

#[test]
fn everybody_is_marked_or_nobody_is_and_every_fault_is_named() {
    let desk = Desk::of(3);
    let late = Entry { minutes_late: Some(10), ..entry(1, 1, "P") };
    let entries = vec![entry(0, 0, "?"), late, entry(2, 0, "P"), entry(3, 9, "P"), entry(4, 2, "X")];
    let faults = mark(&fresh(), &Sheet { entries, others: None }, &desk.context(false, 0)).unwrap_err();
    assert_eq!(
        pointers(&faults),
        ["/records/0/code", "/records/1/minutes_late", "/records/2/student_id", "/records/3/student_id", "/records/4/code"]
    );
    let faults = mark(&fresh(), &Sheet { entries: vec![entry(0, 0, "P")], others: None }, &desk.context(false, 0)).unwrap_err();
    assert_eq!(pointers(&faults), ["/records"]);
}

#[test]
fn the_rest_of_the_class_gets_what_others_says_and_who_is_on_leave_the_leave_code() {
    let mut desk = Desk::of(4);
    desk.on_leave.insert(student(3));
    let sheet = Sheet { entries: vec![entry(0, 1, "A")], others: Some("P".to_owned()) };
    let taken = mark(&fresh(), &sheet, &desk.context(false, 0)).unwrap();
    assert_eq!(taken.marks.iter().map(Mark::code).collect::<Vec<_>>(), ["P", "A", "P", "E"]);
    assert_eq!((taken.state, taken.version), (State::Taken, Version::FIRST));
    // Said again, it is nothing new.
    assert_eq!(mark(&taken, &sheet, &desk.context(false, 5)).unwrap(), taken);
}

#[test]
fn what_the_office_says_stands_above_the_teacher_until_the_office_takes_it_back() {
    let desk = Desk::of(1);
    let say = |register: &Register, code: &str, office, at| {
        mark(register, &Sheet { entries: vec![entry(0, 0, code)], others: None }, &desk.context(office, at)).unwrap()
    };
    let taken = say(&fresh(), "A", false, 0);
    let excused = say(&taken, "E", true, 1);
    assert_eq!((excused.marks[0].code(), excused.marks[0].teacher_code.as_deref()), ("E", Some("A")));
    let teacher_again = say(&excused, "P", false, 2);
    assert_eq!((teacher_again.marks[0].code(), teacher_again.marks[0].teacher_code.as_deref()), ("E", Some("P")));
    let back = say(&teacher_again, "P", true, 3);
    assert_eq!((back.marks[0].code(), back.marks[0].office_code.as_deref()), ("P", None));
    assert_eq!(changes(&excused, &teacher_again).len(), 1, "what the teacher said is part of the history");
    assert_eq!(changes(&taken, &taken).len(), 0);
}

#[test]
fn a_code_out_of_use_stays_where_it_stands_and_goes_nowhere_new() {
    let desk = Desk::of(1);
    let mut taken = mark(&fresh(), &Sheet { entries: vec![entry(0, 0, "P")], others: None }, &desk.context(false, 0)).unwrap();
    taken.marks[0].teacher_code = Some("O".to_owned());
    let with_note = Entry { note: Some("seen".to_owned()), ..entry(0, 0, "O") };
    assert!(mark(&taken, &Sheet { entries: vec![with_note], others: None }, &desk.context(false, 1)).is_ok());
    assert!(mark(&fresh(), &Sheet { entries: vec![entry(0, 0, "O")], others: None }, &desk.context(false, 0)).is_err());
}

proptest! {
    #[test]
    fn marking_never_loses_or_doubles_a_student_and_moves_the_version_by_at_most_one(
        count in 1..20_u128,
        first in prop::collection::vec((0..25_u128, 0..6_usize), 0..25),
        second in prop::collection::vec((0..25_u128, 0..6_usize, any::<bool>()), 0..25),
    ) {
        let desk = Desk::of(count);
        let letters = ["P", "A", "L", "E", "T", "nonsense"];
        let sheet = |rows: Vec<(u128, usize)>| Sheet {
            entries: rows.into_iter().enumerate().map(|(index, (who, letter))| entry(index, who, letters[letter])).collect(),
            others: Some("P".to_owned()),
        };
        let Ok(taken) = mark(&fresh(), &sheet(first), &desk.context(false, 0)) else { return Ok(()) };
        prop_assert_eq!(taken.marks.len(), usize::try_from(count).unwrap());
        let office = second.iter().any(|(_, _, office)| *office);
        let Ok(again) = mark(&taken, &sheet(second.into_iter().map(|(who, letter, _)| (who, letter)).collect()), &desk.context(office, 1)) else { return Ok(()) };
        prop_assert_eq!(again.marks.iter().map(|mark| mark.student_id).collect::<Vec<_>>(), desk.pupils.clone());
        prop_assert!(again.version == taken.version || again.version == taken.version.next());
        prop_assert_eq!(again.version == taken.version, changes(&taken, &again).is_empty());
        // A mark's version is that of the register in which it last changed.
        for change in changes(&taken, &again) {
            prop_assert_eq!(again.mark(change.student_id).unwrap().version, again.version);
        }
    }
}
