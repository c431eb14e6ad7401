use proptest::prelude::*;

use super::super::cursor::InvalidCursor;
use super::*;

const ACCOUNT: &str = "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ";

fn parse(query: &str) -> Search {
    Search::parse(query, "default").unwrap_or_else(|error| panic!("{query}: {error:?}"))
}

fn bad_parameter(query: &str) -> (String, String) {
    match Search::parse(query, "default") {
        Err(QueryError::InvalidParameter { name, detail }) => (name, detail),
        other => panic!("{query} gave {other:?}"),
    }
}

fn from_date(text: &str) -> String {
    let time = parse(&format!("from_date={text}"))
        .from_date
        .expect("given");
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

#[test]
fn no_parameters_are_the_defaults() {
    let search = parse("");
    assert_eq!((search.limit, search.order), (25, Order::Desc));
    assert_eq!(search, parse("limit=25&order=desc&"));
    assert!(search.cursor.is_none() && search.status.is_empty() && search.from_date.is_none());
}

#[test]
fn every_parameter_is_read() {
    let search = parse(&format!(
        "limit=100&order=asc&status=processing,pending,pending&asset_code=native&stellar_account={ACCOUNT}\
         &callback_type=deposit-exchange&anchor_transaction_id=a%2Bb+c%C3%A9%26d%3D&idempotency_key=%22k:1%22\
         &min_amount=0&max_amount=10.50&from_date=2026-01-01&to_date=2026-01-02T03:04:05.000006%2B02:00"
    ));
    assert_eq!((search.limit, search.order), (100, Order::Asc));
    assert_eq!(search.status, [Status::Pending, Status::Processing]);
    assert_eq!(search.asset_code.as_deref(), Some("native"));
    assert_eq!(search.stellar_account.as_deref(), Some(ACCOUNT));
    assert_eq!(search.callback_type.as_deref(), Some("deposit-exchange"));
    assert_eq!(search.anchor_transaction_id.as_deref(), Some("a+b cé&d="));
    assert_eq!(
        search.idempotency_key.as_ref().map(IdempotencyKey::as_str),
        Some("k:1")
    );
    assert_eq!(
        search.min_amount.map(|a| a.canonical()).as_deref(),
        Some("0")
    );
    assert_eq!(
        search.max_amount.map(|a| a.canonical()).as_deref(),
        Some("10.5")
    );
    let time = |t: Option<DateTime<Utc>>| t.map(|t| t.to_rfc3339());
    assert_eq!(
        time(search.from_date).as_deref(),
        Some("2026-01-01T00:00:00+00:00")
    );
    assert_eq!(
        time(search.to_date).as_deref(),
        Some("2026-01-02T01:04:05.000006+00:00")
    );
}

#[test]
fn a_bad_value_names_its_parameter() {
    for query in [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=%2B5",
        "limit=05",
        "limit=5.0",
        "limit=99999999999999999999",
        "order=ASC",
        "status=done",
        "status=pending,",
        "status=pending, failed",
        "asset_code=usdc",
        "stellar_account=G123",
        "callback_type=x",
        "anchor_transaction_id=%20a",
        "anchor_transaction_id=a%7F",
        "idempotency_key=a/b",
        "min_amount=-1",
        "max_amount=1e3",
        "from_date=yesterday",
    ] {
        let name = query.split('=').next().expect("a name");
        assert_eq!(bad_parameter(query).0, name, "{query}");
    }
}

#[test]
fn bounds_between_which_nothing_can_lie_are_invalid() {
    for (query, name) in [
        ("min_amount=2&max_amount=1.9999999", "min_amount"),
        ("from_date=2026-01-02&to_date=2026-01-01", "from_date"),
        ("from_date=2026-01-01&to_date=2026-01-01", "from_date"),
    ] {
        assert_eq!(bad_parameter(query).0, name, "{query}");
    }
    parse("min_amount=2&max_amount=2.0&from_date=2026-01-01&to_date=2026-01-02");
}

#[test]
fn empty_repeated_and_broken_parameters_are_invalid() {
    for query in [
        "limit=",
        "limit",
        "limit=5&limit=5",
        "limit=5&order=asc&li%6Dit=6",
        "limit=%",
        "limit=%5",
        "limit=%zz",
        "limit=%%35",
        "limit=%ff",
        "limit=5%00",
    ] {
        assert_eq!(bad_parameter(query).0, "limit", "{query}");
    }
    assert_eq!(bad_parameter("%zz=1").0, "%zz");
}

#[test]
fn an_unknown_parameter_is_named() {
    for (query, name) in [
        ("page=2", "page"),
        ("limit=5&LIMIT=5", "LIMIT"),
        ("=1", ""),
        ("a%20b=1", "a b"),
        ("bogus", "bogus"),
        ("limit=&bogus=", "bogus"),
        ("bogus=1&bogus=2", "bogus"),
    ] {
        assert_eq!(
            Search::parse(query, "default"),
            Err(QueryError::UnknownParameter(name.to_owned()))
        );
    }
}

#[test]
fn times_are_rfc_3339_or_dates() {
    assert_eq!(from_date("2024-02-29"), "2024-02-29T00:00:00Z");
    assert_eq!(from_date("0001-01-01"), "0001-01-01T00:00:00Z");
    assert_eq!(
        from_date("2026-01-01T00:00:00-01:30"),
        "2026-01-01T01:30:00Z"
    );
    assert_eq!(from_date("2016-12-31T23:59:60Z"), "2017-01-01T00:00:00Z");
    assert_eq!(
        from_date("2017-01-01T00:59:60%2B01:00"),
        "2017-01-01T00:00:00Z"
    );
    for text in [
        "2025-02-29",
        "2026-1-1",
        "%2B26-01-01",
        "2026/01/01",
        "20260101",
        "0000-12-31",
        "10000-01-01",
        "9999-12-31T23:59:59-01:00",
        "9999-12-31T23:59:59.9999999Z",
        "0001-01-01T00:00:00%2B01:00",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-31T11:50:60Z",
        "2026-01-31T23:59:60%2B01:00",
        "1700000000",
        "2026-01-0%C3%A9",
    ] {
        bad_parameter(&format!("to_date={text}"));
    }
}

#[test]
fn a_plus_sign_that_was_not_encoded_is_explained() {
    let (name, detail) = bad_parameter("from_date=2026-01-01T00:00:00+02:00");
    assert_eq!(name, "from_date");
    assert!(detail.contains("encode + as %2B"), "{detail}");
}

#[test]
fn a_bound_finer_than_a_microsecond_is_the_next_whole_one() {
    assert_eq!(
        from_date("2026-01-01T00:00:00.000001000Z"),
        "2026-01-01T00:00:00.000001Z"
    );
    assert_eq!(
        from_date("2026-01-01T00:00:00.000001001Z"),
        "2026-01-01T00:00:00.000002Z"
    );
    assert_eq!(
        from_date("2026-01-01T00:00:00.999999999Z"),
        "2026-01-01T00:00:01Z"
    );
    assert_eq!(
        from_date("1969-12-31T23:59:59.999999999Z"),
        "1970-01-01T00:00:00Z"
    );
}

fn cursor() -> Cursor {
    let created_at = DateTime::from_timestamp_micros(1_700_000_000_123_456).expect("in range");
    Cursor {
        created_at,
        id: uuid::Uuid::from_u128(7),
    }
}

#[test]
fn a_cursor_is_bound_to_filters_and_order_but_not_to_the_limit() {
    let search = parse("status=pending,failed&min_amount=1.50");
    let text = cursor().encode(&search.binding());
    for same in [
        "status=pending,failed&min_amount=1.50",
        "limit=3&order=desc&min_amount=1.5&status=failed,pending",
    ] {
        assert_eq!(
            parse(&format!("{same}&cursor={text}")).cursor,
            Some(cursor())
        );
    }
    for other in [
        "",
        "status=pending&min_amount=1.5",
        "status=pending,failed&max_amount=1.5",
    ] {
        let other = format!("{other}&cursor={text}");
        assert_eq!(
            Search::parse(&other, "default"),
            Err(QueryError::InvalidCursor(InvalidCursor))
        );
    }
    let asc = format!("status=pending,failed&min_amount=1.50&order=asc&cursor={text}");
    assert_eq!(
        Search::parse(&asc, "default"),
        Err(QueryError::InvalidCursor(InvalidCursor))
    );
}

prop_compose! {
    fn texts()(
        asset_code in prop::option::of("[A-Z0-9]{1,12}|native"),
        stellar_account in prop::option::of("[GC][A-Z2-7]{55}|M[A-Z2-7]{68}"),
        callback_type in prop::option::of(prop::sample::select(rules::CALLBACK_TYPES.to_vec())),
        anchor in prop::option::of("[a-z&=%+é\"][ -~é]{0,20}[a-z&=%+é]"),
        key in prop::option::of(r"[A-Za-z0-9._:\-]{1,40}"),
    ) -> Search {
        Search {
            asset_code,
            stellar_account,
            callback_type: callback_type.map(str::to_owned),
            anchor_transaction_id: anchor,
            idempotency_key: key.map(|key| IdempotencyKey::parse(&key).expect("valid")),
            ..parse("")
        }
    }
}

prop_compose! {
    fn searches()(
        texts in texts(),
        limit in 1..=100u32,
        asc: bool,
        statuses in prop::sample::subsequence(Status::ALL.to_vec(), 0..=4),
        amounts in prop::array::uniform2(prop::option::of(0u32..)),
        micros in prop::array::uniform2(prop::option::of(-62_135_596_800_000_000i64..253_402_300_800_000_000)),
    ) -> Search {
        // The order of bounds is corrected: a search with nothing between them is refused.
        let (mut amounts, mut micros) = (amounts, micros);
        if amounts.iter().all(Option::is_some) {
            amounts.sort_unstable();
        }
        if micros.iter().all(Option::is_some) {
            micros.sort_unstable();
            micros[1] = micros[1].map(|to| to + i64::from(micros[0] == Some(to)));
        }
        let amount = |n: Option<u32>| n.map(|n| AmountBound::parse(&format!("{n}.50")).expect("valid"));
        Search {
            limit,
            order: if asc { Order::Asc } else { Order::Desc },
            status: statuses,
            min_amount: amount(amounts[0]),
            max_amount: amount(amounts[1]),
            from_date: micros[0].and_then(DateTime::from_timestamp_micros),
            to_date: micros[1].and_then(DateTime::from_timestamp_micros),
            ..texts
        }
    }
}

proptest! {
    #[test]
    fn the_link_to_the_next_page_is_the_same_search_with_the_cursor(search in searches()) {
        let link = search.next_link_query(&cursor().encode(&search.binding()));
        let expected = Search { cursor: Some(cursor()), ..search };
        prop_assert_eq!(Search::parse(&link, "default"), Ok(expected), "{}", link);
    }

    #[test]
    fn different_filters_have_different_bindings(a in searches(), b in searches()) {
        let same = Search { limit: a.limit, ..b.clone() } == a;
        prop_assert_eq!(a.binding() == b.binding(), same);
    }

    #[test]
    fn any_query_string_is_answered(query in any::<String>(), value in "[0-9TZ:.+%a-fA-F -]{0,40}") {
        let _ = Search::parse(&query, "default");
        for name in ["from_date", "to_date", "min_amount", "limit", "cursor", "status", "anchor_transaction_id"] {
            let _ = Search::parse(&format!("{name}={value}"), "default");
        }
    }
}
