//! The messages of GTFS-Realtime 2.0, as far as we send them: fields, numbers and kinds of `proto/gtfs-realtime.proto`, which a test compares. Written out because a
//! generator would want a compiler of its own in every build, for a dozen messages that don't change.

use prost::{Enumeration, Message};

/// A feed.
#[derive(Clone, PartialEq, Message)]
pub struct FeedMessage {
    /// What the feed is.
    #[prost(message, required, tag = "1")]
    pub header: FeedHeader,
    /// What it says.
    #[prost(message, repeated, tag = "2")]
    pub entity: Vec<FeedEntity>,
}

/// What a feed is.
#[derive(Clone, PartialEq, Message)]
pub struct FeedHeader {
    /// `2.0`.
    #[prost(string, required, tag = "1")]
    pub gtfs_realtime_version: String,
    /// Whether it says everything: 0 is yes.
    #[prost(int32, optional, tag = "2")]
    pub incrementality: Option<i32>,
    /// When it was made, in seconds since 1970.
    #[prost(uint64, optional, tag = "3")]
    pub timestamp: Option<u64>,
}

/// One thing that a feed says.
#[derive(Clone, PartialEq, Message)]
pub struct FeedEntity {
    /// Its name within the feed.
    #[prost(string, required, tag = "1")]
    pub id: String,
    /// How a trip goes.
    #[prost(message, optional, tag = "3")]
    pub trip_update: Option<TripUpdate>,
    /// Where a vehicle is.
    #[prost(message, optional, tag = "4")]
    pub vehicle: Option<VehiclePosition>,
    /// Something to know.
    #[prost(message, optional, tag = "5")]
    pub alert: Option<Alert>,
}

/// How a trip goes.
#[derive(Clone, PartialEq, Message)]
pub struct TripUpdate {
    /// The trip.
    #[prost(message, required, tag = "1")]
    pub trip: TripDescriptor,
    /// When the bus will be at its stops.
    #[prost(message, repeated, tag = "2")]
    pub stop_time_update: Vec<StopTimeUpdate>,
    /// The vehicle.
    #[prost(message, optional, tag = "3")]
    pub vehicle: Option<VehicleDescriptor>,
    /// When that was known, in seconds since 1970.
    #[prost(uint64, optional, tag = "4")]
    pub timestamp: Option<u64>,
    /// How late it is, in seconds.
    #[prost(int32, optional, tag = "5")]
    pub delay: Option<i32>,
}

/// When a bus will be, or was, at a stop.
#[derive(Clone, PartialEq, Message)]
pub struct StopTimeUpdate {
    /// The place of the stop in the trip, from 1.
    #[prost(uint32, optional, tag = "1")]
    pub stop_sequence: Option<u32>,
    /// When it arrives.
    #[prost(message, optional, tag = "2")]
    pub arrival: Option<StopTimeEvent>,
    /// The stop.
    #[prost(string, optional, tag = "4")]
    pub stop_id: Option<String>,
}

/// A time, and how late that is.
#[derive(Clone, PartialEq, Message)]
pub struct StopTimeEvent {
    /// In seconds.
    #[prost(int32, optional, tag = "1")]
    pub delay: Option<i32>,
    /// In seconds since 1970.
    #[prost(int64, optional, tag = "2")]
    pub time: Option<i64>,
}

/// Where a vehicle is.
#[derive(Clone, PartialEq, Message)]
pub struct VehiclePosition {
    /// The trip that it is on.
    #[prost(message, optional, tag = "1")]
    pub trip: Option<TripDescriptor>,
    /// The place.
    #[prost(message, optional, tag = "2")]
    pub position: Option<Position>,
    /// The place of the next stop in the trip, from 1.
    #[prost(uint32, optional, tag = "3")]
    pub current_stop_sequence: Option<u32>,
    /// How it stands to that stop.
    #[prost(enumeration = "VehicleStopStatus", optional, tag = "4")]
    pub current_status: Option<i32>,
    /// When it was there, in seconds since 1970.
    #[prost(uint64, optional, tag = "5")]
    pub timestamp: Option<u64>,
    /// The next stop.
    #[prost(string, optional, tag = "7")]
    pub stop_id: Option<String>,
    /// The vehicle.
    #[prost(message, optional, tag = "8")]
    pub vehicle: Option<VehicleDescriptor>,
    /// How full it is.
    #[prost(enumeration = "OccupancyStatus", optional, tag = "9")]
    pub occupancy_status: Option<i32>,
    /// How full it is, in per cent of the seats.
    #[prost(uint32, optional, tag = "10")]
    pub occupancy_percentage: Option<u32>,
}

