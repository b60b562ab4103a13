//! Who waits for a thing: first come, first served. When a piece is there, it is kept for the first for some days; who doesn't fetch it loses it to the next.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{InventoryItemId, LoanId, ReservationId, StudentId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// How a reservation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// In the queue.
    Waiting,
    /// A piece is kept for them.
    Ready,
    /// They have it.
    Fulfilled,
    /// They don't want it any more.
    Cancelled,
    /// They did not fetch it, or waited for too long.
    Expired,
}

impl State {
    /// The name in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Ready => "ready",
            Self::Fulfilled => "fulfilled",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

/// Somebody's wish for a thing that is out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reservation {
    /// Its id.
    pub id: ReservationId,
    /// What they wait for.
    pub item_id: InventoryItemId,
    /// The item's name.
    pub item_name: String,
    /// Who waits.
    pub borrower_user_id: UserId,
    /// Their name.
    pub borrower_name: Option<String>,
    /// The borrower as a student.
    pub student_id: Option<StudentId>,
    /// How it stands now, whether or not anybody has written it down yet.
    pub state: State,
    /// The last day of waiting.
    pub expires_on: NaiveDate,
    /// Until when a piece is kept for them; null for a moment when their turn has only just come.
    pub held_until: Option<DateTime<Utc>>,
    /// The loan that it became.
    pub loan_id: Option<LoanId>,
    /// Who entered it.
    pub reserved_by: UserId,
    /// One more with each change.
    pub version: i32,
    /// Since when they wait.
    pub created_at: DateTime<Utc>,
}

/// A place in the queue of one item.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Place {
    /// The reservation.
    pub id: Uuid,
    /// For whom.
    #[serde(rename = "borrower_user_id")]
    pub borrower: Uuid,
    /// Waiting or ready.
    pub state: State,
    /// The last day of waiting.
    pub expires_on: NaiveDate,
    /// Until when it is kept.
    pub held_until: Option<Timestamp>,
}

impl Place {
    fn is_over(&self, now: Timestamp, today: NaiveDate) -> bool {
        match self.state {
            State::Ready => self.held_until.is_none_or(|until| until <= now),
            State::Waiting => self.expires_on < today,
            _ => false,
        }
    }
}

/// What has to be written about a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It has expired.
    Expire(Uuid),
    /// A piece is kept for it from now on.
    Keep(Uuid),
    /// The piece that was kept for it is not there any more: it waits again, in the place in the queue that it had.
    Release(Uuid),
}

/// What has become of a queue, given in its order: what is over goes, as many as pieces are free are kept for the first, and where more are kept than there are
/// pieces, the last of those for whom one is kept wait again.
#[must_use]
pub fn settle(places: &[Place], pieces: i32, now: Timestamp, today: NaiveDate) -> Vec<Change> {
    let (over, live): (Vec<&Place>, Vec<&Place>) = places.iter().partition(|place| place.is_over(now, today));
    let (kept, waiting): (Vec<&Place>, Vec<&Place>) = live.into_iter().partition(|place| place.state == State::Ready);
    let pieces = usize::try_from(pieces).unwrap_or(0);
    // Who has waited for too long does not begin to wait again.
    let release = |place: &&Place| if place.expires_on < today { Change::Expire(place.id) } else { Change::Release(place.id) };
    let released = kept.iter().skip(pieces).map(release);
    let next = waiting.iter().take(pieces.saturating_sub(kept.len())).map(|place| Change::Keep(place.id));
    over.iter().map(|place| Change::Expire(place.id)).chain(released).chain(next).collect()
}

/// How many pieces `borrower` could take of `pieces` that are there: all that are not kept for others.
#[must_use]
pub fn free_for(places: &[Place], pieces: i32, borrower: Uuid, now: Timestamp, today: NaiveDate) -> i32 {
    let kept =
        places.iter().filter(|place| place.state == State::Ready && place.borrower != borrower && !place.is_over(now, today)).count();
    pieces.saturating_sub(i32::try_from(kept).unwrap_or(i32::MAX)).max(0)
}

