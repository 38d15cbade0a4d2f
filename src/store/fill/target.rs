//! How rows get into each database fastest, and how indexes get out of their way.

use std::sync::Arc;

use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DbBackend, DbErr, EntityName, EntityTrait, IdenStatic, Iterable, QueryResult,
    RuntimeErr, Statement, Value,
    sqlx::{self, AssertSqlSafe, PgConnection},
};

use crate::store::{Db, Error, Result, Tx, bulk};

/// A transaction that takes rows.
pub(super) enum Target<'a> {
    /// By COPY.
    Copy(&'a mut PgConnection),
    /// By inserts.
    Insert(&'a Tx),
}

impl Target<'_> {
    /// Puts rows in that have all set the same columns.
    pub(super) async fn put<A: ActiveModelTrait>(&mut self, rows: Vec<A>) -> Result<()> {
        match self {
            Self::Copy(conn) => copy(conn, rows).await,
            Self::Insert(tx) => bulk::insert(tx, rows).await,
        }
    }

    pub(super) async fn run(&mut self, sql: &str) -> Result<()> {
        match self {
            Self::Copy(conn) => {
                sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut **conn).await.map_err(refused)?;
            }
            Self::Insert(tx) => {
                tx.conn().0.execute_unprepared(sql).await?;
            }
        }
        Ok(())
    }

    /// Takes off the indexes of tables, and on PostgreSQL their foreign keys, which look for each row's other end one by one.
    /// Answers the statements that put them back.
    pub(super) async fn take_indexes_off(&mut self, tables: &[&str]) -> Result<Vec<String>> {
        let found: Vec<(String, String)> = match self {
            Self::Copy(conn) => {
                let sql = indexes_and_keys(tables);
                sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut **conn).await.map_err(refused)?
            }
            Self::Insert(tx) => {
                let sql = Statement::from_string(DbBackend::Sqlite, indexes(tables));
                let rows = tx.conn().0.query_all_raw(sql).await?;
                let pair = |row: &QueryResult| -> Result<(String, String), DbErr> {
                    Ok((row.try_get("", "off")?, row.try_get("", "back")?))
                };
                rows.iter().map(pair).collect::<Result<_, DbErr>>()?
            }
        };
        let (off, back): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        for statement in &off {
            self.run(statement).await?;
        }
        Ok(back)
    }
}

/// What keeps rows apart stays: rows come in its order.
fn indexes_and_keys(tables: &[&str]) -> String {
    let tables = format!("'{{{}}}'::regclass[]", tables.join(", "));
    format!(
        "SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid) \
         FROM pg_index WHERE NOT indisunique AND indrelid = ANY({tables}) \
         UNION ALL \
         SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname), \
         format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) \
         FROM pg_constraint WHERE contype = 'f' AND conrelid = ANY({tables})"
    )
}

fn indexes(tables: &[&str]) -> String {
    format!(
        "SELECT 'DROP INDEX \"' || name || '\"' AS off, sql AS back \
         FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ('{}')",
        tables.join("', '")
    )
}

async fn copy<A: ActiveModelTrait>(conn: &mut PgConnection, rows: Vec<A>) -> Result<()> {
    let Some(first) = rows.first() else { return Ok(()) };
    let set = <A::Entity as EntityTrait>::Column::iter().filter(|column| !first.is_not_set(*column));
    let set: Vec<<A::Entity as EntityTrait>::Column> = set.collect();
    let table = <A::Entity as Default>::default().table_name();
    let columns: Vec<String> = set.iter().map(|column| format!("\"{}\"", column.as_str())).collect();
    let mut text = String::new();
    for mut row in rows {
        for (at, column) in set.iter().enumerate() {
            if at > 0 {
                text.push('\t');
            }
            let value = row.take(*column).into_value();
            push(&mut text, &value.ok_or_else(|| bug("rows that are copied together differ in their columns"))?)?;
        }
        text.push('\n');
    }
    let statement = format!("COPY \"{table}\" ({}) FROM STDIN", columns.join(", "));
    let mut copying = conn.copy_in_raw(&statement).await.map_err(refused)?;
    copying.send(text.as_bytes()).await.map_err(refused)?;
    copying.finish().await.map_err(refused)?;
    Ok(())
}

/// A value in COPY's text format.
fn push(text: &mut String, value: &Value) -> Result<()> {
    match value {
        Value::Uuid(Some(id)) => text.push_str(id.hyphenated().encode_lower(&mut [0; 36])),
        Value::String(Some(value)) => push_escaped(text, value),
        Value::BigInt(Some(number)) => text.push_str(&number.to_string()),
        Value::Int(Some(number)) => text.push_str(&number.to_string()),
        Value::Bool(Some(value)) => text.push(if *value { 't' } else { 'f' }),
        Value::Uuid(None) | Value::String(None) | Value::BigInt(None) | Value::Int(None) | Value::Bool(None) => {
            text.push_str("\\N");
        }
        _ => return Err(bug("a type of columns is not known here")),
    }
    Ok(())
}

fn push_escaped(text: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            other => text.push(other),
        }
    }
}

/// What the driver says, as the store says it.
pub(super) fn refused(error: sqlx::Error) -> Error {
    DbErr::Exec(RuntimeErr::SqlxError(Arc::new(error))).into()
}

fn bug(what: &str) -> Error {
    Error::Other(DbErr::Custom(what.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{Value, push};

    #[test]
    fn text_is_escaped_and_what_is_not_there_is_no_text() {
        let texts = ["plain", "", "\\N", "a\tb\nc\rd\\", "é, ü"].map(|text| Value::String(Some(text.to_owned())));
        let values = texts.into_iter().chain([Value::String(None), Value::BigInt(Some(-1)), Value::Bool(Some(true))]);
        let mut line = String::new();
        for value in values {
            push(&mut line, &value).unwrap();
            line.push('|');
        }
        assert_eq!(line, "plain||\\\\N|a\\tb\\nc\\rd\\\\|é, ü|\\N|-1|t|");
    }
}
