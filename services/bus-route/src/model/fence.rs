//! Which stops a bus has reached.
//!
//! A stop is reached when the bus came within [`GEOFENCE`] metres of it: at a position, or on the straight way from the position before, if that is not long ago
//! ([`GAP`]): a device that tells its place twice a minute drives past most stops in between. The next stop can be reached at any time. One behind it only when at least
//! a third of the time is over that the timetable gives to get there: so a tunnel holds nobody up, and a route that passes its own end, or a bus that starts beside
//! its last stop, is not taken for one that has arrived.

use chrono::Duration;
use domain::Timestamp;

use super::eta::Call;
use super::geo::{Place, nearest};
use super::position::Fix;

/// How near to a stop a bus is at it, in metres: the error of a receiver between houses, and half a bus.
pub const GEOFENCE: f64 = 60.0;

/// Two positions that are further apart in time say nothing about the way between them.
pub const GAP: Duration = Duration::minutes(2);

/// The stops that were reached on the way from `from` to `to`: their places on the trip, and when. `passed` stops are behind the bus, the last one that was reached is
/// `last`.
#[must_use]
pub fn reached(
    calls: &[Call],
    mut passed: usize,
    mut last: Option<(usize, Timestamp)>,
    from: Option<&Fix>,
    to: &Fix,
) -> Vec<(usize, Timestamp)> {
    let mut stops = Vec::new();
    while let Some((index, at)) = next(calls, passed, last, from, to) {
        // Of two stops at one place neither is reached before the other.
        let at = last.map_or(at, |(_, before)| at.max(before));
        stops.push((index, at));
        (passed, last) = (index + 1, Some((index, at)));
    }
    stops
}

fn next(calls: &[Call], passed: usize, last: Option<(usize, Timestamp)>, from: Option<&Fix>, to: &Fix) -> Option<(usize, Timestamp)> {
    let ahead = calls.iter().enumerate().skip(passed);
    ahead.filter_map(|(index, call)| Some((index, near(call.place(), from, to)?))).find(|(index, at)| {
        *index == passed || {
            let begun = last.and_then(|(place, at)| Some((calls.get(place)?.scheduled_at, at)));
            let begun = begun.or_else(|| calls.first().map(|first| (first.scheduled_at, first.scheduled_at)));
            begun.zip(calls.get(*index)).is_some_and(|((scheduled, since), call)| *at - since >= (call.scheduled_at - scheduled) / 3)
        }
    })
}

/// When the bus was near the stop; none if it was not.
fn near(stop: Place, from: Option<&Fix>, to: &Fix) -> Option<Timestamp> {
    let Some(from) = from.filter(|from| to.recorded_at - from.recorded_at <= GAP) else {
        return (nearest(stop, to.place(), to.place()).0 <= GEOFENCE).then_some(to.recorded_at);
    };
    let (metres, part) = nearest(stop, from.place(), to.place());
    // At most two minutes: far within what an i64 holds.
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    let since = Duration::milliseconds(((to.recorded_at - from.recorded_at).num_milliseconds() as f64 * part) as i64);
    (metres <= GEOFENCE).then(|| from.recorded_at + since)
}

#[cfg(test)]
mod tests {
    use domain::StopId;

    use super::*;

    fn start() -> Timestamp {
        "2026-07-01T02:00:00Z".parse().unwrap()
    }

    /// Stops along the equator, four minutes apart.
    fn calls(longitudes: &[f64]) -> Vec<Call> {
        let call = |(longitude, index): (&f64, i32)| Call {
            stop_id: StopId::generate(),
            name: format!("Stop {index}"),
            latitude: 0.0,
            longitude: *longitude,
            scheduled_at: start() + Duration::minutes(4) * index,
        };
        longitudes.iter().zip(0..).map(call).collect()
    }

    fn fix(seconds: i64, longitude: f64) -> Fix {
        Fix { recorded_at: start() + Duration::seconds(seconds), latitude: 0.0, longitude, speed_mps: None, heading_degrees: None }
    }

    #[test]
    fn a_stop_between_two_positions_is_reached_in_between() {
        let calls = calls(&[0.0, 0.01, 0.02]);
        let (from, to) = (fix(0, 0.008), fix(40, 0.012));
        assert_eq!(reached(&calls, 1, Some((0, start())), Some(&from), &to), [(1, start() + Duration::seconds(20))]);
        // Of what was between two positions long apart nothing is known.
        assert_eq!(reached(&calls, 1, Some((0, start())), Some(&from), &fix(121, 0.012)), []);
    }

    #[test]
    fn a_route_that_passes_its_own_end_has_not_arrived() {
        // The last stop is beside the first: a round, as most routes are that begin at the school.
        let calls = calls(&[0.0, 0.01, 0.02, 0.000_1]);
        assert_eq!(reached(&calls, 0, None, None, &fix(-600, 0.000_1)), [(0, start() - Duration::minutes(10))]);
        assert_eq!(reached(&calls, 1, Some((0, start())), Some(&fix(5, 0.0)), &fix(10, 0.000_2)), []);
        // A third of twelve minutes later it may well be there.
        assert_eq!(reached(&calls, 1, Some((0, start())), None, &fix(240, 0.000_1)), [(3, start() + Duration::minutes(4))]);
    }
}
