-- Attendance that speaks up, and the rest of a grade book: alerts, the history of its outline, outcomes, honour rolls, effort and targets.

-- When the school wants to be told of a student's attendance.
CREATE TABLE attendance_alert_rules (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    kind text NOT NULL CHECK (kind IN ('rate_below', 'absent_in_a_row', 'times_late')),
    -- Hundredths of a percent.
    rate integer CHECK (rate BETWEEN 1 AND 10000),
    times integer CHECK (times BETWEEN 1 AND 60),
    window_days integer NOT NULL DEFAULT 60 CHECK (window_days BETWEEN 1 AND 200),
    min_days integer NOT NULL DEFAULT 1 CHECK (min_days BETWEEN 1 AND 200),
    tells_guardians boolean NOT NULL DEFAULT true,
    is_active boolean NOT NULL DEFAULT true,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT attendance_alert_rules_name UNIQUE (school_id, name),
    CHECK ((kind = 'rate_below') = (rate IS NOT NULL)),
    CHECK ((kind <> 'rate_below') = (times IS NOT NULL))
);
COMMENT ON COLUMN attendance_alert_rules.min_days IS 'a rate says nothing before so many days counted';
CALL adopt_tenant_table('attendance_alert_rules', 'schools24_attendance');

-- One a rule, a student and an episode, which begins on the day on which the rule came true.
CREATE TABLE attendance_alerts (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    rule_id uuid NOT NULL,
    student_id uuid NOT NULL,
    class_id uuid NOT NULL,
    began_on date NOT NULL,
    -- None while it lasts.
    ended_on date,
    -- Hundredths of a percent, days, or times: what it was when it was last looked at.
    figure integer NOT NULL CHECK (figure >= 0),
    tells_guardians boolean NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'acknowledged', 'closed')),
    note text CHECK (char_length(note) BETWEEN 1 AND 1000),
    acknowledged_by uuid REFERENCES users,
    acknowledged_at timestamptz,
    closed_by uuid REFERENCES users,
    closed_at timestamptz,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT attendance_alerts_once UNIQUE (school_id, rule_id, student_id, began_on),
    FOREIGN KEY (school_id, rule_id) REFERENCES attendance_alert_rules (school_id, id),
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id),
    FOREIGN KEY (school_id, class_id) REFERENCES classes (school_id, id),
    CHECK (ended_on >= began_on),
    CHECK ((acknowledged_by IS NULL) = (acknowledged_at IS NULL)),
    CHECK ((closed_by IS NULL) = (closed_at IS NULL)),
    CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
    CHECK (state <> 'acknowledged' OR acknowledged_at IS NOT NULL)
);
-- A student is in one episode of a rule at a time.
CREATE UNIQUE INDEX attendance_alerts_one_at_a_time ON attendance_alerts (school_id, rule_id, student_id) WHERE ended_on IS NULL;
CREATE INDEX attendance_alerts_newest ON attendance_alerts (school_id, created_at DESC, id DESC);
CREATE INDEX attendance_alerts_student ON attendance_alerts (school_id, student_id);
CALL adopt_tenant_table('attendance_alerts', 'schools24_attendance');

-- Who sees which of an item's grades, what effort went into them, what was aimed at, and who is shown what of it.
ALTER TABLE grade_items ADD COLUMN hides_from_parents boolean NOT NULL DEFAULT false;
ALTER TABLE grades ADD COLUMN effort integer CHECK (effort BETWEEN 1 AND 5);
COMMENT ON COLUMN grades.effort IS 'what the student put into it, 5 is the most; no part of any total';
ALTER TABLE grade_changes ADD COLUMN effort integer CHECK (effort BETWEEN 1 AND 5);
ALTER TABLE grade_book_settings
    ADD COLUMN shows_effort boolean NOT NULL DEFAULT true,
    ADD COLUMN shows_targets boolean NOT NULL DEFAULT true,
    ADD COLUMN effort_concern_below integer CHECK (effort_concern_below BETWEEN 2 AND 5);
COMMENT ON COLUMN grade_book_settings.shows_targets IS 'whether students and parents see targets, and concerns about them';

