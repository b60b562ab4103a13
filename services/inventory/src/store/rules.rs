//! What a violated constraint means to a client.

use records::Rule;

/// The rules that a request can break.
pub const RULES: &[Rule] = &[
    Rule::once("inventory_categories_name", "/name", "there is a category of this name"),
    Rule::once("inventory_suppliers_name", "/name", "there is a supplier of this name"),
    Rule::once("inventory_locations_school_id_name_key", "/name", "there is a location of this name"),
    Rule::exists(
        "inventory_locations_school_id_parent_location_id_fkey",
        "/parent_location_id",
        "there is no such location in this school",
    ),
    Rule::once("inventory_items_school_id_sku_key", "/sku", "another item has this stock number"),
    Rule::once("inventory_items_school_id_barcode_key", "/barcode", "another item has this barcode"),
    Rule::exists("inventory_items_category", "/category_id", "there is no such category in this school"),
    Rule::exists("inventory_items_supplier", "/supplier_id", "there is no such supplier in this school"),
    Rule::once("inventory_books_control_number", "/control_number", "another book has this control number"),
    Rule::once("inventory_keepers_once", "/user_id", "they keep this already"),
    Rule::once("inventory_units_serial", "/serial_numbers", "a unit has one of these serial numbers already"),
    Rule::overlap("inventory_stock_not_negative", "/quantity", "there are not so many at this location"),
    Rule::overlap("inventory_valuations_not_negative", "/quantity", "the school does not own so many"),
    Rule::overlap("stock_movements_unit_is_there", "/serial_numbers", "one of the units is not there any more"),
    Rule::overlap("stock_movements_return_of_issue", "/quantity", "more would come back than was issued"),
    Rule::overlap("inventory_loans_one_open", "/serial_number", "the unit is on loan"),
    Rule::overlap("inventory_repairs_one_open", "/serial_number", "the unit is in repair"),
    Rule::once("inventory_reservations_once", "/item_id", "they wait for this item already"),
    Rule::overlap("inventory_stock_takes_one_open", "/location_id", "this location is being counted already"),
];
