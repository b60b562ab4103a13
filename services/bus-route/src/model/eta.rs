//! When the bus will be at the stops that it has yet to serve.
//!
//! The distance to a stop is the great circle from the bus to its next stop, and from stop to stop from there on ([`super::geo::haversine`]), each times
//! [`DETOUR`], because roads are no great circles. The time is `distance / speed`, and [`DWELL`] for each stop in between. The speed is what was observed over
//! the last minutes, an exponential mean with a time constant of [`MEMORY`] seconds, never below [`SLOWEST`]: a bus at a red light will go on.
//! Before anything was observed it is [`USUAL`].

use chrono::{DateTime, Duration, Utc};
use domain::StopId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::geo::{Place, haversine};

/// How much longer a road is than the great circle, in towns (circuity; Boeing 2019 measures 1.2 to 1.5).
pub const DETOUR: f64 = 1.3;
/// What a stop in between takes, in seconds.
pub const DWELL: f64 = 20.0;
/// The speed before anything was observed: 20 km/h, in metres a second.
pub const USUAL: f64 = 20.0 / 3.6;
/// The lowest speed that is counted with: 7.2 km/h, in metres a second.
pub const SLOWEST: f64 = 2.0;
/// The time constant of the observed speed, in seconds.
pub const MEMORY: f64 = 120.0;

/// A stop that the bus serves on this trip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The stop.
    pub stop_id: StopId,
    /// What it is called.
    pub name: String,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// When the bus should be there.
    pub scheduled_at: DateTime<Utc>,
}

impl Call {
    /// Where it is.
    #[must_use]
    pub const fn place(&self) -> Place {
        Place { latitude: self.latitude, longitude: self.longitude }
    }
}

/// When the bus will be at a stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BusStopEta)]
pub struct StopEta {
    /// The stop.
    pub stop_id: StopId,
    /// When it should be there.
    pub scheduled_at: DateTime<Utc>,
    /// When it will be there; when it was, if it was.
    pub expected_at: DateTime<Utc>,
    /// Whether it was there.
    pub has_arrived: bool,
}

/// The observed speed after `seconds` in which `metres` were made, `before` being what was observed until then.
#[must_use]
pub fn observe(before: Option<f64>, metres: f64, seconds: f64) -> Option<f64> {
    if seconds <= 0.0 {
        return before;
    }
    let now = metres / seconds;
    let weight = 1.0 - (-seconds / MEMORY).exp();
    Some(before.map_or(now, |before| before + (now - before) * weight))
}

/// How long it takes from `place` to each of `calls`, one after the other, at the observed `speed`.
#[must_use]
pub fn times(place: Place, calls: &[Call], speed: Option<f64>) -> Vec<Duration> {
    let speed = speed.unwrap_or(USUAL).max(SLOWEST);
    let (mut from, mut seconds) = (place, 0.0);
    let mut times = Vec::with_capacity(calls.len());
    for (index, call) in calls.iter().enumerate() {
        seconds += haversine(from, call.place()) * DETOUR / speed + if index > 0 { DWELL } else { 0.0 };
        from = call.place();
        // Half the globe at walking pace is four months: far within what an i64 holds.
        #[allow(clippy::cast_possible_truncation)]
        times.push(Duration::milliseconds((seconds * 1000.0) as i64));
    }
    times
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn call(latitude: f64) -> Call {
        let scheduled_at = "2026-07-01T02:00:00Z".parse().unwrap();
        Call { stop_id: StopId::generate(), name: "Stop".to_owned(), latitude, longitude: 0.0, scheduled_at }
    }

    #[test]
    fn the_way_is_from_stop_to_stop_with_a_rest_at_each() {
        let start = Place { latitude: 0.0, longitude: 0.0 };
        // A hundredth of a degree of latitude is 1,111.95 m.
        let times = times(start, &[call(0.01), call(0.02), call(0.03)], Some(10.0));
        let leg = 1_111.95 * DETOUR / 10.0;
        for (index, time) in times.iter().enumerate() {
            let legs = f64::from(u32::try_from(index).unwrap());
            let expected = leg * (legs + 1.0) + DWELL * legs;
            assert!((time.as_seconds_f64() - expected).abs() < 0.5, "{index}: {time} {expected}");
        }
    }

    #[test]
    fn a_standing_bus_is_expected_to_go_on() {
        let start = Place { latitude: 0.0, longitude: 0.0 };
        let standing = times(start, &[call(0.01)], Some(0.0));
        assert_eq!(standing, times(start, &[call(0.01)], Some(SLOWEST)));
        assert!(times(start, &[call(0.01)], None) < standing);
    }

    #[test]
    fn the_observed_speed_follows_and_forgets() {
        assert_eq!(observe(None, 100.0, 10.0), Some(10.0));
        assert_eq!(observe(Some(5.0), 100.0, 0.0), Some(5.0));
        let mut speed = Some(10.0);
        for _ in 0..120 {
            speed = observe(speed, 0.0, 1.0);
        }
        // After one time constant 1/e is left, whatever the steps.
        assert!((speed.unwrap() - 10.0 / std::f64::consts::E).abs() < 0.01, "{speed:?}");
        assert!((observe(Some(10.0), 0.0, 120.0).unwrap() - 10.0 / std::f64::consts::E).abs() < 0.01);
    }

    proptest! {
        #[test]
        fn later_stops_are_reached_later_and_a_faster_bus_sooner(
            latitudes in prop::collection::vec(-0.5..0.5_f64, 1..10), speed in 0.0..30.0_f64, more in 0.0..20.0_f64,
        ) {
            let calls: Vec<Call> = latitudes.into_iter().map(call).collect();
            let start = Place { latitude: 0.1, longitude: 0.1 };
            let slow = times(start, &calls, Some(speed));
            let fast = times(start, &calls, Some(speed + more));
            prop_assert!(slow.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(fast.iter().zip(&slow).all(|(fast, slow)| fast <= slow));
        }
    }
}
