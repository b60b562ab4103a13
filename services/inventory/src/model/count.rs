//! What a count of the shelves says about the books. A count is compared with what the books said at the moment of counting, and the difference is posted:
//! what moved before or after that moment makes no difference to it.

use super::item::UnitState;

/// Why a unit that the books have elsewhere can't turn up in a count, and what to do about it; none if it is nowhere, or where it was counted. `elsewhere` is
/// the other place on whose shelf the books have it.
#[must_use]
pub fn obstacle(serial: &str, state: UnitState, elsewhere: Option<&str>) -> Option<String> {
    let (is, first) = match (state, elsewhere) {
        (UnitState::OnLoan, _) => ("on loan".to_owned(), "take it back"),
        (UnitState::Issued, _) => ("issued".to_owned(), "take it back"),
        (UnitState::InRepair, _) => ("in repair".to_owned(), "finish the repair"),
        (UnitState::InStock, Some(place)) => (format!("at {place}"), "transfer it"),
        (UnitState::InStock, None) | (UnitState::New | UnitState::Moving | UnitState::Gone, _) => return None,
    };
    Some(format!("{serial} is {is}: {first} first and count it again, or count it as not there"))
}

/// What to do about a line of a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The books were right.
    Right,
    /// So many more, or fewer, than the books said.
    Differs(i32),
    /// So many are missing, but not so many are there any more: it moved since, and has to be counted again.
    CountAgain,
}

/// Compares what was counted with what the books said then; `on_hand` is what they say now.
#[must_use]
pub const fn judge(expected: i32, counted: i32, on_hand: i32) -> Verdict {
    let difference = counted.saturating_sub(expected);
    if difference == 0 {
        Verdict::Right
    } else if on_hand.saturating_add(difference) < 0 {
        Verdict::CountAgain
    } else {
        Verdict::Differs(difference)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_moves_after_the_count_is_not_taken_for_a_difference() {
        // Ten in the books, nine on the shelf; then four are issued. Five are left, not six.
        assert_eq!(judge(10, 9, 6), Verdict::Differs(-1));
        assert_eq!(judge(10, 10, 6), Verdict::Right);
        assert_eq!(judge(10, 0, 6), Verdict::CountAgain);
    }

    #[test]
    fn what_the_books_have_elsewhere_is_brought_back_first_and_what_is_gone_may_turn_up() {
        use UnitState::*;
        let starts = |state, elsewhere, words: &str| obstacle("B-1", state, elsewhere).is_some_and(|detail| detail.starts_with(words));
        assert!(starts(OnLoan, None, "B-1 is on loan: take it back first"));
        assert!(starts(Issued, None, "B-1 is issued: take it back first"));
        assert!(starts(InRepair, None, "B-1 is in repair: finish the repair first"));
        assert!(starts(InStock, Some("Store room"), "B-1 is at Store room: transfer it first"));
        for (state, elsewhere) in [(InStock, None), (Gone, None), (New, None), (Moving, None)] {
            assert_eq!(obstacle("B-1", state, elsewhere), None, "{state:?}");
        }
    }

    proptest! {
        #[test]
        fn after_posting_the_books_say_what_the_shelf_says(shelf in 0..1_000_i32, books in 0..1_000_i32, moved in -1_000..1_000_i32) {
            // No more leaves than is there.
            let moved = moved.max(-shelf.min(books));
            // What moves after the count moves on the shelf and in the books alike.
            let (shelf_now, books_now) = (shelf + moved, books + moved);
            match judge(books, shelf, books_now) {
                Verdict::Right => prop_assert_eq!(shelf_now, books_now),
                Verdict::Differs(difference) => prop_assert_eq!(books_now + difference, shelf_now),
                Verdict::CountAgain => prop_assert!(false, "what can be on a shelf can be in the books"),
            }
        }
    }
}
