//! The grade book: what every student got for what, and what it adds up to.
//!
//! Routes: scales in [`routes::scales`], a class's [`routes::settings`], [`routes::categories`] and [`routes::items`], an item's sheet in [`routes::sheets`], one grade in
//! [`routes::grades`] and its history in [`routes::history`], the class's book in [`routes::gradebook`], as a file in [`routes::exchange`], a student's view in
//! [`routes::students`]. Besides: learning outcomes in [`routes::outcomes`], assessed in [`routes::item_outcomes`] and added up in [`routes::attained`]; the honour
//! roll in [`routes::honour_roll`] by [`routes::honour_rules`]; [`routes::targets`], with concerns about them in the book; the history of all that a book is made of
//! in [`routes::changes`]; and [`routes::recompute`].
//!
//! Tables: `grades`, `grade_changes` and `grade_sheets` are buffered; `grade_scales`, `grade_book_settings`, `grade_categories`, `grade_items`, `grade_targets`,
//! `honour_rules`, `learning_outcomes`, `outcome_items`, `outcome_results` commit in PostgreSQL before the answer, and these tables themselves keep every change in
//! `grade_book_changes`. `report_jobs`, `report_cards` and the collection `report_templates` are owned and not served yet.
//!
//! Events: `grade:changed` with every change. A durable consumer takes grades over from homework and quizzes ([`feed`]).
//!
//! The rules are in [`model`]: which results count in [`model::selection`], how they become one in [`model::aggregation`], what a term adds up to in
//! [`model::total`].

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod desk;
mod feed;
pub mod model;
pub mod routes;
pub mod store;

use std::sync::Arc;

use domain::ServiceName;
use events::Consumer;
use service_kit::{Platform, Service};
use write_behind::{Drain, DrainOf};

use model::grade::{Change, Grade};
use model::sheet::GradeSheet;

/// The report service.
pub const SERVICE: Service = Service {
    routes: routes::configure,
    drains,
    consumers,
    ..Service::new(ServiceName::Report, "The grade book, reports and report cards.")
};

/// In the order of their foreign keys: a change points at its grade. Sheets point at nothing that is buffered.
fn drains() -> Vec<Arc<dyn Drain>> {
    vec![Arc::new(DrainOf::<GradeSheet>::new()), Arc::new(DrainOf::<Grade>::new()), Arc::new(DrainOf::<Change>::new())]
}

fn consumers(platform: &Platform) -> Vec<Consumer> {
    vec![Consumer { group: "grade-book", kinds: feed::KINDS, handler: Arc::new(feed::Feed::new(platform.clone())) }]
}