-- What a student is to reach in a class.
CREATE TABLE grade_targets (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    class_id uuid NOT NULL,
    student_id uuid NOT NULL,
    -- None: no target any more.
    percent numeric(5, 2) CHECK (percent BETWEEN 0 AND 100),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT grade_targets_once UNIQUE (school_id, class_id, student_id),
    FOREIGN KEY (school_id, class_id) REFERENCES classes (school_id, id),
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id)
);
CALL adopt_tenant_table('grade_targets', 'schools24_report');

-- Who is on the honour roll: an average to reach, and perhaps a grade that none may lie below.
CREATE TABLE honour_rules (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    min_average numeric(5, 2) NOT NULL CHECK (min_average BETWEEN 0 AND 200),
    min_grade numeric(5, 2) CHECK (min_grade BETWEEN 0 AND 200),
    min_results integer NOT NULL DEFAULT 1 CHECK (min_results BETWEEN 1 AND 1000),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT honour_rules_name UNIQUE (school_id, name)
);
COMMENT ON COLUMN honour_rules.min_results IS 'how many results must count before somebody can be on the roll';
CALL adopt_tenant_table('honour_rules', 'schools24_report');

-- What students are to learn, and in which steps that is told.
CREATE TABLE learning_outcomes (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    -- None: of the whole school.
    class_id uuid,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    description text CHECK (char_length(description) BETWEEN 1 AND 2000),
    levels jsonb NOT NULL CHECK (CASE WHEN jsonb_typeof(levels) = 'array' THEN jsonb_array_length(levels) BETWEEN 2 AND 20 ELSE false END),
    mastery_level integer NOT NULL CHECK (mastery_level >= 1),
    calculation text NOT NULL DEFAULT 'latest' CHECK (calculation IN ('latest', 'highest', 'mean')),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT learning_outcomes_name UNIQUE NULLS NOT DISTINCT (school_id, class_id, name),
    FOREIGN KEY (school_id, class_id) REFERENCES classes (school_id, id),
    CHECK (mastery_level <= jsonb_array_length(levels))
);
COMMENT ON COLUMN learning_outcomes.levels IS 'the names of its levels, from the lowest, which is 1, to the highest';
CALL adopt_tenant_table('learning_outcomes', 'schools24_report');

-- Which items show an outcome. Who writes an item's results of it meets the others at this row.
CREATE TABLE outcome_items (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    class_id uuid NOT NULL,
    outcome_id uuid NOT NULL,
    item_id uuid NOT NULL,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT outcome_items_once UNIQUE (school_id, item_id, outcome_id),
    FOREIGN KEY (school_id, outcome_id) REFERENCES learning_outcomes (school_id, id),
    FOREIGN KEY (school_id, class_id, item_id) REFERENCES grade_items (school_id, class_id, id)
);
CREATE INDEX outcome_items_class ON outcome_items (school_id, class_id);
CALL adopt_tenant_table('outcome_items', 'schools24_report');

CREATE TABLE outcome_results (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    class_id uuid NOT NULL,
    link_id uuid NOT NULL,
    student_id uuid NOT NULL,
    level integer NOT NULL CHECK (level BETWEEN 1 AND 20),
    assessed_by uuid NOT NULL REFERENCES users,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT outcome_results_once UNIQUE (school_id, link_id, student_id),
    FOREIGN KEY (school_id, class_id) REFERENCES classes (school_id, id),
    FOREIGN KEY (school_id, link_id) REFERENCES outcome_items (school_id, id),
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id)
);
CREATE INDEX outcome_results_class ON outcome_results (school_id, class_id);
CALL adopt_tenant_table('outcome_results', 'schools24_report');

