//! Concessions: who gets one, and what it takes off.
//!
//! They are taken in their stacking order, the older first where that is equal. Each is reckoned on what the ones before have left: ten percent and then
//! ten percent is nineteen. None takes more than its cap, nor more than there is.

use chrono::NaiveDate;
use uuid::Uuid;

use super::split::{by_weight, share_of};

/// What decides about a student's concessions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pupil {
    /// The student.
    pub student_id: Uuid,
    /// The category that the school put the student in.
    pub category: Option<String>,
    /// The classes that the student sits in.
    pub classes: Vec<Uuid>,
    /// Whether a brother or sister was admitted before: somebody else with the same guardian.
    pub has_elder_sibling: bool,
    /// Whether a guardian works at the school.
    pub is_staff_child: bool,
}

/// Whom a concession is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum For {
    /// This student.
    Student(Uuid),
    /// Everybody of a category.
    Category(String),
    /// Everybody who sits in a class.
    Class(Uuid),
    /// Everybody whose brother or sister was admitted before; of one family, if it names a student.
    Sibling(Option<Uuid>),
    /// Everybody whose guardian works at the school; one of them, if it names a student.
    Staff(Option<Uuid>),
}

/// How much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relief {
    /// Of what is left, in hundredths of a percent.
    Percent(u32),
    /// Minor units.
    Amount(i64),
}

/// An approved concession.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concession {
    /// Its id.
    pub id: Uuid,
    /// What it is called.
    pub name: String,
    /// Whom it is for.
    pub whom: For,
    /// The one head that it is for; none: all.
    pub head: Option<String>,
    /// How much.
    pub relief: Relief,
    /// The most that it takes off one invoice.
    pub cap: Option<i64>,
    /// Lower ones first.
    pub order: i32,
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: Option<NaiveDate>,
}

impl Concession {
    /// Whether it is for `pupil` on `day`.
    #[must_use]
    pub fn covers(&self, pupil: &Pupil, day: NaiveDate) -> bool {
        let in_time = self.from <= day && self.to.is_none_or(|to| day <= to);
        let named = |one: &Option<Uuid>| one.is_none_or(|id| id == pupil.student_id);
        in_time
            && match &self.whom {
                For::Student(id) => *id == pupil.student_id,
                For::Category(name) => pupil.category.as_ref() == Some(name),
                For::Class(id) => pupil.classes.contains(id),
                // Named, it was decided on by a person, who knows the family better than the guardians' list does.
                For::Sibling(one) => named(one) && (one.is_some() || pupil.has_elder_sibling),
                For::Staff(one) => named(one) && (one.is_some() || pupil.is_staff_child),
            }
    }
}

/// What a concession took off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The concession.
    pub concession_id: Uuid,
    /// What it is called.
    pub name: String,
    /// Minor units, more than none.
    pub amount: i64,
}

