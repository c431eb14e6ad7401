//! `[api]`: what a transaction may hold.

use super::reader::Reader;
use crate::ledger::ask::draft::Rules;
use crate::ledger::model::strkey::StrkeyCheck;

pub(super) fn api(r: &mut Reader) -> Rules {
    Rules {
        strkey_check: r.choice(
            "api.strkey_check",
            &[("full", StrkeyCheck::Full), ("shape", StrkeyCheck::Shape)],
            StrkeyCheck::Full,
        ),
        asset_codes: r.list("api.asset_codes"),
    }
}
