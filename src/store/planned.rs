//! Statements that are planned by how many rows are wanted of them.

use std::fmt::{Display, Formatter, Result, Write};

use sea_orm::{
    DbBackend, Statement, Value,
    sea_query::{PostgresQueryBuilder, QueryBuilder, SelectStatement, SqlWriter, SqlWriterValues},
};

/// A statement with its limits in its text on PostgreSQL. Of a limit that is a parameter, PostgreSQL supposes a tenth of all rows once
/// it no longer plans each run, and then reads much to sort it. SQLite walks on until it has enough.
pub(super) fn planned(select: &SelectStatement, backend: DbBackend) -> Statement {
    if backend != DbBackend::Postgres {
        return backend.build(select);
    }
    let mut writer = Writer(SqlWriterValues::new("$", true));
    select.build_collect_into(PostgresQueryBuilder, &mut writer);
    let (sql, values) = writer.0.into_parts();
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values.0)
}

/// Takes all values as parameters but those that are of a type which limits alone have.
struct Writer(SqlWriterValues);

impl SqlWriter for Writer {
    fn push_param<T: QueryBuilder>(&mut self, value: Value, builder: &T) {
        match value {
            Value::BigUnsigned(Some(limit)) => {
                // Writing into memory doesn't fail.
                let _ = write!(self.0, "{limit}");
            }
            value => self.0.push_param(value, builder),
        }
    }

    fn as_writer(&mut self) -> &mut dyn Write {
        self
    }
}

impl Write for Writer {
    fn write_str(&mut self, text: &str) -> Result {
        self.0.write_str(text)
    }
}

impl Display for Writer {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::sea_query::{Expr, ExprTrait, Query};

    use super::*;

    #[test]
    fn limits_stand_in_the_text_and_other_numbers_are_parameters() {
        let select =
            Query::select().column("id").from("leads").and_where(Expr::col("version").gt(7_i64)).limit(51).to_owned();
        let statement = planned(&select, DbBackend::Postgres);
        assert_eq!(statement.sql, r#"SELECT "id" FROM "leads" WHERE "version" > $1 LIMIT 51"#);
        assert_eq!(statement.values.map(|values| values.0), Some(vec![7_i64.into()]));
    }
}
