DROP PROCEDURE create_confirmed;
DROP PROCEDURE confirm_commits;
