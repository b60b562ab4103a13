//! Ids that are the same on every machine, and tell what they are: `24d30000-<kind>-8<school>-8000-<number>`.

use uuid::{Builder, Uuid};

const PREFIX: u128 = 0x24d3_0000 << 96;

/// What an id is of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    School = 1,
    User,
    Membership,
    Year,
    Term,
    Subject,
    Teacher,
    Staff,
    Class,
    Student,
    Guardian,
    ClassSubject,
    Enrollment,
    Homework = 32,
    AttendanceCode = 48,
    AttendanceSettings,
    AttendanceRecord,
    Leave,
    Room = 64,
    Event,
    TimetableEntry,
    AppointmentSlot,
    AppointmentBooking,
    Bell,
    BellBlock,
    TimetableDay,
    RoomBooking,
    LessonDay,
    Vehicle = 80,
    Route,
    Stop,
    Seat,
    Trip,
    Position,
    Driver,
    FeeSlab,
    Maintenance,
    Boarding,
    StopVisit,
    BusAlert,
    BusProblem,
    BusAlarm,
    FeeStructure = 96,
    FeeItem,
    Concession,
    Invoice,
    InvoiceLine,
    Payment,
    LedgerTransaction,
    LedgerEntry,
    Allocation,
    FineRule,
    Bank = 112,
    Question,
    Quiz,
    Slot,
    GradeScale = 128,
    GradeCategory,
    GradeItem,
    StoreCategory = 160,
    Supplier,
    StoreLocation,
    StoreItem,
    StoreUnit,
    StockMovement,
    Loan,
    StoreKeeper,
    StoreReservation,
    StoreRepair,
    StoreTake,
    StoreCount,
}

/// The `number`th of a kind in a school.
pub(crate) fn id(school: u8, kind: Kind, number: usize) -> Uuid {
    let number = u128::try_from(number).unwrap_or_default() & 0xffff_ffff_ffff;
    let bits = PREFIX | ((kind as u128) << 80) | (u128::from(school) << 64) | number;
    Builder::from_custom_bytes(bits.to_be_bytes()).into_uuid()
}

/// Hands out the ids of a kind one after the other.
#[derive(Debug)]
pub(crate) struct Ids {
    school: u8,
    kind: Kind,
    given: usize,
}

impl Ids {
    pub(crate) const fn of(school: u8, kind: Kind) -> Self {
        Self { school, kind, given: 0 }
    }

    pub(crate) fn next(&mut self) -> Uuid {
        self.given += 1;
        id(self.school, self.kind, self.given)
    }

    /// How many were handed out.
    pub(crate) const fn given(&self) -> usize {
        self.given
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_shows_its_kind_its_school_and_its_number() {
        assert_eq!(id(2, Kind::Student, 31).to_string(), "24d30000-000a-8002-8000-00000000001f");
    }
}
