//! What an invoice that is made by hand charges: heads of its own, or optional heads of a fee structure, such as a trip or a club.

use domain::{Amount, Currency, Fault, Faults, FeeItemId, Text};
use serde::{Deserialize, Serialize};
use service_kit::Problem;
use store::SchoolTransaction;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::model::charge::Charge;
use crate::store::{Book, ItemRow, StructureRow, concerned, items_named, structures_named};

/// Something to be charged: an optional head of a fee structure, or a head of its own.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCharge {
    /// The optional head, in one of its instalments: head, amount and tax are the structure's. A student is charged it once.
    #[serde(skip_serializing_if = "Option::is_none")]
    fee_item_id: Option<FeeItemId>,
    /// What for; required without `fee_item_id`, and left out with it.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    head: Option<Text<100>>,
    /// How much, in minor units, without tax; required without `fee_item_id`, and left out with it.
    #[schema(value_type = Option<Amount>)]
    amount_minor: Option<Amount>,
    /// Tax on it, in hundredths of a percent; left out with `fee_item_id`.
    #[serde(default)]
    #[schema(maximum = 10000)]
    tax_basis_points: u16,
}

/// All that can be said against charges without looking anything up.
pub(super) fn faults(charges: &[NewCharge]) -> Result<(), Problem> {
    let mut faults = Faults::none();
    faults.require((1..=100).contains(&charges.len()), "/charges", "must be 1 to 100");
    for (n, charge) in charges.iter().enumerate() {
        let at = |field: &str| format!("/charges/{n}/{field}");
        faults.require(charge.tax_basis_points <= 10_000, &at("tax_basis_points"), "must be at most 10000");
        if charge.fee_item_id.is_some() {
            let twice = charges.iter().take(n).any(|other| other.fee_item_id == charge.fee_item_id);
            faults.require(!twice, &at("fee_item_id"), "stands there already");
            faults.require(charge.head.is_none(), &at("head"), "is the structure's: it is left out with fee_item_id");
            faults.require(charge.amount_minor.is_none(), &at("amount_minor"), "is the structure's: it is left out with fee_item_id");
            let untaxed = charge.tax_basis_points == 0;
            faults.require(untaxed, &at("tax_basis_points"), "is the structure's: it is left out with fee_item_id");
        } else {
            faults.require(charge.head.is_some(), &at("head"), "is required without fee_item_id");
            faults.require(charge.amount_minor.is_some(), &at("amount_minor"), "is required without fee_item_id");
        }
    }
    faults.into_result().map_err(Problem::invalid)
}

/// Why an optional head can't be charged to the student in this currency, if it can't.
fn objection(item: Option<&ItemRow>, structure: Option<&StructureRow>, currency: Currency, is_concerned: bool) -> Option<&'static str> {
    let (Some(item), Some(structure)) = (item, structure) else { return Some("there is no such fee item in this school") };
    let objections = [
        (!item.is_optional, "is not optional: runs charge it"),
        (structure.status != "active", "is of a structure that is not active"),
        (structure.currency != currency.code(), "is in another currency"),
        (!is_concerned, "is of a structure that does not concern the student"),
    ];
    objections.into_iter().find(|(holds, _)| *holds).map(|(_, detail)| detail)
}

/// What is charged to the student, or all that is wrong with it.
pub(super) async fn resolve(
    transaction: &mut SchoolTransaction,
    book: &Book,
    student: Uuid,
    currency: Currency,
    charges: &[NewCharge],
) -> Result<Vec<Charge>, Problem> {
    let ids: Vec<Uuid> = charges.iter().filter_map(|charge| charge.fee_item_id.map(FeeItemId::as_uuid)).collect();
    let items = items_named(transaction, &ids).await?;
    let of: Vec<Uuid> = items.iter().map(|item| item.fee_structure_id).collect();
    let structures = structures_named(transaction, &of).await?;
    let (mut made, mut faults) = (Vec::with_capacity(charges.len()), Vec::new());
    for (n, charge) in charges.iter().enumerate() {
        if let Some(id) = charge.fee_item_id.map(FeeItemId::as_uuid) {
            let item = items.iter().find(|item| item.id == id);
            let structure = item.and_then(|item| structures.iter().find(|structure| structure.id == item.fee_structure_id));
            let is_concerned = match structure {
                Some(structure) => concerned(transaction, structure, student, book.today).await?,
                None => false,
            };
            match objection(item, structure, currency, is_concerned) {
                Some(detail) => faults.push(Fault::new(format!("/charges/{n}/fee_item_id"), detail)),
                None => made.extend(item.map(ItemRow::charge)),
            }
        } else if let (Some(head), Some(amount)) = (&charge.head, charge.amount_minor) {
            let tax_basis_points = charge.tax_basis_points.into();
            made.push(Charge { fee_item_id: None, head: head.as_str().to_owned(), amount: amount.minor(), tax_basis_points });
        }
    }
    if faults.is_empty() { Ok(made) } else { Err(Problem::invalid(faults)) }
}
