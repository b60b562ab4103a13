-- One school with a row in every tenant table. Ids are derived from names, so that tests can point at them.
CREATE FUNCTION pg_temp.id(name text) RETURNS uuid LANGUAGE sql AS $$ SELECT md5('{school}:' || name)::uuid $$;

INSERT INTO schools (id, name, code) VALUES ('{school}', 'Hillside', substr('{school}', 20));
INSERT INTO users (id, email, full_name)
    SELECT pg_temp.id(name), name || '@' || substr('{school}', 20) || '.example', name
    FROM unnest(ARRAY['office', 'teacher', 'student', 'parent', 'driver']) AS name;
INSERT INTO credentials (user_id, password_hash) VALUES (pg_temp.id('office'), 'x');
INSERT INTO memberships (school_id, id, user_id, role) VALUES
    ('{school}', pg_temp.id('office membership'), pg_temp.id('office'), 'school_admin'),
    ('{school}', pg_temp.id('teacher membership'), pg_temp.id('teacher'), 'teacher'),
    ('{school}', pg_temp.id('student membership'), pg_temp.id('student'), 'student'),
    ('{school}', pg_temp.id('parent membership'), pg_temp.id('parent'), 'parent'),
    ('{school}', pg_temp.id('driver membership'), pg_temp.id('driver'), 'staff');
INSERT INTO sessions (id, user_id, school_id, role, refresh_hash, expires_at) VALUES
    (pg_temp.id('session'), pg_temp.id('office'), '{school}', 'school_admin', sha256('{school}'), now() + interval '30 days');
INSERT INTO academic_years (school_id, id, name, starts_on, ends_on) VALUES ('{school}', pg_temp.id('year'), '2026-27', '2026-06-01', '2027-05-31');
INSERT INTO terms (school_id, id, academic_year_id, name, starts_on, ends_on) VALUES
    ('{school}', pg_temp.id('term'), pg_temp.id('year'), 'First', '2026-06-01', '2026-12-31');
INSERT INTO subjects (school_id, id, name, code) VALUES ('{school}', pg_temp.id('subject'), 'Mathematics', 'MAT');
INSERT INTO teachers (school_id, id, user_id) VALUES ('{school}', pg_temp.id('teacher row'), pg_temp.id('teacher'));
INSERT INTO staff (school_id, id, user_id) VALUES ('{school}', pg_temp.id('staff row'), pg_temp.id('driver'));
INSERT INTO classes (school_id, id, academic_year_id, name, code) VALUES ('{school}', pg_temp.id('class'), pg_temp.id('year'), 'Seven A', '7A');
INSERT INTO students (school_id, id, user_id, admission_number, class_id) VALUES
    ('{school}', pg_temp.id('student row'), pg_temp.id('student'), 'A-1', pg_temp.id('class'));
INSERT INTO student_guardians (school_id, id, student_id, guardian_user_id) VALUES
    ('{school}', pg_temp.id('guardian'), pg_temp.id('student row'), pg_temp.id('parent'));
INSERT INTO class_subjects (school_id, id, class_id, subject_id, teacher_id) VALUES
    ('{school}', pg_temp.id('class subject'), pg_temp.id('class'), pg_temp.id('subject'), pg_temp.id('teacher row'));
INSERT INTO enrollments (school_id, id, class_id, student_id, begin_date, end_date) VALUES
    ('{school}', pg_temp.id('enrollment'), pg_temp.id('class'), pg_temp.id('student row'), '2026-06-01', '2026-09-30');

INSERT INTO homework (school_id, id, class_id, teacher_id, created_by, title, due_at, status, published_at) VALUES
    ('{school}', pg_temp.id('homework'), pg_temp.id('class'), pg_temp.id('teacher row'), pg_temp.id('teacher'), 'Fractions', now() + interval '7 days',
     'published', now());
INSERT INTO homework_submissions (school_id, id, homework_id, student_id, status, submitted_at) VALUES
    ('{school}', pg_temp.id('submission'), pg_temp.id('homework'), pg_temp.id('student row'), 'submitted', now());
