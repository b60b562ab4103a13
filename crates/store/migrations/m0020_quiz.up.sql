-- More ways to mark a quiz, from where and with which browser it may be sat, and what an attempt drew for itself.

ALTER TABLE quizzes
    DROP CONSTRAINT quizzes_behaviour_check,
    ADD CONSTRAINT quizzes_behaviour_check
        CHECK (behaviour IN ('deferred', 'adaptive', 'immediate', 'interactive', 'deferred_certainty', 'immediate_certainty', 'manual')),
    ADD COLUMN allowed_networks jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(allowed_networks) = 'array'),
    -- Keys, so no list shows them.
    ADD COLUMN safe_browser jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(safe_browser) = 'object'),
    -- Where certainty counts a wrong answer costs: that is the point of it.
    ADD CONSTRAINT quizzes_certainty_costs CHECK (behaviour NOT IN ('deferred_certainty', 'immediate_certainty') OR mark_floor <> 'question');

ALTER TABLE quiz_answers
    ADD COLUMN numbers jsonb CHECK (jsonb_typeof(numbers) = 'object'),
    ADD COLUMN certainty smallint CHECK (certainty BETWEEN 1 AND 3),
    -- Who is very sure and wrong loses twice what the question is worth.
    DROP CONSTRAINT quiz_answers_check,
    ADD CONSTRAINT quiz_answers_mark CHECK (mark <= max_mark AND (mark >= - max_mark OR (certainty IS NOT NULL AND mark >= -2 * max_mark)));
