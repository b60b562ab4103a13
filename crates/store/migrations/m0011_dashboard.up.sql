-- Dashboard: what a person is told, and how.

CREATE TABLE notifications (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    recipient_user_id uuid NOT NULL REFERENCES users,
    kind text NOT NULL CHECK (char_length(kind) BETWEEN 1 AND 64),
    channel text NOT NULL DEFAULT 'in_app' CHECK (channel IN ('in_app', 'email', 'sms', 'push')),
    title text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
    body text CHECK (char_length(body) <= 5000),
    data jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(data) = 'object'),
    -- Usually the event's id: an event that comes twice notifies once.
    dedupe_key text NOT NULL CHECK (char_length(dedupe_key) BETWEEN 1 AND 255),
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'failed', 'suppressed')),
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at timestamptz,
    is_emergency boolean NOT NULL DEFAULT false,
    sent_at timestamptz,
    read_at timestamptz,
    error text CHECK (char_length(error) <= 1000),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT notifications_once UNIQUE (school_id, recipient_user_id, channel, dedupe_key)
);
CREATE INDEX notifications_inbox ON notifications (school_id, recipient_user_id, id DESC);
CREATE INDEX notifications_unread ON notifications (school_id, recipient_user_id) WHERE read_at IS NULL AND channel = 'in_app';
CREATE INDEX notifications_due ON notifications (school_id, next_attempt_at) WHERE state = 'pending';
CALL adopt_tenant_table('notifications', 'schools24_dashboard');

CREATE TABLE notification_preferences (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    user_id uuid NOT NULL REFERENCES users,
    kind text NOT NULL CHECK (char_length(kind) BETWEEN 1 AND 64),
    channel text NOT NULL CHECK (channel IN ('in_app', 'email', 'sms', 'push')),
    is_enabled boolean NOT NULL DEFAULT true,
    -- In the user's local time; from > to spans midnight.
    quiet_from time,
    quiet_to time,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, user_id, kind, channel),
    CHECK ((quiet_from IS NULL) = (quiet_to IS NULL))
);
CALL adopt_tenant_table('notification_preferences', 'schools24_dashboard');

CREATE TABLE device_tokens (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    user_id uuid NOT NULL REFERENCES users,
    platform text NOT NULL CHECK (platform IN ('android', 'ios', 'web')),
    -- A B-tree entry holds no more than this.
    token text NOT NULL CHECK (octet_length(token) BETWEEN 1 AND 2000),
    -- Web Push keys (RFC 8291).
    keys jsonb CHECK (jsonb_typeof(keys) = 'object'),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, token)
);
CREATE INDEX device_tokens_user ON device_tokens (school_id, user_id);
CALL adopt_tenant_table('device_tokens', 'schools24_dashboard', private => true);