INSERT INTO homework_files (school_id, id, homework_id, name, media_type, size_bytes, storage_key, uploaded_by) VALUES
    ('{school}', pg_temp.id('file'), pg_temp.id('homework'), 'sheet.pdf', 'application/pdf', 1000, 'k', pg_temp.id('teacher'));
INSERT INTO homework_overrides (school_id, id, homework_id, student_id, created_by) VALUES
    ('{school}', pg_temp.id('override'), pg_temp.id('homework'), pg_temp.id('student row'), pg_temp.id('teacher'));

INSERT INTO attendance_codes (school_id, id, code, name, counts_as) VALUES ('{school}', pg_temp.id('code'), 'P', 'Present', 'present');
INSERT INTO attendance_settings (school_id, id) VALUES ('{school}', pg_temp.id('attendance settings'));
INSERT INTO attendance_sessions (school_id, id, class_id, held_on) VALUES ('{school}', pg_temp.id('register'), pg_temp.id('class'), '2026-07-01');
INSERT INTO attendance_records (school_id, id, session_id, student_id, held_on, kind, code, marked_by, marked_at) VALUES
    ('{school}', pg_temp.id('mark'), pg_temp.id('register'), pg_temp.id('student row'), '2026-07-01', 'daily', 'P', pg_temp.id('teacher'), now());
INSERT INTO attendance_corrections (school_id, id, session_id, session_version, corrected_by, role, after_lock, reason, changes) VALUES
    ('{school}', pg_temp.id('correction'), pg_temp.id('register'), 2, pg_temp.id('office'), 'school_admin', true, 'Came after all', '[{}]');
INSERT INTO leave_requests (school_id, id, student_id, from_date, to_date, reason, requested_by) VALUES
    ('{school}', pg_temp.id('leave'), pg_temp.id('student row'), '2026-08-03', '2026-08-05', 'Wedding', pg_temp.id('parent'));
INSERT INTO attendance_alert_rules (school_id, id, name, kind, times) VALUES ('{school}', pg_temp.id('alert rule'), 'Three days away', 'absent_in_a_row', 3);
INSERT INTO attendance_alerts (school_id, id, rule_id, student_id, class_id, began_on, figure, tells_guardians) VALUES
    ('{school}', pg_temp.id('alert'), pg_temp.id('alert rule'), pg_temp.id('student row'), pg_temp.id('class'), '2026-07-03', 3, true);

INSERT INTO quizzes (school_id, id, class_id, created_by, title) VALUES ('{school}', pg_temp.id('quiz'), pg_temp.id('class'), pg_temp.id('teacher'), 'Quiz');
INSERT INTO quiz_slots (school_id, id, quiz_id, position, question_id, question_version, max_mark) VALUES
    ('{school}', pg_temp.id('slot'), pg_temp.id('quiz'), 1, pg_temp.id('question'), 1, 5);
INSERT INTO quiz_attempts (school_id, id, quiz_id, student_id, attempt, seed, started_at) VALUES
    ('{school}', pg_temp.id('attempt'), pg_temp.id('quiz'), pg_temp.id('student row'), 1, 7, now());
INSERT INTO quiz_answers (school_id, id, quiz_id, attempt_id, slot_id, question_id, question_version) VALUES
    ('{school}', pg_temp.id('answer'), pg_temp.id('quiz'), pg_temp.id('attempt'), pg_temp.id('slot'), pg_temp.id('question'), 1);
INSERT INTO quiz_overrides (school_id, id, quiz_id, student_id, created_by) VALUES
    ('{school}', pg_temp.id('quiz override'), pg_temp.id('quiz'), pg_temp.id('student row'), pg_temp.id('teacher'));
INSERT INTO quiz_override_members (school_id, override_id, student_id) VALUES ('{school}', pg_temp.id('quiz override'), pg_temp.id('student row'));
INSERT INTO question_categories (school_id, id, name, created_by) VALUES ('{school}', pg_temp.id('question category'), 'Mathematics', pg_temp.id('teacher'));
INSERT INTO quiz_preferences (school_id, id, student_id) VALUES ('{school}', pg_temp.id('quiz preference'), pg_temp.id('student row'));