#[cfg(test)]
mod tests {
    use chrono::{Duration, TimeZone};
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        Utc.with_ymd_and_hms(2026, 3, 2, 9, 0, 0).unwrap()
    }

    fn place(number: u128, state: State, hours: i64) -> Place {
        let (id, today) = (Uuid::from_u128(number), now().date_naive());
        Place {
            id,
            borrower: id,
            state,
            expires_on: today + Duration::days(hours),
            held_until: (state == State::Ready).then(|| now() + Duration::hours(hours)),
        }
    }

    #[test]
    fn the_first_in_the_queue_gets_what_comes_back() {
        let queue = [place(1, State::Waiting, 9), place(2, State::Waiting, 9)];
        assert_eq!(settle(&queue, 0, now(), now().date_naive()), []);
        assert_eq!(settle(&queue, 1, now(), now().date_naive()), [Change::Keep(Uuid::from_u128(1))]);
    }

    #[test]
    fn who_does_not_fetch_it_loses_it_to_the_next() {
        let queue = [place(1, State::Ready, 0), place(2, State::Waiting, -1), place(3, State::Waiting, 0)];
        let expected = [Change::Expire(Uuid::from_u128(1)), Change::Expire(Uuid::from_u128(2)), Change::Keep(Uuid::from_u128(3))];
        assert_eq!(settle(&queue, 1, now(), now().date_naive()), expected);
    }

    #[test]
    fn who_came_last_waits_again_when_a_piece_that_was_kept_is_gone() {
        let mut queue = [place(1, State::Ready, 9), place(2, State::Ready, 9), place(3, State::Waiting, 9)];
        let (now, today) = (now(), now().date_naive());
        assert_eq!(settle(&queue, 2, now, today), []);
        assert_eq!(settle(&queue, 1, now, today), [Change::Release(Uuid::from_u128(2))]);
        assert_eq!(settle(&queue, 0, now, today), [Change::Release(Uuid::from_u128(1)), Change::Release(Uuid::from_u128(2))]);
        queue[1].expires_on = today - Duration::days(1);
        assert_eq!(settle(&queue, 1, now, today), [Change::Expire(Uuid::from_u128(2))], "they had waited for long enough");
    }

    #[test]
    fn what_is_kept_for_one_is_not_there_for_another() {
        let queue = [place(1, State::Ready, 2), place(2, State::Waiting, 9)];
        let free = |borrower: u128, pieces| free_for(&queue, pieces, Uuid::from_u128(borrower), now(), now().date_naive());
        assert_eq!((free(1, 1), free(2, 1), free(3, 1), free(3, 2)), (1, 0, 0, 1));
    }

    fn queue() -> impl Strategy<Value = Vec<Place>> {
        let one = (prop::bool::ANY, -3..4_i64);
        prop::collection::vec(one, 0..12).prop_map(|places| {
            let place = |(number, (ready, hours)): (usize, (bool, i64))| {
                place(number as u128, if ready { State::Ready } else { State::Waiting }, hours)
            };
            places.into_iter().enumerate().map(place).collect()
        })
    }

    proptest! {
        #[test]
        fn no_more_is_kept_than_is_there_and_nobody_is_passed_over(queue in queue(), pieces in 0..12_i32) {
            let today = now().date_naive();
            let changes = settle(&queue, pieces, now(), today);
            let expired = |id| changes.contains(&Change::Expire(id));
            let released = |id| changes.contains(&Change::Release(id));
            let live: Vec<&Place> = queue.iter().filter(|place| !expired(place.id)).collect();
            prop_assert!(live.iter().all(|place| !place.is_over(now(), today)));
            let ready = live.iter().filter(|place| place.state == State::Ready && !released(place.id)).count();
            let keep = |change: &Change| if let Change::Keep(id) = change { Some(*id) } else { None };
            let kept: Vec<Uuid> = changes.iter().filter_map(keep).collect();
            prop_assert!(ready + kept.len() <= usize::try_from(pieces).unwrap());
            let waiting: Vec<Uuid> = live.iter().filter(|place| place.state == State::Waiting).map(|place| place.id).collect();
            prop_assert_eq!(&waiting[..kept.len()], &kept[..]);
            // Nothing is taken back while a piece is there for it.
            let taken_back = changes.iter().any(|change| matches!(change, Change::Release(_)));
            prop_assert!(!taken_back || (ready == usize::try_from(pieces).unwrap() && kept.is_empty()));
            // Nobody waits while something is free.
            prop_assert!(kept.len() == waiting.len() || ready + kept.len() >= usize::try_from(pieces).unwrap());
        }
    }
}
