DROP TABLE grade_sheets;
DROP TABLE grade_changes;
DROP TABLE grade_book_settings;
DROP TABLE grade_scales;
ALTER TABLE grades DROP COLUMN class_id;
ALTER TABLE grade_items DROP CONSTRAINT grade_items_of_class;
