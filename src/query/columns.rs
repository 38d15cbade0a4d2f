//! What reports can show of a lead, by column.

use std::fmt;

use super::fields::Field;

/// A column of a report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Column {
    /// What lists can be asked by; users and groups by name.
    Field(Field),
    /// Who works the lead, by ID.
    AssigneeId,
    /// The team that it belongs to, by ID.
    GroupId,
    /// The number of its most recent order.
    LastOrderNumber,
    /// What that order comes to.
    LastOrderAmount,
    /// When that order was placed.
    LastOrderPlaceTime,
}

impl Column {
    /// The most columns of a report.
    pub const MOST: usize = 100;

    /// Those that no list is asked by.
    const OWN: &[Self] =
        &[Self::AssigneeId, Self::GroupId, Self::LastOrderNumber, Self::LastOrderAmount, Self::LastOrderPlaceTime];

    /// The columns of a report that isn't told.
    pub const DEFAULT: &[Self] = &[
        Self::Field(Field::Id),
        Self::Field(Field::ExternalId),
        Self::Field(Field::Name),
        Self::Field(Field::Email),
        Self::Field(Field::Phone),
        Self::Field(Field::Country),
        Self::Field(Field::Locale),
        Self::Field(Field::Kind),
        Self::Field(Field::Stage),
        Self::Field(Field::NextContactTime),
        Self::Field(Field::Assignee),
        Self::Field(Field::CreateTime),
    ];

    /// The column of a path such as `assignee_id`, `country` or `attributes.plan`; else what is wrong with it.
    ///
    /// # Errors
    /// A sentence that names the path.
    pub fn parse(path: &str) -> Result<Self, String> {
        Ok(match path {
            "assignee_id" => Self::AssigneeId,
            "group_id" => Self::GroupId,
            "last_order_number" => Self::LastOrderNumber,
            "last_order_amount" => Self::LastOrderAmount,
            "last_order_place_time" => Self::LastOrderPlaceTime,
            _ => {
                let fields = Field::NAMED.iter().cloned().map(Self::Field).chain(Self::OWN.iter().cloned());
                let names = fields.map(|column| column.to_string()).chain(["attributes.NAME".to_owned()]);
                Self::Field(Field::parse_among(path, &names.collect::<Vec<_>>())?)
            }
        })
    }

    /// Whether it is about the most recent order.
    pub const fn is_of_order(&self) -> bool {
        match self {
            Self::Field(Field::LastOrderStatus)
            | Self::LastOrderNumber
            | Self::LastOrderAmount
            | Self::LastOrderPlaceTime => true,
            Self::Field(_) | Self::AssigneeId | Self::GroupId => false,
        }
    }
}

/// The path that is parsed as this column.
impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => field.fmt(f),
            Self::AssigneeId => f.write_str("assignee_id"),
            Self::GroupId => f.write_str("group_id"),
            Self::LastOrderNumber => f.write_str("last_order_number"),
            Self::LastOrderAmount => f.write_str("last_order_amount"),
            Self::LastOrderPlaceTime => f.write_str("last_order_place_time"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_parsed_from_its_own_path() {
        let own = [
            Column::AssigneeId,
            Column::GroupId,
            Column::LastOrderNumber,
            Column::LastOrderAmount,
            Column::LastOrderPlaceTime,
            Column::Field(Field::Attribute("plan".to_owned())),
            Column::Field(Field::Attribute("a plan-b.c".to_owned())),
        ];
        let fields = Field::NAMED.iter().cloned().map(Column::Field);
        for column in fields.chain(own) {
            assert_eq!(Column::parse(&column.to_string()), Ok(column));
        }
    }

    #[test]
    fn what_is_no_column_is_named() {
        for path in ["", "nonsense", "ASSIGNEE_ID", "attributes.", "last_order", "etag"] {
            let wrong = Column::parse(path).unwrap_err();
            assert!(wrong.contains(path), "{wrong}");
        }
        assert!(Column::parse("nonsense").unwrap_err().contains("group_id, last_order_number"));
    }
}
