//! The ten services, by name.

use std::fmt::{self, Display};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

macro_rules! services {
    ($($variant:ident = $name:literal, $role:literal;)+) => {
        /// One of the ten services.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum ServiceName { $(#[doc = $name] #[serde(rename = $name)] $variant,)+ }

        impl ServiceName {
            /// All ten, in the order of the design.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name as it stands in paths, keys, metrics and pods: `bus-route`.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $name,)+ } }

            /// The PostgreSQL role that the service acts as.
            #[must_use]
            pub const fn database_role(self) -> &'static str { match self { $(Self::$variant => $role,)+ } }
        }

        impl FromStr for ServiceName {
            type Err = UnknownService;
            fn from_str(name: &str) -> Result<Self, UnknownService> {
                match name { $($name => Ok(Self::$variant),)+ _ => Err(UnknownService(name.to_owned())) }
            }
        }
    };
}

services! {
    Auth = "auth", "schools24_auth";
    Dashboard = "dashboard", "schools24_dashboard";
    Quiz = "quiz", "schools24_quiz";
    Homework = "homework", "schools24_homework";
    Attendance = "attendance", "schools24_attendance";
    Fee = "fee", "schools24_fee";
    Inventory = "inventory", "schools24_inventory";
    BusRoute = "bus-route", "schools24_bus_route";
    Calendar = "calendar", "schools24_calendar";
    Report = "report", "schools24_report";
}

/// No such service.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "there is no service {0:?}; the services are auth, dashboard, quiz, homework, attendance, fee, inventory, bus-route, calendar, report"
)]
pub struct UnknownService(String);

impl Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
