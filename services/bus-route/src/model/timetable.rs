//! Stops in order: the order in which the bus picks up, with times that go up; on the way home it runs the stops the other way round, so drop times go down.

use chrono::NaiveTime;
use domain::Fault;

use super::geo;
use super::route::{Direction, Stop};

/// The most stops that a route has.
pub const MOST_STOPS: usize = 100;

/// What one stop of a list says about itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// When the bus picks up.
    pub pickup_time: Option<NaiveTime>,
    /// When it drops.
    pub drop_time: Option<NaiveTime>,
    /// How far the school is.
    pub distance_metres: Option<i32>,
}

/// Every fault of a route's stops, in the order in which the bus picks up. `pointer` is where the list stands in the request.
#[must_use]
pub fn faults(entries: &[Entry], pointer: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    if entries.len() > MOST_STOPS {
        faults.push(Fault::new(pointer, format!("must have at most {MOST_STOPS} stops")));
    }
    let (mut picked_up, mut dropped): (Option<NaiveTime>, Option<NaiveTime>) = (None, None);
    for (index, entry) in entries.iter().enumerate() {
        let mut wrong = |field: &str, detail: &str| faults.push(Fault::new(format!("{pointer}/{index}/{field}"), detail));
        if !geo::is_latitude(entry.latitude) {
            wrong("latitude", "must be from -90 to 90");
        }
        if !geo::is_longitude(entry.longitude) {
            wrong("longitude", "must be from -180 to 180");
        }
        if entry.distance_metres.is_some_and(|metres| metres < 0) {
            wrong("distance_metres", "must not be negative");
        }
        if entry.pickup_time.is_none() && entry.drop_time.is_none() {
            wrong("pickup_time", "is required unless drop_time is given");
        }
        if let Some(time) = entry.pickup_time {
            if picked_up.is_some_and(|before| time <= before) {
                wrong("pickup_time", "must be later than at the stop before");
            }
            picked_up = Some(time);
        }
        if let Some(time) = entry.drop_time {
            if dropped.is_some_and(|before| time >= before) {
                wrong("drop_time", "must be earlier than at the stop before: the bus runs the stops the other way round");
            }
            dropped = Some(time);
        }
    }
    faults
}

/// The stops that the bus serves in this direction, in the order in which it does.
#[must_use]
pub fn run(stops: &[Stop], direction: Direction) -> Vec<Stop> {
    let mut served: Vec<Stop> = stops.iter().filter(|stop| stop.time(direction).is_some()).cloned().collect();
    served.sort_by_key(|stop| stop.time(direction));
    served
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(pickup: Option<u32>, drop: Option<u32>) -> Entry {
        let time = |minutes: u32| NaiveTime::from_hms_opt(minutes / 60, minutes % 60, 0).unwrap();
        Entry { latitude: 12.9, longitude: 77.5, pickup_time: pickup.map(time), drop_time: drop.map(time), distance_metres: None }
    }

    fn pointers(entries: &[Entry]) -> Vec<String> {
        faults(entries, "/stops").into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn times_go_up_to_school_and_down_on_the_way_home() {
        assert_eq!(pointers(&[at(Some(420), Some(1020)), at(None, Some(1000)), at(Some(430), None)]), [""; 0]);
        assert_eq!(pointers(&[at(Some(420), Some(1020)), at(Some(420), Some(1020))]), ["/stops/1/pickup_time", "/stops/1/drop_time"]);
        // A stop that is not served in a direction is no excuse for the one behind it.
        assert_eq!(pointers(&[at(Some(420), None), at(None, Some(900)), at(Some(419), None)]), ["/stops/2/pickup_time"]);
        assert_eq!(pointers(&[at(None, None)]), ["/stops/0/pickup_time"]);
    }

    #[test]
    fn places_are_on_the_globe() {
        for (latitude, longitude, field) in [(90.1, 0.0, "latitude"), (f64::NAN, 0.0, "latitude"), (0.0, -180.5, "longitude")] {
            let entry = Entry { latitude, longitude, ..at(Some(1), None) };
            assert_eq!(pointers(&[entry]), [format!("/stops/0/{field}")]);
        }
    }

    proptest! {
        #[test]
        fn a_list_is_in_order_exactly_when_every_pair_of_it_is(times in prop::collection::vec((prop::option::of(0..30_u32), prop::option::of(0..30_u32)), 0..8)) {
            let entries: Vec<Entry> = times.iter().map(|(pickup, drop)| at(*pickup, *drop)).collect();
            let served = entries.iter().all(|entry| entry.pickup_time.is_some() || entry.drop_time.is_some());
            let in_order = entries.iter().enumerate().all(|(index, a)| entries.iter().skip(index + 1).all(|b| {
                let up = !matches!((a.pickup_time, b.pickup_time), (Some(a), Some(b)) if b <= a);
                let down = !matches!((a.drop_time, b.drop_time), (Some(a), Some(b)) if b >= a);
                up && down
            }));
            prop_assert_eq!(faults(&entries, "").is_empty(), served && in_order);
        }
    }
}
