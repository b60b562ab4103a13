//! What a violated constraint means to a client.

use records::Rule;

/// The rules that a request to the fee office can break.
pub const RULES: &[Rule] = &[
    Rule::once("fee_structures_school_id_academic_year_id_name_key", "/name", "there is a structure of this name in this year"),
    Rule::exists("fee_structures_school_id_academic_year_id_fkey", "/academic_year_id", "there is no such academic year in this school"),
    Rule::exists("fee_structures_school_id_term_id_fkey", "/term_id", "there is no such term in this school"),
    Rule::exists("fee_structures_school_id_class_id_fkey", "/class_id", "there is no such class in this school"),
    Rule::once("fee_items_school_id_fee_structure_id_head_instalment_key", "/items", "a head stands once in each instalment"),
    Rule::once("fine_rules_name", "/name", "there is a rule of this name"),
    Rule::exists("concessions_school_id_student_id_fkey", "/student_id", "there is no such student in this school"),
    Rule::exists("concessions_class", "/class_id", "there is no such class in this school"),
    Rule::overlap("concessions_two_people", "/status", "whoever asked for a concession does not grant it"),
    Rule::once("invoices_once", "/period", "the student has an invoice of this structure and period"),
    Rule::once("invoices_once_a_source", "/source_ref", "this was charged already"),
    Rule::once("optional_item_once", "/charges", "the student was charged an optional head already"),
    Rule::exists("invoices_school_id_student_id_fkey", "/student_id", "there is no such student in this school"),
    Rule::exists("payments_school_id_student_id_fkey", "/student_id", "there is no such student in this school"),
    Rule::once("payments_reference_once", "/reference", "a payment with this reference was recorded already"),
    Rule::once("payments_cheque_once", "/cheque", "this cheque was recorded already"),
    Rule::once("day_closings_once", "/closed_on", "the day is closed already"),
    Rule::overlap("allocation_is_of_one_student", "/invoice_id", "is another student's"),
    Rule::overlap("ledger_day_is_open", "/closed_on", "the books of the day were closed meanwhile; send it again"),
];
