//! A company's words as rows.

use sea_orm::ActiveValue::Set;

use super::Employee;
use crate::{
    model::{
        ids::{GroupId, UserId},
        lead::Lead,
        lead_access::AccessRow,
        order::Order,
        permission::Action,
        pick_list::{Entry, PickList},
        user::{Group, User},
    },
    store::{
        Error, Result,
        entity::{group, group_member, lead, lead_access, order, permission, permission_group, user},
        key, micros, permissions,
    },
};

/// What the pick lists hold.
pub(super) struct Entries(pub(super) Vec<Entry>);

impl Entries {
    fn id(&self, list: PickList, name: Option<&str>) -> Result<Option<uuid::Uuid>> {
        let Some(name) = name else { return Ok(None) };
        let entry = self.0.iter().find(|entry| entry.list == list && entry.name == name);
        Ok(Some(entry.ok_or(Error::Corrupt("pick list"))?.id.uuid()))
    }
}

pub(super) fn group(of: &Group) -> group::ActiveModel {
    let Group { id, name, member_count: _, create_time, version } = of;
    group::ActiveModel {
        id: Set(id.uuid()),
        name: Set(name.clone()),
        name_key: Set(key(name)),
        create_time: Set(micros(*create_time)),
        version: Set(*version),
    }
}

pub(super) fn user(of: &User) -> user::ActiveModel {
    let User {
        id,
        name,
        email,
        kind,
        state,
        profile_id,
        desk,
        away_until,
        groups: _,
        create_time,
        update_time,
        version,
    } = of;
    user::ActiveModel {
        id: Set(id.uuid()),
        name: Set(name.clone()),
        email: Set(email.clone()),
        email_key: Set(email.as_deref().map(key)),
        kind: Set(kind.word().to_owned()),
        state: Set(state.word().to_owned()),
        profile_id: Set(profile_id.uuid()),
        desk: Set(desk.map(|desk| desk.word().to_owned())),
        create_time: Set(micros(*create_time)),
        update_time: Set(micros(*update_time)),
        version: Set(*version),
        permissions_version: Set(1),
        rights_version: Set(1),
        last_assign_time: Set(None),
        away_until: Set(away_until.map(micros)),
    }
}

pub(super) fn memberships(of: &User) -> impl Iterator<Item = group_member::ActiveModel> {
    of.groups.iter().map(|group| group_member::ActiveModel { user_id: Set(of.id.uuid()), group_id: Set(group.uuid()) })
}

pub(super) fn view(of: &Employee) -> Option<(permission::ActiveModel, Vec<permission_group::ActiveModel>)> {
    Some(permissions::rows(of.user.id.uuid(), Action::View, of.view.as_ref()?))
}

pub(super) fn lead(of: &Lead, entries: &Entries) -> Result<lead::ActiveModel> {
    let Lead {
        id,
        external_id,
        name,
        email,
        email_confirmed,
        phone,
        country,
        locale,
        source,
        campaign,
        attributes,
        stage,
        next_contact_time,
        assignee_id,
        assigned,
        group_id,
        state,
        discard_reason,
        discard_time,
        disposition,
        resolve_time,
        register_time,
        first_deposit_time,
        created_by,
        create_time,
        update_time,
        version,
    } = of;
    Ok(lead::ActiveModel {
        id: Set(id.uuid()),
        external_id: Set(external_id.clone()),
        name: Set(name.clone()),
        email: Set(email.clone()),
        email_key: Set(email.as_deref().map(key)),
        email_confirmed: Set(*email_confirmed),
        phone: Set(phone.clone()),
        country: Set(country.clone()),
        locale: Set(locale.clone()),
        source: Set(source.word().to_owned()),
        campaign: Set(campaign.clone()),
        attributes: Set(serde_json::to_string(attributes).map_err(|_| Error::Corrupt("attributes"))?),
        stage_id: Set(entries.id(PickList::Stage, stage.as_deref())?),
        next_contact_time: Set(next_contact_time.map(micros)),
        assignee_id: Set(assignee_id.map(UserId::uuid)),
        assigned_by: Set(assigned.map(|(by, _)| by.uuid())),
        assign_time: Set(assigned.map(|(_, at)| micros(at))),
        group_id: Set(group_id.map(GroupId::uuid)),
        state: Set(state.word().to_owned()),
        discard_reason_id: Set(entries.id(PickList::DiscardReason, discard_reason.as_deref())?),
        discard_time: Set(discard_time.map(micros)),
        disposition_id: Set(entries.id(PickList::Disposition, disposition.as_deref())?),
        resolve_time: Set(resolve_time.map(micros)),
        register_time: Set(register_time.map(micros)),
        first_deposit_time: Set(first_deposit_time.map(micros)),
        created_by: Set(created_by.uuid()),
        create_time: Set(micros(*create_time)),
        update_time: Set(micros(*update_time)),
        version: Set(*version),
    })
}

pub(super) fn access(lead: &Lead, row: &AccessRow) -> lead_access::ActiveModel {
    let AccessRow { user_id, kind, mode, expire_time, given_by, give_time } = row;
    lead_access::ActiveModel {
        lead_id: Set(lead.id.uuid()),
        user_id: Set(user_id.uuid()),
        kind: Set(kind.word().to_owned()),
        mode: Set(mode.word().to_owned()),
        expire_time: Set(expire_time.map(micros)),
        given_by: Set(given_by.uuid()),
        give_time: Set(micros(*give_time)),
        next_contact_time: Set(lead.next_contact_time.map(micros)),
    }
}

pub(super) fn order(of: &Order) -> order::ActiveModel {
    let Order { id, lead_id, number, status, amount, place_time, items, created_by, create_time, update_time, version } =
        of;
    order::ActiveModel {
        id: Set(id.uuid()),
        lead_id: Set(lead_id.uuid()),
        number: Set(number.clone()),
        status: Set(status.word().to_owned()),
        currency: Set(amount.currency().code().to_owned()),
        units: Set(amount.units()),
        nanos: Set(amount.nanos()),
        place_time: Set(micros(*place_time)),
        items: Set(items.clone()),
        created_by: Set(created_by.uuid()),
        create_time: Set(micros(*create_time)),
        update_time: Set(micros(*update_time)),
        version: Set(*version),
    }
}
