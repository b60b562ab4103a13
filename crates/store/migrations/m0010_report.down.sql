DROP TABLE report_cards;
DROP FUNCTION report_card_is_final();
DROP TABLE report_jobs;
DROP TABLE grades;
DROP TABLE grade_items;
DROP TABLE grade_categories;
