-- Whatever the tenant creates and changes, another owner has too, under the same names and with other contents: what is seen of it in an
-- answer, or counted in one, is seen by somebody who must not see it.

CREATE FUNCTION twin_of_transaction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.owner := 'twin';
    NEW.amount := 666;
    NEW.asset_code := 'TWIN';
    NEW.metadata := '{"of": "the twin"}';
    NEW.status := 'completed';
    NEW.status_reason := 'of the twin';
    NEW.fingerprint := sha256(NEW.fingerprint);
    NEW.actor := 'api:twin';
    NEW.request_id := 'of-the-twin';
    INSERT INTO transactions SELECT NEW.*;
    RETURN NULL;
END $$;

CREATE TRIGGER twin AFTER INSERT ON transactions
    FOR EACH ROW WHEN (NEW.owner = 'tenant') EXECUTE FUNCTION twin_of_transaction();

CREATE FUNCTION twin_of_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.owner := 'twin';
    NEW.status := 'failed';
    NEW.status_reason := 'of the twin';
    NEW.actor := 'api:twin';
    NEW.request_id := 'of-the-twin';
    INSERT INTO transaction_events SELECT NEW.*;
    RETURN NULL;
END $$;

CREATE TRIGGER twin AFTER INSERT ON transaction_events
    FOR EACH ROW WHEN (NEW.owner = 'tenant') EXECUTE FUNCTION twin_of_event();
