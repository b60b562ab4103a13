//! Buses over HTTP, on real stores.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod alarms;
mod alerts;
mod attacks;
mod boarding_log;
mod boardings;
mod called_off;
mod database;
mod feeds;
mod fees;
mod fleet;
mod forgotten;
mod killed;
mod leavers;
mod listening;
mod maps;
mod outages;
mod planning;
mod positions;
mod problems;
mod riders;
mod routes;
mod school;
mod seats;
mod stops;
mod trips;
mod visibility;
