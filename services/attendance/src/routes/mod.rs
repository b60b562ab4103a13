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
use service_kit::{Platform, Problem};
use utoipa_actix_web::service_config::ServiceConfig;
use write_behind::WriteError;

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

/// How often a write is begun anew when its row left Redis between being read and being written, or when something was settled since it was seen to be free:
/// in a busy partition that is not rare.
const TRIES: usize = 8;

/// Runs `attempt` until it is not told that its row was evicted meanwhile.
async fn retried<T>(attempt: impl AsyncFnMut() -> Result<T, Refusal>) -> Result<T, Problem> {
    tried(TRIES, |error| matches!(error, WriteError::Evicted | WriteError::Exists), attempt).await
}

/// Runs `attempt` at most `tries` times, as long as it is told something that `again` says is worth another try.
async fn tried<T>(
    tries: usize,
    again: impl Fn(&WriteError) -> bool,
    mut attempt: impl AsyncFnMut() -> Result<T, Refusal>,
) -> Result<T, Problem> {
    let mut left = tries;
    loop {
        left = left.saturating_sub(1);
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(Refusal::Write(error)) if left > 0 && again(&error) => {}
            Err(Refusal::Write(error)) => return Err(error.into()),
            Err(Refusal::Problem(problem)) => return Err(problem),
        }
    }
}

/// Why an attempt to write did not succeed.
enum Refusal {
    Write(WriteError),
    Problem(Problem),
}

impl<E: Into<Problem>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Problem(error.into())
    }
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
