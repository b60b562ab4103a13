//! Vehicles, the work on them, and drivers.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{DriverId, Fault, Faults, MaintenanceId, SchoolId, StaffId, VehicleId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Vehicle {
    /// Its id.
    pub id: VehicleId,
    /// The school.
    pub school_id: SchoolId,
    /// The number plate.
    pub registration: String,
    /// What it is called.
    pub name: Option<String>,
    /// Seats for students.
    pub capacity: i32,
    /// The last day of the insurance.
    pub insurance_expires_on: Option<NaiveDate>,
    /// The last day of the certificate of fitness.
    pub fitness_expires_on: Option<NaiveDate>,
    /// The last day of the permit.
    pub permit_expires_on: Option<NaiveDate>,
    /// The last day of the registration.
    pub registration_expires_on: Option<NaiveDate>,
    /// The last day of the emission test.
    pub pollution_expires_on: Option<NaiveDate>,
    /// Whether it is in use.
    pub is_active: bool,
    /// Its version.
    pub version: Version,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Vehicle {
    /// What a vehicle's own values must satisfy.
    pub fn check(&self) -> Result<(), Vec<Fault>> {
        let mut faults = Faults::none();
        faults.require((1..=200).contains(&self.capacity), "/capacity", "must be from 1 to 200");
        faults.into_result()
    }
}

/// What kind of work it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MaintenanceKind {
    /// The regular service.
    Service,
    /// Something was broken.
    Repair,
    /// An inspection.
    Inspection,
    /// Tyres.
    Tyres,
    /// Cleaning.
    Cleaning,
    /// Anything else.
    Other,
}

/// A piece of work on a vehicle, planned or done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = VehicleMaintenance)]
pub struct Maintenance {
    /// Its id.
    pub id: MaintenanceId,
    /// The school.
    pub school_id: SchoolId,
    /// The vehicle.
    pub vehicle_id: VehicleId,
    /// What kind of work it is.
    pub kind: MaintenanceKind,
    /// What is to be done, or was.
    pub description: String,
    /// By which day it is due.
    pub due_on: Option<NaiveDate>,
    /// At which reading of the odometer it is due.
    pub due_at_km: Option<i32>,
    /// The day on which it was done.
    pub done_on: Option<NaiveDate>,
    /// What the odometer read then.
    pub odometer_km: Option<i32>,
    /// Its version.
    pub version: Version,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Maintenance {
    /// What its own values must satisfy.
    pub fn check(&self) -> Result<(), Vec<Fault>> {
        let mut faults = Faults::none();
        let is_planned = self.due_on.is_some() || self.due_at_km.is_some();
        faults.require(is_planned || self.done_on.is_some(), "/due_on", "is required unless due_at_km or done_on is given");
        faults.require(self.due_at_km.is_none_or(|km| km >= 0), "/due_at_km", "must not be negative");
        faults.require(self.odometer_km.is_none_or(|km| km >= 0), "/odometer_km", "must not be negative");
        faults.into_result()
    }
}

/// A member of staff who may drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BusDriver)]
pub struct Driver {
    /// The id.
    pub id: DriverId,
    /// The school.
    pub school_id: SchoolId,
    /// The member of staff.
    pub staff_id: StaffId,
    /// The number of the driving licence.
    pub licence_number: String,
    /// The last day of the licence.
    pub licence_expires_on: NaiveDate,
    /// The last day of the public service badge.
    pub badge_expires_on: Option<NaiveDate>,
    /// Where to reach the driver.
    pub phone: Option<String>,
    /// Whether the driver drives these days.
    pub is_active: bool,
    /// The version.
    pub version: Version,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}
