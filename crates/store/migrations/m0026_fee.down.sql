DROP TRIGGER optional_item_once ON invoice_lines;
DROP FUNCTION optional_item_once();
DROP INDEX invoice_lines_item;
DROP INDEX refunds_made;
DROP FUNCTION invoice_is_given_back(uuid, uuid);
DROP TRIGGER provider_event_is_final ON provider_events;
DROP FUNCTION provider_event_is_final();
DROP INDEX provider_events_open;
DROP INDEX provider_events_received;
-- What was settled is open again: the schema before knows only what was applied.
ALTER TABLE provider_events DROP COLUMN resolved_at, DROP COLUMN resolved_by, DROP COLUMN resolution;
-- The schema before knows no concession of a class: those that there are take nothing off any more, and invoices that have them keep them. Row security would hide
-- them from the owner.
ALTER TABLE concessions DROP CONSTRAINT concessions_names_its_class;
ALTER TABLE concessions NO FORCE ROW LEVEL SECURITY;
UPDATE concessions SET kind = 'category', category = 'class ' || class_id, status = CASE WHEN status IN ('pending', 'approved') THEN 'ended' ELSE status END
    WHERE kind = 'class';
ALTER TABLE concessions FORCE ROW LEVEL SECURITY;
ALTER TABLE concessions
    DROP COLUMN class_id,
    DROP CONSTRAINT concessions_kind_check,
    ADD CONSTRAINT concessions_kind_check CHECK (kind IN ('student', 'category', 'sibling', 'staff'));