INSERT INTO fee_structures (school_id, id, academic_year_id, name, currency) VALUES ('{school}', pg_temp.id('structure'), pg_temp.id('year'), 'Tuition', 'INR');
INSERT INTO fee_items (school_id, id, fee_structure_id, head, amount_minor, due_on) VALUES
    ('{school}', pg_temp.id('fee item'), pg_temp.id('structure'), 'Tuition', 500000, '2026-07-10');
INSERT INTO concessions (school_id, id, student_id, kind, percent_basis_points, valid_from) VALUES
    ('{school}', pg_temp.id('concession'), pg_temp.id('student row'), 'student', 1000, '2026-06-01');
INSERT INTO invoices (school_id, id, student_id, fee_structure_id, period, number, currency, status, total_minor, paid_minor, waived_minor, due_on, issued_at)
    VALUES ('{school}', pg_temp.id('invoice'), pg_temp.id('student row'), pg_temp.id('structure'), '2026/1', 'INV-1', 'INR', 'partly_paid', 500000, 20, 10,
    '2026-07-10', now());
INSERT INTO invoice_lines (school_id, id, invoice_id, position, description, amount_minor) VALUES
    ('{school}', pg_temp.id('line'), pg_temp.id('invoice'), 1, 'Tuition', 500000);
INSERT INTO receipt_counters (school_id, fiscal_year, last_number) VALUES ('{school}', '2026-27', 1);
INSERT INTO payments (school_id, id, student_id, invoice_id, method, currency, amount_minor, refunded_minor, allocated_minor, status, fiscal_year, receipt_number,
    captured_at, booked_on) VALUES
    ('{school}', pg_temp.id('payment'), pg_temp.id('student row'), pg_temp.id('invoice'), 'cash', 'INR', 100, 50, 20, 'captured', '2026-27', 1, now(), '2026-07-01');
INSERT INTO payment_allocations (school_id, id, payment_id, invoice_id, currency, amount_minor) VALUES
    ('{school}', pg_temp.id('allocation'), pg_temp.id('payment'), pg_temp.id('invoice'), 'INR', 20);
INSERT INTO waivers (school_id, id, invoice_id, currency, amount_minor, reason, approved_by) VALUES
    ('{school}', pg_temp.id('waiver'), pg_temp.id('invoice'), 'INR', 10, 'Hardship', pg_temp.id('office'));
INSERT INTO voucher_counters (school_id, fiscal_year) VALUES ('{school}', '2026-27');
INSERT INTO invoice_counters (school_id, fiscal_year, last_number) VALUES ('{school}', '2026-27', 1);
INSERT INTO fee_settings (school_id, id) VALUES ('{school}', '{school}');
INSERT INTO fee_profiles (school_id, id, category) VALUES ('{school}', pg_temp.id('student row'), 'day scholar');
INSERT INTO fine_rules (school_id, id, name, kind, currency, amount_minor) VALUES ('{school}', pg_temp.id('fine rule'), 'Late', 'per_day', 'INR', 1000);
INSERT INTO day_closings (school_id, id, closed_on, totals, counted, closed_by) VALUES
    ('{school}', pg_temp.id('closing'), '2026-06-30', '[]', '[]', pg_temp.id('office'));
INSERT INTO refunds (school_id, id, payment_id, currency, amount_minor, requested_by) VALUES
    ('{school}', pg_temp.id('refund'), pg_temp.id('payment'), 'INR', 50, pg_temp.id('office'));
