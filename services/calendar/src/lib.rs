//! The calendar: events, holidays, rooms, the timetable, times to be booked, and feeds for other programs.
//!
//! Routes: [`routes::events`] and [`routes::occurrences`] (put in, list what takes place, change a series or one of its occurrences),
//! [`routes::months`] (the month view, cached), [`routes::imports`] (iCalendar files), [`routes::feeds`] (iCalendar to subscribe to),
//! [`routes::actions`] (what is to be done), [`routes::rooms`] and [`routes::room_bookings`], [`routes::timetable`], [`routes::cover`] and
//! [`routes::lesson_days`] (a lesson called off or moved on one day), [`routes::bells`] and [`routes::days`] (rotations, short days, days off),
//! [`routes::given`] (the timetable day by day), [`routes::conflicts`], [`routes::free`] (rooms and teachers who are free), [`routes::slots`] and
//! [`routes::bookings`] (exams and meetings).
//!
//! Tables: `calendar_events`, buffered: acknowledged by Redis as `write_buffer:calendar_event:…`, saved by the batch processor; `rooms`, `room_bookings`,
//! `timetable_entries`, `timetable_lesson_days`, `timetable_handovers` (who gave a lesson before), `timetable_columns` with `timetable_blocks`, `timetable_days`,
//! `appointment_slots`, `appointment_bookings` and `calendar_feeds`, committed in PostgreSQL before the answer. A holiday is an all-day event of the kind `holiday`; attendance asks for no registers on its days. Terms are auth's, and
//! shown; so are homework that is due and when quizzes open and close, which are homework's and the quizzes'.
//!
//! Keys: `calendar:events:{month}:…`, a month as one audience sees it; `calendar:zone:…`, a school's time zone.
//!
//! Events: `calendar:changed`, `calendar:cancelled`, `timetable:changed`, `timetable:covered`, `timetable:uncovered`, `timetable:cancelled`, `timetable:moved`,
//! `timetable:restored`, `appointment:booked`, `appointment:moved`, `appointment:cancelled`.
//!
//! The rules are in [`model`]: when a series takes place in [`model::schedule`], [`model::rule`] and [`model::occurrence`], what a local
//! time is in [`model::zone`], for whom an event is in [`model::audience`], how it is told to other programs and read from theirs in
//! [`model::ics`], which day of the rotation a day is in [`model::rotation`], what is in the way of what in [`model::conflict`].

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod events;
pub mod model;
pub mod routes;
mod store;

use std::sync::Arc;

use domain::ServiceName;
use service_kit::Service;
use write_behind::{Drain, DrainOf};

use model::event::Event;

/// The calendar service.
pub const SERVICE: Service = Service {
    routes: routes::configure,
    drains,
    ..Service::new(ServiceName::Calendar, "Events, holidays, rooms, the timetable, appointments and calendar feeds.")
};

fn drains() -> Vec<Arc<dyn Drain>> {
    vec![Arc::new(DrainOf::<Event>::new())]
}
