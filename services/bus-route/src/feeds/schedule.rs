//! The static feed: a zip of tables, after the GTFS Schedule Reference. Every route is run once each way on each school day.

use std::io::{Cursor, Write};

use chrono::NaiveTime;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{direction_number, trip_name};
use crate::model::route::{Direction, Stop};
use crate::model::timetable;
use crate::store::Plan;

/// All trips run on school days.
const SERVICE: &str = "school-days";

/// The order of the weekdays in `calendar.txt`.
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// A table of the feed.
struct Table {
    name: &'static str,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new(name: &'static str, columns: &[&str]) -> Self {
        Self { name, rows: vec![columns.iter().map(|column| (*column).to_owned()).collect()] }
    }

    fn push<const N: usize>(&mut self, row: [String; N]) {
        self.rows.push(row.into());
    }
}

/// The feed as a zip. `url` is where the school's system is.
pub(crate) fn archive(plan: &Plan, url: &str) -> anyhow::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for table in tables(plan, url) {
        zip.start_file(table.name, SimpleFileOptions::default())?;
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        for row in &table.rows {
            writer.write_record(row)?;
        }
        zip.write_all(&writer.into_inner().map_err(|error| anyhow::anyhow!("{error}"))?)?;
    }
    Ok(zip.finish()?.into_inner())
}

fn tables(plan: &Plan, url: &str) -> Vec<Table> {
    let agency_id = plan.agency.id.to_string();
    let day = |date: chrono::NaiveDate| date.format("%Y%m%d").to_string();

    let mut agency = Table::new("agency.txt", &["agency_id", "agency_name", "agency_url", "agency_timezone"]);
    agency.push([agency_id.clone(), plan.agency.name.clone(), url.to_owned(), plan.agency.zone().name().to_owned()]);

    let mut columns = vec!["service_id"];
    columns.extend(WEEKDAYS);
    columns.extend(["start_date", "end_date"]);
    let mut calendar = Table::new("calendar.txt", &columns);
    let mut row = vec![SERVICE.to_owned()];
    row.extend((1..=7).map(|weekday| i32::from(plan.weekdays.contains(&weekday)).to_string()));
    row.extend([day(plan.begin), day(plan.end)]);
    calendar.rows.push(row);

    let mut exceptions = Table::new("calendar_dates.txt", &["service_id", "date", "exception_type"]);
    for holiday in &plan.holidays {
        exceptions.push([SERVICE.to_owned(), day(*holiday), "2".to_owned()]);
    }

    let mut stops = Table::new("stops.txt", &["stop_id", "stop_name", "stop_lat", "stop_lon"]);
    let mut routes = Table::new("routes.txt", &["route_id", "agency_id", "route_short_name", "route_long_name", "route_type"]);
    let mut trips = Table::new("trips.txt", &["route_id", "service_id", "trip_id", "trip_headsign", "direction_id"]);
    let mut times = Table::new("stop_times.txt", &["trip_id", "arrival_time", "departure_time", "stop_id", "stop_sequence", "timepoint"]);
    for route in &plan.routes {
        let own: Vec<Stop> = plan.stops.iter().filter(|stop| stop.route_id == route.id).cloned().collect();
        let runs: Vec<(Direction, Vec<Stop>)> = Direction::ALL
            .into_iter()
            .map(|direction| (direction, timetable::run(&own, direction)))
            // A run with one stop leads nowhere.
            .filter(|(_, run)| run.len() > 1)
            .collect();
        if runs.is_empty() {
            continue;
        }
        // 3 is a bus.
        routes.push([route.id.to_string(), agency_id.clone(), route.code.clone().unwrap_or_default(), route.name.clone(), "3".to_owned()]);
        for stop in own.iter().filter(|stop| runs.iter().any(|(_, run)| run.iter().any(|served| served.id == stop.id))) {
            stops.push([stop.id.to_string(), stop.name.clone(), format!("{:.6}", stop.latitude), format!("{:.6}", stop.longitude)]);
        }
        for (direction, run) in runs {
            let name = trip_name(route.id, direction);
            let sign = match direction {
                Direction::Pickup => plan.agency.name.clone(),
                Direction::Drop => run.last().map(|stop| stop.name.clone()).unwrap_or_default(),
            };
            trips.push([route.id.to_string(), SERVICE.to_owned(), name.clone(), sign, direction_number(direction).to_string()]);
            for (stop, sequence) in run.iter().zip(1_u32..) {
                let time = stop.time(direction).map(clock).unwrap_or_default();
                times.push([name.clone(), time.clone(), time, stop.id.to_string(), sequence.to_string(), "1".to_owned()]);
            }
        }
    }

    let mut info = Table::new(
        "feed_info.txt",
        &["feed_publisher_name", "feed_publisher_url", "feed_lang", "feed_start_date", "feed_end_date", "feed_version"],
    );
    let version = plan.changed_at.format("%Y%m%dT%H%M%SZ").to_string();
    info.push([plan.agency.name.clone(), url.to_owned(), "en".to_owned(), day(plan.begin), day(plan.end), version]);
    vec![agency, stops, routes, trips, times, calendar, exceptions, info]
}

fn clock(time: NaiveTime) -> String {
    time.format("%H:%M:%S").to_string()
}
