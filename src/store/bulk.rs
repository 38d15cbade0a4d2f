//! Many rows into one table at once: the one place that knows how each database takes them fastest.

use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DbBackend, DbErr, EntityName, EntityTrait, IdenStatic, Iterable, Statement,
    Value,
};

use super::{Db, Error, Result, Tx};

/// The most rows of a statement on SQLite. It and the powers of two below make up any number of rows from a few statements
/// that stay prepared.
const ROWS_PER_STATEMENT: usize = 128;

/// An INSERT of many rows, ready to be sent.
#[derive(Debug, Default)]
pub struct Insert(Vec<Statement>);

impl Insert {
    /// Of rows that have all set the same columns, in their order.
    ///
    /// # Errors
    /// Only a bug's: a type of columns that isn't known here.
    pub(super) fn of<A: ActiveModelTrait>(rows: Vec<A>, backend: DbBackend) -> Result<Self> {
        let Some(rows) = Rows::of(rows)? else { return Ok(Self(Vec::new())) };
        match backend {
            DbBackend::Postgres => Ok(Self(vec![rows.unnested()?])),
            _ => Ok(Self(rows.listed())),
        }
    }

    /// These rows, and then others.
    pub(super) fn then(mut self, others: Self) -> Self {
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

/// Rows to insert: what each has in each of the columns.
struct Rows {
    table: &'static str,
    columns: Vec<&'static str>,
    values: Vec<Vec<Value>>,
}

/// Inserts rows that have all set the same columns, in their order.
///
/// # Errors
/// [`Error::Unique`], [`Error::Reference`], or the database's.
pub(super) async fn insert<A: ActiveModelTrait>(tx: &Tx, rows: Vec<A>) -> Result<()> {
    Insert::of(rows, tx.conn().0.get_database_backend())?.run(tx).await
}

impl Rows {
    /// None where there are none.
    fn of<A: ActiveModelTrait>(rows: Vec<A>) -> Result<Option<Self>> {
        let Some(first) = rows.first() else { return Ok(None) };
        let set = <A::Entity as EntityTrait>::Column::iter().filter(|column| !first.is_not_set(*column));
        let set: Vec<<A::Entity as EntityTrait>::Column> = set.collect();
        let values = |mut row: A| set.iter().map(|column| row.take(*column).into_value()).collect::<Option<Vec<_>>>();
        let table = <A::Entity as Default>::default().table_name();
        let columns = set.iter().map(|column| column.as_str()).collect();
        let values = rows.into_iter().map(values).collect::<Option<Vec<_>>>();
        let values = values.ok_or_else(|| bug("rows that are inserted together differ in their columns"))?;
        Ok(Some(Self { table, columns, values }))
    }

    /// As arrays, one per column: a statement whose size has nothing to do with the number of rows. What is the same in all rows
    /// goes over once.
    fn unnested(self) -> Result<Statement> {
        let (mut selected, mut arrays, mut names, mut values) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let columns = quoted(&self.columns);
        for (at, column) in columns.iter().enumerate() {
            let of_column = || self.values.iter().filter_map(move |row| row.get(at));
            let first = of_column().next().ok_or_else(|| bug("there are no rows"))?;
            let kind = kind(first)?;
            let parameter = at + 1;
            // The arrays say how many rows there are, so that there must be one.
            if at > 0 && of_column().all(|value| value == first) {
                selected.push(format!("${parameter}::{kind}"));
                values.push(first.clone());
            } else {
                selected.push(column.clone());
                names.push(column.clone());
                // As text, since arrays of the driver hold no NULL.
                arrays.push(format!("${parameter}::{kind}[]"));
                values.push(array(of_column())?.into());
            }
        }
        let sql = format!(
            "INSERT INTO \"{}\" ({}) SELECT {} FROM unnest({}) AS new({})",
            self.table,
            columns.join(", "),
            selected.join(", "),
            arrays.join(", "),
            names.join(", "),
        );
        Ok(Statement::from_sql_and_values(DbBackend::Postgres, sql, values))
    }

    fn listed(self) -> Vec<Statement> {
        let start = format!("INSERT INTO \"{}\" ({}) VALUES ", self.table, quoted(&self.columns).join(", "));
        let row = format!("({})", vec!["?"; self.columns.len()].join(", "));
        let mut rest = self.values.into_iter();
        let mut statements = Vec::new();
        while let Some(power) = rest.len().checked_ilog2() {
            let count = ROWS_PER_STATEMENT.min(1 << power);
            let sql = start.clone() + &vec![row.as_str(); count].join(", ");
            let values = rest.by_ref().take(count).flatten();
            statements.push(Statement::from_sql_and_values(DbBackend::Sqlite, sql, values));
        }
        statements
    }
}

/// Many texts as one parameter, since a statement of a thousand takes longer to read than to run: an array as PostgreSQL reads
/// it, JSON for SQLite.
pub(super) fn texts(texts: Vec<String>, backend: DbBackend) -> Result<String> {
    let values: Vec<Value> = texts.iter().map(|text| text.as_str().into()).collect();
    match backend {
        DbBackend::Postgres => array(values.iter()),
        _ => serde_json::to_string(&texts).map_err(|_| bug("a text can't be written")),
    }
}

fn quoted(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("\"{name}\"")).collect()
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
fn array<'a>(values: impl Iterator<Item = &'a Value>) -> Result<String> {
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
    use super::{Value, array};

    #[test]
    fn an_array_quotes_text_and_leaves_no_value_out() {
        let texts = ["plain", "", "NULL", r#"{"a":"b\\c"}"#, "é, ü"].map(|text| Value::String(Some(text.to_owned())));
        let values: Vec<Value> = texts.into_iter().chain([Value::String(None)]).collect();
        let expected = r#"{"plain","","NULL","{\"a\":\"b\\\\c\"}","é, ü",NULL}"#;
        assert_eq!(array(values.iter()).ok().as_deref(), Some(expected));
        let numbers = [Value::BigInt(Some(-1)), Value::BigInt(None)];
        assert_eq!(array(numbers.iter()).ok().as_deref(), Some("{-1,NULL}"));
    }
}
