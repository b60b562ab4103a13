//! The catalogue: what can be borrowed, for everybody. What things cost and who has them is not in it.

use actix_web::get;
use domain::Text;
use serde::{Deserialize, Serialize};
use service_kit::permits::LoansRead;
use service_kit::{CommonProblems, Limit, Page, Params, Problem, filters};
use utoipa::IntoParams;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::desk::Desk;
use crate::store::{Borrowable, borrowables};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list);
}

/// What is looked for.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CatalogueFilter {
    /// In the name, the author or a subject; or an ISBN as it is printed on the book.
    #[param(value_type = Option<String>, min_length = 1, max_length = 200)]
    q: Option<Text<200>>,
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(CatalogueFilter);

/// What can be borrowed, by name: how many are there now, and how many wait for one.
#[utoipa::path(params(CatalogueFilter), responses((status = 200, body = Page<Borrowable>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/catalogue")]
async fn list(desk: Desk<LoansRead>, filter: Params<CatalogueFilter>) -> Result<Page<Borrowable>, Problem> {
    let paging = desk.paging("inventory-catalogue", &filter.0);
    let found = borrowables(&mut desk.read().await?, filter.q.as_ref().map(Text::as_str), paging.after()?, paging.limit()).await?;
    Ok(paging.page(found, |entry| (entry.name.clone(), entry.item_id.as_uuid())))
}