-- Issued, waived in part; paid in cash, of which some went to the invoice and half is on its way back.
INSERT INTO ledger_entries (school_id, id, transaction_id, account, invoice_id, payment_id, currency, debit_minor, credit_minor, entry_date)
    SELECT '{school}', pg_temp.id('entry ' || place), pg_temp.id('entry'), account, CASE WHEN of_invoice THEN pg_temp.id('invoice') END,
        CASE WHEN of_payment THEN pg_temp.id('payment') END, 'INR', debit, credit, '2026-07-01'
    FROM (VALUES (1, 'receivable', true, false, 500000, 0), (2, 'fee_income', true, false, 0, 500000), (3, 'waivers', true, false, 10, 0),
        (4, 'receivable', true, false, 0, 10), (5, 'cash', false, true, 100, 0), (6, 'student_credit', false, true, 0, 100),
        (7, 'student_credit', true, true, 20, 0), (8, 'receivable', true, true, 0, 20), (9, 'student_credit', false, true, 50, 0),
        (10, 'refunds_payable', false, true, 0, 50)) AS entry (place, account, of_invoice, of_payment, debit, credit);
INSERT INTO provider_events (school_id, id, provider, event_id, kind, payload) VALUES
    ('{school}', pg_temp.id('provider event'), 'stripe', 'evt_1', 'payment', '{}');

INSERT INTO inventory_categories (school_id, id, name) VALUES ('{school}', pg_temp.id('item category'), 'Stationery');
INSERT INTO inventory_suppliers (school_id, id, name) VALUES ('{school}', pg_temp.id('supplier'), 'Paper mill');
INSERT INTO inventory_locations (school_id, id, name) VALUES ('{school}', pg_temp.id('store room'), 'Store room');
INSERT INTO inventory_items (school_id, id, name, currency, is_serialised, kind) VALUES
    ('{school}', pg_temp.id('chalk'), 'Chalk', 'INR', false, 'consumable'), ('{school}', pg_temp.id('atlas'), 'Atlas', 'INR', true, 'asset');
INSERT INTO inventory_books (school_id, item_id, author) VALUES ('{school}', pg_temp.id('atlas'), 'Mercator, Gerhard');
INSERT INTO inventory_keepers (school_id, id, user_id, appointed_by) VALUES ('{school}', pg_temp.id('keeper'), pg_temp.id('teacher'), pg_temp.id('office'));
INSERT INTO inventory_units (school_id, id, item_id, serial_number) VALUES ('{school}', pg_temp.id('copy'), pg_temp.id('atlas'), 'B-1');
INSERT INTO inventory_loans (school_id, id, item_id, unit_id, location_id, borrower_user_id, lent_at, due_on, currency, lent_by) VALUES
    ('{school}', pg_temp.id('loan'), pg_temp.id('atlas'), pg_temp.id('copy'), pg_temp.id('store room'), pg_temp.id('teacher'), now(), '2099-01-01', 'INR',
     pg_temp.id('office'));
INSERT INTO inventory_repairs (school_id, id, item_id, location_id, problem, sent_at, sent_by) VALUES
    ('{school}', pg_temp.id('repair'), pg_temp.id('chalk'), pg_temp.id('store room'), 'Broken', now(), pg_temp.id('office'));
-- Movements make the balances: ten pieces of chalk are there in the end.
INSERT INTO stock_movements (school_id, id, item_id, location_id, kind, quantity, moved_by) VALUES
    ('{school}', pg_temp.id('movement'), pg_temp.id('chalk'), pg_temp.id('store room'), 'receive', 11, pg_temp.id('office'));
INSERT INTO stock_movements (school_id, id, item_id, location_id, kind, quantity, moved_by, unit_id, loan_id, repair_id) VALUES
    ('{school}', pg_temp.id('to repair'), pg_temp.id('chalk'), pg_temp.id('store room'), 'repair', -1, pg_temp.id('office'), NULL, NULL, pg_temp.id('repair')),
    ('{school}', pg_temp.id('copy comes'), pg_temp.id('atlas'), pg_temp.id('store room'), 'receive', 1, pg_temp.id('office'), pg_temp.id('copy'), NULL, NULL),
    ('{school}', pg_temp.id('copy goes'), pg_temp.id('atlas'), pg_temp.id('store room'), 'loan', -1, pg_temp.id('office'), pg_temp.id('copy'),
     pg_temp.id('loan'), NULL);
