ALTER TABLE quiz_answers NO FORCE ROW LEVEL SECURITY;
ALTER TABLE quizzes NO FORCE ROW LEVEL SECURITY;
-- What was lost by being sure has no place in the older schema.
UPDATE quiz_answers SET mark = - max_mark WHERE mark < - max_mark;
UPDATE quizzes SET behaviour = CASE behaviour WHEN 'interactive' THEN 'adaptive' ELSE 'deferred' END WHERE behaviour NOT IN ('deferred', 'adaptive');
ALTER TABLE quiz_answers FORCE ROW LEVEL SECURITY;
ALTER TABLE quizzes FORCE ROW LEVEL SECURITY;
ALTER TABLE quiz_answers
    DROP CONSTRAINT quiz_answers_mark, DROP COLUMN numbers, DROP COLUMN certainty,
    ADD CONSTRAINT quiz_answers_check CHECK (abs(mark) <= max_mark);
ALTER TABLE quizzes
    DROP CONSTRAINT quizzes_certainty_costs, DROP COLUMN allowed_networks, DROP COLUMN safe_browser,
    DROP CONSTRAINT quizzes_behaviour_check,
    ADD CONSTRAINT quizzes_behaviour_check CHECK (behaviour IN ('deferred', 'adaptive'));
