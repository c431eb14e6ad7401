-- Commits, waits for the disk and for standbys as the server's settings say, and returns which standbys have everything that was committed
-- before (the procedure is in the migration).
--   $1 the standbys that count, by application_name
CALL confirm_commits($1, NULL, NULL);