INSERT INTO inventory_reservations (school_id, id, item_id, borrower_user_id, expires_on, reserved_by) VALUES
    ('{school}', pg_temp.id('reservation'), pg_temp.id('atlas'), pg_temp.id('student'), '2099-01-01', pg_temp.id('office'));
INSERT INTO inventory_stock_takes (school_id, id, location_id, started_by, started_at) VALUES
    ('{school}', pg_temp.id('stock-take'), pg_temp.id('store room'), pg_temp.id('office'), now());
INSERT INTO inventory_counts (school_id, id, stock_take_id, item_id, expected, counted, counted_at, counted_by) VALUES
    ('{school}', pg_temp.id('count'), pg_temp.id('stock-take'), pg_temp.id('chalk'), 10, 9, now(), pg_temp.id('office'));

INSERT INTO vehicles (school_id, id, registration, capacity) VALUES ('{school}', pg_temp.id('bus'), 'KA-01', 2);
INSERT INTO bus_routes (school_id, id, name, vehicle_id, driver_staff_id, capacity) VALUES
    ('{school}', pg_temp.id('route'), 'North', pg_temp.id('bus'), pg_temp.id('staff row'), 2);
INSERT INTO route_stops (school_id, id, route_id, position, name, latitude, longitude, pickup_time, drop_time) VALUES
    ('{school}', pg_temp.id('stop'), pg_temp.id('route'), 1, 'Well', 12.9, 77.5, '07:30', '16:30');
INSERT INTO bus_assignments (school_id, id, student_id, route_id, route_capacity, stop_id, direction, seat, begin_date) VALUES
    ('{school}', pg_temp.id('assignment'), pg_temp.id('student row'), pg_temp.id('route'), 2, pg_temp.id('stop'), 'pickup', 1, '2026-06-01');
INSERT INTO bus_trips (school_id, id, route_id, vehicle_id, direction, service_date, state, started_at) VALUES
    ('{school}', pg_temp.id('trip'), pg_temp.id('route'), pg_temp.id('bus'), 'pickup', '2026-07-01', 'running', now());
INSERT INTO vehicle_positions (school_id, id, vehicle_id, recorded_at, latitude, longitude) VALUES
    ('{school}', pg_temp.id('position'), pg_temp.id('bus'), now(), 12.9, 77.5);
INSERT INTO vehicle_maintenance (school_id, id, vehicle_id, kind, description, due_on) VALUES
    ('{school}', pg_temp.id('maintenance'), pg_temp.id('bus'), 'service', 'Oil', '2026-09-01');
INSERT INTO bus_drivers (school_id, id, staff_id, licence_number, licence_expires_on) VALUES
    ('{school}', pg_temp.id('driver'), pg_temp.id('staff row'), 'L1', '2030-01-01');
INSERT INTO bus_fee_slabs (school_id, id, from_metres, currency, amount_minor, valid_from) VALUES
    ('{school}', pg_temp.id('slab'), 0, 'INR', 50000, '2026-06-01');
INSERT INTO bus_fee_charges (school_id, id, assignment_id, student_id, direction, slab_id, period, currency, amount_minor, due_on) VALUES
    ('{school}', pg_temp.id('charge'), pg_temp.id('assignment'), pg_temp.id('student row'), 'pickup', pg_temp.id('slab'), '2026-06', 'INR', 50000, '2026-06-10');
INSERT INTO bus_boardings (school_id, id, trip_id, student_id, boarded_at, log) VALUES
    ('{school}', pg_temp.id('boarding'), pg_temp.id('trip'), pg_temp.id('student row'), now(), '[{"kind": "boarded"}]');
INSERT INTO bus_stop_visits (school_id, id, trip_id, stop_id, arrived_at) VALUES
    ('{school}', pg_temp.id('visit'), pg_temp.id('trip'), pg_temp.id('stop'), now());
INSERT INTO bus_alerts (school_id, id, kind, trip_id, header, begins_at) VALUES
    ('{school}', pg_temp.id('alert'), 'delay', pg_temp.id('trip'), 'Late', now());
