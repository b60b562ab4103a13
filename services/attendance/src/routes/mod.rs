//! One file a resource.

pub mod absences;
mod access;
pub mod alert_rules;
pub mod alerts;
pub mod calendar;
pub mod codes;
pub mod conflicts;
pub mod corrections;
mod figures;
pub mod leave_decisions;
pub mod leave_requests;
pub mod missing;
pub mod records;
pub mod self_registration;
pub mod sessions;
pub mod settings;
pub mod sheet;
pub mod students;
pub mod summary;
mod taking;
pub mod uploads;

pub(crate) use figures::{Enrolled, days};

use actix_web::web::Data;
use chrono::{Days, NaiveDate};
use directory::Directory;
use domain::{Fault, ServiceName};
use service_kit::{Platform, Problem, Refusal, Retries};
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers all routes of the service.
pub fn configure(platform: &Platform, config: &mut ServiceConfig<'_>) {
    config.app_data(Data::new(Rooms::new(platform)));
    codes::configure(config);
    alert_rules::configure(config);
    alerts::configure(config);
    calendar::configure(config);
    settings::configure(config);
    sheet::configure(config);
    uploads::configure(config);
    summary::configure(config);
    missing::configure(config);
    absences::configure(config);
    conflicts::configure(config);
    students::configure(config);
    records::configure(config);
    sessions::configure(config);
    corrections::configure(config);
    self_registration::configure(config);
    leave_requests::configure(config);
    leave_decisions::configure(config);
}

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct Rooms {
    platform: Platform,
    directory: Directory,
}

impl Rooms {
    pub(crate) fn new(platform: &Platform) -> Self {
        let directory = Directory::new(platform.redis().clone(), platform.postgres(ServiceName::Attendance).clone());
        Self { platform: platform.clone(), directory }
    }

    pub(crate) const fn platform(&self) -> &Platform {
        &self.platform
    }

    pub(crate) const fn directory(&self) -> &Directory {
        &self.directory
    }
}

/// Runs `attempt` until nobody got in between. What it reads, it must read anew each time.
async fn retried<T>(attempt: impl AsyncFnMut() -> Result<T, Refusal>) -> Result<T, Problem> {
    service_kit::retried(Retries::UNLESS_CHANGED, attempt).await
}

/// The longest range of days that one answer covers: a leap year.
const LONGEST_RANGE: i64 = 366;

/// The days from `from` to `to`, both inclusive. Without an end it is today, without a beginning `days` days are covered.
fn range(from: Option<NaiveDate>, to: Option<NaiveDate>, today: NaiveDate, days: u64) -> Result<(NaiveDate, NaiveDate), Problem> {
    let to = to.unwrap_or(today);
    let from = from.unwrap_or_else(|| to.checked_sub_days(Days::new(days.saturating_sub(1))).unwrap_or(to));
    let fault = |detail: String| Err(Problem::invalid(vec![Fault::new("query:from", detail)]));
    if from > to {
        return fault("must not be after to".to_owned());
    }
    if (to - from).num_days() >= LONGEST_RANGE {
        return fault(format!("must be less than {LONGEST_RANGE} days before to"));
    }
    Ok((from, to))
}
