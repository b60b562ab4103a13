//! A student says that they are there: in a register that a teacher has opened and not taken yet, on its own day, in its lesson, once.
//!
//! Whether they are late is for the server's clock to say: in whole minutes since the lesson began. Where the register names no time, as that of the day, it
//! can't tell. The register stays open, and what students say counts for nothing until the teacher takes it: whom the teacher doesn't name keeps it.

use chrono::{Duration, NaiveDate};
use domain::{StudentId, Timestamp, UserId};

use super::code::{CodeBook, CountsAs};
use super::register::{Mark, Register, State};

/// How long before a lesson its students may say that they are there, in minutes.
pub const EARLY: i64 = 15;

/// Why a student can't register themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The teacher has taken the register.
    Taken,
    /// It is that of another day.
    AnotherDay,
    /// The lesson begins in more than [`EARLY`] minutes.
    TooEarly,
    /// The lesson is over.
    Over,
    /// The school has no code that a register could start with.
    NoCode,
}

impl Refused {
    /// For a person.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Taken => "The teacher has taken this register already.",
            Self::AnotherDay => "This register is not today's.",
            Self::TooEarly => "The lesson has not begun.",
            Self::Over => "The lesson is over.",
            Self::NoCode => "The school has no code to register with.",
        }
    }
}

/// Who, and when.
#[derive(Debug, Clone, Copy)]
pub struct Presence {
    /// The student, who is to be marked in the register.
    pub student_id: StudentId,
    /// The student as a user.
    pub user_id: UserId,
    /// The school's day.
    pub today: NaiveDate,
    /// The time.
    pub now: Timestamp,
}

/// Whether students may say that they are there, as far as register and time go.
pub fn check(register: &Register, today: NaiveDate, now: Timestamp) -> Result<(), Refused> {
    if register.state != State::Open {
        return Err(Refused::Taken);
    }
    if register.held_on != today {
        return Err(Refused::AnotherDay);
    }
    if register.starts_at.is_some_and(|starts| now < starts - Duration::minutes(EARLY)) {
        return Err(Refused::TooEarly);
    }
    if register.ends_at.is_some_and(|ends| now >= ends) { Err(Refused::Over) } else { Ok(()) }
}