/// How a vehicle stands to a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum VehicleStopStatus {
    /// About to arrive.
    IncomingAt = 0,
    /// Standing there.
    StoppedAt = 1,
    /// On the way.
    InTransitTo = 2,
}

/// How full a vehicle is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum OccupancyStatus {
    /// Nobody on board.
    Empty = 0,
    /// Many seats left.
    ManySeatsAvailable = 1,
    /// Few seats left.
    FewSeatsAvailable = 2,
    /// No seat left.
    Full = 5,
}

/// Something to know.
#[derive(Clone, PartialEq, Message)]
pub struct Alert {
    /// When it holds.
    #[prost(message, repeated, tag = "1")]
    pub active_period: Vec<TimeRange>,
    /// What it is about.
    #[prost(message, repeated, tag = "5")]
    pub informed_entity: Vec<EntitySelector>,
    /// Why.
    #[prost(int32, optional, tag = "6")]
    pub cause: Option<i32>,
    /// What it means for riders.
    #[prost(enumeration = "Effect", optional, tag = "7")]
    pub effect: Option<i32>,
    /// What it says, in short.
    #[prost(message, optional, tag = "10")]
    pub header_text: Option<TranslatedString>,
    /// What it says.
    #[prost(message, optional, tag = "11")]
    pub description_text: Option<TranslatedString>,
}

/// What an alert means for riders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum Effect {
    /// The bus does not run.
    NoService = 1,
    /// It runs less often.
    ReducedService = 2,
    /// It is late.
    SignificantDelays = 3,
    /// It takes another way.
    Detour = 4,
    /// There are more buses.
    AdditionalService = 5,
    /// It runs otherwise than usual.
    ModifiedService = 6,
    /// Something else.
    OtherEffect = 7,
    /// A stop is elsewhere.
    StopMoved = 9,
    /// Nothing changes for riders.
    NoEffect = 10,
}

/// A time, in seconds since 1970.
#[derive(Clone, PartialEq, Message)]
pub struct TimeRange {
    /// From.
    #[prost(uint64, optional, tag = "1")]
    pub start: Option<u64>,
    /// Until.
    #[prost(uint64, optional, tag = "2")]
    pub end: Option<u64>,
}

/// A place.
#[derive(Clone, PartialEq, Message)]
pub struct Position {
    /// Degrees north.
    #[prost(float, required, tag = "1")]
    pub latitude: f32,
    /// Degrees east.
    #[prost(float, required, tag = "2")]
    pub longitude: f32,
    /// Degrees clockwise from north.
    #[prost(float, optional, tag = "3")]
    pub bearing: Option<f32>,
    /// Metres a second.
    #[prost(float, optional, tag = "5")]
    pub speed: Option<f32>,
}

/// A trip of the static feed, on a day.
#[derive(Clone, PartialEq, Message)]
pub struct TripDescriptor {
    /// What it is called there.
    #[prost(string, optional, tag = "1")]
    pub trip_id: Option<String>,
    /// The day, as `20261121`.
    #[prost(string, optional, tag = "3")]
    pub start_date: Option<String>,
    /// How it stands to the static feed; as it says there if it is left out.
    #[prost(enumeration = "ScheduleRelationship", optional, tag = "4")]
    pub schedule_relationship: Option<i32>,
    /// The route.
    #[prost(string, optional, tag = "5")]
    pub route_id: Option<String>,
    /// The direction.
    #[prost(uint32, optional, tag = "6")]
    pub direction_id: Option<u32>,
}

/// How a trip stands to the static feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum ScheduleRelationship {
    /// It runs.
    Scheduled = 0,
    /// It does not take place.
    Canceled = 3,
}

/// A vehicle.
#[derive(Clone, PartialEq, Message)]
pub struct VehicleDescriptor {
    /// Its id.
    #[prost(string, optional, tag = "1")]
    pub id: Option<String>,
    /// Its number plate.
    #[prost(string, optional, tag = "3")]
    pub license_plate: Option<String>,
}

