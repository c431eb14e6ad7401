-- Returns which standbys have everything that was committed on this server when it was called, by this session and by others. First an
-- empty message is committed, which waits for the disk, and for standbys as the settings of the session and the server say
-- (src/ledger/store/durability.rs explains why there are two commits). A standby must have the message too: what it had before the call
-- would not show that it still follows, and on an idle server that is all there is. Standbys that do not count may have confirmed the
-- commit; those that count then get half a second more. A name under which more servers have connected than there are standbys of it
-- does not count, since nobody can tell which of them is which. What a standby was not sent it cannot have, whatever it says: one that
-- was left on a timeline that has ended names its own position there.
-- It is a procedure, since only a procedure can commit and then look in one round trip. statement_timeout ends the wait of a commit inside
-- a procedure, with a warning, as if the commit had succeeded; so the caller compares the time that the call took with limit_ms.
CREATE PROCEDURE confirm_commits(
    standbys text[],            -- the standbys that count, by application_name: a name as often as there are standbys of it
    INOUT confirmed_by text[],  -- those of them that have it
    INOUT limit_ms integer      -- statement_timeout; 0: there is none
) LANGUAGE plpgsql AS $$
DECLARE
    committed pg_lsn;  -- the end of the message, behind everything that was committed before
    any_counts boolean;
    pause double precision := 0.001;
BEGIN
    limit_ms := extract(epoch FROM current_setting('statement_timeout')::interval) * 1000;
    committed := pg_logical_emit_message(true, 'synapse', '');
    COMMIT;
    LOOP
        SELECT coalesce(array_agg(s.name) FILTER (WHERE s.has_it), '{}'),
               current_setting('synchronous_commit') IN ('on', 'remote_apply') AND count(*) > 0
          INTO confirmed_by, any_counts
          FROM (SELECT application_name AS name,
                       bool_or(sync_state IN ('sync', 'quorum') AND least(sent_lsn, flush_lsn) >= committed) AS has_it
                  FROM pg_stat_replication
                 WHERE application_name = ANY (standbys)
                 GROUP BY application_name
                HAVING bool_or(sync_state IN ('sync', 'quorum'))
                   AND count(*) <= cardinality(array_positions(standbys, application_name))) s;
        IF NOT any_counts THEN
            confirmed_by := '{}';
        END IF;
        EXIT WHEN confirmed_by <> '{}' OR NOT any_counts OR pause > 0.3
               OR (limit_ms > 0 AND clock_timestamp() - statement_timestamp() >= make_interval(secs => limit_ms / 1000.0));
        PERFORM pg_sleep(pause);
        pause := pause * 2;
        -- Otherwise the list of sessions, and so of standbys, would stay as it was at the first look.
        COMMIT;
    END LOOP;
END $$;

COMMENT ON PROCEDURE confirm_commits IS 'Commits, waits as the server is told to, and tells which standbys have what was committed before.';

-- Stores transactions of one owner (insert_confirmed.sql), each if its handles are free, and commits. If all were stored, it asks which
-- standbys have them. The INSERT is that of insert.sql, with an array for each column.
CREATE PROCEDURE create_confirmed(
    whose text, ids uuid[], stellar_accounts text[], amounts numeric[], asset_codes text[], callback_types text[],
    callback_statuses text[], anchor_transaction_ids text[], memos text[], memo_types text[], all_metadata json[],
    idempotency_keys text[], fingerprints bytea[], actors text[], request_ids text[],
    standbys text[],
    number text,                                        -- of this call: synapse.stored is set to it once the rows are committed
    INOUT stored uuid[], INOUT stored_at timestamptz,
    INOUT confirmed_by text[], INOUT limit_ms integer   -- as confirm_commits returns them; NULL: some rows were skipped, and nobody was asked
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true), set_config('synapse.stored', number, false);
    WITH new AS (
        INSERT INTO transactions (owner, id, write_id, stellar_account, amount, asset_code, callback_type, callback_status,
                                  first_callback_status, anchor_transaction_id, memo, memo_type, metadata,
                                  idempotency_key, fingerprint, actor, request_id)
        SELECT whose, id, id, stellar_account, amount, asset_code, callback_type, callback_status,
               callback_status, anchor_transaction_id, memo, memo_type, metadata,
               idempotency_key, fingerprint, actor, request_id
          FROM unnest(ids, stellar_accounts, amounts, asset_codes, callback_types, callback_statuses, anchor_transaction_ids,
                      memos, memo_types, all_metadata, idempotency_keys, fingerprints, actors, request_ids)
               AS asked (id, stellar_account, amount, asset_code, callback_type, callback_status, anchor_transaction_id,
                         memo, memo_type, metadata, idempotency_key, fingerprint, actor, request_id)
        ON CONFLICT DO NOTHING
        RETURNING id, created_at
    )
    SELECT coalesce(array_agg(id), '{}'), min(created_at) INTO stored, stored_at FROM new;
    COMMIT;
    IF cardinality(stored) = cardinality(ids) THEN
        CALL confirm_commits(standbys, confirmed_by, limit_ms);
    END IF;
END $$;

COMMENT ON PROCEDURE create_confirmed IS 'Stores transactions that a standby must have, and tells which have them.';
