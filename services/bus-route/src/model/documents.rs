//! Which papers of vehicles and drivers run out soon, or have. Whoever drives with one that has run out drives without it.

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::fleet::{Driver, Vehicle};

/// A paper that runs out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TransportDocument)]
pub enum Document {
    /// A vehicle's insurance.
    Insurance,
    /// A vehicle's certificate of fitness.
    Fitness,
    /// A vehicle's permit.
    Permit,
    /// A vehicle's registration.
    Registration,
    /// A vehicle's emission test.
    Pollution,
    /// A driver's licence.
    Licence,
    /// A driver's public service badge.
    Badge,
}

impl Document {
    /// As it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Insurance => "insurance",
            Self::Fitness => "fitness",
            Self::Permit => "permit",
            Self::Registration => "registration",
            Self::Pollution => "pollution",
            Self::Licence => "licence",
            Self::Badge => "badge",
        }
    }
}

/// Whose paper it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TransportDocumentHolder)]
pub enum Holder {
    /// A vehicle's.
    Vehicle,
    /// A driver's.
    Driver,
}

/// A paper that runs out soon, or has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[schema(as = ExpiringDocument)]
pub struct Expiring {
    /// The last day on which it holds.
    pub expires_on: NaiveDate,
    /// Whose it is.
    pub holder: Holder,
    /// The vehicle's or the driver's id.
    pub holder_id: Uuid,
    /// The number plate, or the number of the licence.
    pub name: String,
    /// Which paper it is.
    pub document: Document,
    /// Whether it holds no more.
    pub is_expired: bool,
}

/// The papers of those in use whose last day is `until` or earlier, the most urgent first.
#[must_use]
pub fn expiring(vehicles: &[Vehicle], drivers: &[Driver], today: NaiveDate, until: NaiveDate) -> Vec<Expiring> {
    let of_vehicles = vehicles.iter().filter(|vehicle| vehicle.is_active).flat_map(|vehicle| {
        let papers = [
            (Document::Insurance, vehicle.insurance_expires_on),
            (Document::Fitness, vehicle.fitness_expires_on),
            (Document::Permit, vehicle.permit_expires_on),
            (Document::Registration, vehicle.registration_expires_on),
            (Document::Pollution, vehicle.pollution_expires_on),
        ];
        papers.map(|(document, day)| (Holder::Vehicle, vehicle.id.as_uuid(), vehicle.registration.clone(), document, day))
    });
    let of_drivers = drivers.iter().filter(|driver| driver.is_active).flat_map(|driver| {
        let papers = [(Document::Licence, Some(driver.licence_expires_on)), (Document::Badge, driver.badge_expires_on)];
        papers.map(|(document, day)| (Holder::Driver, driver.id.as_uuid(), driver.licence_number.clone(), document, day))
    });
    let mut list: Vec<Expiring> = of_vehicles
        .chain(of_drivers)
        .filter_map(|(holder, holder_id, name, document, day)| {
            let expires_on = day.filter(|day| *day <= until)?;
            Some(Expiring { expires_on, holder, holder_id, name, document, is_expired: expires_on < today })
        })
        .collect();
    list.sort();
    list
}

/// The papers of this vehicle and driver that do not hold on `day`.
#[must_use]
pub fn missing_on(vehicle: &Vehicle, driver: Option<&Driver>, day: NaiveDate) -> Vec<Document> {
    let drivers = driver.map(std::slice::from_ref).unwrap_or_default();
    let list = expiring(std::slice::from_ref(vehicle), drivers, day, day);
    list.into_iter().filter(|paper| paper.is_expired).map(|paper| paper.document).collect()
}

#[cfg(test)]
mod tests {
    use chrono::Days;
    use domain::{DriverId, SchoolId, StaffId, VehicleId, Version};

    use super::*;

    fn vehicle(day: NaiveDate) -> Vehicle {
        let now = day.and_hms_opt(8, 0, 0).unwrap().and_utc();
        Vehicle {
            id: VehicleId::generate(),
            school_id: SchoolId::generate(),
            registration: "KA 01".to_owned(),
            name: None,
            capacity: 40,
            insurance_expires_on: Some(day),
            fitness_expires_on: Some(day + Days::new(31)),
            permit_expires_on: Some(day - Days::new(1)),
            is_active: true,
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
            registration_expires_on: None,
            pollution_expires_on: Some(day + Days::new(30)),
        }
    }

    #[test]
    fn what_runs_out_within_the_time_is_listed_the_most_urgent_first() {
        let today = NaiveDate::from_ymd_opt(2026, 7, 1).unwrap();
        let vehicle = vehicle(today);
        let driver = Driver {
            id: DriverId::generate(),
            school_id: vehicle.school_id,
            staff_id: StaffId::generate(),
            licence_number: "L1".to_owned(),
            licence_expires_on: today + Days::new(2),
            badge_expires_on: None,
            phone: None,
            is_active: true,
            version: Version::FIRST,
            created_at: vehicle.created_at,
            updated_at: vehicle.created_at,
        };
        let list = expiring(std::slice::from_ref(&vehicle), std::slice::from_ref(&driver), today, today + Days::new(30));
        let seen: Vec<(Document, bool)> = list.iter().map(|paper| (paper.document, paper.is_expired)).collect();
        let expected = [(Document::Permit, true), (Document::Insurance, false), (Document::Licence, false), (Document::Pollution, false)];
        assert_eq!(seen, expected, "the last day of a paper is a day on which it holds");
        assert_eq!(missing_on(&vehicle, Some(&driver), today), [Document::Permit]);
        assert_eq!(missing_on(&vehicle, Some(&driver), today + Days::new(3)), [Document::Permit, Document::Insurance, Document::Licence]);
        let idle = Vehicle { is_active: false, ..vehicle };
        assert_eq!(expiring(&[idle], &[], today, today), []);
    }
}
