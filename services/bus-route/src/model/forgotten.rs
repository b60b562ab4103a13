//! Trips that somebody forgot: to end, or to start.
//!
//! A trip is over for all practical purposes when its last stop was due a while ago and the bus says nothing any more. A device that goes on telling from the yard keeps
//! nobody from being looked for: however often it does, there is an end to how late a bus can be.

use chrono::Duration;
use domain::Timestamp;

use super::progress::{Course, DELAY_TOLD};

/// How long after its last stop was due, and after its last word, a trip should have ended.
pub const QUIET: Duration = Duration::minutes(30);

/// How long after its last stop was due a trip should have ended, whatever is heard of it.
pub const AT_MOST: Duration = Duration::hours(2);

/// How long after its first stop was due it is still of use that a trip which has not begun is late.
pub const WAITED_FOR: Duration = Duration::hours(6);

/// Whether a trip that runs should have ended. `heard` is of when its last position is.
#[must_use]
pub fn should_have_ended(course: &Course, heard: Option<Timestamp>, now: Timestamp) -> bool {
    let due = course.calls.last().map(|call| call.scheduled_at).max(course.started_at);
    due.is_some_and(|due| now - due >= AT_MOST || now - heard.map_or(due, |heard| heard.max(due)) >= QUIET)
}

/// How late a trip is that has not begun; none if that is not worth telling.
#[must_use]
pub fn not_begun(course: &Course, now: Timestamp) -> Option<Duration> {
    let late = now - course.calls.first()?.scheduled_at;
    (DELAY_TOLD..=WAITED_FOR).contains(&late).then_some(late)
}

#[cfg(test)]
mod tests {
    use super::super::progress::tests::{course, start};
    use super::*;

    fn minutes(minutes: i64) -> Timestamp {
        start() + Duration::minutes(minutes)
    }

    #[test]
    fn a_trip_should_have_ended_when_its_last_stop_was_due_long_ago_and_the_bus_is_silent() {
        // The last stop is due after twelve minutes.
        let mut course = course();
        course.started_at = Some(minutes(-5));
        for (heard, now, expected) in
            [(None, 41, false), (None, 42, true), (Some(30), 59, false), (Some(30), 60, true), (Some(2), 42, true)]
        {
            assert_eq!(should_have_ended(&course, heard.map(minutes), minutes(now)), expected, "{heard:?} {now}");
        }
        assert!(!should_have_ended(&course, Some(minutes(131)), minutes(131)));
        assert!(should_have_ended(&course, Some(minutes(132)), minutes(132)), "a device in the yard");
        // One that began late has as much time as any other.
        course.started_at = Some(minutes(600));
        assert!(!should_have_ended(&course, None, minutes(629)) && should_have_ended(&course, None, minutes(630)));
    }

    #[test]
    fn a_trip_that_has_not_begun_is_late_from_ten_minutes_on_until_nobody_waits() {
        let course = course();
        let late = |now| not_begun(&course, minutes(now)).map(|late| late.num_minutes());
        assert_eq!([late(-60), late(9), late(10), late(360), late(361)], [None, None, Some(10), Some(360), None]);
    }
}