INSERT INTO bus_problems (school_id, id, route_id, trip_id, kind, reported_by) VALUES
    ('{school}', pg_temp.id('problem'), pg_temp.id('route'), pg_temp.id('trip'), 'came_late', pg_temp.id('office'));
INSERT INTO bus_alarms (school_id, id, user_id, assignment_id, minutes_before) VALUES
    ('{school}', pg_temp.id('alarm'), pg_temp.id('office'), pg_temp.id('assignment'), 5);

INSERT INTO rooms (school_id, id, name) VALUES ('{school}', pg_temp.id('room'), 'Room 1');
INSERT INTO calendar_events (school_id, id, uid, title, is_all_day, start_date, end_date, created_by) VALUES
    ('{school}', pg_temp.id('event'), 'u1', 'Sports day', true, '2026-08-01', '2026-08-01', pg_temp.id('office'));
INSERT INTO timetable_entries (school_id, id, class_id, teacher_id, room_id, rotation_day, start_minute, end_minute, valid_from) VALUES
    ('{school}', pg_temp.id('lesson'), pg_temp.id('class'), pg_temp.id('teacher row'), pg_temp.id('room'), 1, 540, 585, '2026-06-01');
INSERT INTO timetable_columns (school_id, id, name) VALUES ('{school}', pg_temp.id('bell'), 'Short day');
INSERT INTO timetable_blocks (school_id, id, column_id, name, period, start_minute, end_minute) VALUES
    ('{school}', pg_temp.id('block'), pg_temp.id('bell'), 'First period', 1, 540, 570);
INSERT INTO timetable_days (school_id, id, day, rotation_day, column_id) VALUES
    ('{school}', pg_temp.id('short day'), '2026-08-05', 3, pg_temp.id('bell'));
INSERT INTO timetable_lesson_days (school_id, id, entry_id, class_id, day, state, reason) VALUES
    ('{school}', pg_temp.id('lesson day'), pg_temp.id('lesson'), pg_temp.id('class'), '2026-08-10', 'cancelled', 'Excursion');
INSERT INTO timetable_handovers (school_id, id, entry_id, teacher_id) VALUES
    ('{school}', pg_temp.id('handover'), pg_temp.id('lesson'), pg_temp.id('teacher row'));
INSERT INTO room_bookings (school_id, id, room_id, purpose, starts_at, ends_at, booked_by) VALUES
    ('{school}', pg_temp.id('room booking'), pg_temp.id('room'), 'Choir', '2026-08-03T10:00Z', '2026-08-03T11:00Z', pg_temp.id('teacher'));
INSERT INTO appointment_slots (school_id, id, kind, title, teacher_id, starts_at, ends_at, book_until, created_by) VALUES
    ('{school}', pg_temp.id('appointment slot'), 'meeting', 'Ten minutes', pg_temp.id('teacher row'), '2026-08-04T10:00Z', '2026-08-04T10:10Z',
     '2026-08-04T10:00Z', pg_temp.id('teacher'));
INSERT INTO appointment_bookings (school_id, id, slot_id, slot_capacity, starts_at, ends_at, seat, student_id, booked_by) VALUES
    ('{school}', pg_temp.id('appointment booking'), pg_temp.id('appointment slot'), 1, '2026-08-04T10:00Z', '2026-08-04T10:10Z', 1,
     pg_temp.id('student row'), pg_temp.id('parent'));
INSERT INTO calendar_feeds (school_id, id, user_id, token_hash) VALUES ('{school}', pg_temp.id('feed'), pg_temp.id('parent'), sha256('f'));

INSERT INTO grade_categories (school_id, id, class_id, name) VALUES ('{school}', pg_temp.id('category'), pg_temp.id('class'), 'Homework');
INSERT INTO grade_items (school_id, id, class_id, category_id, name, max_points) VALUES
    ('{school}', pg_temp.id('item'), pg_temp.id('class'), pg_temp.id('category'), 'Fractions', 100);
INSERT INTO grades (school_id, id, class_id, item_id, student_id, points) VALUES
    ('{school}', pg_temp.id('grade'), pg_temp.id('class'), pg_temp.id('item'), pg_temp.id('student row'), 87.5);
