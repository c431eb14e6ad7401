-- Commits, waits for that as the server is told to, and asks who has it (the procedure stands in the migration).
--   $1 the standbys that count, by application_name
CALL confirm_commits($1, NULL, NULL);