/// The register with the student in it, in its next version; the same version if they stand in it already.
pub fn present(register: &Register, presence: &Presence, codes: &CodeBook) -> Result<Register, Refused> {
    check(register, presence.today, presence.now)?;
    let Err(place) = register.marks.binary_search_by_key(&presence.student_id, |mark| mark.student_id) else {
        return Ok(register.clone());
    };
    let late = register.starts_at.map_or(0, |starts| (presence.now - starts).num_minutes().max(0));
    let late = u16::try_from(late).ok().filter(|minutes| *minutes > 0);
    let late_code = codes.0.iter().find(|code| code.is_active && !code.office_only && code.counts_as == CountsAs::Late);
    let (code, minutes_late) = match (late, late_code) {
        (Some(minutes), Some(code)) => (code, Some(minutes)),
        _ => (codes.default_code().ok_or(Refused::NoCode)?, None),
    };
    let version = register.version.next();
    let mark = Mark {
        student_id: presence.student_id,
        teacher_code: Some(code.code.clone()),
        office_code: None,
        minutes_late,
        note: None,
        marked_by: presence.user_id,
        marked_at: presence.now,
        version,
    };
    let mut register = Register { version, updated_at: presence.now, ..register.clone() };
    register.marks.insert(place, mark);
    Ok(register)
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone, Utc};
    use domain::{AttendanceCodeId, ClassId, SchoolId, Version};
    use proptest::prelude::*;

    use super::*;
    use crate::model::code::{Code, SEEDED};
    use crate::model::register::{Lesson, Place};

    fn nine() -> Timestamp {
        Utc.with_ymd_and_hms(2026, 11, 20, 9, 0, 0).unwrap()
    }

    fn book() -> CodeBook {
        let code = |seed: &crate::model::code::Seeded| Code {
            id: AttendanceCodeId::generate(),
            school_id: SchoolId::generate(),
            code: seed.code.to_owned(),
            name: seed.name.to_owned(),
            counts_as: seed.counts_as,
            is_default: seed.code == "P",
            is_active: true,
            office_only: false,
            is_leave: seed.is_leave,
            version: Version::FIRST,
            created_at: nine(),
            updated_at: nine(),
        };
        CodeBook(SEEDED.iter().map(code).collect())
    }

    /// A lesson from nine to a quarter to ten, or a register of the day.
    fn opened(period: Option<u8>) -> Register {
        let place = Place { held_on: nine().date_naive(), class_id: ClassId::generate(), period };
        let times = period.map(|_| (nine(), nine() + Duration::minutes(45)));
        let lesson = Lesson { starts_at: times.map(|(starts, _)| starts), ends_at: times.map(|(_, ends)| ends), ..Lesson::default() };
        Register::open(SchoolId::generate(), place, lesson, nine())
    }

    fn at(minutes: i64) -> Presence {
        let now = nine() + Duration::minutes(minutes);
        Presence { student_id: StudentId::generate(), user_id: UserId::generate(), today: nine().date_naive(), now }
    }

    #[test]
    fn the_clock_says_who_is_late() {
        let register = opened(Some(1));
        let said = |minutes| {
            present(&register, &at(minutes), &book()).map(|after| (after.marks[0].code().to_owned(), after.marks[0].minutes_late))
        };
        assert_eq!(said(-16), Err(Refused::TooEarly));
        assert_eq!(said(-15), Ok(("P".to_owned(), None)));
        assert_eq!(said(0), Ok(("P".to_owned(), None)));
        assert_eq!(said(7), Ok(("L".to_owned(), Some(7))));
        assert_eq!(said(44), Ok(("L".to_owned(), Some(44))));
        assert_eq!(said(45), Err(Refused::Over));
        // Nobody is late for a day without a time.
        let daily = present(&opened(None), &at(300), &book()).unwrap();
        assert_eq!((daily.marks[0].code(), daily.state, daily.version), ("P", State::Open, Version::FIRST.next()));
    }

    #[test]
    fn a_register_that_was_taken_or_is_of_another_day_takes_nobody() {
        let (mut register, mut presence) = (opened(None), at(0));
        presence.today = presence.today.succ_opt().unwrap();
        assert_eq!(present(&register, &presence, &book()), Err(Refused::AnotherDay));
        register.state = State::Taken;
        assert_eq!(present(&register, &at(0), &book()), Err(Refused::Taken));
        assert_eq!(present(&opened(None), &at(0), &CodeBook::default()), Err(Refused::NoCode));
    }

    proptest! {
        #[test]
        fn everybody_stands_in_the_register_once_in_order_and_is_never_moved(who in prop::collection::vec(0..12_u128, 0..40)) {
            let mut register = opened(Some(3));
            let mut versions = Version::FIRST;
            for (minute, number) in who.iter().enumerate() {
                let student_id = StudentId::from_uuid(uuid::Uuid::from_u128(*number + 1));
                let known = register.mark(student_id).cloned();
                let after = present(&register, &Presence { student_id, ..at(i64::try_from(minute).unwrap()) }, &book()).unwrap();
                if known.is_none() {
                    versions = versions.next();
                }
                prop_assert_eq!(after.version, versions);
                prop_assert!(known.is_none_or(|known| after.mark(student_id) == Some(&known)));
                register = after;
            }
            let distinct: std::collections::BTreeSet<u128> = who.iter().map(|number| number + 1).collect();
            let students: Vec<u128> = register.marks.iter().map(|mark| mark.student_id.as_uuid().as_u128()).collect();
            prop_assert_eq!(students, distinct.into_iter().collect::<Vec<_>>());
        }
    }
}
