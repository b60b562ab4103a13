//! What a violated constraint means to a client.

use records::Rule;

/// The rules that a request to the grade book can break.
pub const RULES: &[Rule] = &[
    Rule::once("grade_scales_name", "/name", "there is a scale of this name"),
    Rule::once("grade_scales_one_default", "/is_default", "another scale is the default; take that from it first"),
    Rule::exists("grade_book_settings_scale", "/scale_id", "there is no such scale in this school"),
    Rule::once("grade_categories_once", "/name", "the class has a category of this name at this place"),
    Rule::exists("grade_categories_school_id_term_id_fkey", "/term_id", "there is no such term in this school"),
    Rule::exists(
        "grade_categories_school_id_class_id_parent_category_id_fkey",
        "/parent_category_id",
        "there is no such category in this class",
    ),
    Rule::exists("grade_items_school_id_class_id_category_id_fkey", "/category_id", "there is no such category in this class"),
    Rule::once("honour_rules_name", "/name", "there is a rule of this name"),
    Rule::once("learning_outcomes_name", "/name", "there is an outcome of this name at this place"),
    Rule::once("outcome_items_once", "/outcome_id", "the item shows this outcome already"),
    Rule::exists("grade_items_school_id_subject_id_fkey", "/subject_id", "there is no such subject in this school"),
];
