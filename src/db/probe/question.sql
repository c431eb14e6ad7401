-- What are you now? One statement, one round trip.
-- The timeline of a standby is the receiver's; the control file shows the old one until the next restart point (its minimum recovery point
-- may be newer). pg_walfile_name fails on a standby, which CASE prevents.
-- A standby that has replayed no commit since its start has at least what there was at the checkpoint that it started from.
-- The position of a primary is read after the oldest write, which it is read with: what has ended by then stands in the WAL up to there.
SELECT s.standby,
       current_setting('transaction_read_only') = 'on' AS read_only,
       (SELECT system_identifier FROM pg_control_system()) AS system_id,
       pg_postmaster_start_time() AS started_at,
       CASE WHEN s.standby
            THEN coalesce((SELECT received_tli FROM pg_stat_wal_receiver WHERE status = 'streaming'),
                          (SELECT greatest(c.timeline_id, nullif(min_recovery_end_timeline, 0)) FROM pg_control_recovery()))
            ELSE ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int
       END AS timeline,
       (CASE WHEN s.standby THEN coalesce(pg_last_wal_replay_lsn(), '0/0') - '0/0'::pg_lsn
             -- At the beginning of a page the next record will stand behind the page's header, which no standby has been sent yet.
             WHEN p.inserted % current_setting('wal_block_size')::int = 24 THEN p.inserted - 24
             WHEN p.inserted % pg_size_bytes(current_setting('wal_segment_size')) = 40 THEN p.inserted - 40
             ELSE p.inserted
        END)::bigint AS lsn,
       CASE WHEN NOT s.standby THEN 0
            WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
                 AND EXISTS (SELECT FROM pg_stat_wal_receiver WHERE pid IS NOT NULL) THEN 0
            ELSE (extract(epoch FROM clock_timestamp() - coalesce(pg_last_xact_replay_timestamp(), c.checkpoint_time)) * 1000)::bigint
       END AS lag_ms,
       CASE WHEN NOT s.standby AND pg_has_role('pg_read_all_stats', 'USAGE') THEN p.since END AS settled_until,
       -- Without pg_read_all_stats only the receiver's pid is shown.
       EXISTS (SELECT FROM pg_stat_wal_receiver WHERE pid IS NOT NULL AND coalesce(status, 'streaming') = 'streaming') AS receiving,
       coalesce((SELECT coalesce(substring(conninfo FROM '(?:^| )application_name=(\S+)'),
                                 substring(conninfo FROM 'fallback_application_name=(\S+)'))
                   FROM pg_stat_wal_receiver),
                nullif(current_setting('cluster_name'), '')) AS upstream_name,
       coalesce((SELECT json_object_agg(application_name, streams)
                   FROM (SELECT application_name, json_agg(json_build_object('pid', pid, 'sync_state', sync_state)) AS streams
                           FROM pg_stat_replication
                          WHERE state = 'streaming' AND application_name IS NOT NULL AND (flush_lsn <= sent_lsn) IS NOT FALSE
                          GROUP BY application_name) named), '{}')::text AS standbys,
       CASE WHEN current_setting('synchronous_standby_names') <> ''
                 AND current_setting('synchronous_commit') IN ('on', 'remote_write', 'remote_apply')
            THEN coalesce(substring(current_setting('synchronous_standby_names') FROM '^\s*(?:[A-Za-z]+\s+)?(\d+)\s*\(')::int, 1)
            ELSE 0
       END AS waits_for,
       current_setting('server_version_num')::int AS server_version,
       coalesce(inet_client_addr() <<= '127.0.0.0/8' OR inet_client_addr() = '::1', true) AS loopback,
       pg_has_role('pg_read_all_stats', 'USAGE') AS sees_replication,
       has_function_privilege('pg_ls_waldir()', 'EXECUTE') AS sees_wal_files,
       pg_has_role('pg_signal_backend', 'USAGE') AS can_cancel_others,
       current_setting('synchronous_commit') IN ('on', 'remote_apply') AS waits_for_flush,
       current_setting('fsync') = 'on' AS fsync,
       current_setting('full_page_writes') = 'on' AS full_page_writes,
       current_setting('lc_messages') AS lc_messages,
       coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS tls
  FROM (SELECT pg_is_in_recovery() AS standby) s,
       -- Since when a row may be on its way that nobody sees yet. A session that has written may have stored one since its transaction began; one that
       -- runs a statement may do so with the time of that statement; one that idles in a transaction and has only read, not before its next statement
       -- (which, if it is prepared, as those of the service are, takes its time when the session can be seen as active).
       -- A state is read before the transaction's number: what has ended between the two has its commit before the position below.
       -- Without pg_read_all_stats, or where a session keeps its doings to itself, nobody knows.
       (SELECT CASE WHEN bool_and(state IS DISTINCT FROM 'disabled')
                    THEN min(CASE WHEN backend_xid IS NOT NULL THEN least(xact_start, query_start)
                                  WHEN state NOT LIKE 'idle%' THEN query_start END)
               END AS since
          FROM pg_stat_activity
         WHERE datname = current_database() AND backend_type = 'client backend') oldest,
       pg_control_checkpoint() c,
       LATERAL (SELECT CASE WHEN NOT s.standby THEN pg_current_wal_insert_lsn() - '0/0'::pg_lsn END AS inserted, oldest.since) p