/// Takes `concessions` off `charges` (head and amount), and answers what each took; the charges are left with what is payable.
pub fn take_off(charges: &mut [(String, i64)], concessions: &[Concession]) -> Vec<Taken> {
    let mut sorted: Vec<&Concession> = concessions.iter().collect();
    sorted.sort_by_key(|concession| (concession.order, concession.id));
    let mut taken = Vec::new();
    for concession in sorted {
        let concerned = |head: &str| concession.head.as_ref().is_none_or(|one| one == head);
        let weights: Vec<i64> = charges.iter().map(|(head, amount)| if concerned(head) { *amount } else { 0 }).collect();
        let payable: i64 = weights.iter().sum();
        let wanted = match concession.relief {
            Relief::Percent(basis_points) => share_of(payable, basis_points),
            Relief::Amount(amount) => amount,
        };
        let amount = wanted.min(concession.cap.unwrap_or(i64::MAX)).min(payable);
        if amount <= 0 {
            continue;
        }
        for ((_, left), part) in charges.iter_mut().zip(by_weight(amount, &weights)) {
            *left -= part;
        }
        taken.push(Taken { concession_id: concession.id, name: concession.name.clone(), amount });
    }
    taken
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in crate::model) fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    pub(in crate::model) fn concession(order: i32, relief: Relief) -> Concession {
        Concession {
            id: Uuid::from_u128(u128::try_from(order).unwrap()),
            name: "C".to_owned(),
            whom: For::Sibling(None),
            head: None,
            relief,
            cap: None,
            order,
            from: day("2026-04-01"),
            to: None,
        }
    }

    fn charges() -> Vec<(String, i64)> {
        vec![("Tuition".to_owned(), 100_000), ("Bus".to_owned(), 20_000)]
    }

    #[test]
    fn percent_upon_percent_is_taken_of_what_is_left() {
        let mut left = charges();
        let taken = take_off(&mut left, &[concession(2, Relief::Percent(1_000)), concession(1, Relief::Percent(1_000))]);
        assert_eq!(taken.iter().map(|one| (one.concession_id.as_u128(), one.amount)).collect::<Vec<_>>(), [(1, 12_000), (2, 10_800)]);
        assert_eq!(left.iter().map(|(_, amount)| *amount).collect::<Vec<_>>(), [81_000, 16_200]);
    }

    #[test]
    fn a_cap_a_head_and_an_empty_purse_bound_what_is_taken() {
        let capped = Concession { cap: Some(500), head: Some("Bus".to_owned()), ..concession(1, Relief::Percent(5_000)) };
        let more_than_there_is = concession(2, Relief::Amount(1_000_000));
        let too_late = concession(3, Relief::Amount(1));
        let mut left = charges();
        let taken = take_off(&mut left, &[capped, more_than_there_is, too_late]);
        assert_eq!(taken.iter().map(|one| one.amount).collect::<Vec<_>>(), [500, 119_500]);
        assert!(left.iter().all(|(_, amount)| *amount == 0));
    }

    #[test]
    fn who_gets_one() {
        let (pupil, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let plain = Pupil { student_id: pupil, ..Pupil::default() };
        let today = day("2026-06-01");
        let get = |whom: For, pupil: &Pupil| Concession { whom, ..concession(1, Relief::Amount(1)) }.covers(pupil, today);
        assert!(get(For::Student(pupil), &plain) && !get(For::Student(other), &plain));
        assert!(
            !get(For::Category("A".into()), &plain)
                && get(For::Category("A".into()), &Pupil { category: Some("A".into()), ..plain.clone() })
        );
        let seated = Pupil { classes: vec![other], ..plain.clone() };
        assert!(!get(For::Class(other), &plain) && get(For::Class(other), &seated) && !get(For::Class(pupil), &seated));
        assert!(!get(For::Sibling(None), &plain) && get(For::Sibling(Some(pupil)), &plain) && !get(For::Sibling(Some(other)), &plain));
        assert!(get(For::Sibling(None), &Pupil { has_elder_sibling: true, ..plain.clone() }));
        assert!(!get(For::Staff(None), &plain) && get(For::Staff(None), &Pupil { is_staff_child: true, ..plain.clone() }));
        let over = Concession { to: Some(day("2026-05-31")), ..concession(1, Relief::Amount(1)) };
        assert!(!over.covers(&Pupil { has_elder_sibling: true, ..plain }, today));
    }

    pub(in crate::model) fn any_concession() -> impl Strategy<Value = Concession> {
        let relief = prop_oneof![(1_u32..=10_000).prop_map(Relief::Percent), (1_i64..=1_000_000_000).prop_map(Relief::Amount)];
        (0_i32..5, relief, prop::option::of(1_i64..=1_000_000), prop::option::of(0_usize..4))
            .prop_map(|(order, relief, cap, head)| Concession { cap, head: head.map(|n| format!("H{n}")), ..concession(order, relief) })
    }

    proptest! {
        #[test]
        fn concessions_never_take_more_than_is_payable_nor_add_to_it(
            amounts in prop::collection::vec(0_i64..=1_000_000_000_000, 1..8), concessions in prop::collection::vec(any_concession(), 0..8)
        ) {
            let before: Vec<(String, i64)> = amounts.iter().enumerate().map(|(n, amount)| (format!("H{}", n % 4), *amount)).collect();
            let mut left = before.clone();
            let taken = take_off(&mut left, &concessions);
            for ((_, was), (_, is)) in before.iter().zip(&left) {
                prop_assert!((0..=*was).contains(is), "{} of {}", is, was);
            }
            let off: i64 = taken.iter().map(|one| one.amount).sum();
            prop_assert_eq!(off, amounts.iter().sum::<i64>() - left.iter().map(|(_, amount)| amount).sum::<i64>());
            for one in &taken {
                prop_assert!(one.amount > 0);
                let cap = concessions.iter().filter(|c| c.id == one.concession_id).filter_map(|c| c.cap).max();
                let uncapped = concessions.iter().any(|c| c.id == one.concession_id && c.cap.is_none());
                prop_assert!(uncapped || cap.is_some_and(|cap| one.amount <= cap));
            }
        }
    }
}
