//! What is owned is worth, now and on any day before: the same sums, of what there is or of what had moved until then.

use chrono::NaiveDate;
use domain::InventoryCategoryId;
use serde::{Deserialize, Serialize};
use service_kit::Problem;
use store::SchoolTransaction;
use utoipa::ToSchema;

use super::{plain, refuse};

/// What is owned of a category.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct CategoryValue {
    /// The category; null: things without one.
    category_id: Option<InventoryCategoryId>,
    /// Its name.
    category_name: Option<String>,
    /// The currency, ISO 4217.
    currency: String,
    /// How many items.
    items: i64,
    /// How many pieces and units, on the shelves, on loan and in repair.
    quantity: i64,
    /// What they cost, in minor units, by moving average.
    value_minor: i64,
}

macro_rules! by_category {
    ($owned:literal) => {
        concat!(
            "SELECT jsonb_build_object('category_id', c.id, 'category_name', c.name, 'currency', i.currency, 'items', count(*),
                'quantity', sum(v.quantity), 'value_minor', sum(v.value_minor))
             FROM inventory_items i JOIN (",
            $owned,
            ") v ON v.item_id = i.id
             LEFT JOIN inventory_categories c ON c.school_id = i.school_id AND c.id = i.category_id
             WHERE i.school_id = $1 AND v.quantity > 0 GROUP BY c.id, c.name, i.currency ORDER BY c.name NULLS LAST, i.currency"
        )
    };
}

/// What everything that is owned is worth, by category and currency; at the end of a day of the school, if one is given. The kinds of movement are those that change
/// what is owned.
pub(crate) async fn worth(transaction: &mut SchoolTransaction, as_of: Option<NaiveDate>) -> Result<Vec<CategoryValue>, Problem> {
    let school = transaction.school_id().as_uuid();
    let now = by_category!("SELECT item_id, quantity, value_minor FROM inventory_valuations WHERE school_id = $1");
    let then = by_category!(
        "SELECT m.item_id, coalesce(sum(m.quantity) FILTER (WHERE m.kind IN ('receive', 'issue', 'return', 'adjust', 'write_off')), 0) AS quantity,
            sum(m.value_minor) AS value_minor
         FROM stock_movements m WHERE m.school_id = $1
            AND m.moved_at < (SELECT ($2 + 1)::timestamp AT TIME ZONE o.time_zone FROM schools o WHERE o.id = $1) GROUP BY m.item_id"
    );
    let query = match as_of {
        None => sqlx::query_scalar(now).bind(school),
        Some(day) => sqlx::query_scalar(then).bind(school).bind(day),
    };
    Ok(plain(query.fetch_all(transaction.connection()?).await.map_err(refuse)?))
}
