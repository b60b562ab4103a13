//! Requests for leave: a student or a parent asks, a teacher of the class or the office decides. The only part of attendance that may lie in the future.
//!
//! Approved leave gives its code to whoever is left to `others` in a register, and makes an absence an excused one in every figure; a teacher who sees the
//! student there all the same marks them present.

use chrono::{Days, NaiveDate};
use domain::{Fault, Faults, LeaveRequestId, SchoolId, StudentId, Timestamp, UserId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How long one leave lasts at most, in days.
pub const MAX_DAYS: i64 = 60;
/// How long ago leave may begin: a sick note comes late.
pub const MAX_PAST: u64 = 30;
/// How far ahead it may begin.
pub const MAX_FUTURE: u64 = 366;

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeaveStatus {
    /// Nobody has decided yet.
    Pending,
    /// Granted.
    Approved,
    /// Refused.
    Rejected,
    /// Taken back by whoever asked.
    Withdrawn,
}

impl LeaveStatus {
    /// The name in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// A request as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leave {
    /// Its id.
    pub id: LeaveRequestId,
    /// The school.
    pub school_id: SchoolId,
    /// Who is to have leave.
    pub student_id: StudentId,
    /// The first day.
    pub from_date: NaiveDate,
    /// The last day.
    pub to_date: NaiveDate,
    /// Why.
    pub reason: String,
    /// Where it stands.
    pub status: LeaveStatus,
    /// Who asked.
    pub requested_by: UserId,
    /// Who decided.
    pub decided_by: Option<UserId>,
    /// When.
    pub decided_at: Option<Timestamp>,
    /// What they had to say.
    pub decision_note: Option<String>,
    /// Its version.
    pub version: Version,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Every fault of leave from `from` to `to`, asked for today.
pub fn check_dates(from: NaiveDate, to: NaiveDate, today: NaiveDate) -> Result<(), Vec<Fault>> {
    let mut faults = Faults::none();
    let days = (to - from).num_days() + 1;
    faults.require(days >= 1, "/to_date", "must not be before from_date");
    faults.require(days <= MAX_DAYS, "/to_date", format!("leave lasts at most {MAX_DAYS} days"));
    let earliest = today.checked_sub_days(Days::new(MAX_PAST)).unwrap_or(NaiveDate::MIN);
    let latest = today.checked_add_days(Days::new(MAX_FUTURE)).unwrap_or(NaiveDate::MAX);
    faults.require(from >= earliest, "/from_date", format!("must not be more than {MAX_PAST} days ago"));
    faults.require(from <= latest, "/from_date", format!("must not be more than {MAX_FUTURE} days ahead"));
    faults.into_result()
}

/// Whether two leaves share a day.
#[must_use]
pub fn overlap(one: (NaiveDate, NaiveDate), other: (NaiveDate, NaiveDate)) -> bool {
    one.0 <= other.1 && other.0 <= one.1
}

impl Leave {
    /// The same, decided; none if somebody has decided already or it was taken back.
    #[must_use]
    pub fn decided(&self, approve: bool, by: UserId, note: Option<String>, now: Timestamp) -> Option<Self> {
        (self.status == LeaveStatus::Pending).then(|| Self {
            status: if approve { LeaveStatus::Approved } else { LeaveStatus::Rejected },
            decided_by: Some(by),
            decided_at: Some(now),
            decision_note: note,
            ..self.next(now)
        })
    }

    /// The same, taken back; none once it was refused, or has begun with approval: then it happened.
    #[must_use]
    pub fn withdrawn(&self, today: NaiveDate, now: Timestamp) -> Option<Self> {
        let may = match self.status {
            LeaveStatus::Pending => true,
            LeaveStatus::Approved => self.from_date > today,
            LeaveStatus::Rejected | LeaveStatus::Withdrawn => false,
        };
        // Who decided stays in the log; the row says that nobody's decision stands any more.
        may.then(|| Self { status: LeaveStatus::Withdrawn, decided_by: None, decided_at: None, decision_note: None, ..self.next(now) })
    }

    /// The same, asked for in other words or for other days; none once it was decided.
    #[must_use]
    pub fn changed(&self, from_date: NaiveDate, to_date: NaiveDate, reason: String, now: Timestamp) -> Option<Self> {
        (self.status == LeaveStatus::Pending).then(|| Self { from_date, to_date, reason, ..self.next(now) })
    }

    fn next(&self, now: Timestamp) -> Self {
        Self { version: self.version.next(), updated_at: now, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{Duration, TimeZone, Utc};
    use proptest::prelude::*;

    use super::*;

    fn today() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, 20).unwrap()
    }

    fn leave(status: LeaveStatus, from: i64) -> Leave {
        let now = Utc.with_ymd_and_hms(2026, 11, 20, 9, 0, 0).unwrap();
        Leave {
            id: LeaveRequestId::generate(),
            school_id: SchoolId::generate(),
            student_id: StudentId::generate(),
            from_date: today() + Duration::days(from),
            to_date: today() + Duration::days(from + 2),
            reason: "Fever".to_owned(),
            status,
            requested_by: UserId::generate(),
            decided_by: None,
            decided_at: None,
            decision_note: None,
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        }
    }

    #[test]
    fn leave_is_decided_once_and_taken_back_before_it_begins() {
        let now = Utc.with_ymd_and_hms(2026, 11, 20, 10, 0, 0).unwrap();
        let approved = leave(LeaveStatus::Pending, 1).decided(true, UserId::generate(), None, now).unwrap();
        assert_eq!((approved.status, approved.version.get()), (LeaveStatus::Approved, 2));
        assert_eq!(approved.decided(false, UserId::generate(), None, now), None);
        assert!(approved.withdrawn(today(), now).is_some());
        assert_eq!(leave(LeaveStatus::Approved, 0).withdrawn(today(), now), None);
        assert!(leave(LeaveStatus::Pending, -3).withdrawn(today(), now).is_some());
        assert_eq!(leave(LeaveStatus::Rejected, 5).withdrawn(today(), now), None);
        assert_eq!(approved.changed(today(), today(), "x".to_owned(), now), None);
    }

    #[test]
    fn dates_lie_in_order_and_in_reach() {
        let at = |days: i64| today() + Duration::days(days);
        assert!(check_dates(at(0), at(0), today()).is_ok());
        assert!(check_dates(at(-30), at(29), today()).is_ok());
        assert_eq!(check_dates(at(0), at(-1), today()).unwrap_err().len(), 1);
        assert_eq!(check_dates(at(-31), at(400), today()).unwrap_err().len(), 2);
        assert_eq!(check_dates(at(367), at(367), today()).unwrap_err().len(), 1);
    }

    proptest! {
        #[test]
        fn leaves_overlap_when_they_share_a_day(a in 0..50_i64, long in 0..10_i64, b in 0..50_i64, short in 0..10_i64) {
            let span = |from: i64, length: i64| (today() + Duration::days(from), today() + Duration::days(from + length));
            let shared = (a..=a + long).any(|day| (b..=b + short).contains(&day));
            prop_assert_eq!(overlap(span(a, long), span(b, short)), shared);
            prop_assert_eq!(overlap(span(b, short), span(a, long)), shared);
        }
    }
}
