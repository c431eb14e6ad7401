//! Gives an SQL file and its binds to Diesel, prepared once per connection.
//!
//! `diesel::sql_query` would have the text parsed and planned anew each time, since Diesel does not keep what it prepares for it. It keeps
//! that of a query which pushes the pieces of its text and its binds itself, by turns. That is all that this file does.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::HasSqlType;

/// An SQL file, cut where its parameters are bound.
///
/// The file numbers them itself (`$1`, `$2`, …), so that psql takes it as it is (`(echo PREPARE find AS; cat find.sql) | psql`). A
/// parameter may stand in several places. But there must be a place of `$1`, after it one of `$2`, and so on, since Diesel numbers the
/// binds as they are pushed.
pub(super) struct Text {
    /// The text before the place of each parameter, and last the rest.
    pieces: Vec<String>,
}

impl Text {
    pub fn of(file: &str) -> Text {
        let code = file.lines().filter_map(|line| line.split("--").next());
        let code = code.map(str::trim_end).filter(|line| !line.is_empty());
        let code = code.collect::<Vec<_>>().join("\n");
        let mut pieces = vec![String::new()];
        let mut rest = code.trim_end().trim_end_matches(';');
        while let Some(at) = rest.find('$') {
            let digits = rest[at + 1..]
                .bytes()
                .take_while(u8::is_ascii_digit)
                .count();
            let (number, after) = rest[at + 1..].split_at(digits);
            let last = pieces.len() - 1;
            pieces[last].push_str(&rest[..at]);
            if number == pieces.len().to_string() {
                pieces.push(String::new());
            } else {
                pieces[last].push('$');
                pieces[last].push_str(number);
            }
            rest = after;
        }
        let last = pieces.len() - 1;
        pieces[last].push_str(rest);
        Text { pieces }
    }
}

/// One statement with what is bound to it.
pub(super) trait Statement {
    /// The SQL types of its columns.
    type Columns;

    fn text(&self) -> &'static Text;

    /// Binds every parameter once, in the order of their numbers.
    fn bind<'b>(&'b self, binds: &mut Binds<'_, 'b>) -> QueryResult<()>;
}

/// Takes the parameters of a statement.
pub(super) struct Binds<'a, 'b> {
    out: AstPass<'a, 'b, Pg>,
    pieces: std::slice::Iter<'static, String>,
}

impl<'b> Binds<'_, 'b> {
    pub fn bind<T, V>(&mut self, value: &'b V) -> QueryResult<()>
    where
        Pg: HasSqlType<T>,
        V: ToSql<T, Pg> + ?Sized,
    {
        self.push_piece();
        self.out.push_bind_param::<T, V>(value)
    }

    fn push_piece(&mut self) {
        if let Some(piece) = self.pieces.next() {
            self.out.push_sql(piece);
        }
    }
}

/// A statement as a Diesel query: `Run(&find).load::<Row>(connection)`.
pub(super) struct Run<'s, S>(pub &'s S);

impl<S: Statement> QueryFragment<Pg> for Run<'_, S> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let pieces = self.0.text().pieces.iter();
        let mut binds = Binds { out, pieces };
        self.0.bind(&mut binds)?;
        binds.push_piece();
        Ok(())
    }
}

/// Its text tells it from other prepared statements of the connection. An id of its own would save to put the text together for each look-up,
/// but one statement has several texts (list.rs, insert.rs).
impl<S: Statement> QueryId for Run<'_, S> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<S: Statement> Query for Run<'_, S> {
    type SqlType = S::Columns;
}

impl<S: Statement> RunQueryDsl<PgConnection> for Run<'_, S> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_the_first_place_of_each_parameter() {
        let text =
            Text::of("-- $1 is not here\nSELECT $1, $2\n  -- nor $3\n WHERE a = $1 AND $3 = $2;\n");
        assert_eq!(
            text.pieces,
            ["SELECT ", ", ", "\n WHERE a = $1 AND ", " = $2"]
        );
    }

    #[test]
    fn every_file_has_its_parameters_in_an_order_in_which_they_can_be_bound() {
        for file in [
            include_str!("callback.sql"),
            include_str!("change.sql"),
            include_str!("confirm.sql"),
            include_str!("find.sql"),
            include_str!("find_seen.sql"),
            include_str!("history.sql"),
            include_str!("insert.sql"),
            include_str!("insert_all.sql"),
            include_str!("insert_confirmed.sql"),
            include_str!("list.sql"),
            include_str!("lookup.sql"),
            include_str!("point.sql"),
            include_str!("receive.sql"),
            include_str!("stats.sql"),
        ] {
            let code = file
                .lines()
                .filter(|line| !line.trim_start().starts_with("--"));
            let code = code.collect::<String>();
            let numbers = code.split('$').skip(1).map(|rest| {
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                rest[..digits].parse::<usize>().expect("a number")
            });
            assert_eq!(
                Text::of(file).pieces.len(),
                numbers.max().unwrap_or(0) + 1,
                "{file}"
            );
        }
    }

    /// The files are what psql takes, so none includes another. A slip in one of them would break the promise of tokens on one route.
    #[test]
    fn whether_a_token_is_visible_is_asked_in_the_same_words_everywhere() {
        let question = |file: &'static str| {
            let rest = file.split_once("ARRAY(").expect("it asks").1;
            let question = rest.split_once("AS visible,").expect("it ends").0;
            question.split_whitespace().collect::<Vec<_>>()
        };
        let first = question(include_str!("find_seen.sql"));
        for file in [
            include_str!("history.sql"),
            include_str!("list.sql"),
            include_str!("stats.sql"),
        ] {
            assert_eq!(question(file), first);
        }
    }

    #[test]
    fn a_dollar_without_a_number_is_text() {
        assert_eq!(Text::of("SELECT '$', $1").pieces, ["SELECT '$', ", ""]);
    }
}