INSERT INTO grade_changes (school_id, id, class_id, item_id, student_id, grade_id, grade_version, points, is_excluded, is_exempt, is_missing) VALUES
    ('{school}', pg_temp.id('grade change'), pg_temp.id('class'), pg_temp.id('item'), pg_temp.id('student row'), pg_temp.id('grade'), 1, 87.5, false, false, false);
INSERT INTO grade_sheets (school_id, id, item_version) VALUES ('{school}', pg_temp.id('item'), 1);
INSERT INTO grade_scales (school_id, id, name, steps) VALUES ('{school}', pg_temp.id('scale'), 'Letters', '[{"letter": "A", "from_percent": 0}]');
INSERT INTO grade_book_settings (school_id, id, scale_id) VALUES ('{school}', pg_temp.id('class'), pg_temp.id('scale'));
INSERT INTO grade_targets (school_id, id, class_id, student_id, percent) VALUES
    ('{school}', pg_temp.id('target'), pg_temp.id('class'), pg_temp.id('student row'), 80);
INSERT INTO honour_rules (school_id, id, name, min_average) VALUES ('{school}', pg_temp.id('honour rule'), 'Honours', 85);
INSERT INTO learning_outcomes (school_id, id, class_id, name, levels, mastery_level) VALUES
    ('{school}', pg_temp.id('outcome'), pg_temp.id('class'), 'Adds fractions', '["Not yet", "Yes"]', 2);
INSERT INTO outcome_items (school_id, id, class_id, outcome_id, item_id) VALUES
    ('{school}', pg_temp.id('outcome item'), pg_temp.id('class'), pg_temp.id('outcome'), pg_temp.id('item'));
INSERT INTO outcome_results (school_id, id, class_id, link_id, student_id, level, assessed_by) VALUES
    ('{school}', pg_temp.id('outcome result'), pg_temp.id('class'), pg_temp.id('outcome item'), pg_temp.id('student row'), 2, pg_temp.id('teacher'));
INSERT INTO report_jobs (school_id, id, kind, format, requested_by) VALUES ('{school}', pg_temp.id('report job'), 'cards', 'pdf', pg_temp.id('office'));
INSERT INTO report_cards (school_id, id, student_id, class_id, term_id, template_code, template_version) VALUES
    ('{school}', pg_temp.id('card'), pg_temp.id('student row'), pg_temp.id('class'), pg_temp.id('term'), 'plain', 1);

INSERT INTO notifications (school_id, id, recipient_user_id, kind, title, dedupe_key) VALUES
    ('{school}', pg_temp.id('notification'), pg_temp.id('student'), 'homework', 'New homework', 'e1');
INSERT INTO notification_preferences (school_id, id, user_id, kind, channel) VALUES
    ('{school}', pg_temp.id('preference'), pg_temp.id('student'), 'homework', 'push');
INSERT INTO device_tokens (school_id, id, user_id, platform, token) VALUES ('{school}', pg_temp.id('device'), pg_temp.id('student'), 'web', 't');

-- One of each for every service: services see their own only.
INSERT INTO outbox (school_id, service, event)
    SELECT '{school}', service, '{}' FROM (SELECT DISTINCT service FROM drain_watermarks) AS services;
INSERT INTO idempotency_keys (school_id, user_id, route, key, service, fingerprint, status, expires_at)
    SELECT '{school}', pg_temp.id('office'), '/' || service, 'k', service, sha256('b'), 201, now() + interval '1 day'
    FROM (SELECT DISTINCT service FROM drain_watermarks) AS services;
INSERT INTO jobs (school_id, id, service, kind)
    SELECT '{school}', pg_temp.id('job ' || service), service, 'x' FROM (SELECT DISTINCT service FROM drain_watermarks) AS services;
INSERT INTO dead_letters (id, school_id, service, partition, seq, reason)
    VALUES (pg_temp.id('dead'), '{school}', 'homework', 1, abs(hashtext('{school}')), 'x');
