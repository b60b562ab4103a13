-- The roles stay: they belong to the cluster, another database may use them, and a running pod is logged in as one.
DROP PROCEDURE adopt_tenant_table(regclass, text, boolean, boolean, boolean);
DROP FUNCTION current_service();
DROP FUNCTION current_login_user();
DROP FUNCTION current_school();
-- Only if it was ours to begin with: an administrator may have installed it for others.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'btree_gist' AND extowner = current_user::regrole) THEN
        DROP EXTENSION btree_gist;
    END IF;
END
$$;
