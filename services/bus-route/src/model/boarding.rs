//! Who boarded and who got off. A student's part in a trip is one row, with all that was noted of it.

use chrono::{DateTime, Duration, Utc};
use domain::{BusTripId, SchoolId, StopId, StudentId, Timestamp, UserId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use write_behind::natural_id;

/// How far ahead of ours a device's clock may be.
pub const CLOCK_GRACE: Duration = Duration::seconds(60);

/// What was noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BoardingKind {
    /// The student got on.
    Boarded,
    /// The student got off.
    Alighted,
}

/// One note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BoardingNote)]
pub struct Note {
    /// What happened.
    pub kind: BoardingKind,
    /// When.
    pub at: DateTime<Utc>,
    /// At which stop.
    pub stop_id: Option<StopId>,
    /// Who noted it.
    pub noted_by: UserId,
}

/// A student's part in a trip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boarding {
    /// Its id: that of the trip and the student.
    pub id: Uuid,
    /// The school.
    pub school_id: SchoolId,
    /// The trip.
    pub trip_id: BusTripId,
    /// The student.
    pub student_id: StudentId,
    /// When the student got on, the last time.
    pub boarded_at: DateTime<Utc>,
    /// When the student got off; none while on board.
    pub alighted_at: Option<DateTime<Utc>>,
    /// Everything that was noted, in the order in which it was.
    pub log: Vec<Note>,
    /// Its version.
    pub version: Version,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What a note does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noted {
    /// The row as it is now.
    Changed(Boarding),
    /// The row says so already: somebody tapped twice.
    Known(Boarding),
    /// It can't be.
    Refused(&'static str),
}

impl Boarding {
    /// The id of a student's part in a trip.
    #[must_use]
    pub fn row_id(trip: BusTripId, student: StudentId) -> Uuid {
        natural_id("bus_boarding", &[trip.as_uuid().as_bytes(), student.as_uuid().as_bytes()])
    }

    /// Whether the student is on the bus.
    #[must_use]
    pub const fn is_aboard(&self) -> bool {
        self.alighted_at.is_none()
    }
}

/// What `note` does to `before`, the student's part so far in the trip that began at `began`.
#[must_use]
pub fn note(
    school_id: SchoolId,
    trip_id: BusTripId,
    student_id: StudentId,
    before: Option<Boarding>,
    note: Note,
    began: Option<Timestamp>,
    now: Timestamp,
) -> Noted {
    if note.at > now + CLOCK_GRACE {
        return Noted::Refused("must not be in the future");
    }
    if began.is_some_and(|began| note.at < began - CLOCK_GRACE) {
        return Noted::Refused("must not be before the trip began");
    }
    match (before, note.kind) {
        (None, BoardingKind::Alighted) => Noted::Refused("did not board this bus"),
        (None, BoardingKind::Boarded) => Noted::Changed(Boarding {
            id: Boarding::row_id(trip_id, student_id),
            school_id,
            trip_id,
            student_id,
            boarded_at: note.at,
            alighted_at: None,
            log: vec![note],
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        }),
        (Some(row), kind) if row.is_aboard() == (kind == BoardingKind::Boarded) => Noted::Known(row),
        (Some(row), BoardingKind::Alighted) if note.at < row.boarded_at => Noted::Refused("must not be before the student boarded"),
        (Some(row), BoardingKind::Boarded) if row.alighted_at.is_some_and(|at| note.at < at) => {
            Noted::Refused("must not be before the student last got off")
        }
        (Some(mut row), kind) => {
            match kind {
                BoardingKind::Boarded => (row.boarded_at, row.alighted_at) = (note.at, None),
                BoardingKind::Alighted => row.alighted_at = Some(note.at),
            }
            row.log.push(note);
            row.version = row.version.next();
            row.updated_at = now;
            Noted::Changed(row)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn start() -> Timestamp {
        "2026-07-01T02:00:00Z".parse().unwrap()
    }

    fn tap(kind: BoardingKind, at: Timestamp) -> Note {
        Note { kind, at, stop_id: None, noted_by: UserId::generate() }
    }

    #[test]
    fn nobody_gets_off_who_did_not_board_and_a_second_tap_changes_nothing() {
        let (school, trip, student, now) = (SchoolId::generate(), BusTripId::generate(), StudentId::generate(), start());
        let step = |before: Option<Boarding>, kind, at| note(school, trip, student, before, tap(kind, at), Some(now), now);
        assert!(matches!(step(None, BoardingKind::Alighted, now), Noted::Refused(_)));
        for seconds in [-61, 61] {
            assert!(matches!(step(None, BoardingKind::Boarded, now + Duration::seconds(seconds)), Noted::Refused(_)));
        }
        let Noted::Changed(aboard) = step(None, BoardingKind::Boarded, now) else { panic!() };
        assert_eq!(step(Some(aboard.clone()), BoardingKind::Boarded, now), Noted::Known(aboard.clone()));
        assert!(matches!(step(Some(aboard.clone()), BoardingKind::Alighted, now - Duration::seconds(1)), Noted::Refused(_)));
        let Noted::Changed(off) = step(Some(aboard), BoardingKind::Alighted, now) else { panic!() };
        assert!(!off.is_aboard());
        let Noted::Changed(again) = step(Some(off), BoardingKind::Boarded, now) else { panic!() };
        assert_eq!((again.is_aboard(), again.log.len(), again.version.get()), (true, 3, 3));
    }

    proptest! {
        #[test]
        fn the_log_alternates_and_tells_who_is_on_board(taps in prop::collection::vec((any::<bool>(), 0..100_i64), 0..20)) {
            let (school, trip, student) = (SchoolId::generate(), BusTripId::generate(), StudentId::generate());
            let mut row: Option<Boarding> = None;
            for (boards, seconds) in taps {
                let kind = if boards { BoardingKind::Boarded } else { BoardingKind::Alighted };
                if let Noted::Changed(next) = note(school, trip, student, row.clone(), tap(kind, start() + Duration::seconds(seconds)), Some(start()), start() + Duration::seconds(100)) {
                    prop_assert_eq!(next.version.get(), row.map_or(1, |row| row.version.get() + 1));
                    row = Some(next);
                }
            }
            if let Some(row) = row {
                prop_assert!(row.log.windows(2).all(|pair| pair[0].kind != pair[1].kind && pair[0].at <= pair[1].at));
                prop_assert_eq!(row.log.first().map(|note| note.kind), Some(BoardingKind::Boarded));
                prop_assert_eq!(row.is_aboard(), row.log.last().map(|note| note.kind) == Some(BoardingKind::Boarded));
                prop_assert!(row.alighted_at.is_none_or(|at| at >= row.boarded_at));
            }
        }
    }
}
