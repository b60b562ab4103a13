//! Times that can be booked: a sitting of an exam, ten minutes with a teacher.

use chrono::Duration;
use domain::{
    AppointmentBookingId, AppointmentSlotId, ClassId, Fault, Faults, RoomId, SchoolId, StudentId, TeacherId, Timestamp, UserId, Version,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The most slots that one request may make.
pub const MOST: usize = 200;

/// What is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AppointmentKind)]
pub enum Kind {
    /// A sitting of an exam.
    Exam,
    /// A meeting with a teacher.
    Meeting,
}

/// Whether it is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AppointmentStatus)]
pub enum Status {
    /// It is.
    Open,
    /// It was called off.
    Cancelled,
}

/// A time that can be booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Its id.
    pub id: AppointmentSlotId,
    /// The school.
    pub school_id: SchoolId,
    /// The first of the times that were offered together, of which a student gets one; itself, if it is by itself.
    pub series_id: AppointmentSlotId,
    /// What is offered.
    pub kind: Kind,
    /// What it is called.
    pub title: String,
    /// For the students of this class only.
    pub class_id: Option<ClassId>,
    /// With whom.
    pub teacher_id: Option<TeacherId>,
    /// Where.
    pub room_id: Option<RoomId>,
    /// When it begins.
    pub starts_at: Timestamp,
    /// When it is over.
    pub ends_at: Timestamp,
    /// Until when it can be booked and given up.
    pub book_until: Timestamp,
    /// How many students.
    pub capacity: i32,
    /// Whether it is offered.
    pub status: Status,
    /// Who offered it.
    pub created_by: UserId,
    /// Its version.
    pub version: Version,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Whether a booking stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AppointmentBookingStatus)]
pub enum BookingStatus {
    /// It does.
    Booked,
    /// It was given up, or the slot was called off.
    Cancelled,
}

/// A student's seat in a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booking {
    /// Its id.
    pub id: AppointmentBookingId,
    /// The school.
    pub school_id: SchoolId,
    /// The slot.
    pub slot_id: AppointmentSlotId,
    /// The slot's series.
    pub series_id: AppointmentSlotId,
    /// The slot's capacity.
    pub slot_capacity: i32,
    /// When the slot begins.
    pub starts_at: Timestamp,
    /// When it is over.
    pub ends_at: Timestamp,
    /// The number of the seat, from 1.
    pub seat: i32,
    /// The student.
    pub student_id: StudentId,
    /// Who booked.
    pub booked_by: UserId,
    /// The parent who comes to a meeting: whoever booked it, if that was a parent.
    pub attending_parent: Option<UserId>,
    /// What the teacher should know.
    pub note: Option<String>,
    /// Whether it stands.
    pub status: BookingStatus,
    /// Its version.
    pub version: Version,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Why a slot can't be booked, or a booking not given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It was called off.
    Cancelled,
    /// It is too late.
    TooLate,
    /// It is for another class.
    OtherClass,
    /// All seats are taken.
    Full,
}

impl Slot {
    /// Every fault that the fields have among each other.
    pub fn check(&self) -> Result<(), Vec<Fault>> {
        let mut faults = Faults::none();
        faults.require(self.ends_at > self.starts_at, "/ends_at", "must be after starts_at");
        faults.require(self.ends_at - self.starts_at <= Duration::days(1), "/ends_at", "must be within a day of starts_at");
        faults.require(self.book_until <= self.ends_at, "/book_until", "must not be after ends_at");
        faults.require((1..=1000).contains(&self.capacity), "/capacity", "must be from 1 to 1000");
        faults.into_result()
    }

    /// Whether bookings may be made and given up at `now`.
    pub fn is_bookable(&self, now: Timestamp) -> Result<(), Refused> {
        if self.status == Status::Cancelled {
            return Err(Refused::Cancelled);
        }
        if now > self.book_until { Err(Refused::TooLate) } else { Ok(()) }
    }

    /// The lowest seat that is free, if `taken` are not.
    pub fn free_seat(&self, taken: &[i32]) -> Result<i32, Refused> {
        (1..=self.capacity).find(|seat| !taken.contains(seat)).ok_or(Refused::Full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot() -> Slot {
        let (now, id) = (Timestamp::UNIX_EPOCH, AppointmentSlotId::generate());
        Slot {
            id,
            series_id: id,
            school_id: SchoolId::generate(),
            kind: Kind::Meeting,
            title: "Ten minutes".to_owned(),
            class_id: None,
            teacher_id: None,
            room_id: None,
            starts_at: now + Duration::hours(1),
            ends_at: now + Duration::hours(2),
            book_until: now + Duration::hours(1),
            capacity: 2,
            status: Status::Open,
            created_by: UserId::generate(),
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        }
    }

    #[test]
    fn the_lowest_free_seat_is_given_until_none_is_left() {
        assert_eq!(slot().free_seat(&[]), Ok(1));
        assert_eq!(slot().free_seat(&[1]), Ok(2));
        assert_eq!(slot().free_seat(&[2]), Ok(1));
        assert_eq!(slot().free_seat(&[2, 1]), Err(Refused::Full));
    }

    #[test]
    fn what_was_called_off_or_is_over_can_not_be_booked() {
        let slot = slot();
        assert_eq!(slot.is_bookable(slot.book_until), Ok(()));
        assert_eq!(slot.is_bookable(slot.book_until + Duration::seconds(1)), Err(Refused::TooLate));
        assert_eq!(Slot { status: Status::Cancelled, ..slot }.is_bookable(Timestamp::UNIX_EPOCH), Err(Refused::Cancelled));
    }

    #[test]
    fn every_fault_is_told() {
        let slot = slot();
        let bad = Slot { ends_at: slot.starts_at, book_until: slot.starts_at + Duration::days(3), capacity: 0, ..slot };
        assert_eq!(bad.check().unwrap_err().len(), 3);
    }
}
