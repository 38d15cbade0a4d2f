//! Many rows into one table at once: the one place that knows how each database takes them fastest.

use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityName, EntityTrait, IdenStatic, Iterable,
    Statement, Value,
    sea_query::{ArrayType, Expr, ExprTrait, extension::postgres::PgFunc},
};
use uuid::Uuid;

use super::{Db, Error, Result, Tx};

/// The most rows of a statement on SQLite. It and the powers of two below make up any number of rows from a few statements
/// that stay prepared.
const ROWS_PER_STATEMENT: usize = 128;

/// An INSERT of many rows, ready to be sent.
#[derive(Debug, Default)]
pub struct Insert(Vec<Statement>);

impl Insert {
    /// These rows, and then others.
    pub fn then(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Inserts them.
    ///
    /// # Errors
    /// [`Error::Unique`], [`Error::Reference`], or the database's.
    pub async fn run(self, tx: &Tx) -> Result<()> {
        for statement in self.0 {
            tx.conn().0.execute_raw(statement).await?;
        }
        Ok(())
    }
}

/// Rows of one table that have all set the same columns, gathered to be inserted at once, in their order.
#[derive(Debug)]
pub(super) struct Rows<A: ActiveModelTrait> {
    columns: Vec<Values<A>>,
    count: usize,
}

/// What each row has in one column.
#[derive(Debug)]
struct Values<A: ActiveModelTrait> {
    column: <A::Entity as EntityTrait>::Column,
    values: Vec<Value>,
}

impl<A: ActiveModelTrait> Default for Rows<A> {
    fn default() -> Self {
        Self { columns: Vec::new(), count: 0 }
    }
}

impl<A: ActiveModelTrait> Rows<A> {
    /// # Errors
    /// Only a bug's: a row that hasn't set a column of the first.
    pub(super) fn add(&mut self, mut row: A) -> Result<()> {
        if self.count == 0 {
            let set = <A::Entity as EntityTrait>::Column::iter().filter(|column| !row.is_not_set(*column));
            self.columns = set.map(|column| Values { column, values: Vec::new() }).collect();
        }
        for Values { column, values } in &mut self.columns {
            let value = row.take(*column).into_value();
            values.push(value.ok_or_else(|| bug("rows that are inserted together differ in their columns"))?);
        }
        self.count += 1;
        Ok(())
    }

    /// # Errors
    /// Only a bug's: a type of columns that isn't known here.
    pub(super) fn insert(self, backend: DbBackend) -> Result<Insert> {
        match backend {
            _ if self.count == 0 => Ok(Insert::default()),
            DbBackend::Postgres => Ok(Insert(vec![self.unnested()?])),
            _ => Ok(Insert(self.listed())),
        }
    }

    fn start(&self) -> (String, Vec<String>) {
        let table = <A::Entity as Default>::default();
        let columns: Vec<String> = self.columns.iter().map(|of| format!("\"{}\"", of.column.as_str())).collect();
        (format!("INSERT INTO \"{}\" ({})", table.table_name(), columns.join(", ")), columns)
    }

    /// As arrays, one per column: a statement whose size has nothing to do with the number of rows. What is the same in all rows
    /// goes over once.
    fn unnested(self) -> Result<Statement> {
        let (start, columns) = self.start();
        let (mut selected, mut arrays, mut names, mut parameters) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (at, (Values { values, .. }, column)) in self.columns.into_iter().zip(columns).enumerate() {
            let first = values.first().ok_or_else(|| bug("there are no rows"))?;
            let (kind, parameter) = (kind(first)?, at + 1);
            // The arrays say how many rows there are, so that there must be one.
            if at > 0 && values.iter().all(|value| value == first) {
                selected.push(format!("${parameter}::{kind}"));
                parameters.push(first.clone());
                continue;
            }
            // The driver's arrays hold no NULL; text that is read as an array does.
            if values.iter().any(|value| *value == value.as_null()) {
                arrays.push(format!("${parameter}::text::{kind}[]"));
                parameters.push(array_as_text(&values)?.into());
            } else {
                arrays.push(format!("${parameter}::{kind}[]"));
                parameters.push(array(first.array_type(), values));
            }
            selected.push(column.clone());
            names.push(column);
        }
        let (selected, arrays, names) = (selected.join(", "), arrays.join(", "), names.join(", "));
        let sql = format!("{start} SELECT {selected} FROM unnest({arrays}) AS new({names})");
        Ok(Statement::from_sql_and_values(DbBackend::Postgres, sql, parameters))
    }

