//! Counts and sums of transactions, as clients see them.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use diesel::Queryable;
use serde::Serialize;
use utoipa::ToSchema;

use super::status::Status;

/// A group of transactions that were counted together: what they have in common, their count, and the counts of the larger groups around
/// it.
#[derive(Clone, Debug, PartialEq, Queryable)]
pub struct Group {
    pub day: Option<NaiveDate>,
    pub asset_code: Option<String>,
    pub status: Option<Status>,
    pub count: i64,
    /// PostgreSQL adds the amounts, exactly and without a limit; here the sum is only a text to be shown.
    pub total_amount: String,
    /// The count of the asset, on this day if there are days.
    pub of_asset: i64,
    pub total_of_asset: String,
    pub of_day: i64,
    /// The rank of its asset among those of the same day, by the number of transactions, from 1.
    pub place: i64,
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct StatusCount {
    pub status: Status,
    pub count: i64,
}

/// Lists every status, also those that no transaction has.
pub fn by_status(groups: &[Group]) -> Vec<StatusCount> {
    let count = |status| {
        let of_this = groups.iter().filter(|group| group.status == Some(status));
        of_this.map(|group| group.count).sum()
    };
    let statuses = Status::ALL.into_iter();
    statuses
        .map(|status| StatusCount {
            status,
            count: count(status),
        })
        .collect()
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct DayTotals {
    #[schema(format = Date, value_type = String)]
    pub date: NaiveDate,
    pub count: i64,
    pub assets: Vec<AssetTotal>,
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct AssetTotal {
    pub asset_code: String,
    pub count: i64,
    pub total_amount: String,
}

/// Lists every day from the first to the last, also those without transactions.
pub fn by_day(groups: Vec<Group>, first: NaiveDate, last: NaiveDate) -> Vec<DayTotals> {
    let none = |date| DayTotals {
        date,
        count: 0,
        assets: Vec::new(),
    };
    let days = first.iter_days().take_while(|day| *day <= last);
    let mut days: BTreeMap<NaiveDate, DayTotals> = days.map(|day| (day, none(day))).collect();
    for group in groups {
        let Some(day) = group.day.and_then(|day| days.get_mut(&day)) else {
            continue;
        };
        day.count = group.of_day;
        day.assets
            .extend(group.asset_code.map(|asset_code| AssetTotal {
                asset_code,
                count: group.count,
                total_amount: group.total_amount,
            }));
    }
    days.into_values().collect()
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct AssetTotals {
    pub asset_code: String,
    pub count: i64,
    pub total_amount: String,
    /// Every status, be it with none.
    pub statuses: Vec<StatusTotal>,
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct StatusTotal {
    pub status: Status,
    pub count: i64,
    pub total_amount: String,
}

/// The assets in the order of the groups.
pub fn by_asset(groups: Vec<Group>) -> Vec<AssetTotals> {
    let mut assets: Vec<AssetTotals> = Vec::new();
    for group in groups {
        let (Some(asset_code), Some(status)) = (group.asset_code, group.status) else {
            continue;
        };
        if assets
            .last()
            .is_none_or(|last| last.asset_code != asset_code)
        {
            assets.push(AssetTotals {
                asset_code,
                count: group.of_asset,
                total_amount: group.total_of_asset,
                statuses: Status::ALL.map(no_total).into(),
            });
        }
        let statuses = assets.last_mut().map(|last| &mut last.statuses);
        let total = statuses.and_then(|all| all.iter_mut().find(|total| total.status == status));
        if let Some(total) = total {
            (total.count, total.total_amount) = (group.count, group.total_amount);
        }
    }
    assets
}

fn no_total(status: Status) -> StatusTotal {
    StatusTotal {
        status,
        count: 0,
        total_amount: "0".into(),
    }
}
