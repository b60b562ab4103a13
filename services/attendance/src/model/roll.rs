//! Who is to be marked in a register.
//!
//! A student has one daily mark a day, whichever classes they attend. So each student belongs to exactly one daily register: the home class's if they are
//! enrolled there on that day, else that of the class they joined first (by id among those joined on one day). A period's register has everybody who is
//! enrolled in the class on that day.

use chrono::NaiveDate;
use directory::Seat;
use domain::{ClassId, StudentId};

/// The class in whose daily register the student is marked on `day`; none if they attend none.
#[must_use]
pub fn daily_class(seat: &Seat, day: NaiveDate) -> Option<ClassId> {
    let now = seat.attends.iter().filter(|attends| attends.covers(day));
    let home = now.clone().find(|attends| Some(attends.class_id) == seat.home_class_id);
    home.or_else(|| now.min_by_key(|attends| (attends.begin_date, attends.class_id))).map(|attends| attends.class_id)
}

/// Whether the student is to be marked in the register of `class` on `day`.
#[must_use]
pub fn belongs(seat: &Seat, class: ClassId, day: NaiveDate, period: Option<u8>) -> bool {
    match period {
        None => daily_class(seat, day) == Some(class),
        Some(_) => seat.attends.iter().any(|attends| attends.class_id == class && attends.covers(day)),
    }
}

/// Other classes whose daily register of `day` may hold the student already: those that the student left on it or the day before.
pub fn left_lately(seat: &Seat, class: ClassId, day: NaiveDate) -> impl Iterator<Item = ClassId> + '_ {
    let eve = day.pred_opt().unwrap_or(day);
    let left = move |end: Option<NaiveDate>| end.is_some_and(|end| end == day || end == eve);
    seat.attends.iter().filter(move |attends| attends.class_id != class && left(attends.end_date)).map(|attends| attends.class_id)
}

/// Those of `seats` who are to be marked.
#[must_use]
pub fn pupils(seats: &[Seat], class: ClassId, day: NaiveDate, period: Option<u8>) -> Vec<StudentId> {
    seats.iter().filter(|seat| belongs(seat, class, day, period)).map(|seat| seat.student_id).collect()
}

#[cfg(test)]
mod tests {
    use directory::Attends;
    use proptest::prelude::*;

    use super::*;

    fn day(number: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 1, 1).unwrap() + chrono::Duration::days(number.into())
    }

    fn class(number: u8) -> ClassId {
        ClassId::from_uuid(uuid::Uuid::from_u128(number.into()))
    }

    prop_compose! {
        fn attends()(number in 0..6_u8, from in 0..60_u32, length in prop::option::of(0..60_u32)) -> Attends {
            Attends { class_id: class(number), begin_date: day(from), end_date: length.map(|length| day(from + length)) }
        }
    }

    prop_compose! {
        fn seat()(attends in prop::collection::vec(attends(), 0..8), home in prop::option::of(0..6_u8)) -> Seat {
            Seat { student_id: StudentId::generate(), name: String::new(), admission_number: String::new(), roll_number: None,
                home_class_id: home.map(class), attends }
        }
    }

    proptest! {
        #[test]
        fn a_student_is_in_one_daily_register_if_enrolled_and_in_none_if_not(seat in seat(), today in 0..120_u32) {
            let today = day(today);
            let registers = (0..6).filter(|number| belongs(&seat, class(*number), today, None)).count();
            let enrolled = seat.attends.iter().any(|attends| attends.covers(today));
            prop_assert_eq!(registers, usize::from(enrolled));
        }

        #[test]
        fn the_home_class_comes_first(seat in seat(), today in 0..120_u32) {
            let today = day(today);
            let at_home = seat.attends.iter().any(|attends| Some(attends.class_id) == seat.home_class_id && attends.covers(today));
            prop_assert!(!at_home || daily_class(&seat, today) == seat.home_class_id);
        }
    }
}
