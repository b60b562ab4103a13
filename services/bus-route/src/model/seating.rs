//! Who sits where, so that no bus is overfull on any day.
//!
//! A seat is a number from 1 to the route's capacity that one student has for a time. Where no seat is free throughout the time that is asked for, but on each of
//! its days some seat is, the others can be reseated: times on a line can always be given as many seats as overlap at most (interval graphs are perfect), and going
//! through them by their first day, each taking the lowest seat that is free, does it.

use chrono::NaiveDate;

/// A time, the last day inclusive; none means open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The first day.
    pub begin: NaiveDate,
    /// The last day.
    pub end: Option<NaiveDate>,
}

impl Span {
    /// Whether the two have a day in common.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.end.is_none_or(|end| other.begin <= end) && other.end.is_none_or(|end| self.begin <= end)
    }
}

/// How a wish fared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seating {
    /// This seat is free throughout.
    Free(i32),
    /// The others move to these seats, in the order in which they were given; the last one is for the newcomer.
    Reseated(Vec<i32>),
    /// On this day all seats are taken.
    Full(NaiveDate),
}

/// A seat for `wish` among `taken`, the seats that are held now, with `capacity` seats in all.
#[must_use]
pub fn seat(taken: &[(Span, i32)], wish: Span, capacity: i32) -> Seating {
    let free = |seat: &i32| !taken.iter().any(|(span, held)| held == seat && span.overlaps(&wish));
    if let Some(seat) = (1..=capacity).find(free) {
        return Seating::Free(seat);
    }
    let spans: Vec<Span> = taken.iter().map(|(span, _)| *span).chain([wish]).collect();
    if let Some(day) = full_day(taken, wish, capacity) {
        return Seating::Full(day);
    }
    Seating::Reseated(pack(&spans))
}

/// The first day of `wish` on which `capacity` seats are taken.
fn full_day(taken: &[(Span, i32)], wish: Span, capacity: i32) -> Option<NaiveDate> {
    // How many sit on the bus only grows on the first day of somebody's time.
    let mut days: Vec<NaiveDate> = taken.iter().map(|(span, _)| span.begin.max(wish.begin)).chain([wish.begin]).collect();
    days.sort_unstable();
    let on = |day: NaiveDate| Span { begin: day, end: Some(day) };
    days.into_iter().filter(|day| wish.overlaps(&on(*day))).find(|day| {
        let count = taken.iter().filter(|(span, _)| span.overlaps(&on(*day))).count();
        i32::try_from(count).is_ok_and(|count| count >= capacity)
    })
}

/// A seat for each span, so that no two that overlap have the same, and no more seats than overlap at most.
#[must_use]
pub fn pack(spans: &[Span]) -> Vec<i32> {
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|index| spans.get(*index).map(|span| span.begin));
    // The last day on which each seat is taken so far: none means for ever.
    let mut seats: Vec<Option<NaiveDate>> = Vec::new();
    let mut given = vec![0; spans.len()];
    for index in order {
        let (Some(span), Some(place)) = (spans.get(index), given.get_mut(index)) else { continue };
        let free = seats.iter().position(|until| until.is_some_and(|until| until < span.begin));
        let seat = free.unwrap_or(seats.len());
        match seats.get_mut(seat) {
            Some(until) => *until = span.end,
            None => seats.push(span.end),
        }
        *place = i32::try_from(seat + 1).unwrap_or(i32::MAX);
    }
    given
}

#[cfg(test)]
mod tests {
    use chrono::Days;
    use proptest::prelude::*;

    use super::*;

    fn day(number: u64) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 6, 1).unwrap() + Days::new(number)
    }

    fn span(begin: u64, end: Option<u64>) -> Span {
        Span { begin: day(begin), end: end.map(day) }
    }

    #[test]
    fn who_has_a_place_on_every_day_gets_a_seat_even_if_others_must_move() {
        // Seat 1 is taken in the first half, seat 2 in the second, so neither is free throughout.
        let taken = [(span(0, Some(9)), 1), (span(10, Some(19)), 2)];
        assert_eq!(seat(&taken, span(0, Some(19)), 2), Seating::Reseated(vec![1, 1, 2]));
        assert_eq!(seat(&taken, span(10, Some(12)), 2), Seating::Free(1));
        assert_eq!(seat(&taken, span(0, None), 1), Seating::Full(day(0)));
        assert_eq!(seat(&[(span(5, None), 1)], span(0, None), 1), Seating::Full(day(5)));
    }

    proptest! {
        #[test]
        fn a_wish_is_granted_exactly_when_every_one_of_its_days_has_room(
            wishes in prop::collection::vec((0..40_u64, prop::option::of(0..20_u64)), 1..60),
            capacity in 1..6_i32,
        ) {
            let mut taken: Vec<(Span, i32)> = Vec::new();
            for (begin, length) in wishes {
                let wish = span(begin, length.map(|length| begin + length));
                // The last begin is day 39: after day 60 nothing changes any more.
                let room = (begin..=length.map_or(60, |length| begin + length)).all(|number| {
                    let on = span(number, Some(number));
                    taken.iter().filter(|(span, _)| span.overlaps(&on)).count() < usize::try_from(capacity).unwrap()
                });
                match seat(&taken, wish, capacity) {
                    Seating::Free(seat) => taken.push((wish, seat)),
                    Seating::Reseated(seats) => {
                        taken.push((wish, 0));
                        prop_assert_eq!(seats.len(), taken.len());
                        for (row, seat) in taken.iter_mut().zip(seats) {
                            row.1 = seat;
                        }
                    }
                    Seating::Full(_) => {
                        prop_assert!(!room);
                        continue;
                    }
                }
                prop_assert!(room);
                for (index, (span, seat)) in taken.iter().enumerate() {
                    prop_assert!((1..=capacity).contains(seat));
                    prop_assert!(!taken.iter().skip(index + 1).any(|(other, held)| held == seat && other.overlaps(span)));
                }
            }
        }
    }
}
