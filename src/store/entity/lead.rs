use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "leads")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub external_id: Option<String>,
    pub name: Option<String>,
    pub email: Option<String>,
    pub email_key: Option<String>,
    pub email_confirmed: bool,
    pub phone: Option<String>,
    pub country: Option<String>,
    pub locale: Option<String>,
    pub source: String,
    pub campaign: Option<String>,
    pub attributes: String,
    pub stage_id: Option<Uuid>,
    pub next_contact_time: Option<i64>,
    pub assignee_id: Option<Uuid>,
    pub assigned_by: Option<Uuid>,
    pub assign_time: Option<i64>,
    pub group_id: Option<Uuid>,
    pub state: String,
    pub discard_reason_id: Option<Uuid>,
    pub discard_time: Option<i64>,
    pub disposition_id: Option<Uuid>,
    pub resolve_time: Option<i64>,
    pub register_time: Option<i64>,
    pub first_deposit_time: Option<i64>,
    pub created_by: Uuid,
    pub create_time: i64,
    pub update_time: i64,
    pub version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