    fn listed(self) -> Vec<Statement> {
        let row = format!("({})", vec!["?"; self.columns.len()].join(", "));
        let (start, _) = self.start();
        let mut columns: Vec<_> = self.columns.into_iter().map(|of| of.values.into_iter()).collect();
        let (mut rest, mut statements) = (self.count, Vec::new());
        while let Some(power) = rest.checked_ilog2() {
            let count = ROWS_PER_STATEMENT.min(1 << power);
            let sql = format!("{start} VALUES {}", vec![row.as_str(); count].join(", "));
            let values: Vec<Value> =
                (0..count).flat_map(|_| columns.iter_mut().filter_map(Iterator::next).collect::<Vec<_>>()).collect();
            statements.push(Statement::from_sql_and_values(DbBackend::Sqlite, sql, values));
            rest -= count;
        }
        statements
    }
}

/// Inserts rows that have all set the same columns, in their order.
///
/// # Errors
/// [`Error::Unique`], [`Error::Reference`], or the database's.
pub(super) async fn insert<A: ActiveModelTrait>(tx: &Tx, rows: Vec<A>) -> Result<()> {
    ready(tx, rows)?.run(tx).await
}

/// Makes the INSERT of rows that have all set the same columns, in their order.
///
/// # Errors
/// Only a bug's.
pub(super) fn ready<A: ActiveModelTrait>(tx: &Tx, rows: impl IntoIterator<Item = A>) -> Result<Insert> {
    let mut gathered = Rows::default();
    for row in rows {
        gathered.add(row)?;
    }
    gathered.insert(tx.conn().0.get_database_backend())
}

/// Many texts as one parameter, since a statement of a thousand takes longer to read than to run: an array for PostgreSQL, JSON for
/// SQLite.
pub(super) fn texts(texts: Vec<String>, backend: DbBackend) -> Result<Value> {
    match backend {
        DbBackend::Postgres => Ok(array(ArrayType::String, texts.into_iter().map(Value::from).collect())),
        _ => Ok(serde_json::to_string(&texts).map_err(|_| bug("a text can't be written"))?.into()),
    }
}

/// Whether a column is one of many identities, which are one parameter for PostgreSQL.
pub(super) fn is_one_of<C: ColumnTrait>(column: C, ids: impl IntoIterator<Item = Uuid>, backend: DbBackend) -> Expr {
    match backend {
        DbBackend::Postgres => column.into_expr().eq(PgFunc::any(Expr::val(uuids(ids)))),
        _ => column.is_in(ids),
    }
}

/// Identities as one parameter for PostgreSQL.
pub(super) fn uuids(ids: impl IntoIterator<Item = Uuid>) -> Value {
    array(ArrayType::Uuid, ids.into_iter().map(Value::from).collect())
}

/// Large numbers as one parameter for PostgreSQL.
pub(super) fn large_numbers(numbers: impl IntoIterator<Item = i64>) -> Value {
    array(ArrayType::BigInt, numbers.into_iter().map(Value::from).collect())
}

/// Numbers as one parameter for PostgreSQL.
pub(super) fn numbers(numbers: impl IntoIterator<Item = i32>) -> Value {
    array(ArrayType::Int, numbers.into_iter().map(Value::from).collect())
}

fn array(kind: ArrayType, values: Vec<Value>) -> Value {
    Value::Array(kind, Some(Box::new(values)))
}

/// PostgreSQL's type for a value.
fn kind(value: &Value) -> Result<&'static str> {
    match value {
        Value::Uuid(_) => Ok("uuid"),
        Value::String(_) => Ok("text"),
        Value::BigInt(_) => Ok("bigint"),
        Value::Int(_) => Ok("integer"),
        Value::Bool(_) => Ok("boolean"),
        _ => Err(bug("a type of columns is not known here")),
    }
}

/// An array as PostgreSQL reads it.
fn array_as_text(values: &[Value]) -> Result<String> {
    let mut text = String::from("{");
    for value in values {
        if text.len() > 1 {
            text.push(',');
        }
        match value {
            Value::Uuid(Some(id)) => text.push_str(&id.to_string()),
            Value::String(Some(value)) => push_quoted(&mut text, value),
            Value::BigInt(Some(number)) => text.push_str(&number.to_string()),
            Value::Int(Some(number)) => text.push_str(&number.to_string()),
            Value::Bool(Some(value)) => text.push(if *value { 't' } else { 'f' }),
            Value::Uuid(None) | Value::String(None) | Value::BigInt(None) | Value::Int(None) | Value::Bool(None) => {
                text.push_str("NULL");
            }
            _ => return Err(bug("a type of columns is not known here")),
        }
    }
    text.push('}');
    Ok(text)
}

fn push_quoted(text: &mut String, value: &str) {
    text.push('"');
    for part in value.split_inclusive(['"', '\\']) {
        let plain = part.trim_end_matches(['"', '\\']);
        text.push_str(plain);
        if plain.len() < part.len() {
            text.push('\\');
            text.push_str(&part[plain.len()..]);
        }
    }
    text.push('"');
}

fn bug(what: &str) -> Error {
    Error::Other(DbErr::Custom(what.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{Value, array_as_text};

    #[test]
    fn an_array_quotes_text_and_leaves_no_value_out() {
        let texts = ["plain", "", "NULL", r#"{"a":"b\\c"}"#, "é, ü"].map(|text| Value::String(Some(text.to_owned())));
        let values: Vec<Value> = texts.into_iter().chain([Value::String(None)]).collect();
        let expected = r#"{"plain","","NULL","{\"a\":\"b\\\\c\"}","é, ü",NULL}"#;
        assert_eq!(array_as_text(&values).ok().as_deref(), Some(expected));
        let numbers = [Value::BigInt(Some(-1)), Value::BigInt(None)];
        assert_eq!(array_as_text(&numbers).ok().as_deref(), Some("{-1,NULL}"));
    }
}
