//! Where a bus was, as its device told. What comes in one request is one row of the buffer, and becomes a row of the table for each instant.

use chrono::Duration;
use domain::{BusTripId, Fault, SchoolId, Timestamp, VehicleId, Version};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use write_behind::natural_id;

use super::boarding::CLOCK_GRACE;
use super::geo::{self, Place};

/// The most positions in one request.
pub const MOST: usize = 500;

/// How long a device may keep a position to itself.
const OLDEST: Duration = Duration::days(7);

/// How long positions are kept: a child was on that bus.
pub const KEPT: Duration = Duration::days(90);

/// Faster than any bus, in metres a second.
const FASTEST: f64 = 100.0;

/// Where a bus was at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fix {
    /// When, by the device's clock.
    pub recorded_at: Timestamp,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Metres a second.
    #[serde(default)]
    pub speed_mps: Option<f64>,
    /// Degrees clockwise from north.
    #[serde(default)]
    pub heading_degrees: Option<f64>,
}

impl Fix {
    /// Where it was.
    #[must_use]
    pub const fn place(&self) -> Place {
        Place { latitude: self.latitude, longitude: self.longitude }
    }

    /// Everything that is wrong with it; `pointer` is where it stands in the request.
    pub fn faults(&self, pointer: &str, now: Timestamp, faults: &mut Vec<Fault>) {
        let mut require = |holds: bool, field: &str, detail: &str| {
            if !holds {
                faults.push(Fault::new(format!("{pointer}/{field}"), detail));
            }
        };
        require(geo::is_latitude(self.latitude), "latitude", "must be from -90 to 90");
        require(geo::is_longitude(self.longitude), "longitude", "must be from -180 to 180");
        require(self.speed_mps.is_none_or(|speed| (0.0..=FASTEST).contains(&speed)), "speed_mps", "must be from 0 to 100");
        require(
            self.heading_degrees.is_none_or(|heading| (0.0..360.0).contains(&heading)),
            "heading_degrees",
            "must be from 0 to below 360",
        );
        // One from the future would stay the latest until the future comes.
        require(self.recorded_at <= now + CLOCK_GRACE, "recorded_at", "must not be in the future");
        require(self.recorded_at >= now - OLDEST, "recorded_at", "must not be older than a week");
    }
}

/// What came in one request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// Its id.
    pub id: Uuid,
    /// The school.
    pub school_id: SchoolId,
    /// The vehicle.
    pub vehicle_id: VehicleId,
    /// The trip.
    pub trip_id: BusTripId,
    /// When it came.
    pub received_at: Timestamp,
    /// The positions.
    pub fixes: Vec<Fix>,
    /// Always the first: it never changes.
    pub version: Version,
}

impl Track {
    /// The id of a position: that of the vehicle and the instant, so that one that is sent twice is one.
    #[must_use]
    pub fn fix_id(vehicle: VehicleId, recorded_at: Timestamp) -> Uuid {
        natural_id("vehicle_position", &[vehicle.as_uuid().as_bytes(), &recorded_at.timestamp_micros().to_be_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_on_the_globe_and_neither_of_tomorrow_nor_of_last_month() {
        let now: Timestamp = "2026-07-01T02:00:00Z".parse().unwrap();
        let good = Fix { recorded_at: now, latitude: -90.0, longitude: 180.0, speed_mps: Some(0.0), heading_degrees: Some(359.9) };
        let pointers = |fix: Fix| {
            let mut faults = Vec::new();
            fix.faults("/positions/0", now, &mut faults);
            faults.into_iter().map(|fault| fault.pointer.rsplit('/').next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(pointers(good), [""; 0]);
        assert_eq!(pointers(Fix { recorded_at: now + CLOCK_GRACE, ..good }), [""; 0]);
        let bad = Fix {
            recorded_at: now + CLOCK_GRACE + Duration::seconds(1),
            latitude: 90.000_1,
            longitude: f64::INFINITY,
            speed_mps: Some(-0.1),
            heading_degrees: Some(360.0),
        };
        assert_eq!(pointers(bad), ["latitude", "longitude", "speed_mps", "heading_degrees", "recorded_at"]);
        assert_eq!(pointers(Fix { recorded_at: now - Duration::days(8), ..good }), ["recorded_at"]);
    }
}