-- What became of all that a grade book is made of, besides the grades, which have a history of their own. Nobody takes that back.
CREATE TABLE grade_book_changes (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    number bigint GENERATED BY DEFAULT AS IDENTITY,
    -- None: of the whole school.
    class_id uuid,
    kind text NOT NULL CHECK (kind IN ('scale', 'settings', 'category', 'item', 'target', 'honour_rule', 'outcome', 'outcome_item', 'outcome_result')),
    entity_id uuid NOT NULL,
    entity_version integer NOT NULL CHECK (entity_version >= 1),
    action text NOT NULL CHECK (action IN ('created', 'changed', 'removed')),
    before jsonb,
    after jsonb,
    -- Who did it; none for what came from homework or a quiz.
    changed_by uuid REFERENCES users,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    FOREIGN KEY (school_id, class_id) REFERENCES classes (school_id, id),
    CHECK (num_nonnulls(before, after) >= 1)
);
CREATE INDEX grade_book_changes_of_class ON grade_book_changes (school_id, class_id, number);
CREATE INDEX grade_book_changes_of_entity ON grade_book_changes (school_id, entity_id, number);
CALL adopt_tenant_table('grade_book_changes', 'schools24_report', append_only => true);

-- The tables tell of their changes themselves, so that no way of changing them passes it by. The argument names the column that holds the class.
CREATE FUNCTION keep_grade_book_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    becomes jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    present jsonb := coalesce(becomes, was);
BEGIN
    INSERT INTO grade_book_changes (id, school_id, class_id, kind, entity_id, entity_version, action, before, after, changed_by, created_at, updated_at)
    SELECT gen_random_uuid(), (present ->> 'school_id')::uuid, (present ->> TG_ARGV[1])::uuid, TG_ARGV[0], (present ->> 'id')::uuid,
        (present ->> 'version')::integer,
        CASE
            WHEN TG_OP = 'INSERT' THEN 'created'
            WHEN TG_OP = 'DELETE' OR (becomes ->> 'status' = 'tobedeleted' AND was ->> 'status' <> 'tobedeleted') THEN 'removed'
            ELSE 'changed'
        END,
        was - 'school_id', becomes - 'school_id', nullif(current_setting('app.current_user_id', true), '')::uuid, stamp, stamp
    -- The row's own time is the service's; what goes away brings none.
    FROM (SELECT CASE WHEN TG_OP = 'DELETE' THEN now() ELSE (present ->> 'updated_at')::timestamptz END AS stamp) AS at;
    RETURN NULL;
END
$$;
CREATE TRIGGER keep_change AFTER INSERT OR UPDATE OR DELETE ON grade_scales FOR EACH ROW EXECUTE FUNCTION keep_grade_book_change('scale', 'none');
CREATE TRIGGER keep_change AFTER INSERT OR UPDATE OR DELETE ON grade_book_settings FOR EACH ROW EXECUTE FUNCTION keep_grade_book_change('settings', 'id');
CREATE TRIGGER keep_change AFTER INSERT OR UPDATE OR DELETE ON grade_categories FOR EACH ROW EXECUTE FUNCTION keep_grade_book_change('category', 'class_id');
CREATE TRIGGER keep_change AFTER INSERT OR UPDATE OR DELETE ON grade_items FOR EACH ROW EXECUTE FUNCTION keep_grade_book_change('item', 'class_id');
CREATE TRIGGER keep_change AFTER INSERT OR UPDATE OR DELETE ON grade_targets FOR EACH ROW EXECUTE FUNCTION keep_grade_book_change('target', 'class_id');
CREATE TRIGGER keep_change AFTER INSERT OR UPDATE OR DELETE ON honour_rules FOR EACH ROW EXECUTE FUNCTION keep_grade_book_change('honour_rule', 'none');
CREATE TRIGGER keep_change AFTER INSERT OR UPDATE OR DELETE ON learning_outcomes FOR EACH ROW EXECUTE FUNCTION keep_grade_book_change('outcome', 'class_id');
CREATE TRIGGER keep_change AFTER INSERT OR UPDATE OR DELETE ON outcome_items FOR EACH ROW EXECUTE FUNCTION keep_grade_book_change('outcome_item', 'class_id');
CREATE TRIGGER keep_change AFTER INSERT OR UPDATE OR DELETE ON outcome_results FOR EACH ROW EXECUTE FUNCTION keep_grade_book_change('outcome_result', 'class_id');
