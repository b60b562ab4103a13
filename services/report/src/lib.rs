//! The grade book, reports and report cards.
//!
//! So far this service owns its tables (`grade_categories`, `grade_items`, `grades`, `report_jobs`, `report_cards`, and the collection `report_templates`)
//! and answers `/health` and `/ready`; it has no routes yet.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod model;

use domain::ServiceName;
use service_kit::Service;

/// The report service.
pub const SERVICE: Service = Service::new(ServiceName::Report, "The grade book, reports and report cards.");