/// What an alert is about.
#[derive(Clone, PartialEq, Message)]
pub struct EntitySelector {
    /// All that the agency runs.
    #[prost(string, optional, tag = "1")]
    pub agency_id: Option<String>,
    /// A route.
    #[prost(string, optional, tag = "2")]
    pub route_id: Option<String>,
    /// A trip.
    #[prost(message, optional, tag = "4")]
    pub trip: Option<TripDescriptor>,
}

/// A text.
#[derive(Clone, PartialEq, Message)]
pub struct TranslatedString {
    /// In each of its languages.
    #[prost(message, repeated, tag = "1")]
    pub translation: Vec<Translation>,
}

/// A text in a language.
#[derive(Clone, PartialEq, Message)]
pub struct Translation {
    /// The text.
    #[prost(string, required, tag = "1")]
    pub text: String,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    const OURS: &str = include_str!("messages.rs");
    const OFFICIAL: &str = include_str!("../../proto/gtfs-realtime.proto");

    /// `Message.field` of the official definition, with what stands before and behind the name.
    fn official() -> BTreeMap<String, (String, String, String)> {
        let mut fields = BTreeMap::new();
        let mut within: Vec<String> = Vec::new();
        for line in OFFICIAL.lines() {
            let line = line.split("//").next().unwrap_or_default().trim();
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                [kind @ ("message" | "enum"), name, ..] if line.ends_with('{') => within.push(format!("{kind} {name}")),
                [label @ ("required" | "optional" | "repeated"), kind, name, "=", number, ..] => {
                    let message = within.last().unwrap().trim_start_matches("message ");
                    let number = number.trim_end_matches(';');
                    fields.insert(format!("{message}.{name}"), ((*label).to_owned(), (*kind).to_owned(), number.to_owned()));
                }
                [name, "=", number, ..] if within.last().is_some_and(|name| name.starts_with("enum ")) => {
                    let message = within.last().unwrap().trim_start_matches("enum ");
                    fields.insert(format!("{message}.{name}"), (String::new(), String::new(), number.trim_end_matches(';').to_owned()));
                }
                ["}"] => drop(within.pop()),
                _ => {}
            }
        }
        fields
    }

    #[test]
    fn every_field_that_is_sent_has_the_number_and_the_kind_of_the_official_definition() {
        let official = official();
        assert!(official.len() > 100, "the definition is read: {}", official.len());
        let (mut message, mut attribute, mut compared) = (String::new(), String::new(), 0);
        for line in OURS.split("#[cfg(test)]").next().unwrap().lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("pub struct ").or(line.strip_prefix("pub enum ")) {
                message = name.trim_end_matches(" {").to_owned();
            } else if let Some(inner) = line.strip_prefix("#[prost(") {
                attribute = inner.trim_end_matches(")]").to_owned();
            } else if let Some(field) = line.strip_prefix("pub ") {
                let name = field.split(':').next().unwrap();
                let (label, kind, number) = &official[&format!("{message}.{name}")];
                let parts: Vec<&str> = attribute.split(", ").collect();
                let [ours_kind, ours_label, ours_tag] = parts.as_slice() else { panic!("{attribute}") };
                assert_eq!((ours_label, *ours_tag), (&label.as_str(), format!("tag = \"{number}\"").as_str()), "{message}.{name}");
                let is_scalar = ["string", "int32", "int64", "uint32", "uint64", "float"].contains(&kind.as_str());
                match *ours_kind {
                    "message" => assert!(!is_scalar, "{message}.{name}"),
                    "int32" => assert!(kind == "int32" || kind == "Incrementality" || kind == "Cause", "{message}.{name}"),
                    enumeration if enumeration.starts_with("enumeration") => {
                        assert_eq!(enumeration, format!("enumeration = \"{kind}\""), "{message}.{name}");
                    }
                    scalar => assert_eq!(scalar, kind, "{message}.{name}"),
                }
                compared += 1;
            } else if let Some((variant, number)) = line.trim_end_matches(',').split_once(" = ")
                && ["VehicleStopStatus", "OccupancyStatus", "Effect", "ScheduleRelationship"].contains(&message.as_str())
            {
                let upper = variant.chars().enumerate().fold(String::new(), |mut name, (at, letter)| {
                    if letter.is_uppercase() && at > 0 {
                        name.push('_');
                    }
                    name.push(letter.to_ascii_uppercase());
                    name
                });
                assert_eq!(official[&format!("{message}.{upper}")].2, number, "{message}.{variant}");
                compared += 1;
            }
        }
        assert!(compared > 50, "fields and values are compared: {compared}");
    }
}
