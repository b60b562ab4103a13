//! How full a bus is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How full a vehicle is, in the words of GTFS-Realtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = BusOccupancy)]
pub enum Occupancy {
    /// Nobody is on board.
    Empty,
    /// Less than seven in ten seats are taken.
    ManySeatsAvailable,
    /// There is a seat left.
    FewSeatsAvailable,
    /// There is none.
    Full,
}

impl Occupancy {
    /// With so many on board, and so many seats.
    #[must_use]
    pub fn of(aboard: usize, capacity: i32) -> Self {
        match percentage(aboard, capacity) {
            Some(0) | None => Self::Empty,
            Some(percent) if percent < 70 => Self::ManySeatsAvailable,
            Some(percent) if percent < 100 => Self::FewSeatsAvailable,
            Some(_) => Self::Full,
        }
    }
}

/// How much of the seats is taken, in per cent, rounded up; more than 100 if some stand.
#[must_use]
pub fn percentage(aboard: usize, capacity: i32) -> Option<u32> {
    let capacity = usize::try_from(capacity).ok().filter(|seats| *seats > 0)?;
    u32::try_from(aboard.saturating_mul(100).div_ceil(capacity)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_is_full_when_its_last_seat_is_taken_and_not_before() {
        let status = |aboard| (Occupancy::of(aboard, 40), percentage(aboard, 40));
        assert_eq!(status(0), (Occupancy::Empty, Some(0)));
        assert_eq!(status(1), (Occupancy::ManySeatsAvailable, Some(3)));
        assert_eq!(status(28), (Occupancy::FewSeatsAvailable, Some(70)));
        assert_eq!(status(39), (Occupancy::FewSeatsAvailable, Some(98)));
        assert_eq!(status(40), (Occupancy::Full, Some(100)));
        assert_eq!(status(45), (Occupancy::Full, Some(113)));
    }
}
